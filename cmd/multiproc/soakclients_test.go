package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"multiproc/internal/proctest"
)

// startClients starts clients of all kinds: over TCP and a unix socket, with and without keep-alive, for the front page,
// metrics, the admin site and transactions; some are slow, and some hang up in the middle.
func (k *soak) startClients() {
	const every, seldom = 200 * time.Millisecond, time.Second
	var numbers atomic.Int64
	for _, keepAlive := range []bool{true, false} {
		for network, address := range map[string]string{"tcp": k.address, "unix": k.unixSocket()} {
			client := dialingClient(network, address, keepAlive)
			counts := map[string]float64{}
			k.load.ask(every, keepAlive, func() error {
				_, err := k.getBy(client, "/")
				return err
			})
			k.load.ask(every, keepAlive, func() error { return k.scrapeGrowing(client, counts) })
			pages := []string{"/admin/", "/admin/transactions", "/admin/apis", "/admin/history", "/admin/workers"}
			turn := 0
			k.load.ask(every, keepAlive, func() error {
				turn++
				_, err := k.getBy(client, pages[turn%len(pages)], k.session)
				return err
			})
			k.load.ask(every, keepAlive, func() error {
				r, err := k.try(client, "POST", transactionsPath, numbered(numbers.Add(1)))
				return wantCode(http.StatusCreated, r, err)
			})
		}
	}
	k.load.ask(seldom, false, func() error { return k.readSlowly() })
	k.load.ask(seldom, false, func() error { return k.postSlowly(numbers.Add(1)) })
	half := k.rawPost(numbered(1))
	half = half[:len(half)-10]
	for _, text := range []string{"", "GET /metrics HTTP/1.1\r\nHos", "GET /metrics HTTP/1.1\r\nHost: server\r\n\r\n", half} {
		k.load.ask(seldom, false, func() error { return k.hangUp(text) })
	}
}

// dial connects with a deadline that suffices for a slow client.
func (k *soak) dial() (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(context.WithoutCancel(k.tb.Context()), "tcp", k.address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(proctest.Patience))
}

// readSlowly reads a page slowly.
func (k *soak) readSlowly() error {
	conn, err := k.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	var answer strings.Builder
	for {
		n, err := io.CopyN(&answer, conn, 4<<10)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", answer.Len(), err)
		}
		<-time.After(time.Duration(n) * time.Second / (16 << 10))
	}
	text := answer.String()
	if !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(text, "\r\n0\r\n\r\n") && !strings.Contains(text, "\r\nContent-Length: ") {
		return unfinished(text, "HTTP/1.1 200 OK\r\n")
	}
	return nil
}

// unfinished returns the error of an answer that is incomplete or begins wrongly.
func unfinished(answer, beginning string) error {
	err := errors.New("not the requested object")
	if strings.HasPrefix(answer, beginning) || strings.HasPrefix(beginning, answer) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%d bytes, %.100q: %w", len(answer), answer, err)
}

// rawPost returns the bytes of a request that posts a transaction.
func (k *soak) rawPost(body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: server\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s", transactionsPath, k.token, len(body), body)
}

// postSlowly sends a transaction slowly.
func (k *soak) postSlowly(number int64) error {
	conn, err := k.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	text := k.rawPost(numbered(number))
	for len(text) > 0 {
		n, err := io.WriteString(conn, text[:min(len(text), 64)])
		if err != nil {
			return fmt.Errorf("%d bytes before the end: %w", len(text), err)
		}
		text = text[n:]
		<-time.After(200 * time.Millisecond)
	}
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.HasPrefix(string(answer), "HTTP/1.1 201 ") {
		err = unfinished(string(answer), "HTTP/1.1 201 ")
	}
	return err
}

// hangUp begins a request and closes the connection with a reset.
func (k *soak) hangUp(text string) error {
	conn, err := k.dial()
	if err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		return errors.Join(err, conn.Close())
	}
	_, err = io.WriteString(conn, text)
	return errors.Join(err, conn.Close())
}
