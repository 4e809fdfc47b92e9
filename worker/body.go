package worker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// requestCopy is the request as the handler gets it where something must differ from net/http's own: by the type of that
// one's body net/http knows how far it was read.
type requestCopy struct {
	http.Request
	original *http.Request
	body     io.ReadCloser
	tooLarge atomic.Bool // the handler has read as much of the body as it may
}

// of makes it a copy of the exchange's request, with a context and, if that is not 0, a limit on the body.
func (c *requestCopy) of(ctx context.Context, x *exchange, maxBody int64) *http.Request {
	c.original = x.original
	c.Request = *x.original.WithContext(ctx)
	if c.original.Body != http.NoBody {
		c.body = c.original.Body
		if maxBody > 0 {
			c.body = http.MaxBytesReader(x.w, c.body, maxBody)
		}
		c.Body = copiedBody{c}
	}
	return &c.Request
}

// copiedBody is the copy's body.
type copiedBody struct{ *requestCopy }

func (b copiedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if errors.Is(err, io.EOF) {
		b.Trailer = b.original.Trailer // where net/http puts what came after the body
	} else if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		b.tooLarge.Store(true)
	}
	return n, err
}

func (b copiedBody) Close() error { return b.body.Close() }

// refuseBody answers a request whose body is larger than it may be.
func (x *exchange) refuseBody() {
	x.w.Header().Set("Connection", "close") // rather than read the rest
	http.Error(x, "request body too large", http.StatusRequestEntityTooLarge)
}
