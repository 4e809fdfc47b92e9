package master

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"multiproc/internal/listen"
	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// ErrNoneReady is the error of Run if no worker became ready at the start.
var ErrNoneReady = fleet.ErrNoneReady

// Master runs workers. All its state belongs to the goroutine of Run; other goroutines send it messages.
type Master struct {
	config                   Config
	log                      *slog.Logger
	pid                      int
	started                  time.Time
	manager                  manager
	watcher                  *watcher
	watched, watchedContents []string // by watcher
	hooks                    Hooks

	fleet    *fleet.Fleet
	events   []fleet.Event // the one being handled and those that follow
	launches map[handoff.Generation]*launch
	children map[fleet.Serial]*child
	pids     map[int]fleet.Serial
	exits    []exited // of the latest workers, for rollbacks and failed starts
	history  history
	once     *runOnce // nil: no command runs
	queues   []listen.Queue
	callers  callers
	waiting  []net.Conn             // of clients that wait for the end of the process; never closed
	slots    handoff.Slot           // the highest one in which a worker was started and that was not released
	health   atomic.Pointer[Status] // for the health checks, which do not wait for the master

	inbox    chan message
	gone     chan struct{} // closed at the end of Run, when the inbox is not read any more
	sampled  time.Time
	served   bool // MinReady workers were ready once
	closing  bool // the listening sockets are closed
	finished bool
	failed   error // why it finished
	last     error // the latest failure of a start
}

// message is a call that another goroutine sends to the master's.
type message func(m *Master)

// child is a worker's process and what the master has observed of it.
type child struct {
	*proc.Process
	usage  proc.Usage
	before past // in its slot
}

// New makes a master that has not started anything yet. It opens the sockets of the first plan that are not open; the error is a
// listen.ErrInUse if another process has an address. If New fails, the caller still owns the listeners of the configuration.
func New(config Config) (*Master, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Master{
		config:   config,
		log:      config.Logger,
		pid:      os.Getpid(),
		launches: map[handoff.Generation]*launch{},
		children: map[fleet.Serial]*child{},
		pids:     map[int]fleet.Serial{},
		history:  history{slots: map[handoff.Slot]past{}},
		inbox:    make(chan message),
		gone:     make(chan struct{}),
		manager: manager{
			notifier: handoff.NotifierFromEnviron(),
			watchdog: handoff.WatchdogFromEnviron(),
			log:      config.Logger,
		},
	}
	program, err := proc.ResolveProgram(config.Program)
	if err != nil {
		return nil, err
	}
	first, err := newLaunch(config.Plan, program, config.Sockets)
	if err != nil {
		return nil, err
	}
	m.fleet = fleet.New(first.plan.Limits, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	m.launches[m.fleet.Generation()] = first
	return m, nil
}

// send passes a message to the master's goroutine, unless that has ended.
func (m *Master) send(message message) {
	select {
	case m.inbox <- message:
	case <-m.gone:
	}
}

// pauseNoticed is by how much the master must have overslept to conclude that it was stopped.
const pauseNoticed = 500 * time.Millisecond

// Run starts the workers and keeps them running until a signal, the control socket or the end of ctx stops the master. Its error
// is an ErrNoneReady with the output of a worker if none became ready. It must be called once.
//
// It reaps all children of the process, so nothing else in the process may start any. The signals that it handles stay caught after
// it returns, without effect: otherwise one that arrives before the exit would change the exit code.
func (m *Master) Run(ctx context.Context, hooks Hooks) error {
	m.hooks = hooks.complete()
	// The kernel kills foreign workers with the thread that started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 16) // never stopped: see above
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGINT, syscall.SIGHUP,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU)
	exits := make(chan os.Signal, 1)
	signal.Notify(exits, syscall.SIGCHLD)
	defer signal.Stop(exits)
	// If the reader of the log ends, the next line would kill the master. Ignoring the signal would make the workers ignore it.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	m.started = time.Now()
	m.log.Info("master started", "pid", m.pid)
	m.logGeneration(m.fleet.Generation())
	m.watch(m.config.Plan)
	closeServers := m.serve()

	cancelled := ctx.Done()
	m.prestart(m.fleet.Generation())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !m.finished || m.once != nil && m.once.Running() { // no command outlives the master
		asleep := time.Now()
		wait := m.wait(asleep)
		timer.Reset(wait)
		happened := func() {}
		select {
		case <-cancelled:
			cancelled = nil
			happened = func() { m.handle(fleet.StopRequested{}) }
		case s := <-signals:
			happened = func() { m.signalled(s) }
		case <-exits:
		case message := <-m.inbox:
			happened = func() { message(m) }
		case <-timer.C:
		}
		// The master may have been stopped in between. The workers' notices of that time are still unread, also those sent
		// before the end of the wait.
		if slept := time.Since(asleep); slept-wait > pauseNoticed {
			m.handle(fleet.Paused{By: slept})
			if m.once != nil {
				m.once.Delay(slept)
			}
		}
		happened()
		m.reap()
		m.readAll()
		m.checkOnce(time.Now())
		m.sample()
		m.handle(fleet.Tick{})
	}
	return m.finish(closeServers)
}

// wait returns for how long nothing is due.
func (m *Master) wait(now time.Time) time.Duration {
	next := m.sampled.Add(m.manager.interval())
	if at := m.fleet.Wake(); !at.IsZero() && at.Before(next) {
		next = at
	}
	if m.once != nil {
		if due := m.once.Due(); !due.IsZero() && due.Before(next) {
			next = due
		}
	}
	return max(0, next.Sub(now))
}

// readAll handles all pending messages. No deadline is judged before.
func (m *Master) readAll() {
	for {
		select {
		case message := <-m.inbox:
			message(m)
		default:
			return
		}
	}
}

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

// finish releases everything and returns the error of Run.
func (m *Master) finish(closeServers func()) error {
	close(m.gone)
	if m.watcher != nil {
		m.watcher.close()
	}
	closeServers()
	var errs []error
	for _, l := range m.launches {
		if l.exporter != nil { // closeSockets leaves its sockets open
			errs = append(errs, l.exporterSockets.Close(m.config.Unlink))
		}
		errs = append(errs, l.Close())
	}
	if err := errors.Join(errs...); err != nil {
		m.log.Warn("cannot release all resources", "error", err)
	}
	if errors.Is(m.failed, ErrNoneReady) {
		return m.whyNoneReady()
	}
	return nil
}
