package handoff

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Word is what a master tells a worker through its lifeline. A worker ignores those that it does not know.
type Word byte

// The words of a master.
const (
	Unready Word = 'u' // answer 503 to readiness checks from now on, and go on serving
	Reopen  Word = 'l' // reopen the log
	Few     Word = 'f' // fewer workers than min-ready are ready
	Enough  Word = 'e' // as many as that are ready again
	Cut     Word = 'c' // do not wait for requests: cancel them and end
)

// FewReady is what both ends say to a readiness check because of Few.
const FewReady = "fewer than min-ready workers are ready"

// Lifeline is a worker's end of the pipe from its master. Its end is the master's end, however that came about: the
// worker drains and exits. A parent's pid tells less: it changes to 1, to a subreaper, or in a container was 1 before.
type Lifeline struct{ file *os.File }

// Next waits for the master's next word. It returns io.EOF when the master is gone and os.ErrClosed after Close.
func (l *Lifeline) Next() (Word, error) {
	var word [1]byte
	if _, err := l.file.Read(word[:]); err != nil {
		return 0, err
	}
	return Word(word[0]), nil
}

// Close ends a Next that waits, in whichever goroutine.
func (l *Lifeline) Close() error { return l.file.Close() }

// Tether is the master's end of a lifeline.
type Tether struct{ file *os.File }

// NewLifeline makes the pipe. The caller passes the descriptor of the worker's end on and closes it; the tether it
// keeps for as long as it wants the worker to live.
func NewLifeline() (*Tether, *os.File, error) {
	var fds [2]int
	// Neither end blocks: a worker that reads nothing must not stop its master.
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, nil, fmt.Errorf("make lifeline: %w", os.NewSyscallError("pipe2", err))
	}
	return &Tether{os.NewFile(uintptr(fds[1]), LifelineName)}, os.NewFile(uintptr(fds[0]), LifelineName), nil
}

// Send sends a word. It never blocks: to a worker that has left thousands of words unread, or that is gone, it is an error.
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

// Close lets the worker go: it takes it as the master's end.
func (t *Tether) Close() error { return t.file.Close() }
