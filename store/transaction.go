package store

import (
	"errors"
	"fmt"
	"time"
)

// Transaction is a recorded transaction.
type Transaction struct {
	ID                int64
	API, Status       string // names, which must exist
	Amount            Amount
	Created, Modified time.Time // UTC, truncated to the microsecond; in the years 1 to 9999
	Token             int64     // id of the token it was created with; 0: none
}

// CROSS JOIN makes SQLite look up the names for the rows that were found, in this order.
const selectTransaction = `SELECT t.id, a.name, s.name, t.amount, t.time_created, t.time_modified, coalesce(t.token_id, 0)
	FROM transactions t CROSS JOIN apis a ON a.id = t.api_id CROSS JOIN transaction_statuses s ON s.id = t.status_id`

func scanTransaction(r row) (t Transaction, err error) {
	err = r.Scan(&t.ID, &t.API, &t.Status, &t.Amount, moment{&t.Created}, moment{&t.Modified}, &t.Token)
	return t, err
}

// SQLite does not look at the value of a parameter with a + before it when it plans a join. Otherwise it would plan again for
// each value, which takes as long as everything else.

// CreateTransaction records a transaction and returns it with its ID. Times that are zero become the current time. The error may
// be an *InvalidError, also for an unknown API or status.
func (tx *Tx) CreateTransaction(t Transaction) (Transaction, error) {
	t.Created, t.Modified = tx.orNow(t.Created), tx.orNow(t.Modified)
	if !t.valid() {
		return Transaction{}, tx.invalid(t)
	}
	t.Created, t.Modified = cut(t.Created), cut(t.Modified)
	result, err := tx.exec(`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified, token_id)
		SELECT ?, a.id, s.id, ?, ?, nullif(?, 0) FROM apis a, transaction_statuses s WHERE a.name = +? AND s.name = +?`,
		int64(t.Amount), t.Created.UnixMicro(), t.Modified.UnixMicro(), t.Token, t.API, t.Status)
	if err != nil {
		return Transaction{}, fmt.Errorf("transaction: %w", err)
	}
	switch n, err := result.RowsAffected(); {
	case err != nil:
		return Transaction{}, err
	case n == 0:
		return Transaction{}, tx.invalid(t)
	}
	t.ID, err = result.LastInsertId()
	return t, err
}

func (tx *Tx) orNow(t time.Time) time.Time {
	if t.IsZero() {
		return tx.now
	}
	return t
}

// valid reports whether all is valid that can be checked without the database.
func (t Transaction) valid() bool {
	return t.Amount.valid() && validTime(t.Created) && validTime(t.Modified)
}

// validTime reports whether a time has a year that other programs can parse.
func validTime(t time.Time) bool { return 0 < t.UTC().Year() && t.UTC().Year() < 10_000 }

// invalid returns all problems of a transaction that cannot be stored, or nil if there is none.
func (tx *Tx) invalid(t Transaction) error {
	var f faults
	if _, err := tx.NamedByName(KindAPI, t.API); errors.Is(err, ErrNotFound) {
		f.add("api", "no such name")
	} else if err != nil {
		return err
	}
	if _, err := tx.NamedByName(KindStatus, t.Status); errors.Is(err, ErrNotFound) {
		f.add("status", "no such name")
	} else if err != nil {
		return err
	}
	if !t.Amount.valid() {
		f.add("amount", "is not less than 10^14")
	}
	if !validTime(t.Created) {
		f.add("time_created", "is not in the years 1 to 9999")
	}
	if !validTime(t.Modified) {
		f.add("time_modified", "is not in the years 1 to 9999")
	}
	return f.err()
}

// Transaction returns the transaction with this id, or ErrNotFound.
func (tx *Tx) Transaction(id int64) (Transaction, error) {
	return found(tx.queryRow(selectTransaction+" WHERE t.id = +?", id), scanTransaction, "transaction %d", id)
}

// SetTransactionStatus changes the status of a transaction, which makes it modified now. It returns the transaction before and
// after. The error may be ErrNotFound, or an *InvalidError for an unknown status.
func (tx *Tx) SetTransactionStatus(id int64, status string) (before, after Transaction, err error) {
	if before, err = tx.Transaction(id); err != nil {
		return Transaction{}, Transaction{}, err
	}
	after = before
	after.Status, after.Modified = status, tx.now
	return before, after, tx.UpdateTransaction(after)
}

// UpdateTransaction stores the amount, API and status of the transaction with t's ID, which makes it modified now. The error may
// be ErrNotFound, or an *InvalidError, also for an unknown API or status.
func (tx *Tx) UpdateTransaction(t Transaction) error {
	t.Created, t.Modified = tx.now, tx.now
	if !t.valid() {
		return tx.invalid(t)
	}
	err := tx.change(fmt.Sprintf("transaction %d", t.ID), `UPDATE transactions
		SET amount = ?, api_id = a.id, status_id = s.id, time_modified = ?
		FROM apis a, transaction_statuses s WHERE a.name = +? AND s.name = +? AND transactions.id = +?`,
		int64(t.Amount), t.Modified.UnixMicro(), t.API, t.Status, t.ID)
	if errors.Is(err, ErrNotFound) {
		if invalid := tx.invalid(t); invalid != nil {
			return invalid
		}
	}
	return err
}

// DeleteTransaction deletes a transaction. The error may be ErrNotFound.
func (tx *Tx) DeleteTransaction(id int64) error {
	return tx.change(fmt.Sprintf("transaction %d", id), "DELETE FROM transactions WHERE id = ?", id)
}

// deleteTransactions deletes transactions that match the filter, at most limit of them, and returns their number. So many can be
// deleted in batches, between which others write.
func (tx *Tx) deleteTransactions(f TransactionFilter, limit int) (int, error) {
	s := f.searchAny(false)
	result, err := tx.exec(fmt.Sprintf("DELETE FROM transactions WHERE id IN (SELECT t.id FROM %s WHERE %s LIMIT ?)", s.from, s.where),
		append(s.args, limit)...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}
