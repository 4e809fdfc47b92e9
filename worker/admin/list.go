package admin

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"multiproc/store"
)

// rowsOfPage are how many rows a list can show at a time; the first is what it shows unless it is asked for another.
var rowsOfPage = [...]int{50, 20, 100, 500}

// listURL is the address of a list with what it is asked for, from which those of its other pages and orders are made. It
// has only what is known, in one order: whatever else a request had is not passed on.
type listURL struct {
	path  string
	query url.Values
}

// listURL takes the parameters with these names from the request, besides those that all lists have.
func (r *request) listURL(path string, names ...string) listURL {
	return listAt(path, r.URL.Query(), names...)
}

// listAt is listURL of any values.
func listAt(path string, values url.Values, names ...string) listURL {
	l := listURL{path, url.Values{}}
	for _, name := range append(names, "rows") {
		if value := values.Get(name); value != "" {
			l.query.Set(name, value)
		}
	}
	return l
}

// with is the address with other values for some parameters, given by turns; an empty one takes the parameter away.
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

// storePage is the part of a list that the request asks for.
func (r *request) storePage() store.Page {
	q := r.URL.Query()
	p := store.Page{After: store.Cursor(q.Get("after")), Before: store.Cursor(q.Get("before")), Limit: rowsOfPage[0]}
	if n, err := strconv.Atoi(q.Get("rows")); err == nil && slices.Contains(rowsOfPage[:], n) {
		p.Limit = n
	}
	return p
}

// pager is the way to the other parts of a list.
type pager struct {
	First, Previous, Next string // addresses; empty: there is none
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

// badCursor is what a request fails with whose place in the list is none.
func badCursor(err error) error {
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok && invalid.Fields[0].Field == "cursor" {
		return errNoPage
	}
	return err
}

// hiddenFields are what a form sends along unseen, which has these parameters as fields of its own.
func (l listURL) hiddenFields(seen ...string) []hidden {
	var fields []hidden
	for name, values := range l.query {
		if !slices.Contains(seen, name) {
			fields = append(fields, hidden{name, values[0]})
		}
	}
	slices.SortFunc(fields, func(a, b hidden) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return fields
}

type hidden struct{ Name, Value string }
