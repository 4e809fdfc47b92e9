package admin

import (
	"cmp"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"multiproc/store"
)

// rowsOfPage are the numbers of rows that a page can have, the default first.
var rowsOfPage = [...]int{50, 20, 100, 500}

// listURL is the address of a list, from which the addresses of its other pages and orders are made. It has the known parameters
// only.
type listURL struct {
	path  string
	query url.Values
}

// listURL takes the parameters with these names from the request, and those that all lists have.
func (r *request) listURL(path string, names ...string) listURL {
	return listAt(path, r.URL.Query(), names...)
}

// listAt is listURL for any values.
func listAt(path string, values url.Values, names ...string) listURL {
	l := listURL{path, url.Values{}}
	for _, name := range append(names, "rows", "sort") {
		if value := values.Get(name); value != "" {
			l.query.Set(name, value)
		}
	}
	return l
}

// with returns the address with other values of some parameters, given as alternating names and values. An empty value removes
// a parameter.
func (l listURL) with(pairs ...string) string {
	query := url.Values{}
	maps.Copy(query, l.query)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			query.Del(pairs[i])
		} else {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	if len(query) == 0 {
		return l.path
	}
	return l.path + "?" + query.Encode()
}

// without returns the address without some parameters.
func (l listURL) without(names ...string) string {
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name, "")
	}
	return l.with(pairs...)
}

// sort returns the order of the list; the given one if the address has none.
func (l listURL) sort(otherwise store.Sort) store.Sort {
	if text := l.query.Get("sort"); text != "" {
		return store.ParseSort(text)
	}
	return otherwise
}

// column is a column header of a list.
type column struct {
	Label string
	Path  string // the list sorted by this column; empty: it cannot be
	Sort  string // ascending or descending, if the list is sorted by this column
	Class string
}

// column returns the header of a column that the list can be sorted by. Columns with a class have numbers or times: these begin
// with the descending order.
func (l listURL) column(label string, key store.SortKey, class string, now store.Sort) column {
	c, next := column{Label: label, Class: class}, store.Sort{By: key, Descending: class != ""}
	if now.By == key {
		c.Sort, next.Descending = "ascending", !now.Descending
		if now.Descending {
			c.Sort = "descending"
		}
	}
	c.Path = l.with("sort", next.String())
	return c
}

// storePage returns the page of a list that the request asks for.
func (r *request) storePage() store.Page {
	q := r.URL.Query()
	p := store.Page{After: store.Cursor(q.Get("after")), Before: store.Cursor(q.Get("before")), Limit: rowsOfPage[0]}
	if n, err := strconv.Atoi(q.Get("rows")); err == nil && slices.Contains(rowsOfPage[:], n) {
		p.Limit = n
	}
	return p
}

// pager links to the other pages of a list.
type pager struct {
	First, Previous, Next string // addresses; empty: none
	Rows                  []rowsChoice
}

type rowsChoice struct {
	Rows    int
	Path    string
	Current bool
}

func pagerOf[T any](l listURL, p store.Page, s store.Slice[T]) pager {
	var pager pager
	if p.After != "" || p.Before != "" {
		pager.First = l.with()
	}
	if s.Previous != "" {
		pager.Previous = l.with("before", string(s.Previous))
	}
	if s.Next != "" {
		pager.Next = l.with("after", string(s.Next))
	}
	rows := slices.Clone(rowsOfPage[:])
	slices.Sort(rows)
	for _, n := range rows {
		pager.Rows = append(pager.Rows, rowsChoice{n, l.with("rows", strconv.Itoa(n)), n == p.Limit})
	}
	return pager
}

// badAddress returns errNoPage if a list has no such place or order, which only the address of a page names.
func badAddress(err error) error {
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok && slices.Contains([]string{"cursor", "sort"}, invalid.Fields[0].Field) {
		return errNoPage
	}
	return err
}

// hidden is a hidden field of a form.
type hidden struct{ Name, Value string }

// hiddenFields returns the parameters that a form sends along, except those that it has visible fields for.
func (l listURL) hiddenFields(visible ...string) []hidden {
	var fields []hidden
	for name, values := range l.query {
		if !slices.Contains(visible, name) {
			fields = append(fields, hidden{name, values[0]})
		}
	}
	slices.SortFunc(fields, func(a, b hidden) int { return cmp.Compare(a.Name, b.Name) })
	return fields
}
