package api

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiproc/store"
)

// request is a request that is being answered.
type request struct {
	*http.Request
	api    *API
	w      http.ResponseWriter
	route  route
	token  store.Token // zero for a public route
	id     int64       // in the path; 0: the path has none
	query  url.Values
	body   []byte // see readBody
	faults faults // found so far; a request with faults changes nothing
}

// actor returns the actor of the request in the audit log.
func (r *request) actor() string { return "token " + r.token.Name }

// record records in the audit log what the request did to an object.
func (r *request) record(tx *store.Tx, action store.Action, kind store.Kind, id int64, name string, changes store.Changes) error {
	return tx.Record(store.Entry{Actor: r.actor(), Action: action, Kind: kind, ObjectID: id, Object: name, Changes: changes.JSON()})
}

// maxBody bounds a body, in bytes. The server may have a smaller limit of its own.
const maxBody = 1 << 20

// errSlowBody is the problem of a body that takes too long.
var errSlowBody = &problemError{
	Status: http.StatusRequestTimeout, Detail: "the body took too long to arrive", header: http.Header{"Connection": {"close"}},
}

// readBody reads a body of JSON.
func (r *request) readBody() (value, error) {
	if !isJSON(r.Header.Get("Content-Type")) || r.Header.Get("Content-Encoding") != "" {
		return nil, &problemError{
			Status: http.StatusUnsupportedMediaType,
			Detail: "the body must be application/json in UTF-8, without Content-Encoding",
		}
	}
	var err error
	r.body, err = io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &problemError{
			Status: http.StatusRequestEntityTooLarge,
			Detail: "the body has more than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes",
			header: http.Header{"Connection": {"close"}}, // the rest is not read
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errSlowBody
	}
	if err != nil {
		return nil, &problemError{Status: http.StatusBadRequest, Detail: "the body could not be read"}
	}
	return parse(r.body)
}

// readObject reads a body that is an object and may have these fields.
func (r *request) readObject(fields ...string) (object, error) {
	body, err := r.readBody()
	if err != nil {
		return object{}, err
	}
	o, ok := readObject(body, "#", &r.faults, fields...)
	if !ok {
		return object{}, r.faults.problem()
	}
	return o, nil
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	charset, given := parameters["charset"]
	return err == nil && media == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// Values of the parameter limit of a list.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// readQuery reads the parameters of the query. An unknown one is a fault: it may be a misspelt filter.
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
			r.faultOf(name, strings.TrimSuffix("is unknown; known parameters are "+strings.Join(r.route.query, ", "), "; known parameters are "))
		case len(r.query[name]) > 1:
			r.faultOf(name, "is given more than once")
		}
	}
	return nil
}

func (r *request) faultOf(parameter, detail string) { r.faults.add("", parameter, detail) }

// page returns the page of a list that the query asks for.
func (r *request) page() store.Page {
	p := store.Page{After: store.Cursor(r.query.Get("cursor")), Limit: defaultLimit}
	if !r.query.Has("limit") {
		return p
	}
	var err error
	if p.Limit, err = strconv.Atoi(r.query.Get("limit")); err != nil || p.Limit < 1 || p.Limit > maxLimit {
		r.faultOf("limit", "must be a number from 1 to "+strconv.Itoa(maxLimit))
	}
	return p
}

// name returns the name in a parameter, empty if it is not given.
func (r *request) name(parameter string) string {
	name := r.query.Get(parameter)
	if name == "" && r.query.Has(parameter) {
		r.faultOf(parameter, "is empty")
	}
	return name
}

// time returns the time in a parameter, zero if it is not given. It is rounded up to the microseconds of the database, so that
// comparisons have the same result.
func (r *request) time(parameter string) time.Time {
	if !r.query.Has(parameter) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, r.query.Get(parameter))
	if err != nil {
		r.faultOf(parameter, "must be a time like 2006-01-02T15:04:05Z or 2006-01-02T15:04:05%2B03:00")
		return time.Time{}
	}
	whole := t.Truncate(time.Microsecond)
	if whole.Before(t) {
		whole = whole.Add(time.Microsecond)
	}
	return whole
}

// flag returns the value of a parameter, false if it is not given.
func (r *request) flag(parameter string) bool {
	text := r.query.Get(parameter)
	if text != "true" && text != "false" && r.query.Has(parameter) {
		r.faultOf(parameter, "must be true or false")
	}
	return text == "true"
}

// list returns an answer with a page of a list and the cursor of the next one.
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
