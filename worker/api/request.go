package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"multiproc/store"
)

// request is a request on its way to its answer.
type request struct {
	*http.Request
	w      http.ResponseWriter
	route  route
	token  store.Token // whose request it is
	query  url.Values
	body   []byte // see readBody
	faults faults // found so far: when there is one, what the request asks for is not done
}

// maxBody bounds a body, in bytes. The server may have a smaller bound, and refuse by itself what is larger.
const maxBody = 1 << 20

// id is the id in the path, which stands there as we write it.
func (r *request) id() (int64, error) {
	text := r.PathValue("id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != text {
		return 0, &problemError{Status: http.StatusNotFound, Detail: "the path does not end in an id"}
	}
	return id, nil
}

// readBody reads the JSON that the request has for a body.
func (r *request) readBody() (value, error) {
	if !isJSON(r.Header.Get("Content-Type")) || r.Header.Get("Content-Encoding") != "" {
		return nil, &problemError{
			Status: http.StatusUnsupportedMediaType,
			Detail: "the body must have the Content-Type application/json, in UTF-8, and no Content-Encoding",
		}
	}
	var err error
	r.body, err = io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &problemError{
			Status: http.StatusRequestEntityTooLarge,
			Detail: "the body has more than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes",
			header: http.Header{"Connection": {"close"}}, // rather than read the rest
		}
	}
	if err != nil {
		return nil, &problemError{Status: http.StatusBadRequest, Detail: "the body cannot be read to its end"}
	}
	return parse(r.body)
}

// readObject reads a body that is an object which may have these fields.
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
