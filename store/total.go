package store

import "fmt"

// CountTransactions counts those that the filter means. By names alone they are counted already; else it takes the longer the
// more they are, see CountTransactionsUpTo, unless the names have few.
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

// CountTransactionsUpTo is CountTransactions, but where they are not counted already it stops at so many.
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

// totalled reports whether triggers count what the filter means.
func (f TransactionFilter) totalled() bool {
	by := f.searched()
	return !f.timed() && by.id == 0 && !by.byAmount
}

func (f TransactionFilter) count(few bool) (string, []any) {
	if !f.totalled() {
		s := f.searchAny(few)
		return fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", s.from, s.where), s.args
	}
	names := search{where: "TRUE"}
	names.names(f)
	return `SELECT coalesce(SUM(n), 0) FROM counts_all c
		JOIN apis a ON a.id = c.api_id JOIN transaction_statuses s ON s.id = c.status_id WHERE ` + names.where, names.args
}

// searchAny finds what the filter means in any order; few is whether its names have few transactions.
func (f TransactionFilter) searchAny(few bool) search {
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
