package master

import (
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/worker/handoff"
)

// manager notifies the service manager, if there is one; see sd_notify(3).
type manager struct {
	notifier *handoff.Notifier
	watchdog time.Duration // how often it expects a watchdog message; 0: never
	log      *slog.Logger
	last     string // the latest status text, which is not repeated
	ending   bool   // STOPPING=1 was sent
}

func (m *manager) notify(lines ...string) {
	if err := m.notifier.SendLines(lines...); err != nil {
		m.log.Warn("cannot notify service manager", "error", err)
	}
}

func (m *manager) ready() { m.notify("READY=1") }

// extend asks for more time for the start or the reload, from now on.
func (m *manager) extend(by time.Duration) {
	m.notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", by.Microseconds()))
}

// interval returns how often the master must sample, and send a watchdog message.
func (m *manager) interval() time.Duration {
	if m.watchdog > 0 {
		return min(sampleInterval, m.watchdog/2)
	}
	return sampleInterval
}

func (m *manager) alive() {
	if m.watchdog > 0 {
		m.notify("WATCHDOG=1")
	}
}

// reloading sends the time as well, without which systemd cannot distinguish this reload from the one before.
func (m *manager) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		m.log.Warn("no monotonic clock", "error", err)
		return
	}
	m.notify("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

func (m *manager) status(s Status) {
	if s.Stopping && !m.ending {
		m.ending = true
		m.notify("STOPPING=1")
	}
	text := fmt.Sprintf("STATUS=generation %d, %d of %d workers ready", s.Generation, s.Ready(), s.Target)
	if text == m.last {
		return
	}
	m.last = text
	m.notify(text)
}
