package handoff

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Word is a message of a master to a worker by its lifeline. A worker ignores words that it does not know.
type Word byte

// Words.
const (
	Unready Word = 'u' // fail readiness checks from now on, and continue to serve
	Reopen  Word = 'l' // reopen the log
	Few     Word = 'f' // fewer workers than min-ready are ready
	Enough  Word = 'e' // min-ready workers are ready again
	Cut     Word = 'c' // cancel requests and exit
)

// FewReady is the reason that both ends give for a failed readiness check after Few.
const FewReady = "fewer than min-ready workers are ready"

// Lifeline is a worker's end of a pipe from its master. At the end of the pipe the master is gone, for whatever reason, and the worker
// drains and exits. The parent's pid is no substitute: it may change to 1 or to a subreaper, and in a container may be 1 from the
// start.
type Lifeline struct{ file *os.File }

// Next waits for the next word. It returns io.EOF when the master is gone, and os.ErrClosed after Close.
func (l *Lifeline) Next() (Word, error) {
	var word [1]byte
	if _, err := l.file.Read(word[:]); err != nil {
		return 0, err
	}
	return Word(word[0]), nil
}

// Close also ends a Next that waits in another goroutine.
func (l *Lifeline) Close() error { return l.file.Close() }

// Tether is the master's end of a lifeline.
type Tether struct{ file *os.File }

// NewLifeline creates the pipe. The caller passes the file to the worker and closes it, and keeps the tether open for as long as the
// worker is to run.
func NewLifeline() (*Tether, *os.File, error) {
	var fds [2]int
	// Non-blocking, so that a worker that does not read cannot stop its master.
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, nil, fmt.Errorf("create lifeline: %w", os.NewSyscallError("pipe2", err))
	}
	return &Tether{os.NewFile(uintptr(fds[1]), LifelineName)}, os.NewFile(uintptr(fds[0]), LifelineName), nil
}

// Send sends a word. It never blocks: it fails if the worker is gone or has left thousands of words unread.
func (t *Tether) Send(word Word) error {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		_, err := syscall.Write(int(fd), []byte{byte(word)})
		failed = os.NewSyscallError("write", err)
		return true
	})
	return errors.Join(err, failed)
}

// Close makes the worker drain and exit.
func (t *Tether) Close() error { return t.file.Close() }
