package store

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Page is a part of a list: what comes after a place in it.
type Page struct {
	After Cursor // of the Slice before; empty: from the start
	Limit int    // at most so many; 0: 50; never more than 1,000
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Slice is what a Page has, and where the next one begins. Rows that come and go meanwhile move nothing: each of the
// others is in one slice.
type Slice[T any] struct {
	Items []T
	Next  Cursor // empty at the end
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

// slice answers a query for a page of a list, whose last argument, p.rows(), it adds.
func slice[T any](tx *Tx, p Page, scan func(row) (T, error), at func(T) Cursor, query string, args ...any) (Slice[T], error) {
	rows, err := tx.query(query, append(args, p.rows())...)
	if err != nil {
		return Slice[T]{}, err
	}
	defer rows.Close()
	var s Slice[T]
	for rows.Next() {
		if len(s.Items) == p.rows()-1 {
			s.Next = at(s.Items[len(s.Items)-1])
			break
		}
		item, err := scan(rows)
		if err != nil {
			return Slice[T]{}, err
		}
		s.Items = append(s.Items, item)
	}
	return s, rows.Err()
}

// named answers a query for a page of a list by name, to which it adds where the page begins and the order.
func named[T any](tx *Tx, p Page, scan func(row) (T, error), name func(T) string, query string) (Slice[T], error) {
	const order = "name"
	at := func(item T) Cursor { return cursor(order, name(item)) }
	if p.After == "" {
		return slice(tx, p, scan, at, query+" ORDER BY name LIMIT ?")
	}
	place, err := p.After.place(order)
	if err != nil {
		return Slice[T]{}, err
	}
	return slice(tx, p, scan, at, query+" WHERE name > ? ORDER BY name LIMIT ?", place)
}

// newest answers a query for a page of a list by id, the highest first, to which it adds where the page begins and the order.
func newest[T any](tx *Tx, p Page, scan func(row) (T, error), id func(T) int64, query string, args ...any) (Slice[T], error) {
	const order = "id"
	at := func(item T) Cursor { return numberCursor(order, id(item), id(item)) }
	if p.After != "" {
		_, last, err := p.After.numbers(order)
		if err != nil {
			return Slice[T]{}, err
		}
		query, args = query+" AND id < ?", append(args, last)
	}
	return slice(tx, p, scan, at, query+" ORDER BY id DESC LIMIT ?", args...)
}
