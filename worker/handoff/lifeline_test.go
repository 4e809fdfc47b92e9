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
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = tether.Close(), file.Close() })
	return tether, &Lifeline{file}
}

func TestLifeline(t *testing.T) {
	tether, lifeline := newLifeline(t)
	words := []Word{Unready, Few, Enough, Reopen, 'x'}
	for _, word := range words {
		if err := tether.Send(word); err != nil {
			t.Fatal(err)
		}
	}
	if err := tether.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range words { // also those that were told before the end
		if word, err := lifeline.Next(); word != want || err != nil {
			t.Errorf("%q, %v, want %q", word, err, want)
		}
	}
	if _, err := lifeline.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestTellDoesNotWait(t *testing.T) {
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

func TestTellAWorkerThatIsGone(t *testing.T) {
	tether, lifeline := newLifeline(t)
	if err := lifeline.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tether.Send(Unready); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Tell: %v", err)
	}
	if err := tether.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tether.Send(Unready); err == nil {
		t.Error("Tell after Close: no error")
	}
}

func TestLifelineCloseEndsNext(t *testing.T) {
	_, lifeline := newLifeline(t)
	ended := make(chan error)
	go func() {
		_, err := lifeline.Next()
		ended <- err
	}()
	if err := lifeline.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next: %v", err)
	}
}

// TestLifelineIsNotInherited by what the master starts meanwhile: a copy of the master's end would outlive it.
func TestLifelineIsNotInherited(t *testing.T) {
	tether, lifeline := newLifeline(t)
	for _, file := range []*os.File{tether.file, lifeline.file} {
		own, shared := flags(t, file)
		if own&unix.FD_CLOEXEC == 0 || shared&unix.O_NONBLOCK == 0 {
			t.Errorf("flags %#x, %#x", own, shared)
		}
	}
}
