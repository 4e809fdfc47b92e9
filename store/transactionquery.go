package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// TransactionFilter matches transactions. Empty fields match all; a name that does not exist matches none.
type TransactionFilter struct {
	API, Status string    // names
	From, Until time.Time // From <= time of modification < Until
	// Search matches a part of the name of the API or status, in either case as far as it is ASCII. A number matches an id and
	// an amount, too, and #7 matches the id alone.
	Search string
}

// TransactionQuery asks for a page of transactions, by SortID, SortModified, SortCreated or SortAmount.
//
// For transactions of a time, SortModified is the fast one: SortID finds all of that time first, and sorts them. SortAmount, and
// SortCreated for those of a time, read all transactions unless the names of the filter have few: a tenth of a second for a
// million. So does a search for a number. An index would slow down every insert, one of amounts by a factor of seven.
type TransactionQuery struct {
	TransactionFilter
	Sort    Sort
	Highest int64 // leaves out higher ids; 0: any
	Page
}

// Transactions lists the transactions that a query asks for. The error may be an *InvalidError, for the cursor or the sort.
func (tx *Tx) Transactions(q TransactionQuery) (Slice[Transaction], error) {
	few, err := tx.few(q.TransactionFilter)
	if err != nil {
		return Slice[Transaction]{}, err
	}
	return tx.transactions(q, few)
}

// transactions is Transactions for a filter whose names have few transactions, or not.
func (tx *Tx) transactions(q TransactionQuery, few bool) (Slice[Transaction], error) {
	query, args, err := q.query(few)
	if err != nil {
		return Slice[Transaction]{}, err
	}
	at := func(t Transaction) (any, int64) { return q.number(t), t.ID }
	return list(tx, q.keyset(), scanTransaction, at, query, args...)
}

// keyset returns the order of the list.
func (q TransactionQuery) keyset() keyset {
	k := keyset{list: q.column(), key: "t." + q.column(), id: "t.id", descending: q.Sort.Descending || q.Sort.By == "", Page: q.Page}
	if !k.descending {
		k.list += " up"
	}
	return k
}

// byID reports whether the list is in the order of ids.
func (q TransactionQuery) byID() bool { return q.column() == "id" }

// query finds the ids, and looks up the other columns for the rows of the page alone. few means that the names of the filter have few
// transactions.
func (q TransactionQuery) query(few bool) (query string, args []any, err error) {
	if q.column() == "" {
		return "", nil, q.Sort.invalid()
	}
	k, after := q.keyset(), clause{where: "TRUE"}
	if err := k.beyond(&after); err != nil {
		return "", nil, err
	}
	direction, _ := k.direction()
	if q.Highest > 0 {
		id := "+t.id"
		if q.byID() && !q.timed() {
			id = "t.id"
		}
		after.and(id+" <= ?", q.Highest)
	}
	var ids string
	switch {
	case q.byID() && q.named() && q.totalled():
		ids, args = q.ofEach(after, direction)
	case few:
		ids, args = q.ofFew(after, direction)
	default:
		ids, args = q.inOrder(after, direction)
	}
	query = fmt.Sprintf("%s WHERE t.id IN (%s LIMIT ?) ORDER BY +t.%s %s, +t.id %[4]s", selectTransaction, ids, q.column(), direction)
	return query, args, nil
}

// SQLite uses no index of a column with a + before it. By an index of names it would find all rows that have them, and sort these.

// inOrder finds ids by reading an index or the table in order, and leaves out the rows that do not match.
func (q TransactionQuery) inOrder(after clause, direction string) (string, []any) {
	table, key := "transactions t", "t."+q.column()
	switch {
	case q.byID() && q.timed():
		key = "+t.id" // finds all of that time, and sorts them
	case q.Sort.By == SortAmount, q.timed() && q.Sort.By == SortCreated, !q.timed() && q.searched().byAmount:
		table = "transactions t NOT INDEXED" // reading the whole table is faster
	}
	s := q.search(table, "+")
	s.and(after.where, after.args...)
	return fmt.Sprintf("SELECT t.id FROM %s WHERE %s ORDER BY %s %s, t.id %[4]s", s.from, s.where, key, direction), s.args
}

