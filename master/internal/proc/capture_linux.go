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

// maxCaptured bounds how much of a process's stderr is kept, in bytes: from its beginning, where a failed start is told.
const maxCaptured = 16 << 10

// maxPassed is how much of a process's stderr is written at once, in bytes: what the kernel does not mix with what others
// write to the same pipe (PIPE_BUF).
const maxPassed = 4096

// Capture passes on what a process writes to stderr, and keeps the beginning, so that whoever asked for a reload hears why
// it failed. A worker of this module gives the pipe up as soon as it serves.
type Capture struct {
	pipe *os.File
	done chan struct{} // closed at the end of the pipe

	mu    sync.Mutex
	start []byte
}

// newCapture gives the end that the process writes to as well, which the caller closes.
func newCapture() (*Capture, *os.File, error) {
	pipe, end, err := newPipe("stderr")
	if err != nil {
		return nil, nil, err
	}
	return &Capture{pipe: pipe, done: make(chan struct{})}, end, nil
}

// newPipe makes a pipe to read from. The end for another process blocks, as most programs expect; the one of os.Pipe would
// not.
func newPipe(name string) (pipe, end *os.File, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", os.NewSyscallError("pipe2", err))
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("fcntl", err), syscall.Close(fds[0]), syscall.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}

// Copy passes on until everybody who holds the other end has closed it. It closes the pipe.
func (c *Capture) Copy(to io.Writer) {
	defer close(c.done)
	defer c.pipe.Close()
	// Whole lines, as long as there is room for them: others write there, too. A log that is gone must not stop the worker.
	chunk, held := make([]byte, maxPassed), 0
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

// text is what came first.
func (c *Capture) text() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.start...)
}

// abandon closes a pipe that nobody passes on.
func (c *Capture) abandon() error {
	close(c.done)
	return c.pipe.Close()
}

// outputTimeout is how long to wait for the stderr of a process that has ended: something that it started may hold it.
const outputTimeout = 200 * time.Millisecond

// FirstError waits for a moment for the end of what the process has to say.
func (c *Capture) FirstError() string {
	select {
	case <-c.done:
	case <-time.After(outputTimeout):
	}
	return FirstError(c.text())
}
