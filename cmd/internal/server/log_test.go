package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func TestLogQueue(t *testing.T) {
	var out bytes.Buffer
	q := newLogQueue(&out, textLog(&out))
	for i := range 100 {
		fmt.Fprintf(q, "line %d\n", i)
	}
	q.close()
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 100 || lines[0] != "line 0" || lines[99] != "line 99" {
		t.Errorf("%d lines, %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
}

// blockedWriter blocks until free is closed.
type blockedWriter struct {
	free chan struct{}
	out  bytes.Buffer
}

func (w *blockedWriter) Write(p []byte) (int, error) {
	<-w.free
	return w.out.Write(p)
}

// TestLogQueueBlocked has no reader: lines are dropped and counted, and neither Write nor close waits forever.
func TestLogQueueBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &blockedWriter{free: make(chan struct{})}
		q := newLogQueue(w, textLog(w))
		const more = 10
		io.WriteString(q, "first\n") //nolint:errcheck // never fails
		synctest.Wait()              // the line is being written
		for range queuedLines + more {
			io.WriteString(q, "line\n") //nolint:errcheck // never fails
		}
		q.close()
		close(w.free)
		<-q.done
		out := w.out.String()
		if want := fmt.Sprintf("lines=%d", more); strings.Count(out, "\nline\n") == 0 || !strings.Contains(out, want) {
			t.Errorf("not logged: %s\n%.500s", want, out)
		}
	})
}
