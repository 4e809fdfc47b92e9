package worker

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// whileTaken makes attempts to write until one does not fail for its deadline, or the client has taken nothing for the
// length of a whole deadline. How slow it is does not matter otherwise.
//
// Whether it has taken anything is seen in the kernel's queue: that may be large, and a write only goes on when a good
// part of it is free.
func (c *conn) whileTaken(attempt func() (int64, error)) error {
	queued := -1 // bytes, at the end of the last attempt; -1: not known
	for {
		if err := c.socket.SetWriteDeadline(time.Now().Add(c.server.cfg.SocketTimeout)); err != nil {
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

// queued is how many bytes the client has not taken yet, and -1 where that cannot be known.
func (c *conn) queued() int { return c.count(unix.SIOCOUTQ) }

// arrived is whether something has come from the client that was not read yet.
func (c *conn) arrived() bool { return c.count(unix.SIOCINQ) > 0 }

// count asks the kernel about the socket, and is -1 where it does not know.
func (c *conn) count(what uint) int {
	socket, ok := c.socket.(syscall.Conn)
	if !ok {
		return -1
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return -1
	}
	n := -1
	err = raw.Control(func(fd uintptr) {
		if q, err := unix.IoctlGetInt(int(fd), what); err == nil {
			n = q
		}
	})
	if err != nil {
		return -1
	}
	return n
}
