package store

import (
	"encoding/json"
	"strconv"
)

// Cascade is the deletion of an API or a status with all its transactions by somebody, which the audit log has.
type Cascade struct {
	id     int64
	actor  string
	kind   string // as the audit log has it
	get    func(tx *Tx, id int64) (name string, lost Changes, err error)
	of     func(name string) TransactionFilter
	remove func(tx *Tx, id int64) error
	gone   int64 // transactions
}

// CascadeAPI is that of the API with this id.
func CascadeAPI(id int64, actor string) *Cascade {
	return &Cascade{
		id: id, actor: actor, kind: "api",
		get: func(tx *Tx, id int64) (string, Changes, error) {
			a, err := tx.API(id)
			lost := Changes{}
			lost.lose("description", a.Description)
			lost.lose("params", string(a.Params))
			return a.Name, lost, err
		},
		of:     func(name string) TransactionFilter { return TransactionFilter{API: name} },
		remove: (*Tx).DeleteAPI,
	}
}

// CascadeStatus is that of the status with this id.
func CascadeStatus(id int64, actor string) *Cascade {
	return &Cascade{
		id: id, actor: actor, kind: "status",
		get: func(tx *Tx, id int64) (string, Changes, error) {
			s, err := tx.Status(id)
			lost := Changes{}
			lost.lose("description", s.Description)
			return s.Name, lost, err
		},
		of:     func(name string) TransactionFilter { return TransactionFilter{Status: name} },
		remove: (*Tx).DeleteStatus,
	}
}

// CascadePortion is how many transactions are deleted in a commit.
const CascadePortion = 5000

// DeleteMost deletes transactions in portions, until there is no more than one portion. Each is a call of update, which is
// Store.Update or calls it, so that others write in between; and each is recorded, as a change of how many there are, so that
// the audit log knows of it whatever becomes of the others. The error is ErrNotFound where there is no such API or status, or
// that of update.
func (c *Cascade) DeleteMost(update func(func(*Tx) error) error) error {
	for more := true; more; {
		err := update(func(tx *Tx) (err error) {
			more, err = c.deletePortion(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deletePortion deletes none but where there are more than a portion. It reports whether there may be another one.
func (c *Cascade) deletePortion(tx *Tx) (more bool, err error) {
	name, _, err := c.get(tx, c.id) // it may be another name by now
	if err != nil {
		return false, err
	}
	count, err := tx.CountTransactions(c.of(name))
	if err != nil || count <= CascadePortion {
		return false, err
	}
	n, err := tx.DeleteTransactions(c.of(name), CascadePortion)
	if err != nil || n == 0 {
		return false, err
	}
	c.gone += int64(n)
	err = c.record(tx, ActionChange, name, Changes{"transactions": {plain(count), plain(count - int64(n))}})
	return n == CascadePortion, err
}

// Delete deletes the API or status with the transactions that it has left, and records what there was, with the transactions
// that DeleteMost has deleted. It is ErrNotFound if there is none.
func (c *Cascade) Delete(tx *Tx) error {
	name, lost, err := c.get(tx, c.id)
	if err != nil {
		return err
	}
	count, err := tx.CountTransactions(c.of(name))
	if err != nil {
		return err
	}
	if err := c.remove(tx, c.id); err != nil {
		return err
	}
	lost["transactions"] = [2]any{plain(c.gone + count), nil}
	return c.record(tx, ActionDelete, name, lost)
}

func (c *Cascade) record(tx *Tx, action Action, name string, changes Changes) error {
	return tx.Record(Entry{Actor: c.actor, Action: action, Kind: c.kind, ObjectID: c.id, Object: name, Changes: changes.JSON()})
}

// OfCascade reports whether an entry tells of a portion of a Cascade: of transactions that went, and of no other change.
func (e Entry) OfCascade() bool {
	changes := map[string]json.RawMessage{}
	err := json.Unmarshal(e.Changes, &changes)
	return err == nil && e.Action == ActionChange && len(changes) == 1 && changes["transactions"] != nil
}

// plain is a number as the audit log has it.
func plain(n int64) string { return strconv.FormatInt(n, 10) }
