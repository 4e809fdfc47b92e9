package store

import "fmt"

// CountTransactions counts the transactions that match the filter. The numbers by names alone are maintained; others take time
// in proportion to the transactions, see CountTransactionsUpTo, unless the names have few.
func (tx *Tx) CountTransactions(f TransactionFilter) (n int64, err error) {
	few := false
	if !f.totalled() {
		if few, err = tx.few(f); err != nil {
			return 0, err
		}
	}
	query, args := f.count(few)
	err = tx.queryRow(query, args...).Scan(&n)
	return n, err
}

// CountTransactionsUpTo is CountTransactions, but stops at most where the number is not maintained.
func (tx *Tx) CountTransactionsUpTo(f TransactionFilter, most int64) (n int64, err error) {
	if f.totalled() {
		return tx.CountTransactions(f)
	}
	few, err := tx.few(f)
	if err != nil {
		return 0, err
	}
	s := f.searchAny(few)
	err = tx.queryRow(fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s LIMIT ?)", s.from, s.where),
		append(s.args, most)...).Scan(&n)
	return n, err
}

// totalled reports whether triggers maintain the number of transactions that match the filter.
func (f TransactionFilter) totalled() bool {
	by := f.searched()
	return !f.timed() && by.id == 0 && !by.byAmount
}

func (f TransactionFilter) count(few bool) (string, []any) {
	if !f.totalled() {
		s := f.searchAny(few)
		return fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", s.from, s.where), s.args
	}
	names := clause{where: "TRUE"}
	names.names(f)
	return `SELECT coalesce(SUM(n), 0) FROM counts_all c
		JOIN apis a ON a.id = c.api_id JOIN transaction_statuses s ON s.id = c.status_id WHERE ` + names.where, names.args
}

// searchAny finds the transactions that match the filter, in any order. few means that its names have few transactions.
func (f TransactionFilter) searchAny(few bool) clause {
	if few {
		return f.ofNames()
	}
	names := ""
	if f.timed() {
		names = "+"
	}
	return f.search("transactions t", names)
}

// CountBy counts all transactions by the id of their API or status. An id without any may be missing. It costs as much as
// there are APIs and statuses.
func (tx *Tx) CountBy(k Kind) (map[int64]int64, error) {
	rows, err := tx.query(fmt.Sprintf("SELECT %s, SUM(n) FROM counts_all GROUP BY 1", k.named().foreign))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[int64]int64{}
	for rows.Next() {
		var id, n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		counts[id] = n
	}
	return counts, rows.Err()
}
