package master

import (
	"os"
	"syscall"

	"multiproc/master/internal/fleet"
	"multiproc/worker/handoff"
)

func (m *Master) signalled(s os.Signal) {
	switch s {
	case syscall.SIGTERM, syscall.SIGQUIT:
		m.handle(fleet.StopRequested{})
	case syscall.SIGINT:
		m.handle(fleet.StopRequested{Fast: true})
	case syscall.SIGHUP:
		m.handle(fleet.ReloadRequested{})
	case syscall.SIGUSR1:
		m.reopenLogs()
	case syscall.SIGTTIN:
		m.handle(fleet.Resized{By: +1})
	case syscall.SIGTTOU:
		m.handle(fleet.Resized{By: -1})
	default:
		m.log.Info("signal ignored", "signal", s.String())
	}
}

// reopenLogs reopens the log and makes the workers reopen it.
func (m *Master) reopenLogs() {
	if m.config.Reopen != nil {
		if err := m.config.Reopen(); err != nil {
			m.log.Error("cannot reopen log, continuing with the old one", "error", err)
			return
		}
	}
	for _, c := range m.children {
		m.sendWord(c, handoff.Reopen)
	}
	m.log.Info("log reopened")
}
