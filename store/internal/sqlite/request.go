package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// request is one call of Update, shared by its caller and the writer.
type request struct {
	f     func(Tx) error
	taken atomic.Bool // by the writer, which answers it, or by its caller, which has given up
	err   error
	done  chan error // has room for the answer
}

func newRequest(f func(Tx) error) *request { return &request{f: f, done: make(chan error, 1)} }

// update is DB.Update without the classification of errors.
func (w *writer) update(ctx context.Context, f func(Tx) error) error {
	r := newRequest(f)
	timeout := time.NewTimer(w.options.Timeout)
	defer timeout.Stop()
	if w.closing.Err() != nil { // select would choose at random between it and room in the queue
		return ErrClosed
	}
	select {
	case w.queue <- r:
	case <-w.closing.Done():
		return ErrClosed
	case <-timeout.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	var gaveUp error
	select {
	case err := <-r.done:
		return outcome(err)
	case <-timeout.C:
		gaveUp = ErrBusy
	case <-ctx.Done():
		gaveUp = ctx.Err()
	case <-w.ended:
		gaveUp = ErrClosed
	}
	if r.taken.CompareAndSwap(false, true) {
		return gaveUp
	}
	return outcome(<-r.done)
}

// panicError is a panic of f: its value, and where it happened.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// call calls f and returns its panic as an error, for Update to panic with in the caller's goroutine.
func call(f func(Tx) error, tx Tx) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		if value == nil {
			panic("BUG: an update ends the goroutine of the writer")
		}
		err = &panicError{value, debug.Stack()}
	}()
	err = f(tx)
	returned = true
	return err
}

// outcome returns the error of an update, or panics as its f did.
func outcome(err error) error {
	if panicked, ok := errors.AsType[*panicError](err); ok {
		panic(panicked)
	}
	return err
}
