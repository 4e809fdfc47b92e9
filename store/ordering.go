package store

import "fmt"

// ordering is an order of a list of what has a name.
type ordering struct {
	list       string // what the list is called in cursors
	number     string // what the rows are ordered by, the id breaking ties; empty: the name, which breaks none
	from       string // the tables that have the number besides, as a join; empty: it is in the row
	descending bool
}

// cursors is what the list is called in cursors, where its direction is another list.
func (o ordering) cursors() string {
	if o.descending {
		return o.list + " down"
	}
	return o.list
}

// direction is the one that a page is read in, and the operator by which it begins after a place.
func (o ordering) direction(backwards bool) (direction, beyond string) {
	if o.descending != backwards {
		return "DESC", "<"
	}
	return "ASC", ">"
}

// nameTable is a table of what has a name.
type nameTable[T any] struct {
	table, columns string
	scan           func(row) (T, error)
	name           func(T) string
}

// list is a page of the rows that a search means, which is about this table alone.
func (t nameTable[T]) list(tx *Tx, p Page, o ordering, s search) (Slice[T], error) {
	if o.number == "" {
		return t.byName(tx, p, o, s)
	}
	return t.byNumber(tx, p, o, s)
}

func (t nameTable[T]) byName(tx *Tx, p Page, o ordering, s search) (Slice[T], error) {
	at := func(item T) Cursor { return cursor(o.cursors(), t.name(item)) }
	from, backwards := p.from()
	direction, beyond := o.direction(backwards)
	if from != "" {
		place, err := from.place(o.cursors())
		if err != nil {
			return Slice[T]{}, err
		}
		s.and("name "+beyond+" ?", place)
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY name %s LIMIT ?", t.columns, t.table, s.where, direction)
	return slice(tx, p, t.scan, at, query, s.args...)
}

// byNumber finds the ids first, so that what is sorted is small.
func (t nameTable[T]) byNumber(tx *Tx, p Page, o ordering, s search) (Slice[T], error) {
	at := func(item placed[T]) Cursor { return numberCursor(o.cursors(), item.number, item.id) }
	from, backwards := p.from()
	direction, beyond := o.direction(backwards)
	if from != "" {
		number, id, err := from.numbers(o.cursors())
		if err != nil {
			return Slice[T]{}, err
		}
		s.and("("+o.number+", id) "+beyond+" (?, ?)", number, id)
	}
	query := fmt.Sprintf(`SELECT %s, number, found FROM (
			SELECT id AS found, %s AS number FROM %s %s WHERE %s ORDER BY number %s, found %[6]s LIMIT ?
		) JOIN %[3]s ON id = found ORDER BY number %[6]s, found %[6]s`,
		t.columns, o.number, t.table, o.from, s.where, direction)
	listed, err := slice(tx, p, t.scanPlaced, at, query, s.args...)
	return MapSlice(listed, func(p placed[T]) T { return p.item }), err
}

// placed is a row with its place in a list.
type placed[T any] struct {
	item       T
	number, id int64
}

func (t nameTable[T]) scanPlaced(r row) (p placed[T], err error) {
	p.item, err = t.scan(placedRow{r, &p.number, &p.id})
	return p, err
}

// placedRow is a row that has its place after its columns.
type placedRow struct {
	row
	number, id *int64
}

func (r placedRow) Scan(dest ...any) error { return r.row.Scan(append(dest, r.number, r.id)...) }
