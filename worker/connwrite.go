package worker

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.condemned {
		return nil
	}
	// net/http takes it away after each request. That of the last write may stay: the next one has its own.
	if t.IsZero() && !c.ownWriteDeadline && !c.hijacked {
		return nil
	}
	c.ownWriteDeadline = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) Write(p []byte) (int, error) {
	timed, err := c.admitWrite(p)
	if err != nil {
		return 0, err
	}
	if !timed || c.tls != nil {
		return c.Conn.Write(p)
	}
	return c.writePatiently(p)
}

// ReadFrom lets the kernel copy a file to a client, as *net.TCPConn does. From other sources it reads itself: there, a
// deadline for the client would also run while the source has nothing.
func (c *conn) ReadFrom(src io.Reader) (int64, error) {
	tcp, ok := c.Conn.(*net.TCPConn)
	limited := limitedFile(src)
	if !ok || limited == nil {
		return c.copyFrom(src)
	}
	timed, err := c.admitWrite(nil)
	if err != nil {
		return 0, err
	}
	if !timed {
		return tcp.ReadFrom(src)
	}
	written := int64(0)
	err = c.whileTaken(func() (int64, error) {
		before := limited.N
		n, err := tcp.ReadFrom(limited)
		written += n
		if before-limited.N != n && errors.Is(err, os.ErrDeadlineExceeded) {
			err = errLost
		}
		return n, err
	})
	return written, err
}

// admitWrite is asked before something is written; p is nil where it is not known yet. timed is that the write has a
// deadline of its own.
func (c *conn) admitWrite(p []byte) (timed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.condemned {
		return false, http.ErrHandlerTimeout
	}
	if !c.answering {
		c.answering = !informational(p)
	}
	return !c.ownWriteDeadline && !c.hijacked, nil
}

// informational is whether p, which net/http writes before any other part of an answer, is only a 100 Continue or the
// like, after which the answer is still to come.
func informational(p []byte) bool {
	return bytes.HasPrefix(p, []byte("HTTP/1.1 1")) && !bytes.HasPrefix(p, []byte("HTTP/1.1 101"))
}

// writePatiently writes to the socket, for as long as the client takes some of it.
func (c *conn) writePatiently(p []byte) (int, error) {
	written := 0
	err := c.whileTaken(func() (int64, error) {
		n, err := c.socket.Write(p[written:])
		written += n
		return int64(n), err
	})
	return written, err
}

// copyBuffer is what is read at once from a source that is no file.
type copyBuffer [32 << 10]byte

func (c *conn) copyFrom(src io.Reader) (int64, error) {
	buffer, ok := c.server.buffers.Get().(*copyBuffer)
	if !ok {
		buffer = new(copyBuffer)
	}
	defer c.server.buffers.Put(buffer)
	return io.CopyBuffer(struct{ io.Writer }{c}, src, buffer[:])
}

// errLost ends an answer on a file system without sendfile, where net reads and writes instead, when its deadline has
// passed: what was read but not written cannot be had again.
var errLost = errors.New("the client takes too long")

// limitedFile is src, if that is a file on a disk or a part of one, and nil otherwise.
func limitedFile(src io.Reader) *io.LimitedReader {
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
