package master

import (
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/worker/handoff"
)

// manager is whoever supervises the master: systemd, or nobody. See sd_notify(3).
type manager struct {
	notifier *handoff.Notifier
	watchdog time.Duration // how often it wants to hear; 0: never
	log      *slog.Logger
	last     string // what it was told last, so that nothing is told twice
	ending   bool   // it was told that the master stops
}

func (m *manager) tell(lines ...string) {
	if err := m.notifier.SendLines(lines...); err != nil {
		m.log.Warn("the service manager cannot be told", "error", err)
	}
}

func (m *manager) ready() { m.tell("READY=1") }

// extend asks for more time: the start, or the reload, may take this long from now on.
func (m *manager) extend(by time.Duration) {
	m.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", by.Microseconds()))
}

// rhythm is how often the manager must be told, at least.
func (m *manager) rhythm() time.Duration {
	if m.watchdog > 0 {
		return min(sampling, m.watchdog/2)
	}
	return sampling
}

func (m *manager) alive() {
	if m.watchdog > 0 {
		m.tell("WATCHDOG=1")
	}
}

// reloading tells the time too, without which systemd cannot tell the end of this reload from that of one before.
func (m *manager) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		m.log.Warn("no monotonic clock", "error", err)
		return
	}
	m.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

func (m *manager) status(s Status) {
	if s.Stopping && !m.ending {
		m.ending = true
		m.tell("STOPPING=1")
	}
	text := fmt.Sprintf("STATUS=generation %d, %d of %d workers ready", s.Generation, s.Ready(), s.Target)
	if text == m.last {
		return
	}
	m.last = text
	m.tell(text)
}
