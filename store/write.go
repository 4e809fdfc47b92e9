package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// write is one call of Update, which the caller and the writer share.
type write struct {
	f     func(*Tx) error
	taken atomic.Bool // by the writer, which answers it, or by its caller, who no longer waits
	err   error
	done  chan error // has room for the answer
}

func newWrite(f func(*Tx) error) *write { return &write{f: f, done: make(chan error, 1)} }

// update is Store.Update, but for the names of errors.
func (w *writer) update(ctx context.Context, f func(*Tx) error) error {
	asked := newWrite(f)
	timeout := time.NewTimer(w.options.Timeout)
	defer timeout.Stop()
	if w.closing.Err() != nil { // not by chance, where there is room in the queue
		return ErrClosed
	}
	select {
	case w.queue <- asked:
	case <-w.closing.Done():
		return ErrClosed
	case <-timeout.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	var gaveUp error
	select {
	case err := <-asked.done:
		return outcome(err)
	case <-timeout.C:
		gaveUp = ErrBusy
	case <-ctx.Done():
		gaveUp = ctx.Err()
	case <-w.ended:
		gaveUp = ErrClosed
	}
	if asked.taken.CompareAndSwap(false, true) {
		return gaveUp
	}
	return outcome(<-asked.done)
}

// panicError is the value that f panicked with, and where.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// call calls f. Its panic is for the one who wanted the write, as if f had been called there: others wait for the writer.
func call(f func(*Tx) error, tx *Tx) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		if value == nil {
			panic("BUG: a transaction ends the goroutine of all writes")
		}
		err = &panicError{value, debug.Stack()}
	}()
	err = f(tx)
	returned = true
	return err
}

// outcome is what Update returns.
func outcome(err error) error {
	if panicked, ok := errors.AsType[*panicError](err); ok {
		panic(panicked)
	}
	return err
}
