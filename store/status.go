package store

import "fmt"

// Status is what a transaction can be in, e.g. Pending.
type Status struct {
	ID          int64
	Name        string // unique, at most 200 characters
	Description string // at most 10,000 characters
}

const (
	statusColumns = "id, name, description"
	selectStatus  = "SELECT " + statusColumns + " FROM transaction_statuses"
)

func scanStatus(r row) (s Status, err error) {
	err = r.Scan(&s.ID, &s.Name, &s.Description)
	return s, err
}

func (s Status) valid() error {
	var f faults
	f.name("name", s.Name)
	f.text("description", s.Description, maxDescription)
	return f.err()
}

// CreateStatus adds a status, whose ID it gives. Its error may be an *InvalidError, or ErrExists for the name.
func (tx *Tx) CreateStatus(s Status) (Status, error) {
	if err := s.valid(); err != nil {
		return Status{}, err
	}
	var err error
	s.ID, err = tx.insert(fmt.Sprintf("status %q", s.Name),
		"INSERT INTO transaction_statuses (name, description) VALUES (?, ?)", s.Name, s.Description)
	if err != nil {
		return Status{}, err
	}
	return s, nil
}

// Status is the one with this id, or ErrNotFound.
func (tx *Tx) Status(id int64) (Status, error) {
	return found(tx.queryRow(selectStatus+" WHERE id = ?", id), scanStatus, "status %d", id)
}

// StatusByName is the one with this name, or ErrNotFound.
func (tx *Tx) StatusByName(name string) (Status, error) {
	return found(tx.queryRow(selectStatus+" WHERE name = ?", name), scanStatus, "status %q", name)
}

// Statuses lists them by name.
func (tx *Tx) Statuses(p Page) (Slice[Status], error) { return tx.FindStatuses(NameQuery{Page: p}) }

// FindStatuses lists those that a search means.
func (tx *Tx) FindStatuses(q NameQuery) (Slice[Status], error) {
	table := nameTable[Status]{"transaction_statuses", statusColumns, scanStatus, func(s Status) string { return s.Name }}
	return table.list(tx, q.Page, q.ordering("status_id"), nameSearch(q.Search))
}

// UpdateStatus stores what the status with s's ID is now. Its error may be ErrNotFound, an *InvalidError, or ErrExists for
// the name.
func (tx *Tx) UpdateStatus(s Status) error {
	if err := s.valid(); err != nil {
		return err
	}
	return tx.change(fmt.Sprintf("status %d", s.ID),
		"UPDATE transaction_statuses SET name = ?, description = ? WHERE id = ?", s.Name, s.Description, s.ID)
}

// DeleteStatus deletes a status and the transactions that are in it, or nothing: ErrNotFound.
func (tx *Tx) DeleteStatus(id int64) error {
	return tx.change(fmt.Sprintf("status %d", id), "DELETE FROM transaction_statuses WHERE id = ?", id)
}
