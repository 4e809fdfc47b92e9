package master

import (
	"context"
	"errors"
	"fmt"
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

// Config is what a master is made of.
type Config struct {
	Plan    Plan            // of the first generation
	Program string          // the path of what workers run. Links in it are followed anew for each generation
	Sockets *listen.Sockets // what is open already; the master opens the plan's in it, and closes them

	// Check are the arguments, the name first, with which the program prints the settings of a next generation. It runs
	// in CheckDir with the environment CheckEnv. Read makes the plan of what it has printed.
	Check    []string
	CheckEnv []string                            // NAME=value
	CheckDir string                              // absolute
	Read     func(settings []byte) (Plan, error) // called by the goroutine of Run, which waits for it

	Control net.Listener   // where commands are taken; nil: nowhere. The master closes it
	Health  []net.Listener // where health checks are answered. The master closes them
	Pidfile *Pidfile       // gets the pid when the first workers are ready; nil: none. The caller closes it
	Unlink  bool           // remove the files of unix sockets at the end

	Reopen func() error // opens the log anew; nil: there is nothing to open
	Logger *slog.Logger // nil: discard
}

// sampling is how often the master looks at its workers' memory and at the queues.
const sampling = time.Second

// pauseNoticed is by how much the master must have overslept to say that it was stopped.
const pauseNoticed = 500 * time.Millisecond

// Master runs workers. All its state belongs to the goroutine of Run; others send it messages.
type Master struct {
	config  Config
	log     *slog.Logger
	pid     int
	started time.Time
	manager manager
	watcher *watcher
	watched []string // by it
	hooks   Hooks

	fleet     *fleet.Fleet
	launches  map[handoff.Generation]*launch
	processes map[fleet.Serial]*child
	pids      map[int]fleet.Serial
	ends      []end // of workers that ended lately, for who asks why
	history   history
	once      *runOnce
	queues    []listen.Queue
	callers   callers
	waiting   []net.Conn             // of those who wait for the end of the process; never closed
	slots     handoff.Slot           // the highest that a worker was started in and that was not released
	health    atomic.Pointer[Status] // for the health checks, which do not wait for the master

	inbox    chan message
	gone     chan struct{} // closed at the end of Run: nobody reads the inbox any more
	sampled  time.Time
	served   bool // enough workers were ready once
	closing  bool // no more requests are taken
	finished bool
	why      error // it stopped, when it is finished
	last     error // why the fleet ended, if it did so by itself
}

// child is a worker's process and what the master has seen of it.
type child struct {
	*proc.Process
	usage  proc.Usage
	before past // in its slot
}

// message is what other goroutines send to the master's.
type message func(m *Master)

// New makes a master that has not started anything yet. It opens the sockets of the first plan that are not open; the error is
// an ErrInUse where somebody else has such an address. Where it fails, the listeners of the configuration are still the caller's.
func New(config Config) (*Master, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Master{
		config:    config,
		log:       config.Logger,
		pid:       os.Getpid(),
		launches:  map[handoff.Generation]*launch{},
		processes: map[fleet.Serial]*child{},
		pids:      map[int]fleet.Serial{},
		history:   history{slots: map[handoff.Slot]past{}},
		inbox:     make(chan message),
		gone:      make(chan struct{}),
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
	m.fleet = fleet.New(config.Plan.Limits, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	m.launches[m.fleet.Generation()] = first
	return m, nil
}

// send gives a message to the master's goroutine, unless that has ended.
func (m *Master) send(message message) {
	select {
	case m.inbox <- message:
	case <-m.gone:
	}
}

// Run starts the workers and keeps them until the master is told to stop, by a signal, through the control socket or by
// the end of ctx. Its error is ErrNoneReady, with what a worker said, where it came to no worker that serves. It must be
// called once.
//
// It reaps all children of the process, so nothing else in it may start any.
func (m *Master) Run(ctx context.Context, hooks Hooks) error {
	m.hooks = hooks
	// The kernel ends foreign workers with the thread that started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGINT, syscall.SIGHUP,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU)
	defer signal.Stop(signals)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)
	// Somebody who reads the log may end before the master, which would die of its next line. To ignore the signal
	// instead would have the workers ignore it.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	m.started = time.Now()
	m.log.Info("master started", "pid", m.pid)
	m.logGeneration(m.fleet.Generation())
	m.watch(m.config.Plan.Watch)
	closeServers := m.serve()

	cancelled := ctx.Done()
	m.prestart(m.fleet.Generation())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !m.finished || m.once != nil && m.once.Running() { // what it runs does not outlive the master
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
		case <-children:
		case message := <-m.inbox:
			happened = func() { message(m) }
		case <-timer.C:
		}
		// It may have been stopped meanwhile. The workers' signs of life from that time are still unread, also those that
		// came before the end of the wait.
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
		m.look()
		m.handle(fleet.Tick{})
	}
	return m.finish(closeServers)
}

// wait is for how long there is nothing to do unless something happens.
func (m *Master) wait(now time.Time) time.Duration {
	next := m.sampled.Add(m.manager.rhythm())
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

// readAll takes the messages that wait. Nothing is judged before.
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
		m.log.Info("signal has no meaning", "signal", s.String())
	}
}

