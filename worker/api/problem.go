package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"multiproc/store"
)

// problemError is an error as the client sees it, in the form of RFC 9457.
type problemError struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Errors []fault `json:"errors,omitempty"`

	header http.Header // more headers of the answer
}

func (p *problemError) Error() string { return p.Detail }

// answer returns the answer that reports the problem.
func (p *problemError) answer() answer {
	full := *p
	full.Type, full.Title = "about:blank", http.StatusText(p.Status)
	body, _ := encode(&full) // strings and numbers: it cannot fail
	header := http.Header{"Content-Type": {"application/problem+json"}}
	maps.Copy(header, p.header)
	return answer{status: p.Status, body: body, header: header}
}

// retryAfter is the value of the Retry-After header, in seconds.
const retryAfter = "1"

// problemOf returns the problem that the client sees for an error. It has no internals.
func problemOf(err error) *problemError {
	if p, ok := errors.AsType[*problemError](err); ok {
		return p
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &problemError{Status: http.StatusNotFound, Detail: "no object with this id"}
	case errors.Is(err, store.ErrExists):
		const detail = "this name is already in use"
		return &problemError{
			Status: http.StatusConflict, Detail: detail,
			Errors: []fault{{Field: "name", Pointer: "#/name", Detail: detail}},
		}
	case errors.Is(err, store.ErrKeyReused):
		return &problemError{
			Status: http.StatusUnprocessableEntity, Detail: "the Idempotency-Key was used for another request",
			Errors: []fault{{Field: keyHeader, Detail: "was used for another request"}},
		}
	case errors.Is(err, store.ErrBusy):
		return unavailable("the database is busy")
	case errors.Is(err, store.ErrUnavailable):
		return unavailable("the database is unavailable")
	case errors.Is(err, store.ErrClosed):
		return unavailable("the server is stopping")
	}
	return &problemError{Status: http.StatusInternalServerError, Detail: "internal error"}
}

func unavailable(detail string) *problemError {
	return &problemError{
		Status: http.StatusServiceUnavailable, Detail: detail, header: http.Header{"Retry-After": {retryAfter}},
	}
}

// fault is an error in one part of a request.
type fault struct {
	Field   string `json:"field,omitempty"`   // a field of the body, a parameter of the query or a header
	Pointer string `json:"pointer,omitempty"` // the place in the body: a JSON pointer as a URI fragment
	Detail  string `json:"detail"`
}

// faults collects the faults of a request.
type faults struct {
	listed []fault // at most maxFaults, and one for each place
	found  int     // all
}

// maxFaults bounds how many faults of a request are reported, and looked for.
const maxFaults = 100

// any reports whether there are faults.
func (f *faults) any() bool { return f.found > 0 }

// full reports whether no more faults need be looked for.
func (f *faults) full() bool { return f.found > maxFaults }

// add adds a fault. It is reported unless its place has one already.
func (f *faults) add(pointer, field, detail string) {
	f.found++
	same := func(other fault) bool { return other.Pointer == pointer && other.Field == field }
	if len(f.listed) < maxFaults && !slices.ContainsFunc(f.listed, same) {
		f.listed = append(f.listed, fault{Field: field, Pointer: pointer, Detail: detail})
	}
}

// addInvalid adds the faults of a *store.InvalidError about the part of the body at a pointer; about the query if the pointer is
// empty. It returns any other error.
func (f *faults) addInvalid(at string, err error) error {
	invalid, ok := errors.AsType[*store.InvalidError](err)
	if !ok {
		return err
	}
	for _, fault := range invalid.Fields {
		pointer := ""
		if at != "" {
			pointer = at + "/" + fault.Field
		}
		f.add(pointer, fault.Field, fault.Problem)
	}
	return nil
}

// problemOr returns what the request fails with: err, or a problem with the faults and those that err reports; nil if there is
// nothing.
func (f *faults) problemOr(at string, err error) error {
	if err = f.addInvalid(at, err); err != nil || !f.any() {
		return err
	}
	return f.problem()
}

func (f *faults) problem() *problemError {
	first := f.listed[0]
	detail := first.Field
	if detail == "" {
		detail = "body at " + first.Pointer
	}
	detail += ": " + first.Detail
	switch {
	case f.full():
		detail += ", and others, not all of which are listed"
	case len(f.listed) > 1:
		detail += fmt.Sprintf(", and %d more", len(f.listed)-1)
	}
	return &problemError{Status: http.StatusUnprocessableEntity, Detail: detail, Errors: f.listed}
}
