package store

import "strings"

// clause is the FROM and the WHERE of a query, with the arguments of its conditions.
type clause struct {
	from, where string
	args        []any
}

func (s *clause) and(condition string, args ...any) {
	s.where += " AND " + condition
	s.args = append(s.args, args...)
}

func (s *clause) or(condition string, args ...any) {
	s.where += " OR " + condition
	s.args = append(s.args, args...)
}

// hasName returns the condition that a column matches the pattern of containing.
func hasName(column string) string { return column + ` LIKE ? ESCAPE '\'` }

// containing returns the pattern of texts that contain this one. SQLite ends a pattern at a NUL, which no name has.
func containing(text string) string {
	if strings.ContainsRune(text, 0) {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

// nameSearch returns the clause of the rows whose name contains a text.
func nameSearch(text string) clause {
	s := clause{where: "TRUE"}
	if text != "" {
		s.and(hasName("name"), containing(text))
	}
	return s
}
