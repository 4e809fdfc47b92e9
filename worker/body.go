package worker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// requestCopy is the request that the handler gets if its context or body must differ from net/http's own. The original keeps
// its body: by its type, net/http knows how much was read.
type requestCopy struct {
	http.Request
	original *http.Request
	body     io.ReadCloser
	tooLarge atomic.Bool // the handler has read up to the limit
}

// init copies req's request, with a context and, unless maxBody is 0, a limit on the body.
func (c *requestCopy) init(ctx context.Context, req *request, maxBody int64) *http.Request {
	c.original = req.original
	c.Request = *req.original.WithContext(ctx)
	if c.original.Body != http.NoBody {
		c.body = c.original.Body
		if maxBody > 0 {
			c.body = http.MaxBytesReader(req.w, c.body, maxBody)
		}
		c.Body = copiedBody{c}
	}
	return &c.Request
}

// copiedBody is the Body of a requestCopy.
type copiedBody struct{ *requestCopy }

func (b copiedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if errors.Is(err, io.EOF) {
		b.Trailer = b.original.Trailer // set by net/http at the end of the body
	} else if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		b.tooLarge.Store(true)
	}
	return n, err
}

func (b copiedBody) Close() error { return b.body.Close() }

// refuseBody answers a request whose body exceeds the limit.
func (req *request) refuseBody() {
	req.w.Header().Set("Connection", "close") // rather than read the rest
	http.Error(req, "request body too large", http.StatusRequestEntityTooLarge)
}
