package conn_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/conn"
	"multiproc/internal/proctest"
)

// pair returns the two ends of a connection.
func pair(t *testing.T, network string) (server, client net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "socket")
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	check(t, err)
	defer l.Close()
	client, err = new(net.Dialer).DialContext(t.Context(), network, l.Addr().String())
	check(t, err)
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	if tcp, ok := client.(*net.TCPConn); ok {
		// With more, the receiving kernel would announce too late that something was read.
		check(t, tcp.SetReadBuffer(32<<10))
	}
	return server, client
}

// fullLimit returns a limit at which a listener waits.
func fullLimit(t *testing.T) *conn.Limit {
	t.Helper()
	limit := conn.NewLimit(1)
	limit.Acquire(nil, nil)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go limit.Acquire(stop, func() bool { return true })
	proctest.Eventually(t, "a full limit", limit.Full)
	return limit
}

// read reads a part at each interval, for a while.
func read(c io.Reader, part int, interval, while time.Duration) (data []byte, err error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	buffer := make([]byte, part)
	for end := time.After(while); ; {
		select {
		case <-end:
			return data, nil
		case <-tick.C:
			n, err := c.Read(buffer)
			data = append(data, buffer[:n]...)
			if err != nil {
				return data, err
			}
		}
	}
}

// TestSocketWrites has clients that take an answer in different ways, over TCP and unix sockets, by Write and by SendFile.
func TestSocketWrites(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789abcde\n"), 1<<19)
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, content, 0o600))
	const timeout = 300 * time.Millisecond
	slow := func(c net.Conn) ([]byte, error) { return read(c, 4<<10, 20*time.Millisecond, 5*timeout/2) }
	var tests sync.WaitGroup // which run side by side, whatever -parallel is: they wait most of the time
	defer tests.Wait()
	all := []string{"tcp write", "tcp file", "unix write"}
	for name, test := range map[string]struct {
		by              []string
		full, unlimited bool
		take            func(client net.Conn) ([]byte, error)
		cut             bool
	}{
		"nothing": {by: all, take: func(net.Conn) ([]byte, error) { return nil, nil }, cut: true},
		// So slowly that a write, which continues when a good part of the kernel's queue is free, exceeds the timeout.
		"slowly":           {by: all, take: slow},
		"slowly when full": {by: all[:1], full: true, take: slow},
		"a drip when full": {by: all[:1], full: true, cut: true, take: func(c net.Conn) ([]byte, error) {
			return read(c, 5, 50*time.Millisecond, 3*timeout)
		}},
		"nothing for long, without a timeout": {by: all[:1], unlimited: true, take: func(net.Conn) ([]byte, error) {
			<-time.After(2 * timeout)
			return nil, nil
		}},
	} {
		for _, how := range test.by {
			tests.Go(func() {
				t.Run(name+", "+how, func(t *testing.T) {
					network, by, _ := strings.Cut(how, " ")
					server, client := pair(t, network)
					s := &conn.Socket{Conn: server, Timeout: timeout}
					if test.unlimited {
						s.Timeout = 0
					}
					if test.full {
						s.Limit = fullLimit(t)
					}
					result := make(chan error, 1)
					go func() {
						if by == "write" {
							_, err := s.Write(content)
							result <- err
							return
						}
						f, err := os.Open(file)
						if err == nil {
							defer f.Close()
							_, err = s.SendFile(conn.RegularFile(f))
						}
						result <- err
					}()
					taken, err := test.take(client)
					if test.cut {
						if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
							t.Errorf("write: %v", err)
						}
						return
					}
					if err == nil {
						var rest []byte
						rest, err = readN(client, len(content)-len(taken))
						taken = append(taken, rest...)
					}
					if err != nil || !bytes.Equal(taken, content) {
						t.Errorf("%d bytes, %v", len(taken), err)
					}
					if err := <-result; err != nil {
						t.Errorf("write: %v", err)
					}
				})
			})
		}
	}
}

// TestSocketSlowWhenFull has a client that takes a little all the time, but less than it must while others wait.
func TestSocketSlowWhenFull(t *testing.T) {
	t.Parallel()
	var tests sync.WaitGroup // which run side by side, whatever -parallel is: they wait most of the time
	defer tests.Wait()
	for _, full := range []bool{true, false} {
		tests.Go(func() {
			t.Run(map[bool]string{true: "full", false: "not full"}[full], func(t *testing.T) {
				l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
				check(t, err)
				defer l.Close()
				// The smallest buffer: the kernel announces soon that something was read.
				dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
					return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1) })
				}}
				client, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
				check(t, err)
				defer client.Close()
				server, err := l.Accept()
				check(t, err)
				defer server.Close()
				const timeout = 2 * time.Second
				s := &conn.Socket{Conn: server, Timeout: timeout}
				if full {
					s.Limit = fullLimit(t)
				}
				result := make(chan error, 1)
				go func() {
					_, err := s.Write(make([]byte, 16<<20))
					result <- err
				}()
				_, err = read(client, 40, 100*time.Millisecond, 9*timeout/4) // 400 bytes per second
				check(t, err)
				select {
				case err := <-result:
					if !full || !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("write: %v", err)
					}
				default:
					if full {
						t.Error("the client was not cut off")
					}
				}
			})
		})
	}
}

func readN(r io.Reader, n int) ([]byte, error) {
	data := make([]byte, n)
	n, err := io.ReadFull(r, data)
	return data[:n], err
}

// TestSocketReads checks the deadlines of the reads of a body.
func TestSocketReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const timeout = 10 * time.Second
		s := &conn.Socket{Timeout: timeout}
		// read takes so long, brings n bytes, and may have taken as long as want.
		read := func(want, takes time.Duration, n int) {
			t.Helper()
			if got := time.Until(s.StartRead()); got != want {
				t.Errorf("%v for a read, want %v", got, want)
			}
			<-time.After(takes)
			s.EndRead(n)
			<-time.After(time.Minute) // the handler takes its time
		}
		s.StartBody()
		for range 3 { // a drip
			read(timeout, 9*time.Second, 1)
		}
		s.Limit = fullLimit(t)
		read(timeout, 4*time.Second, 1)
		read(6*time.Second, 5*time.Second, 100)
		read(1*time.Second, 0, 4_000)
		read(1*time.Second, 0, 900) // 5,001 bytes in all
		read(timeout, 9*time.Second, 1)
		s.StartBody()
		read(timeout, 0, 0)
		s.Timeout = 0
		if deadline := s.StartRead(); !deadline.IsZero() {
			t.Errorf("without a timeout, a deadline of %v", deadline)
		}
	})
}
