package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// search is a part of a query, and the arguments of its conditions.
type search struct {
	from, where string
	args        []any
}

func (s *search) and(condition string, args ...any) {
	s.where += " AND " + condition
	s.args = append(s.args, args...)
}

func (s *search) or(condition string, args ...any) {
	s.where += " OR " + condition
	s.args = append(s.args, args...)
}

// hasName is the condition that a column has what containing gives.
func hasName(column string) string { return column + ` LIKE ? ESCAPE '\'` }

// containing is the pattern of texts that have this one in them, none of which is empty. To SQLite a pattern ends at a NUL, which
// no name has.
func containing(text string) string {
	if strings.ContainsRune(text, 0) {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

// searched is what a search for transactions means: a part of the name of the API or the status, and a number that of a
// transaction or its amount besides. #7 is the number alone.
type searched struct {
	id       int64 // 0: no
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

// SearchedNames tells apart which APIs and statuses a search for transactions finds by their names: for others it is another
// text. Empty is that of a search that looks for no names.
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

// in adds what is searched for to the conditions of a query of transactions t.
func (s searched) in(q *search, names string) {
	either := search{where: "FALSE"}
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

// orNamed adds that a column is the id of something in a table that has a text in its name. Whether there is any is asked once,
// and what is none is not looked for in each row.
func (s *search) orNamed(column, table, text string) {
	ids := "SELECT id FROM " + table + " WHERE " + hasName("name")
	s.or("(EXISTS ("+ids+") AND "+column+" IN ("+ids+"))", containing(text), containing(text))
}
