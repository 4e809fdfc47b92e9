package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Client speaks to a running master through its control socket. It is safe for concurrent use.
type Client struct {
	path string
	http http.Client
}

// NewClient is the way to the master at a control socket's path. It opens nothing yet.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	return c
}

// statusPatience is how long a master may take to say how it is: it has nothing to wait for.
const statusPatience = 5 * time.Second

// Status asks how things are, for 5 s at most.
func (c *Client) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	var s Status
	err := c.do(ctx, http.MethodGet, "/status", &s)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("ask master at %s: no answer within %s", c.path, statusPatience)
	}
	return s, err
}

// Reload asks for a reload and waits for its end, as long as that takes, once it is clear that the master answers. A
// reload that was taken back is no error.
func (c *Client) Reload(ctx context.Context) (Outcome, error) {
	var o Outcome
	if _, err := c.Status(ctx); err != nil {
		return o, err
	}
	err := c.do(ctx, http.MethodPost, "/reload", &o)
	return o, err
}

// Stop asks the master to stop and waits until it is gone, as long as that takes, once it is clear that it answers.
func (c *Client) Stop(ctx context.Context, fast bool) error {
	if _, err := c.Status(ctx); err != nil {
		return err
	}
	path := "/stop"
	if fast {
		path += "?fast=1"
	}
	return c.do(ctx, http.MethodPost, path, nil)
}

// do asks, and reads the answer as JSON where there is a place for it, else to its end.
func (c *Client) do(ctx context.Context, method, path string, into any) error {
	fail := func(err error) error { return fmt.Errorf("ask master at %s: %w", c.path, err) }
	request, err := http.NewRequestWithContext(ctx, method, "http://master"+path, nil)
	if err != nil {
		return fail(err)
	}
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return fail(errors.New("no server runs there"))
	}
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close()
	if into == nil {
		if response.StatusCode != http.StatusAccepted {
			return fail(errors.New(response.Status))
		}
		// However it ends, the master has ended.
		_, _ = io.Copy(io.Discard, response.Body)
		return ctx.Err()
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fail(fmt.Errorf("%s: %w", response.Status, err))
	}
	return nil
}
