package store

import (
	"encoding/json"
	"fmt"
)

// API is an interface that transactions are made through.
type API struct {
	ID          int64
	Name        string          // unique, at most 200 characters
	Description string          // at most 10,000 characters
	Params      json.RawMessage // a JSON object of at most 64 KiB, kept as given; nil: {}
}

const (
	apiColumns = "id, name, description, params"
	selectAPI  = "SELECT " + apiColumns + " FROM apis"
)

func scanAPI(r row) (a API, err error) {
	err = r.Scan(&a.ID, &a.Name, &a.Description, (*[]byte)(&a.Params))
	return a, err
}

// valid also gives an API without params those that it has.
func (a *API) valid() error {
	if a.Params == nil {
		a.Params = json.RawMessage("{}")
	}
	var f faults
	f.name("name", a.Name)
	f.text("description", a.Description, maxDescription)
	f.params("params", a.Params)
	return f.err()
}

// CreateAPI adds an API, whose ID it gives. Its error may be an *InvalidError, or ErrExists for the name.
func (tx *Tx) CreateAPI(a API) (API, error) {
	if err := a.valid(); err != nil {
		return API{}, err
	}
	var err error
	a.ID, err = tx.insert(fmt.Sprintf("api %q", a.Name),
		"INSERT INTO apis (name, description, params) VALUES (?, ?, ?)", a.Name, a.Description, string(a.Params))
	if err != nil {
		return API{}, err
	}
	return a, nil
}

// API is the one with this id, or ErrNotFound.
func (tx *Tx) API(id int64) (API, error) {
	return found(tx.queryRow(selectAPI+" WHERE id = ?", id), scanAPI, "api %d", id)
}

// APIByName is the one with this name, or ErrNotFound.
func (tx *Tx) APIByName(name string) (API, error) {
	return found(tx.queryRow(selectAPI+" WHERE name = ?", name), scanAPI, "api %q", name)
}

// APIs lists them by name.
func (tx *Tx) APIs(p Page) (Slice[API], error) { return tx.FindAPIs(NameQuery{Page: p}) }

// FindAPIs lists those that a search means.
func (tx *Tx) FindAPIs(q NameQuery) (Slice[API], error) {
	table := nameTable[API]{"apis", apiColumns, scanAPI, func(a API) string { return a.Name }}
	return table.list(tx, q.Page, q.ordering("api_id"), nameSearch(q.Search))
}

// UpdateAPI stores what the API with a's ID is now. Its error may be ErrNotFound, an *InvalidError, or ErrExists for the name.
func (tx *Tx) UpdateAPI(a API) error {
	if err := a.valid(); err != nil {
		return err
	}
	return tx.change(fmt.Sprintf("api %d", a.ID),
		"UPDATE apis SET name = ?, description = ?, params = ? WHERE id = ?", a.Name, a.Description, string(a.Params), a.ID)
}

// DeleteAPI deletes an API and its transactions, or nothing: ErrNotFound.
func (tx *Tx) DeleteAPI(id int64) error {
	return tx.change(fmt.Sprintf("api %d", id), "DELETE FROM apis WHERE id = ?", id)
}
