package store

import "strings"

// Sort is the order of a list. Items with the same key are in the order of their ids. The zero Sort is the list's own order:
// transactions by descending id, everything else by name.
type Sort struct {
	By         SortKey
	Descending bool
}

// SortKey names the column that a list is sorted by.
type SortKey string

// Sort keys. The queries that have a Sort say which of them they take; the others are an *InvalidError of "sort".
const (
	SortID           SortKey = "id"
	SortName         SortKey = "name"
	SortModified     SortKey = "modified"
	SortCreated      SortKey = "created"
	SortAmount       SortKey = "amount"
	SortTransactions SortKey = "transactions" // their number
	SortRole         SortKey = "role"         // viewers, staff, superusers
	SortLogin        SortKey = "login"        // the last one; users without a login come first
)

// ParseSort reads what String returns: "name", or "-name" for the descending order. It takes any key.
func ParseSort(text string) Sort {
	key, descending := strings.CutPrefix(text, "-")
	return Sort{SortKey(key), descending}
}

// String returns the key, with a minus sign before it if the order is descending.
func (s Sort) String() string {
	if s.Descending {
		return "-" + string(s.By)
	}
	return string(s.By)
}

func (s Sort) invalid() error {
	return &InvalidError{[]FieldError{{"sort", "this list cannot be sorted by it"}}}
}
