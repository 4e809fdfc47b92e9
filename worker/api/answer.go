package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// answer is the response to a request.
type answer struct {
	status int
	body   []byte // nil: none
	header http.Header
}

// encode returns the JSON of a value as one line.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // safe, because browsers must not sniff the type
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// encoded returns an answer with a value.
func encoded(status int, v any) (answer, error) {
	body, err := encode(v)
	return answer{status: status, body: body}, err
}

// outcome is the result of a change.
type outcome struct {
	status   int
	location string // of the object, if one was created
	value    any    // the object as it is now; nil: deleted
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

// createdAt returns the outcome of creating one object in a collection.
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
		_, _ = w.Write(a.body) // fails only if the client is gone
	}
}
