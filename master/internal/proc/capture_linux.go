package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxCaptured bounds how much of a process's stderr is kept, in bytes: the beginning, where a failed start is reported.
const maxCaptured = 16 << 10

// maxWrite bounds a single write of a process's stderr, in bytes: PIPE_BUF, up to which the kernel does not mix it with the writes
// of other processes to the same pipe.
const maxWrite = 4096

// outputTimeout bounds the wait for the rest of the output of a process that has exited: a process that it has started may hold
// the pipe open.
const outputTimeout = 200 * time.Millisecond

// Capture passes on a process's stderr and keeps its beginning, to explain why a start or a reload failed. A worker of this module
// stops writing to the pipe as soon as it is ready.
type Capture struct {
	pipe *os.File
	done chan struct{} // closed at the end of the pipe

	mu    sync.Mutex // guards start
	start []byte
}

// newCapture returns the end for the process as well, which the caller closes.
func newCapture() (*Capture, *os.File, error) {
	pipe, end, err := newPipe("stderr")
	if err != nil {
		return nil, nil, err
	}
	return &Capture{pipe: pipe, done: make(chan struct{})}, end, nil
}

// newPipe makes a pipe to read from. The end for the process is blocking, as most programs expect, unlike that of os.Pipe.
func newPipe(name string) (pipe, end *os.File, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("create pipe: %w", os.NewSyscallError("pipe2", err))
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("fcntl", err), syscall.Close(fds[0]), syscall.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}

// Copy passes everything on until every process has closed the other end. It closes the pipe.
func (c *Capture) Copy(to io.Writer) {
	defer close(c.done)
	defer c.pipe.Close()
	// Whole lines where possible, since others write there, too. Errors are ignored: the end of the log must not stop a worker.
	chunk, held := make([]byte, maxWrite), 0
	for {
		n, err := c.pipe.Read(chunk[held:])
		c.keep(chunk[held : held+n])
		held += n
		end := bytes.LastIndexByte(chunk[:held], '\n') + 1
		if end == 0 && held == len(chunk) || err != nil {
			end = held
		}
		if end > 0 {
			_, _ = to.Write(chunk[:end])
			held = copy(chunk, chunk[end:held])
		}
		if err != nil {
			return
		}
	}
}

func (c *Capture) keep(chunk []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start = append(c.start, chunk[:min(len(chunk), maxCaptured-len(c.start))]...)
}

// text returns the beginning of the output.
func (c *Capture) text() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.start...)
}

// abandon closes a pipe that is not copied.
func (c *Capture) abandon() error {
	close(c.done)
	return c.pipe.Close()
}

// FirstError waits briefly for the end of the output and returns its FirstError.
func (c *Capture) FirstError() string {
	select {
	case <-c.done:
	case <-time.After(outputTimeout):
	}
	return FirstError(c.text())
}