func (m *Master) reopenLogs() {
	if m.config.Reopen != nil {
		if err := m.config.Reopen(); err != nil {
			m.log.Error("log cannot be opened anew, goes on to the old one", "error", err)
			return
		}
	}
	for _, p := range m.processes {
		m.tell(p, handoff.Reopen)
	}
	m.log.Info("log opened anew")
}

func (m *Master) tell(p *child, word handoff.Word) {
	if err := p.Tether.Tell(word); err != nil && !errors.Is(err, syscall.EPIPE) {
		m.log.Warn("worker cannot be told", "worker", p.Identity.ID, "error", err)
	}
}

// handle lets the fleet decide about an event, and does what it has decided.
func (m *Master) handle(e fleet.Event) {
	actions := m.fleet.Handle(time.Now(), e)
	m.releaseSlots() // before their workers are told to drain
	for _, a := range actions {
		m.do(a)
	}
	m.closeSockets()
	if len(actions) > 0 {
		m.publish()
	}
}

// closeSockets gives up the master's copies as soon as the workers are told to: when the last of them has taken what the
// kernel had queued, clients are to be refused rather than left waiting.
func (m *Master) closeSockets() {
	if m.closing || !m.fleet.Closing() {
		return
	}
	m.closing = true
	m.callers.answerAll(Outcome{Error: fleet.ErrStopping.Error()})
	for g, l := range m.launches {
		if err := l.sockets.Close(m.config.Unlink); err != nil {
			m.log.Warn("sockets cannot be closed", "generation", int(g), "error", err)
		}
	}
}

// releaseSlots gives up the sockets of slots that are no more. The workers that drain there have their own copies; to one
// that is open in the master alone the kernel would still give connections.
func (m *Master) releaseSlots() {
	target := handoff.Slot(m.fleet.Target())
	if _, _, reloading := m.fleet.Reload(); reloading {
		target = max(target, m.slots) // the next workers may need them
	}
	for ; m.slots > target; m.slots-- {
		if err := m.launches[m.fleet.Generation()].sockets.ReleaseSlot(int(m.slots)); err != nil {
			m.log.Warn("sockets of a slot cannot be closed", "error", err)
		}
	}
}

func (m *Master) do(a fleet.Action) {
	switch a := a.(type) {
	case fleet.Spawn:
		m.spawn(a)
	case fleet.Kill:
		if p := m.processes[a.Serial]; p != nil {
			if err := p.Signal(a.Signal); err != nil {
				m.log.Error("worker cannot be signalled", "worker", p.Identity.ID, "signal", a.Signal.String(), "error", err)
			}
		}
	case fleet.Send:
		if p := m.processes[a.Serial]; p != nil {
			m.tell(p, a.Word)
		}
	case fleet.Ended:
		m.remember(a)
		m.hooks.ended(a.Identity, a.Reason)
	case fleet.Prepare:
		m.checkConfig(a.Generation)
	case fleet.Retire:
		m.retire(a.Generation)
	case fleet.Reloaded:
		m.reloaded(a)
	case fleet.Serving:
		m.serving()
	case fleet.Finish:
		m.finished, m.why = true, a.Err
	case fleet.Log:
		m.log.Log(context.Background(), a.Level, a.Message, a.Args...) //nolint:sloglint // the fleet's messages are constants
	default:
		panic(fmt.Sprintf("BUG: no such action: %T", a))
	}
}

// serving is called whenever enough workers are ready that were not before.
func (m *Master) serving() {
	if m.served {
		return
	}
	m.served = true
	m.manager.ready()
	if m.config.Pidfile != nil {
		if err := m.config.Pidfile.Write(m.pid); err != nil {
			m.log.Error("pid cannot be written", "error", err)
		}
	}
}

// publish tells everybody who wants to know how things are.
func (m *Master) publish() {
	s := m.status()
	m.manager.status(s)
	m.hooks.status(s)
	m.health.Store(&s)
}

// look measures what workers use and how long the queues are, from time to time.
func (m *Master) look() {
	if now := time.Now(); now.Sub(m.sampled) >= m.manager.rhythm() {
		m.sampled = now
	} else {
		return
	}
	m.manager.alive()
	for s, p := range m.processes {
		u, err := proc.ReadUsage(p.PID)
		if err != nil {
			continue // it has just ended, and is about to be reaped
		}
		p.usage = u
		m.handle(fleet.Measured{Serial: s, Anon: u.AnonBytes})
	}
	m.queues = nil
	if !m.closing {
		var err error
		if m.queues, err = m.launches[m.fleet.Generation()].sockets.Queues(); err != nil {
			m.log.Debug("queues cannot be read", "error", err)
		}
	}
	m.publish()
}

// finish gives up everything and says how it went.
func (m *Master) finish(closeServers func()) error {
	close(m.gone)
	if m.watcher != nil {
		m.watcher.Close()
	}
	m.callers.answerAll(Outcome{Error: fleet.ErrStopping.Error()})
	closeServers()
	var errs []error
	for _, l := range m.launches {
		errs = append(errs, l.Close())
	}
	if err := errors.Join(errs...); err != nil {
		m.log.Warn("not all could be given up", "error", err)
	}
	if errors.Is(m.why, ErrNoneReady) {
		return m.whyNoneReady()
	}
	return nil
}
