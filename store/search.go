package store

import (
	"strconv"
	"strings"
)

// NameQuery asks for a part of a list by name.
type NameQuery struct {
	Search string // what the names have in them, in upper or lower case as far as it is ASCII; empty: anything
	Page
}

func (q NameQuery) search() search {
	s := search{where: "TRUE"}
	if q.Search != "" {
		s.and(hasName("name"), containing(q.Search))
	}
	return s
}

// hasName is the condition that a column has what containing gives.
func hasName(column string) string { return column + ` LIKE ? ESCAPE '\'` }

// containing is the pattern of texts that have this one in them.
func containing(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

// searched is what a search for transactions means. A number is that of a transaction or its amount, #7 the number alone, and
// anything else a part of the name of the API or the status.
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
	amount, err := ParseAmount(text)
	if err == nil {
		s.amount, s.byAmount = amount, true
		return s
	}
	if s.id == 0 {
		s.name = text
	}
	return s
}

// in adds what is searched for to the conditions of a query of transactions t.
func (s searched) in(q *search, names string) {
	switch {
	case s.byAmount && s.id > 0:
		q.and("(t.id = ? OR t.amount = ?)", s.id, int64(s.amount))
	case s.byAmount:
		q.and("t.amount = ?", int64(s.amount))
	case s.id > 0:
		q.and("t.id = ?", s.id)
	case s.name != "":
		q.and("("+names+"t.api_id IN (SELECT id FROM apis WHERE "+hasName("name")+") OR "+
			names+"t.status_id IN (SELECT id FROM transaction_statuses WHERE "+hasName("name")+"))",
			containing(s.name), containing(s.name))
	}
}
