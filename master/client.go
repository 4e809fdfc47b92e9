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

// Client sends requests to the control socket of a running master. It is safe for concurrent use.
type Client struct {
	path string
	http http.Client
}

// NewClient returns a client of the control socket at path. It opens nothing yet.
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

// statusTimeout bounds the wait for the status, which a master reports at once.
const statusTimeout = 5 * time.Second

// Status requests the status. It fails after 5 s without an answer.
func (c *Client) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var s Status
	err := c.do(ctx, http.MethodGet, "/status", &s)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("request to master at %s: no answer within %s", c.path, statusTimeout)
	}
	return s, err
}

// Reload requests a reload and waits for its end, however long it takes, if the master answers at all. A reload that was rolled
// back is not an error.
func (c *Client) Reload(ctx context.Context) (Outcome, error) {
	var o Outcome
	if _, err := c.Status(ctx); err != nil {
		return o, err
	}
	err := c.do(ctx, http.MethodPost, "/reload", &o)
	return o, err
}

// Stop requests a stop and waits until the master has exited, however long it takes, if the master answers at all.
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

// do sends a request and decodes the JSON answer into a value; if that is nil, it waits for the end of the answer.
func (c *Client) do(ctx context.Context, method, path string, into any) error {
	fail := func(err error) error { return fmt.Errorf("request to master at %s: %w", c.path, err) }
	request, err := http.NewRequestWithContext(ctx, method, "http://master"+path, nil)
	if err != nil {
		return fail(err)
	}
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return fail(errors.New("no server is running there"))
	}
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close()
	if into == nil {
		if response.StatusCode != http.StatusAccepted {
			return fail(errors.New(response.Status))
		}
		// The end of the body, with or without an error, is the end of the master.
		_, _ = io.Copy(io.Discard, response.Body)
		return ctx.Err()
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fail(fmt.Errorf("%s: %w", response.Status, err))
	}
	return nil
}
