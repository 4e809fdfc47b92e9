package store

import "fmt"

// CountTransactions counts those that the filter means. By names alone they are counted already; else it takes the longer the
// more they are, see CountTransactionsUpTo.
func (tx *Tx) CountTransactions(f TransactionFilter) (n int64, err error) {
	query, args := f.count()
	err = tx.queryRow(query, args...).Scan(&n)
	return n, err
}

// CountTransactionsUpTo is CountTransactions, but where they are not counted already it stops at so many.
func (tx *Tx) CountTransactionsUpTo(f TransactionFilter, most int64) (n int64, err error) {
	if f.totalled() {
		return tx.CountTransactions(f)
	}
	s := f.searchAny()
	err = tx.queryRow(fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s LIMIT ?)", s.from, s.where),
		append(s.args, most)...).Scan(&n)
	return n, err
}

// totalled reports whether triggers count what the filter means.
func (f TransactionFilter) totalled() bool {
	by := f.searched()
	return !f.timed() && by.id == 0 && !by.byAmount
}

func (f TransactionFilter) count() (string, []any) {
	if !f.totalled() {
		s := f.searchAny()
		return fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", s.from, s.where), s.args
	}
	names := search{where: "TRUE"}
	names.names(f)
	return `SELECT coalesce(SUM(n), 0) FROM counts_all c
		JOIN apis a ON a.id = c.api_id JOIN transaction_statuses s ON s.id = c.status_id WHERE ` + names.where, names.args
}

// searchAny finds what the filter means in any order.
func (f TransactionFilter) searchAny() search {
	names := ""
	if f.timed() {
		names = "+"
	}
	return f.search("transactions t", names)
}

// Totals counts all transactions by API and status, sorted by both. What has none is not there. It costs as much as there are
// APIs and statuses.
func (tx *Tx) Totals() ([]Count, error) {
	rows, err := tx.query(`SELECT a.name, s.name, c.n FROM counts_all c
		JOIN apis a ON a.id = c.api_id JOIN transaction_statuses s ON s.id = c.status_id
		WHERE c.n <> 0 ORDER BY a.name, s.name`)
	if err != nil {
		return nil, err
	}
	return scanCounts(rows)
}

// recountAll fills the totals, which are empty, from the transactions.
func (tx *Tx) recountAll() error {
	_, err := tx.exec(`INSERT INTO counts_all SELECT api_id, status_id, COUNT(*) FROM transactions
		WHERE api_id IN (SELECT id FROM apis) AND status_id IN (SELECT id FROM transaction_statuses) GROUP BY api_id, status_id`)
	return err
}
