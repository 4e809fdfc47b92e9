package conn

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// minRate is the least that a client must send of a body or take of an answer while others wait for a place, in bytes per
// second on average over a Timeout. A modem had six times as much.
const minRate = 500

// Socket is a client's connection as the kernel has it, with deadlines for its writes and for the reads of a request's body. A
// client that neither takes nor sends anything for a whole Timeout is cut off, however long the rest may take, and so is one
// that is slower than minRate while the Limit is full.
type Socket struct {
	net.Conn               // without deadlines of its own
	Timeout  time.Duration // 0: none
	Limit    *Limit        // nil: never full

	write    write
	deadline atomic.Bool // see OwnWriteDeadline

	// Of the current body. One goroutine at a time reads it.
	patience time.Duration // that is left for reads
	received int           // bytes since patience was renewed
	began    time.Time     // of the current read
}

// full reports whether slow clients are to be cut off.
func (s *Socket) full() bool { return s.Limit != nil && s.Limit.Full() }

// tooSlow reports whether n bytes in the length of a Timeout are fewer than minRate allows.
func (s *Socket) tooSlow(n int64) bool { return float64(n) < minRate*s.Timeout.Seconds() }

// OwnWriteDeadline sets whether the connection has a write deadline of the caller's, which ends a write that is in progress.
func (s *Socket) OwnWriteDeadline(own bool) { s.deadline.Store(own) }

// StartBody resets the time that the client has for a body.
func (s *Socket) StartBody() { s.patience, s.received = s.Timeout, 0 }

// StartRead returns the deadline of a read of the body; the zero time is none. What the handler does between two reads does
// not count.
func (s *Socket) StartRead() (deadline time.Time) {
	if s.Timeout == 0 {
		return time.Time{}
	}
	s.began = time.Now()
	return s.began.Add(s.patience)
}

// EndRead follows a read of n bytes. It renews the client's time, unless others wait and the client is slow.
func (s *Socket) EndRead(n int) {
	if s.Timeout == 0 || n == 0 {
		return
	}
	s.received += n
	if s.full() && s.tooSlow(int64(s.received)) {
		s.patience -= time.Since(s.began)
		return
	}
	s.StartBody()
}

// Write writes p for as long as the client takes enough of it.
func (s *Socket) Write(p []byte) (int, error) {
	written := 0
	err := s.retry(func() (int64, error) {
		n, err := s.Conn.Write(p[written:])
		written += n
		return int64(n), err
	})
	return written, err
}

// errPartlyRead ends the sending of a file on a file system without sendfile. There, package net reads and writes: what it had
// read but not written when the deadline passed is lost.
var errPartlyRead = errors.New("client too slow for a file without sendfile")

// SendFile has the kernel copy a file, as Write does. The connection must be TCP.
func (s *Socket) SendFile(file *io.LimitedReader) (int64, error) {
	tcp := s.Conn.(*net.TCPConn)
	sent := int64(0)
	err := s.retry(func() (int64, error) {
		before := file.N
		n, err := tcp.ReadFrom(file)
		sent += n
		if before-file.N != n && errors.Is(err, os.ErrDeadlineExceeded) {
			err = errPartlyRead
		}
		return n, err
	})
	return sent, err
}

// RegularFile returns src if it is a regular file or a part of one, and nil otherwise.
func RegularFile(src io.Reader) *io.LimitedReader {
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: 1<<63 - 1}
	}
	file, ok := limited.R.(interface {
		Stat() (fs.FileInfo, error)
		syscall.Conn
	})
	if !ok {
		return nil
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return limited
}

// retry makes attempts to write, each with a deadline, until one does not fail for its deadline or the client has stalled.
//
// The kernel's queue shows what the client takes: it may be large, and a write continues only once a good part of it is free.
func (s *Socket) retry(attempt func() (n int64, err error)) error {
	queued := int64(-1) // at the end of the last attempt; -1: unknown
	now := time.Now()
	s.write.begin(now)
	defer s.write.end()
	for ; ; now = time.Now() {
		if s.Timeout > 0 {
			if err := s.SetWriteDeadline(now.Add(s.Timeout)); err != nil {
				return err
			}
			if s.deadline.Load() { // set meanwhile, and replaced by that of this attempt
				return os.ErrDeadlineExceeded
			}
		}
		n, err := attempt()
		if !errors.Is(err, os.ErrDeadlineExceeded) || s.deadline.Load() {
			return err
		}
		before := queued
		queued = int64(ioctl(s.Conn, unix.SIOCOUTQ))
		taken := before + n - queued
		switch {
		case queued < 0:
			return err
		case before < 0:
			continue
		case taken <= 0 && n == 0, s.full() && s.tooSlow(taken):
			return err
		}
	}
}

// StalledSince returns the time since which the client has taken nothing of the write in progress. It returns the zero time if there
// is no write, or until the client has been stalled for 5 s, during which it must be called at least once a second.
func (s *Socket) StalledSince() time.Time { return s.write.stalledSince(s.Conn) }

// maxUnsent is the number of bytes of an answer that the kernel queues for a client that does not read. By itself, it would queue
// 4 MiB for each.
const maxUnsent = 256 << 10

// LimitQueue makes writes to c wait for the client once the kernel has queued enough. It has no effect on unix sockets, whose queues
// are small.
func LimitQueue(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent) })
	}
}

// Queued reports whether a client waits to be accepted, or the listener cannot tell.
func Queued(l net.Listener) bool {
	socket, ok := l.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	queued := true
	_ = raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		queued = n > 0 || err != nil
	})
	return queued
}

// Unread reports whether the kernel has received something that was not read yet.
func Unread(c net.Conn) bool { return ioctl(c, unix.SIOCINQ) > 0 }

// ioctl asks the kernel for a number about a socket. It returns -1 if c is no open socket.
func ioctl(c net.Conn, request uint) int {
	n := -1
	socket, ok := c.(syscall.Conn)
	if !ok {
		return n
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return n
	}
	_ = raw.Control(func(fd uintptr) {
		if value, err := unix.IoctlGetInt(int(fd), request); err == nil {
			n = value
		}
	})
	return n
}
