package store

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Page asks for a part of a list.
type Page struct {
	After  Cursor // Next of the Slice before; empty: from the start
	Before Cursor // Previous of the Slice after; takes precedence over After
	Limit  int    // number of items; 0: 50; at most 1,000
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Slice holds the items of a Page and the places of its neighbours. Rows that are added or deleted meanwhile do not shift the
// others: each of these is in exactly one slice.
type Slice[T any] struct {
	Items    []T    // nil if there are none
	Next     Cursor // empty at the end
	Previous Cursor // empty at the start
}

// MapSlice returns s with its items mapped by f. Its Items are never nil.
func MapSlice[T, U any](s Slice[T], f func(T) U) Slice[U] {
	items := make([]U, len(s.Items))
	for i, item := range s.Items {
		items[i] = f(item)
	}
	return Slice[U]{Items: items, Next: s.Next, Previous: s.Previous}
}

// Cursor is a place in a list in one order, as text that is safe in a URL. A damaged one, or one of another list or order, is an
// *InvalidError of "cursor".
type Cursor string

// textCursor returns the place of a row whose key is this text.
func textCursor(list, key string) Cursor {
	return Cursor(base64.RawURLEncoding.EncodeToString([]byte(list + "\n" + key)))
}

// numberCursor returns the place of a row by a number, which others may share, and its id.
func numberCursor(list string, number, id int64) Cursor {
	return textCursor(list, strconv.FormatInt(number, 10)+"\n"+strconv.FormatInt(id, 10))
}

// text returns what textCursor was given, and takes nothing but its exact result.
func (c Cursor) text(list string) (string, error) {
	text, _ := base64.RawURLEncoding.DecodeString(string(c))
	_, key, _ := strings.Cut(string(text), "\n")
	if textCursor(list, key) != c {
		return "", c.invalid()
	}
	return key, nil
}

// numbers returns what numberCursor was given, and takes nothing but its exact result.
func (c Cursor) numbers(list string) (number, id int64, err error) {
	place, err := c.text(list)
	if err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(place, "\n")
	number, _ = strconv.ParseInt(first, 10, 64)
	id, _ = strconv.ParseInt(second, 10, 64)
	if numberCursor(list, number, id) != c {
		return 0, 0, c.invalid()
	}
	return number, id, nil
}

func (c Cursor) invalid() error {
	return &InvalidError{[]FieldError{{"cursor", "is not a cursor of this list"}}}
}

// rows returns the number of rows to read: one more than the limit, to see whether there are more.
func (p Page) rows() int {
	if p.Limit <= 0 {
		return defaultLimit + 1
	}
	return min(p.Limit, maxLimit) + 1
}

// from returns the place where the page begins, and whether it extends from there towards the start of the list.
func (p Page) from() (place Cursor, backwards bool) {
	if p.Before != "" {
		return p.Before, true
	}
	return p.After, false
}
