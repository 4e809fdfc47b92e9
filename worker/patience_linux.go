package worker

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// whileTaken makes attempts to write until one does not fail for its deadline, or the client has taken nothing for the
// length of a whole deadline. How slow it is does not matter otherwise, unless it was given up to make room.
//
// Whether it has taken anything is seen in the kernel's queue: that may be large, and a write only goes on when a good
// part of it is free.
func (c *conn) whileTaken(attempt func() (int64, error)) error {
	defer c.endWrite()
	queued := -1 // bytes, at the end of the last attempt; -1: not known
	for {
		if err := c.beginWrite(); err != nil {
			return err
		}
		n, err := attempt()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		before := queued
		queued = c.queued()
		if n == 0 && before >= 0 && queued >= before || queued < 0 {
			return err
		}
	}
}

// beginWrite gives an attempt to write its deadline.
func (c *conn) beginWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return os.ErrDeadlineExceeded
	}
	c.taking.waits = true
	return c.socket.SetWriteDeadline(time.Now().Add(c.server.cfg.SocketTimeout))
}

func (c *conn) endWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taking.waits = false
}

// queued is how many bytes the client has not taken yet, and -1 where that cannot be known.
func (c *conn) queued() int { return c.count(unix.SIOCOUTQ) }

// arrived is whether something has come from the client that was not read yet.
func (c *conn) arrived() bool { return c.count(unix.SIOCINQ) > 0 }

// count asks the kernel about the socket, and is -1 where it does not know.
func (c *conn) count(what uint) int {
	n := -1
	c.control(func(fd int) {
		if q, err := unix.IoctlGetInt(fd, what); err == nil {
			n = q
		}
	})
	return n
}

// taken is how many bytes the client has taken since its connection began. Only TCP knows.
func (c *conn) taken() (bytes uint64, known bool) {
	c.control(func(fd int) {
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			bytes, known = info.Bytes_acked, true
		}
	})
	return bytes, known
}

// control has the socket's descriptor looked at, if it is a kernel's and open.
func (c *conn) control(look func(fd int)) {
	socket, ok := c.socket.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { look(int(fd)) })
	}
}
