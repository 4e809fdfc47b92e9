package api

import (
	"errors"
	"maps"
	"net/http"

	"multiproc/store"
)

// problemError is an error as the client is told it, in the form of RFC 9457.
type problemError struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Errors []fault `json:"errors,omitempty"`

	header http.Header // what the answer has besides
}

func (p *problemError) Error() string { return p.Detail }

// answer is the one that tells the problem.
func (p *problemError) answer() answer {
	told := *p
	told.Type, told.Title = "about:blank", http.StatusText(p.Status)
	body, _ := encode(&told) // texts and numbers
	header := http.Header{"Content-Type": {"application/problem+json"}}
	maps.Copy(header, p.header)
	return answer{status: p.Status, body: body, header: header}
}

// retryAfter is when a client may try again what could not be done, in seconds.
const retryAfter = "1"

// problemOf is what the client is told about an error: nothing but what is the client's business.
func problemOf(err error) *problemError {
	if p, ok := errors.AsType[*problemError](err); ok {
		return p
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &problemError{Status: http.StatusNotFound, Detail: "there is none with this id"}
	case errors.Is(err, store.ErrExists):
		return &problemError{
			Status: http.StatusConflict,
			Detail: "there is one of this name already",
			Errors: []fault{{Field: "name", Pointer: "#/name", Detail: "there is one of this name already"}},
		}
	case errors.Is(err, store.ErrKeyReused):
		return &problemError{
			Status: http.StatusUnprocessableEntity,
			Detail: "the Idempotency-Key was used for another request",
			Errors: []fault{{Field: keyHeader, Detail: "was used for another request"}},
		}
	case errors.Is(err, store.ErrBusy):
		return unavailable("the database is busy")
	case errors.Is(err, store.ErrUnavailable):
		return unavailable("the database is unavailable")
	case errors.Is(err, store.ErrClosed):
		return unavailable("the server is stopping")
	}
	return &problemError{Status: http.StatusInternalServerError, Detail: "the server failed"}
}

func unavailable(detail string) *problemError {
	return &problemError{
		Status: http.StatusServiceUnavailable,
		Detail: detail,
		header: http.Header{"Retry-After": {retryAfter}},
	}
}
