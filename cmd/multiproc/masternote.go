package main

import (
	"encoding/json"
	"log/slog"
	"time"

	"multiproc/cmd/internal/cli"
	"multiproc/master"
	"multiproc/mpmetrics"
)

// masterNote is what the master leaves in the metrics directory for people who look there: how things were a moment ago, also
// when it hangs or is dead, or the directory was copied.
//
// Who may read the metric files may read it, as umask says: pids, states and numbers, which /proc shows to everybody, and the words
// in which workers say how they are. Why reloads failed is left out: those are the words of programs that died, and may hold
// anything.
type masterNote struct {
	At     time.Time     `json:"at"`
	Status master.Status `json:"status"`
}

// readMasterNote gives what the master has left; nil where there is nothing, or something of another version.
func readMasterNote(note []byte) *masterNote {
	var n masterNote
	if len(note) == 0 || json.Unmarshal(note, &n) != nil || n.At.IsZero() {
		return nil
	}
	return &n
}

// noteKeeper leaves the master's notes, from a goroutine of its own: a master does not wait for a disk.
type noteKeeper struct {
	directory *mpmetrics.Directory
	log       *slog.Logger
	newest    chan masterNote // room for one
	done      chan struct{}
}

func newNoteKeeper(d *mpmetrics.Directory, log *slog.Logger) *noteKeeper {
	k := &noteKeeper{d, log, make(chan masterNote, 1), make(chan struct{})}
	go k.run()
	return k
}

// keep has a status left. It does not block: of several that wait the newest counts. It is for one goroutine.
func (k *noteKeeper) keep(s master.Status) {
	select {
	case <-k.newest:
	default:
	}
	s.Reloads = nil
	k.newest <- masterNote{time.Now(), s}
}

func (k *noteKeeper) run() {
	defer close(k.done)
	told := ""
	for n := range k.newest {
		text, err := json.Marshal(n)
		if err == nil {
			err = k.directory.Leave(text)
		}
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if fault != "" && fault != told {
			k.log.Warn("the master's status cannot be left in the metrics directory", "error", fault)
		}
		told = fault
	}
}

// close leaves what waits, and waits for that a moment.
func (k *noteKeeper) close() {
	close(k.newest)
	select {
	case <-k.done:
	case <-time.After(cli.FlushTimeout):
	}
}
