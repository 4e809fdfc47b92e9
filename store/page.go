package store

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// Page is a part of a list: what comes after a place in it, or before.
type Page struct {
	After  Cursor // Next of the Slice before; empty: from the start
	Before Cursor // Previous of the Slice after; empty: see After
	Limit  int    // at most so many; 0: 50; never more than 1,000
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Slice is what a Page has, and where the next one begins. Rows that come and go meanwhile move nothing: each of the
// others is in one slice.
type Slice[T any] struct {
	Items    []T    // nil where there are none
	Next     Cursor // empty at the end
	Previous Cursor // empty at the start, as far as is known: what came there later may be missed
}

// MapSlice is the same slice of things that f makes of its items. Its Items are never nil.
func MapSlice[T, U any](s Slice[T], f func(T) U) Slice[U] {
	items := make([]U, len(s.Items))
	for i, item := range s.Items {
		items[i] = f(item)
	}
	return Slice[U]{Items: items, Next: s.Next, Previous: s.Previous}
}

// Cursor is a place in a list in one order, as text that is safe in a URL. One that is damaged or that is from a list in
// another order is an *InvalidError of "cursor".
type Cursor string

func cursor(order, place string) Cursor {
	return Cursor(base64.RawURLEncoding.EncodeToString([]byte(order + "\n" + place)))
}

// numberCursor is the place of a row by a number that others may share and by its id.
func numberCursor(order string, number, id int64) Cursor {
	return cursor(order, strconv.FormatInt(number, 10)+"\n"+strconv.FormatInt(id, 10))
}

// place is where the cursor stands in a list in this order. Only what this would be written as is taken.
func (c Cursor) place(order string) (string, error) {
	text, _ := base64.RawURLEncoding.DecodeString(string(c))
	_, place, _ := strings.Cut(string(text), "\n")
	if cursor(order, place) != c {
		return "", c.invalid()
	}
	return place, nil
}

func (c Cursor) numbers(order string) (number, id int64, err error) {
	place, err := c.place(order)
	if err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(place, "\n")
	number, _ = strconv.ParseInt(first, 10, 64)
	id, _ = strconv.ParseInt(second, 10, 64)
	if numberCursor(order, number, id) != c {
		return 0, 0, c.invalid()
	}
	return number, id, nil
}

func (c Cursor) invalid() error {
	return &InvalidError{[]FieldError{{"cursor", "is not one of this list"}}}
}

// rows is how many rows are asked for: one more, which tells whether there are more.
func (p Page) rows() int {
	if p.Limit <= 0 {
		return defaultLimit + 1
	}
	return min(p.Limit, maxLimit) + 1
}

// from is where the page begins, and whether it is read from there towards the start of the list.
func (p Page) from() (place Cursor, backwards bool) {
	if p.Before != "" {
		return p.Before, true
	}
	return p.After, false
}

// slice answers a query for a page of a list, whose last argument, p.rows(), it adds. That of a page before a place has its
// rows in the reverse order.
func slice[T any](tx *Tx, p Page, scan func(row) (T, error), at func(T) Cursor, query string, args ...any) (Slice[T], error) {
	rows, err := tx.query(query, append(args, p.rows())...)
	if err != nil {
		return Slice[T]{}, err
	}
	defer rows.Close()
	var items []T
	more := false
	for rows.Next() {
		if len(items) == p.rows()-1 {
			more = true
			break
		}
		item, err := scan(rows)
		if err != nil {
			return Slice[T]{}, err
		}
		items = append(items, item)
	}
	return sliced(p, items, more, at), rows.Err()
}

// sliced is the slice of these items, in the order in which they were read.
func sliced[T any](p Page, items []T, more bool, at func(T) Cursor) Slice[T] {
	s := Slice[T]{Items: items}
	if len(items) == 0 {
		return s
	}
	place, backwards := p.from()
	if backwards {
		slices.Reverse(items)
	}
	if more || backwards {
		s.Next = at(items[len(items)-1])
	}
	if backwards && more || !backwards && place != "" {
		s.Previous = at(items[0])
	}
	return s
}

// newest answers a query for a page of a list by id, the highest first, to which it adds where the page begins and the order.
func newest[T any](tx *Tx, p Page, scan func(row) (T, error), id func(T) int64, query string, args ...any) (Slice[T], error) {
	const order = "id"
	at := func(item T) Cursor { return numberCursor(order, id(item), id(item)) }
	from, backwards := p.from()
	next, direction := "<", "DESC"
	if backwards {
		next, direction = ">", "ASC"
	}
	if from != "" {
		_, last, err := from.numbers(order)
		if err != nil {
			return Slice[T]{}, err
		}
		query, args = query+" AND id "+next+" ?", append(args, last)
	}
	return slice(tx, p, scan, at, query+" ORDER BY id "+direction+" LIMIT ?", args...)
}
