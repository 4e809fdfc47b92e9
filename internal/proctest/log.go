package proctest

import (
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log collects the lines that a process or a logger writes, and lets tests wait for one. The zero value is ready to use, from
// any number of goroutines.
type Log struct {
	mu    sync.Mutex
	lines []string
	part  string        // the last line as long as it has no end
	more  chan struct{} // closed at the next line, and replaced; nil while nobody waits
}

var _ io.Writer = (*Log)(nil)

// Write takes text whose lines need not be whole.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part += string(p)
	for {
		line, rest, whole := strings.Cut(l.part, "\n")
		if !whole {
			return len(p), nil
		}
		l.lines, l.part = append(l.lines, line), rest
		if l.more != nil {
			close(l.more)
			l.more = nil
		}
	}
}

// Lines returns the lines that have all these parts.
func (l *Log) Lines(parts ...string) []string {
	lines, _ := l.find(parts)
	return lines
}

// Count returns the number of lines that have all these parts.
func (l *Log) Count(parts ...string) int { return len(l.Lines(parts...)) }

// Wait returns the first line that has all these parts, and waits for it until done is closed. A nil done is never closed.
func (l *Log) Wait(tb testing.TB, done <-chan struct{}, parts ...string) string {
	tb.Helper()
	deadline := time.After(Patience)
	for {
		found, more := l.find(parts)
		if len(found) > 0 {
			return found[0]
		}
		select {
		case <-more:
		case <-done:
			if found, _ := l.find(parts); len(found) > 0 {
				return found[0]
			}
			tb.Fatalf("the process ended without logging %q:\n%s", parts, l)
		case <-deadline:
			tb.Fatalf("not logged within %s: %q\n%s", Patience, parts, l)
		}
	}
}

// find returns the lines that have all these parts, and a channel that is closed at the next line.
func (l *Log) find(parts []string) ([]string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			found = append(found, line)
		}
	}
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return found, l.more
}

// String returns everything that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 0 {
		return l.part
	}
	return strings.Join(l.lines, "\n") + "\n" + l.part
}

// Reset forgets the lines so far.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines, l.part = nil, ""
}
