package handoff

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func newLifeline(t *testing.T) (*Tether, *Lifeline) {
	t.Helper()
	tether, file, err := NewLifeline()
	check(t, err)
	t.Cleanup(func() { _, _ = tether.Close(), file.Close() })
	return tether, &Lifeline{file}
}

func TestLifeline(t *testing.T) {
	tether, lifeline := newLifeline(t)
	words := []Word{Unready, Few, Enough, Reopen, 'x'}
	for _, word := range words {
		check(t, tether.Send(word))
	}
	check(t, tether.Close())
	for _, want := range words { // also those sent before the end
		if word, err := lifeline.Next(); word != want || err != nil {
			t.Errorf("%q, %v, want %q", word, err, want)
		}
	}
	if _, err := lifeline.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestSendDoesNotBlock(t *testing.T) {
	tether, _ := newLifeline(t)
	var err error
	n := 0
	for ; err == nil && n < 1<<21; n++ {
		err = tether.Send(Unready)
	}
	if !errors.Is(err, syscall.EAGAIN) || n < 1000 {
		t.Errorf("word %d: %v", n, err)
	}
}

func TestSendToDeadWorker(t *testing.T) {
	tether, lifeline := newLifeline(t)
	check(t, lifeline.Close())
	if err := tether.Send(Unready); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Send: %v", err)
	}
	check(t, tether.Close())
	if err := tether.Send(Unready); err == nil {
		t.Error("Send after Close: no error")
	}
}

func TestLifelineCloseEndsNext(t *testing.T) {
	_, lifeline := newLifeline(t)
	ended := make(chan error)
	go func() {
		_, err := lifeline.Next()
		ended <- err
	}()
	check(t, lifeline.Close())
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next: %v", err)
	}
}

// A process that the master starts must not inherit a lifeline: a copy of the master's end would outlive it.
func TestLifelineIsNotInherited(t *testing.T) {
	tether, lifeline := newLifeline(t)
	for _, file := range []*os.File{tether.file, lifeline.file} {
		own, shared := flags(t, file)
		if own&unix.FD_CLOEXEC == 0 || shared&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %#x, %#x", own, shared)
		}
	}
}
