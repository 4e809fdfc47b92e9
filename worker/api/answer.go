package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// answer is what a request is answered with.
type answer struct {
	status int
	body   []byte // nil: there is none
	header http.Header
}

// encode is the JSON of a value, on a line.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // no browser takes it for HTML: it is told not to guess
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// encoded is an answer with a value.
func encoded(status int, v any) (answer, error) {
	body, err := encode(v)
	return answer{status: status, body: body}, err
}

// outcome is what became of a change.
type outcome struct {
	status   int
	location string // of what was created, if that is one thing
	value    any    // as it is now; nil: it is gone
}

func (o outcome) answer() (answer, error) {
	if o.value == nil {
		return answer{status: o.status}, nil
	}
	a, err := encoded(o.status, o.value)
	if o.location != "" {
		a.header = http.Header{"Location": {o.location}}
	}
	return a, err
}

// createdAt is the outcome of creating one thing in a collection.
func createdAt(path string, id int64, v any) outcome {
	return outcome{status: http.StatusCreated, location: path + "/" + strconv.FormatInt(id, 10), value: v}
}

func (a answer) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if a.body != nil {
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	maps.Copy(header, a.header)
	w.WriteHeader(a.status)
	if a.body != nil {
		_, _ = w.Write(a.body) // a client that went away is none of our concern
	}
}