// ofEach finds ids, in order, among the first ones of each pair of API and status, so that it does not read the other transactions,
// however few match. A page of n rows has rows of n pairs at most: those whose first rows come first. It ends with the last of these
// first rows at the latest.
func (q TransactionQuery) ofEach(after clause, direction string) (string, []any) {
	pairs := clause{where: "TRUE"}
	pairs.names(q.TransactionFilter)
	within, last := ">=", "min"
	if direction == "ASC" {
		within, last = "<=", "max"
	}
	query := fmt.Sprintf(`WITH pair AS MATERIALIZED (
			SELECT c.api_id, c.status_id, (
				SELECT f.id FROM transactions f WHERE f.api_id = c.api_id AND f.status_id = c.status_id AND %s ORDER BY f.id %s LIMIT 1
			) AS first
			FROM counts_all c CROSS JOIN apis a ON a.id = c.api_id CROSS JOIN transaction_statuses s ON s.id = c.status_id
			WHERE %s ORDER BY first %[2]s NULLS LAST LIMIT ?
		)
		SELECT n.id FROM pair p CROSS JOIN transactions n WHERE n.id IN (
			SELECT t.id FROM transactions t WHERE t.api_id = p.api_id AND t.status_id = p.status_id AND %[4]s
				AND +t.id %s coalesce((SELECT %s(first) FROM pair HAVING count(first) = ?), t.id)
			ORDER BY t.id %[2]s LIMIT ?
		) ORDER BY n.id %[2]s`,
		strings.ReplaceAll(after.where, "t.id", "f.id"), direction, pairs.where, after.where, within, last)
	return query, slices.Concat(after.args, pairs.args, []any{q.rows()}, after.args, []any{q.rows(), q.rows()})
}

// ofFew finds all ids that the names have, and sorts them.
func (q TransactionQuery) ofFew(after clause, direction string) (string, []any) {
	s := q.ofNames()
	s.and(strings.ReplaceAll(after.where, "t.", "+t."), after.args...)
	return fmt.Sprintf("SELECT t.id FROM %s WHERE %s ORDER BY +t.%s %s, +t.id %[4]s", s.from, s.where, q.column(), direction), s.args
}

// ofNames finds the transactions that match a filter with names, by the pairs of API and status that have them.
func (f TransactionFilter) ofNames() clause {
	s := clause{where: "TRUE", from: `counts_all c CROSS JOIN apis a ON a.id = c.api_id CROSS JOIN transaction_statuses s ON s.id = c.status_id
		CROSS JOIN transactions t ON t.api_id = c.api_id AND t.status_id = c.status_id`}
	s.names(f)
	s.times(f, "+")
	return s
}

// fewRows is the number of transactions that are found and sorted as fast as a page is found by reading others.
const fewRows = 5000

// few reports whether the names of the filter have no more than fewRows transactions. A search for a number has no names.
func (tx *Tx) few(f TransactionFilter) (bool, error) {
	f.From, f.Until = time.Time{}, time.Time{}
	if !f.named() || !f.totalled() {
		return false, nil
	}
	n, err := tx.CountTransactions(f)
	return n <= fewRows, err
}

func (f TransactionFilter) named() bool {
	return f.API != "" || f.Status != "" || f.searched().name != ""
}
func (f TransactionFilter) timed() bool { return !f.From.IsZero() || !f.Until.IsZero() }

// search finds the transactions that match the filter in a table t. names, a + or nothing, is put before the columns of names.
func (f TransactionFilter) search(table, names string) clause {
	s := clause{from: table, where: "TRUE"}
	if f.Status != "" {
		s.from = "transaction_statuses s CROSS JOIN " + s.from
		s.and(names+"t.status_id = s.id AND s.name = ?", f.Status)
	}
	if f.API != "" {
		s.from = "apis a CROSS JOIN " + s.from
		s.and(names+"t.api_id = a.id AND a.name = ?", f.API)
	}
	f.searched().in(&s, names)
	s.times(f, "")
	return s
}

// times adds the condition that transactions t are of the time of the filter. before is put before the column.
func (s *clause) times(f TransactionFilter, before string) {
	if !f.From.IsZero() {
		s.and(before+"t.time_modified >= ?", f.From.UnixMicro())
	}
	if !f.Until.IsZero() {
		s.and(before+"t.time_modified < ?", f.Until.UnixMicro())
	}
}

// names adds the condition that APIs a and statuses s have the names of the filter.
func (s *clause) names(f TransactionFilter) {
	if f.API != "" {
		s.and("a.name = ?", f.API)
	}
	if f.Status != "" {
		s.and("s.name = ?", f.Status)
	}
	if name := f.searched().name; name != "" {
		s.and("("+hasName("a.name")+" OR "+hasName("s.name")+")", containing(name), containing(name))
	}
}

// column returns the column that the list is sorted by, or "" if it cannot be.
func (q TransactionQuery) column() string {
	switch q.Sort.By {
	case "", SortID:
		return "id"
	case SortModified:
		return "time_modified"
	case SortCreated:
		return "time_created"
	case SortAmount:
		return "amount"
	default:
		return ""
	}
}

// number returns the value of that column.
func (q TransactionQuery) number(t Transaction) int64 {
	switch q.Sort.By {
	case SortModified:
		return t.Modified.UnixMicro()
	case SortCreated:
		return t.Created.UnixMicro()
	case SortAmount:
		return int64(t.Amount)
	default:
		return t.ID
	}
}
