package store

import "strconv"

// Deletion deletes an API or a status with all its transactions, and records that in the audit log. It is not for concurrent
// use.
type Deletion struct {
	kind    Kind
	id      int64
	actor   string
	deleted int64 // transactions, by DeleteMost
}

// NewDeletion prepares the deletion of the API or status with this id by an actor, as the audit log has it.
func NewDeletion(k Kind, id int64, actor string) *Deletion {
	return &Deletion{kind: k, id: id, actor: actor}
}

// DeletionBatch is the number of transactions that are deleted in one commit.
const DeletionBatch = 5000

// DeleteMost deletes transactions in batches, until there is no more than one batch. Each is a call of update, which is
// Store.Update or calls it, so that others write in between; and each is recorded as a change of the number of transactions,
// so that the audit log has it whatever becomes of the rest. The error is ErrNotFound if there is no such API or status, or
// that of update.
func (d *Deletion) DeleteMost(update func(func(*Tx) error) error) error {
	for more := true; more; {
		err := update(func(tx *Tx) (err error) {
			more, err = d.deleteBatch(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteBatch deletes nothing if there is no more than a batch. It reports whether there may be another one.
func (d *Deletion) deleteBatch(tx *Tx) (more bool, err error) {
	named, err := tx.Named(d.kind, d.id) // its name may have changed
	if err != nil {
		return false, err
	}
	count, err := tx.CountTransactions(named.Filter())
	if err != nil || count <= DeletionBatch {
		return false, err
	}
	n, err := tx.deleteTransactions(named.Filter(), DeletionBatch)
	if err != nil || n == 0 {
		return false, err
	}
	d.deleted += int64(n)
	err = d.record(tx, ActionChange, named, Changes{"transactions": {plain(count), plain(count - int64(n))}})
	return n == DeletionBatch, err
}

// Delete deletes the API or status with its remaining transactions, and records its fields and the number of all transactions that
// were deleted with it, those of DeleteMost included. The error may be ErrNotFound.
func (d *Deletion) Delete(tx *Tx) error {
	named, err := tx.Named(d.kind, d.id)
	if err != nil {
		return err
	}
	count, err := tx.CountTransactions(named.Filter())
	if err != nil {
		return err
	}
	if err := tx.deleteNamed(d.kind, d.id); err != nil {
		return err
	}
	lost := Changes{"transactions": {plain(d.deleted + count), nil}}
	lost.lose("description", named.Description)
	lost.lose("params", string(named.Params))
	return d.record(tx, ActionDelete, named, lost)
}

func (d *Deletion) record(tx *Tx, action Action, named Named, changes Changes) error {
	return tx.Record(Entry{Actor: d.actor, Action: action, Kind: d.kind, ObjectID: d.id, Object: named.Name, Changes: changes.JSON()})
}

// plain formats a number for the audit log.
func plain(n int64) string { return strconv.FormatInt(n, 10) }
