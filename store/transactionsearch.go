package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// searched is the meaning of TransactionFilter.Search.
type searched struct {
	id       int64 // 0: none
	amount   Amount
	byAmount bool
	name     string
}

func (f TransactionFilter) searched() (s searched) {
	text := strings.TrimSpace(f.Search)
	digits, numbered := strings.CutPrefix(text, "#")
	if isDigits(digits) {
		s.id, _ = strconv.ParseInt(digits, 10, 64)
	}
	if numbered && s.id > 0 {
		return s
	}
	if amount, err := ParseAmount(text); err == nil {
		s.amount, s.byAmount = amount, true
	}
	s.name = text
	return s
}

// SearchedNames returns a fingerprint of the APIs and statuses whose names TransactionFilter.Search finds; it is empty if the search
// looks for no names.
func (tx *Tx) SearchedNames(search string) (string, error) {
	name := TransactionFilter{Search: search}.searched().name
	if name == "" {
		return "", nil
	}
	ids := func(table string) string {
		return "(SELECT coalesce(group_concat(id), '') FROM (SELECT id FROM " + table + " WHERE " + hasName("name") + " ORDER BY id))"
	}
	var apis, statuses string
	err := tx.queryRow("SELECT "+ids("apis")+", "+ids("transaction_statuses"), containing(name), containing(name)).Scan(&apis, &statuses)
	if err != nil {
		return "", fmt.Errorf("names with %q: %w", name, err)
	}
	sum := sha256.Sum256([]byte(apis + " " + statuses))
	return hex.EncodeToString(sum[:16]), nil
}

// in adds the search to the conditions of a query of transactions t. names is put before the columns of APIs and statuses.
func (s searched) in(q *clause, names string) {
	either := clause{where: "FALSE"}
	if s.id > 0 {
		either.or("t.id = ?", s.id)
	}
	if s.byAmount {
		either.or("t.amount = ?", int64(s.amount))
	}
	if s.name != "" {
		either.orNamed(names+"t.api_id", "apis", s.name)
		either.orNamed(names+"t.status_id", "transaction_statuses", s.name)
	}
	if len(either.args) > 0 {
		q.and("("+either.where+")", either.args...)
	}
}

// orNamed adds the condition that a column is an id of the table whose name contains the text. Whether there are any is evaluated
// once, so that nothing is looked up in each row if there are none.
func (s *clause) orNamed(column, table, text string) {
	ids := "SELECT id FROM " + table + " WHERE " + hasName("name")
	s.or("(EXISTS ("+ids+") AND "+column+" IN ("+ids+"))", containing(text), containing(text))
}
