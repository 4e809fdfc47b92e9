package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiproc/store"
)

// What the parameter limit of a list is where it is not given, and may be.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// readQuery reads the parameters of the query. One that the route does not know is a fault: it would be a filter that does
// not filter.
func (r *request) readQuery() error {
	if r.URL.RawQuery == "" {
		return nil
	}
	var err error
	if r.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return &problemError{Status: http.StatusBadRequest, Detail: "the query is malformed"}
	}
	for _, name := range slices.Sorted(maps.Keys(r.query)) {
		switch {
		case !slices.Contains(r.route.query, name):
			r.faultOf(name, strings.TrimSuffix("is unknown, known are "+strings.Join(r.route.query, ", "), ", known are "))
		case len(r.query[name]) > 1:
			r.faultOf(name, "is given more than once")
		}
	}
	return nil
}

func (r *request) faultOf(parameter, detail string) { r.faults.add("", parameter, detail) }

// page is the part of a list that the query asks for.
func (r *request) page() store.Page {
	p := store.Page{After: store.Cursor(r.query.Get("cursor")), Limit: defaultLimit}
	if !r.query.Has("limit") {
		return p
	}
	var err error
	if p.Limit, err = strconv.Atoi(r.query.Get("limit")); err != nil || p.Limit < 1 || p.Limit > maxLimit {
		r.faultOf("limit", "is not a number from 1 to "+strconv.Itoa(maxLimit))
	}
	return p
}

// name is a parameter's: what is listed has it. It is empty if it is not given.
func (r *request) name(parameter string) string {
	name := r.query.Get(parameter)
	if name == "" && r.query.Has(parameter) {
		r.faultOf(parameter, "is empty")
	}
	return name
}

// time is a parameter's, rounded up to the database's microseconds: what is before it there is before it here. It is zero
// if it is not given.
func (r *request) time(parameter string) time.Time {
	if !r.query.Has(parameter) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, r.query.Get(parameter))
	if err != nil {
		r.faultOf(parameter, "is not a time such as 2006-01-02T15:04:05Z or 2006-01-02T15:04:05%2B03:00")
		return time.Time{}
	}
	whole := t.Truncate(time.Microsecond)
	if whole.Before(t) {
		whole = whole.Add(time.Microsecond)
	}
	return whole
}

// flag is a parameter's. It is false if it is not given.
func (r *request) flag(parameter string) bool {
	text := r.query.Get(parameter)
	if text != "true" && text != "false" && r.query.Has(parameter) {
		r.faultOf(parameter, "is neither true nor false")
	}
	return text == "true"
}

// list answers with a part of a list, and says where it goes on.
func (r *request) list(items any, next store.Cursor) (answer, error) {
	page := struct {
		Items any           `json:"items"`
		Next  *store.Cursor `json:"next"`
	}{Items: items}
	if next == "" {
		return encoded(http.StatusOK, page)
	}
	page.Next = &next
	a, err := encoded(http.StatusOK, page)
	query := url.Values{}
	maps.Copy(query, r.query)
	query.Set("cursor", string(next))
	a.header = http.Header{"Link": {"<" + r.URL.EscapedPath() + "?" + query.Encode() + `>; rel="next"`}}
	return a, err
}
