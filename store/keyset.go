package store

import (
	"fmt"
	"slices"
	"strings"
)

// keyset is the order of the rows of a list, and the page of it to read. Rows are ordered by a key and then by their id.
type keyset struct {
	list       string // name of the list in cursors, which fit no other list
	key, id    string // SQL expressions; both are the id where that is the key
	text       bool   // the key is text and unique; else it is an integer
	descending bool
	Page
}

// newest returns the keyset of a list by id, the highest first.
func newest(p Page) keyset { return keyset{list: "id", key: "id", id: "id", descending: true, Page: p} }

// byName returns the keyset of a list that is sorted by name, or by one of these keys, given with their SQL expressions. The error
// is an *InvalidError, for the sort.
func byName(s Sort, p Page, keys map[SortKey]string) (keyset, error) {
	k := keyset{list: string(s.By), key: keys[s.By], id: "id", descending: s.Descending, Page: p}
	switch {
	case s.By == "" || s.By == SortName:
		k.list, k.key, k.text = "name", "name", true
	case k.key == "":
		return keyset{}, s.invalid()
	}
	if k.descending {
		k.list += " down"
	}
	return k, nil
}

// direction returns the direction in which the page is read, and the operator of the rows that lie beyond a place.
func (k keyset) direction() (direction, beyond string) {
	if _, backwards := k.from(); k.descending != backwards {
		return "DESC", "<"
	}
	return "ASC", ">"
}

// beyond adds the condition that rows lie beyond the place where the page begins. The error is an *InvalidError, for the cursor.
func (k keyset) beyond(s *clause) error {
	from, _ := k.from()
	if from == "" {
		return nil
	}
	_, beyond := k.direction()
	if k.text {
		name, err := from.text(k.list)
		s.and(k.key+" "+beyond+" ?", name)
		return err
	}
	number, id, err := from.numbers(k.list)
	if k.key == k.id {
		s.and(k.id+" "+beyond+" ?", id)
	} else {
		s.and("("+k.key+", "+k.id+") "+beyond+" (?, ?)", number, id)
	}
	return err
}

// order returns the ORDER BY clause of the page.
func (k keyset) order() string {
	direction, _ := k.direction()
	if k.text || k.key == k.id {
		return "ORDER BY " + k.key + " " + direction
	}
	return fmt.Sprintf("ORDER BY %s %s, %s %[2]s", k.key, direction, k.id)
}

// cursor returns the place of a row. The key is an int64, or a string if that of the keyset is text.
func (k keyset) cursor(key any, id int64) Cursor {
	if k.text {
		return textCursor(k.list, fmt.Sprint(key))
	}
	number, _ := key.(int64)
	return numberCursor(k.list, number, id)
}

// list reads a page with a query that is in the order of the page, and whose last parameter is its LIMIT. at returns the key
// and the id of an item.
func list[T any](tx *Tx, k keyset, scan func(row) (T, error), at func(T) (any, int64), query string, args ...any) (Slice[T], error) {
	rows, err := tx.query(query, append(args, k.rows())...)
	if err != nil {
		return Slice[T]{}, err
	}
	defer rows.Close()
	var items []T
	more := false
	for rows.Next() {
		if more = len(items) == k.rows()-1; more {
			break
		}
		item, err := scan(rows)
		if err != nil {
			return Slice[T]{}, err
		}
		items = append(items, item)
	}
	if err := rows.Err(); err != nil || len(items) == 0 {
		return Slice[T]{}, err
	}
	from, backwards := k.from()
	if backwards {
		slices.Reverse(items) // the page before a place is read towards the start of the list
	}
	place := func(item T) Cursor { return k.cursor(at(item)) }
	s := Slice[T]{Items: items}
	if more || backwards {
		s.Next = place(items[len(items)-1])
	}
	if backwards && more || !backwards && from != "" {
		s.Previous = place(items[0])
	}
	return s, nil
}

// nameTable is a table whose rows have a name.
type nameTable[T any] struct {
	table, columns string
	scan           func(row) (T, error)
	name           func(T) string
}

// list reads a page of the rows that a search finds. The joins may add what the key is computed from. By a number it finds the ids
// first, so that what is sorted is small.
func (t nameTable[T]) list(tx *Tx, k keyset, joins string, s clause) (Slice[T], error) {
	if err := k.beyond(&s); err != nil {
		return Slice[T]{}, err
	}
	if k.text {
		at := func(item T) (any, int64) { return t.name(item), 0 }
		query := fmt.Sprintf("SELECT %s FROM %s WHERE %s %s LIMIT ?", t.columns, t.table, s.where, k.order())
		return list(tx, k, t.scan, at, query, s.args...)
	}
	direction, _ := k.direction()
	query := fmt.Sprintf(`SELECT %s, key, found FROM (SELECT id AS found, %s AS key FROM %s %s WHERE %s %s LIMIT ?)
		JOIN %[3]s ON id = found ORDER BY key %[7]s, found %[7]s`, t.columns, k.key, t.table, joins, s.where, k.order(), direction)
	at := func(p placed[T]) (any, int64) { return p.key, p.id }
	listed, err := list(tx, k, t.scanPlaced, at, query, s.args...)
	return MapSlice(listed, func(p placed[T]) T { return p.item }), err
}

// placed is a row with its place in a list.
type placed[T any] struct {
	item    T
	key, id int64
}

func (t nameTable[T]) scanPlaced(r row) (p placed[T], err error) {
	p.item, err = t.scan(placedRow{r, &p.key, &p.id})
	return p, err
}

// placedRow is a row that has its place after its columns.
type placedRow struct {
	row
	key, id *int64
}

func (r placedRow) Scan(dest ...any) error { return r.row.Scan(append(dest, r.key, r.id)...) }

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
