package master

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"multiproc/worker/handoff"
)

var (
	firstSeed = flag.Uint64("seed", 1, "of the first sequence that TestSimulation runs")
	sequences = flag.Int("sequences", 0, "how many TestSimulation runs; 0: 100,000, a tenth of them with -short or -race")
)

// TestSimulation lets a fleet decide in a world that does what it asks for, with workers that do as they please: they
// get ready late or never, die, hang, say that they are stuck, ignore TERM. What comes before them takes its time, and may
// fail. Meanwhile reloads, resizes, pauses and stops come at any time. What must hold whatever happens is checked after
// each event by a model that knows the promises, not the fleet's code.
//
// A sequence goes wild for a while, then everybody behaves, and the fleet must come to rest; then it must stop.
func TestSimulation(t *testing.T) {
	n := *sequences
	switch {
	case n > 0:
	case testing.Short() || underRace():
		n = 10_000
		t.Logf("%d sequences only", n)
	default:
		n = 100_000
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := next.Add(1) - 1; int(i) < n && !t.Failed(); i = next.Add(1) - 1 {
				seed := *firstSeed + uint64(i)
				if err := simulate(seed, nil); err != nil {
					var trace strings.Builder
					again := simulate(seed, &trace)
					t.Errorf("seed %d: %v\nrepeat it: go test ./master -run TestSimulation -seed %d -sequences 1\n%s%v",
						seed, err, seed, &trace, again)
				}
			}
		})
	}
	group.Wait()
}

// underRace reports whether the race detector slows this down.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// broken is a promise that does not hold.
type broken string

func (b broken) Error() string { return string(b) }

func simulate(seed uint64, trace *strings.Builder) (err error) {
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(random, trace)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			err = fmt.Errorf("at %v: %w", w.now.Sub(w.began), r)
		default:
			err = fmt.Errorf("at %v: panic: %v\n%s", w.now.Sub(w.began), r, debug.Stack())
		}
	}()
	w.turn(tick{})
	for range 20 + random.IntN(21) {
		if w.finished {
			break
		}
		w.step()
	}
	w.calm = true
	w.comeToRest()
	w.stopAll()
	return nil
}

// temper is how the workers of a world are disposed.
type temper int

const (
	steady temper = iota // hardly anything happens to them
	mixed
	doomed   // nearly all die early
	crippled // those in slot 1 do
	tempers
)

// world is what is around a fleet, and what is known of it from events and actions alone.
type world struct {
	random *rand.Rand
	trace  *strings.Builder // nil: none
	fleet  *fleet
	temper temper
	calm   bool // from now on all behave, and nobody asks for anything

	began, now time.Time
	agenda     []appointment
	outside    time.Time // when somebody asks for something next

	actors []*actor // by serial, from 1 on
	living []*actor // not reaped

	current, next settings // next.number is 0 without a reload
	opened        bool     // the first generation may start workers
	shut          bool     // it never will
	prepared      bool     // the next generation may start workers
	preparing     bool     // prepare is not answered yet
	latest        handoff.Generation
	retired       map[handoff.Generation]bool
	extra         int
	most          int  // the most workers that were ever asked for
	waiting       bool // a reload was asked for and has not begun to read the settings
	everReady     bool
	few           bool
	early         map[place][]time.Time // starts of workers that died before they had served well, in a row
	dead          map[handoff.Slot]bool // slots with an early death before anybody was ever ready
	late          time.Duration         // by how much all came too late since the stop was asked for

	stopped, fast, begun, finished bool
	asked, begin                   time.Time // the stop, and when workers are to drain
}

type settings struct {
	number handoff.Generation
	limits Limits
}

type place struct {
	generation handoff.Generation
	slot       handoff.Slot
}

// appointment is something that is going to happen.
type appointment struct {
	at    time.Time
	event event
	ping  bool // one of many
}

// actor is a worker's process.
type actor struct {
	serial   serial
	identity handoff.Identity
	limits   Limits
	phase    phase
	started  time.Time
	readyAt  time.Time
	deadline time.Time // when the next thing must be done to it
	seen     time.Time
	cause    bool // it may be replaced
	killed   bool
	fewer    bool // asked to end since its slot was given up
	few      bool // the last word
	unready  bool // told so

	exits    time.Time // when it will end, zero: not yet known
	how      exit
	reaped   bool
	onTerm   time.Duration // how long it takes to end; negative: it ignores the signal
	onQuit   time.Duration
	onKill   time.Duration
	silentAt time.Time // zero: never
}

func (a *actor) active() bool { return a.phase <= ready }

func (a *actor) place() place { return place{a.identity.Generation, a.identity.Slot} }

func newWorld(random *rand.Rand, trace *strings.Builder) *world {
	w := &world{
		random:  random,
		trace:   trace,
		temper:  temper(random.IntN(int(tempers))),
		began:   time.Unix(1_000_000_000, 0),
		retired: map[handoff.Generation]bool{},
		early:   map[place][]time.Time{},
		dead:    map[handoff.Slot]bool{},
		latest:  1,
		few:     true,
	}
	w.now = w.began
	w.current = settings{1, w.limits()}
	w.most = w.current.limits.Workers
	w.fleet = newFleet(w.current.limits, rand.New(rand.NewPCG(random.Uint64(), 0)))
	w.plan()
	w.prepare(w.current, 10)
	if trace != nil {
		fmt.Fprintf(trace, "temper %d, %+v\n", w.temper, w.current.limits)
	}
	return w
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d/time.Millisecond)+1)) * time.Millisecond
}

// oneOf is a span of any of these lengths: what matters differs by orders of magnitude.
func (w *world) oneOf(longest ...time.Duration) time.Duration {
	return w.upTo(longest[w.random.IntN(len(longest))])
}

func (w *world) limits() Limits {
	l := Limits{
		Workers:       1 + w.random.IntN(5),
		Starting:      w.random.IntN(4),
		Notifies:      w.chance(85),
		StartTimeout:  time.Second + w.upTo(9*time.Second),
		ReloadMercy:   w.oneOf(0, time.Second, 10*time.Second),
		StopMercy:     w.oneOf(0, time.Second, 10*time.Second),
		ShutdownDelay: w.oneOf(0, 0, 3*time.Second),
	}
	l.MinReady = w.random.IntN(l.Workers + 1)
	if w.chance(50) {
		l.Heartbeat = 3*time.Second + w.upTo(20*time.Second)
	}
	if w.chance(20) {
		l.MaxLifetime = 12*time.Second + w.upTo(30*time.Second) // or they would never rest
		l.MaxLifetimeDelta = w.oneOf(0, 10*time.Second)
	}
	if w.chance(50) {
		l.MaxAnon = 1000
	}
	return l
}

func (w *world) at(t time.Time, e event) { w.agenda = append(w.agenda, appointment{at: t, event: e}) }

// plan says when something comes from outside next.
func (w *world) plan() {
	w.outside = w.now.Add(w.oneOf(200*time.Millisecond, 3*time.Second, 30*time.Second))
}

func (w *world) must(holds bool, format string, args ...any) {
	if !holds {
		panic(broken(fmt.Sprintf(format, args...)))
	}
}

// prepare has a generation prepared after a while, or fail to be.
func (w *world) prepare(g settings, failing int) {
	answer := prepared{generation: g.number, limits: g.limits}
	if !w.calm && w.chance(failing) {
		answer.failed = errors.New("bad settings, or a prelude that fails")
	}
	w.at(w.now.Add(w.oneOf(0, 3*time.Second, 30*time.Second)), answer)
}

// step goes on to when something happens, as the loop around a fleet does: what has come is handled, then time passes.
func (w *world) step() {
	next, ok := w.following()
	w.must(ok, "nothing will ever happen, and it is not at rest")
	before := w.now
	if next.After(w.now) {
		w.now = next
	}
	late := time.Duration(0)
	switch {
	case w.calm:
	case w.chance(4): // the master is stopped for a while
		late = 500*time.Millisecond + w.upTo(30*time.Second)
	case w.chance(20):
		late = w.upTo(50 * time.Millisecond)
	}
	w.now = w.now.Add(late)
	if w.stopped {
		w.late += late
	}
	w.must(!w.now.Before(before), "time goes back")

	come := w.come()
	if late >= 500*time.Millisecond {
		w.turn(paused{late})
	}
	for _, e := range come {
		w.turn(e)
	}
	if !w.calm && !w.outside.After(w.now) {
		w.ask()
		w.plan()
	}
	w.turn(tick{})
	for range 2 { // something may be due at once, but not for ever
		if wake := w.fleet.wake(); wake.IsZero() || wake.After(w.now) {
			return
		}
		w.turn(tick{})
	}
	wake := w.fleet.wake()
	w.must(wake.IsZero() || wake.After(w.now), "a busy loop: woken for %v again and again", wake.Sub(w.began))
}

// following is when something happens next.
func (w *world) following() (next time.Time, ok bool) {
	at := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	at(w.fleet.wake())
	for _, a := range w.agenda {
		at(a.at)
	}
	if !w.calm {
		at(w.outside)
	}
	// The fleet must not sleep past anything that is known here to be due.
	for _, a := range w.living {
		for _, due := range []time.Time{a.deadline, a.silence()} {
			w.must(due.IsZero() || !next.IsZero() && !due.Before(next), "%s: it sleeps past what is due at %v", a.identity.ID, due.Sub(w.began))
		}
	}
	if w.stopped && !w.begun {
		w.must(!next.IsZero() && !w.begin.Before(next), "it sleeps past the end of the shutdown delay")
	}
	return next, !next.IsZero()
}

// silence is when a worker has been silent for too long.
func (a *actor) silence() time.Time {
	if a.phase != ready || a.limits.Heartbeat == 0 || a.seen.IsZero() {
		return time.Time{}
	}
	return a.seen.Add(a.limits.Heartbeat)
}

// come takes from the agenda what has happened by now, ends first.
func (w *world) come() []event {
	var due []appointment
	rest := w.agenda[:0]
	for _, a := range w.agenda {
		if a.at.After(w.now) {
			rest = append(rest, a)
		} else {
			due = append(due, a)
		}
	}
	w.agenda = rest
	slices.SortStableFunc(due, func(a, b appointment) int { return a.at.Compare(b.at) })
	var ends, others []event
	for _, a := range due {
		switch e := a.event.(type) {
		case exited:
			who := w.actors[e.serial-1]
			if who.reaped || !who.exits.Equal(a.at) {
				continue // it has ended, or will end, at another time
			}
			e.how = who.how
			ends = append(ends, e)
		case noticed:
			who := w.actors[e.serial-1]
			if a.ping {
				if who.reaped || who.phase > ready || !who.silentAt.IsZero() && !who.silentAt.After(a.at) {
					continue
				}
				w.agenda = append(w.agenda, appointment{w.now.Add(who.limits.Heartbeat / 2), e, true})
			}
			others = append(others, e)
		default:
			others = append(others, e)
		}
	}
	return append(ends, others...)
}

// ask does something from outside.
func (w *world) ask() {
	p := w.random.IntN(100)
	switch {
	case w.stopped && p < 30:
		w.turn(stopAsked{fast: w.chance(50)})
	case p < 3:
		w.turn(stopAsked{fast: w.chance(30)})
	case p < 40:
		w.turn(reloadAsked{})
	case p < 55:
		if w.target() < 8 {
			w.turn(resized{+1})
		}
	case p < 70:
		w.turn(resized{-1})
	case p < 85 && len(w.living) > 0:
		a := w.living[w.random.IntN(len(w.living))]
		w.turn(measured{a.serial, uint64(w.random.IntN(2000))})
	case p < 90 && len(w.actors) > 0: // somebody, who may have been reaped long ago
		a := w.actors[w.random.IntN(len(w.actors))]
		w.turn(noticed{a.serial, handoff.Notice{Ready: true, Stopping: w.chance(50), Alive: w.chance(50)}})
	case p < 95: // of a reload that was given up, or again
		answer := prepared{generation: handoff.Generation(w.random.IntN(int(w.latest))), limits: w.limits()}
		if w.chance(50) {
			answer.failed = errors.New("too late")
		}
		w.turn(answer)
	default: // nobody: only time passes
	}
}

func (w *world) target() int { return max(1, w.current.limits.Workers+w.extra) }

// turn lets one event happen, does what the fleet asks for, and looks whether all is as it must be.
func (w *world) turn(e event) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%12v  %T%+v\n", w.now.Sub(w.began), e, e)
	}
	wasFinished := w.finished
	expected := w.expect(e)
	actions := w.fleet.handle(w.now, e)
	if w.trace != nil {
		for _, a := range actions {
			fmt.Fprintf(w.trace, "%12s    -> %T%+v\n", "", a, a)
		}
	}
	var r result
	for _, a := range actions {
		if a, ok := a.(reloaded); ok {
			w.must(!r.reloaded, "two reloads end at once")
			r.reloaded, r.committed, r.generation, r.culprit = true, a.failed == nil, a.generation, a.culprit
		}
	}
	for _, a := range actions {
		if _, ok := a.(note); !ok {
			w.must(!wasFinished, "after the end: %T%+v", a, a)
		}
		w.do(a, e, &r)
	}
	w.check(&r, expected)
}

// result is what a turn has led to.
type result struct {
	reloaded, committed bool
	generation          handoff.Generation // that was reloaded
	culprit             serial
	spawned             []place
	quit, killed        []*actor
	prepared, serving   bool
	ended               bool
}

// expectation is what an event must lead to.
type expectation struct {
	ending, killing []*actor // to be ended by force, to be killed
	start           *place   // to be filled at once
	prepare         bool
	all             bool   // workers are to be started in all slots
	culprit         *actor // the reload is to be taken back because of it
	ended           bool   // somebody has
	judged          bool   // deadlines are judged
}

// expect takes an event into account.
func (w *world) expect(e event) (x expectation) {
	switch e := e.(type) {
	case tick:
		x.judged = true
		due := func(t time.Time) bool { return !t.IsZero() && !t.After(w.now) }
		for _, a := range w.living {
			switch {
			case a.phase == starting && due(a.deadline) && !a.limits.Notifies:
				w.becomeReady(a)
			case a.phase == starting && due(a.deadline), due(a.silence()):
				x.ending = append(x.ending, a)
			case a.phase > ready && due(a.deadline):
				x.killing = append(x.killing, a)
			}
		}
	case paused:
		for _, a := range w.living {
			if !a.deadline.IsZero() {
				a.deadline = a.deadline.Add(e.by)
			}
			if !a.seen.IsZero() {
				a.seen = a.seen.Add(e.by)
			}
		}
	case noticed:
		a := w.actors[e.serial-1]
		if a.reaped {
			break
		}
		if e.notice.Alive || !a.seen.IsZero() {
			a.seen = w.now
		}
		if e.notice.Ready && a.phase == starting {
			w.becomeReady(a)
		}
		if e.notice.Stopping || e.notice.Stuck {
			w.mayLeave(a)
		}
	case measured:
		a := w.actors[e.serial-1]
		if !a.reaped && a.limits.MaxAnon > 0 && e.anon > a.limits.MaxAnon {
			w.mayLeave(a)
		}
	case resized:
		if !w.stopped && w.target()+e.by >= 1 {
			w.extra += e.by
			w.most = max(w.most, w.target())
		}
	case reloadAsked:
		if !w.stopped {
			x.prepare = w.next.number == 0 && w.everReady && w.count(func(a *actor) bool { return !a.active() }) <= w.target()
			w.waiting = true
		}
	case prepared:
		if e.generation == 1 && !w.opened && !w.shut && !w.stopped {
			w.opened, w.shut = e.failed == nil, e.failed != nil
			x.all = w.opened
		}
		if w.preparing && e.generation == w.next.number {
			w.preparing = false
			w.prepared, w.next.limits = e.failed == nil, e.limits
			w.most = max(w.most, e.limits.Workers)
		}
	case stopAsked:
		if !w.stopped {
			w.stopped, w.asked, w.begin = true, w.now, w.now.Add(w.current.limits.ShutdownDelay)
			w.waiting = false
		} else {
			w.fast = true
		}
		w.fast = w.fast || e.fast
	case exited:
		if a := w.actors[e.serial-1]; a.active() && a.identity.Generation == w.next.number {
			x.culprit = a
		}
		x.start = w.reap(e)
		x.ended = true
	}
	if _, ok := e.(stopAsked); ok && w.fast {
		w.begun = true
		w.hurry(w.now.Add(fastMercy))
	}
	if w.stopped && !w.begun && !w.begin.After(w.now) {
		w.begun = true
		w.hurry(w.now.Add(w.current.limits.StopMercy))
	}
	return x
}

// hurry brings the deadlines of those who drain already forward.
func (w *world) hurry(latest time.Time) {
	for _, a := range w.living {
		if a.phase == draining && latest.Before(a.deadline) {
			a.deadline = latest
		}
	}
}

func (w *world) becomeReady(a *actor) {
	a.phase, a.readyAt, a.deadline = ready, w.now, time.Time{}
	w.everReady = true
}

// mayLeave takes account of a reason to replace a worker.
func (w *world) mayLeave(a *actor) {
	if a.phase != ready || a.cause {
		return
	}
	a.cause = true
	if w.now.Sub(a.readyAt) >= servedLong {
		delete(w.early, a.place())
	}
}

func (a *actor) served(now time.Time) time.Duration {
	if a.readyAt.IsZero() {
		return 0
	}
	return now.Sub(a.readyAt)
}

// reap takes account of an end, and says which slot is to be filled at once.
func (w *world) reap(e exited) *place {
	a := w.actors[e.serial-1]
	a.reaped = true
	w.living = slices.DeleteFunc(w.living, func(other *actor) bool { return other == a })
	if !a.active() {
		return nil
	}
	w.failed(a)
	p := a.place()
	alone := !slices.ContainsFunc(w.living, func(other *actor) bool { return other.active() && other.place() == p })
	if w.stopped || p.generation != w.current.number || int(p.slot) > w.target() || a.served(w.now) < servedWell || !alone {
		return nil
	}
	return &p
}

// failed takes account of a worker that did not end because it was told to: a slot whose workers die early must not be
// started more than ten times in a minute.
func (w *world) failed(a *actor) {
	p := a.place()
	if a.served(w.now) >= servedWell {
		delete(w.early, p)
		return
	}
	if !w.everReady {
		w.dead[p.slot] = true
	}
	starts := append(w.early[p], a.started)
	w.early[p] = starts
	if n := len(starts); n > 10 && !w.stopped {
		w.must(starts[n-1].Sub(starts[n-11]) >= time.Minute, "slot %d: more than 10 starts in %v", p.slot, starts[n-1].Sub(starts[n-11]))
	}
}

func (w *world) count(is func(*actor) bool) int {
	n := 0
	for _, a := range w.living {
		if is(a) {
			n++
		}
	}
	return n
}

// holder is an active worker in a place, other than one.
func (w *world) holder(p place, not *actor) *actor {
	for _, a := range w.living {
		if a != not && a.active() && a.place() == p {
			return a
		}
	}
	return nil
}

// do does what the fleet asks for.
func (w *world) do(a action, e event, r *result) {
	switch a := a.(type) {
	case spawn:
		w.spawn(a, r)
	case kill:
		w.signal(a, r)
	case tell:
		who := w.known(a.serial)
		switch a.word {
		case handoff.Few, handoff.Enough:
			who.few = a.word == handoff.Few
		case handoff.Unready:
			w.must(w.stopped && !who.unready, "%s: told to be unready", who.identity.ID)
			who.unready = true
		case handoff.Cut:
			w.must(w.fast && who.phase <= draining, "%s: told to cut requests", who.identity.ID)
		default:
			w.must(false, "no such word: %c", a.word)
		}
	case prepare:
		w.must(w.everReady && !w.stopped, "a reload before anybody is ready, or at the end")
		w.must(w.next.number == 0, "two reloads at a time")
		w.must(a.generation > w.latest, "generation %d after %d", a.generation, w.latest)
		w.must(w.waiting, "a reload that nobody asked for")
		w.must(w.count(func(a *actor) bool { return !a.active() }) <= w.target(), "a reload while too many drain")
		w.latest, w.next.number = a.generation, a.generation
		w.preparing, w.prepared, w.waiting = true, false, false
		r.prepared = true
		w.prepare(settings{a.generation, w.limits()}, 20)
	case retire:
		w.must(!w.retired[a.generation], "generation %d is retired twice", a.generation)
		w.retired[a.generation] = true
		w.must(r.reloaded, "generation %d is retired without an outcome", a.generation)
		if r.committed {
			w.must(a.generation == w.current.number, "generation %d is retired after a commit", a.generation)
		} else {
			w.must(a.generation == r.generation, "generation %d is retired after a roll-back", a.generation)
		}
	case reloaded:
		w.reloaded(a)
	case serving:
		w.must(!w.stopped, "serving though it stops")
		r.serving = true
	case finish:
		w.must(!w.finished && len(w.living) == 0, "finish with %d living of %d", len(w.living), len(w.actors))
		if w.stopped {
			w.must(a.code == exitOK, "exit code %d", a.code)
		} else {
			w.must(a.code == exitNoneReady && w.inVain(), "exit code %d", a.code)
		}
		w.finished = true
	case ended:
		end, ok := e.(exited)
		w.must(ok && w.actors[end.serial-1].identity == a.identity && a.why != "" && !r.ended, "%s ended", a.identity.ID)
		r.ended = true
	case note:
	default:
		w.must(false, "no such action: %T", a)
	}
}

// known is a worker that something may be done to.
func (w *world) known(s serial) *actor {
	w.must(s >= 1 && int(s) <= len(w.actors), "worker %d was never started", s)
	a := w.actors[s-1]
	w.must(!a.reaped, "worker %d has been reaped", s)
	return a
}

// spawn starts a worker, if it may.
func (w *world) spawn(a spawn, r *result) {
	w.must(int(a.serial) == len(w.actors)+1, "worker %d after %d", a.serial, len(w.actors))
	w.must(w.opened, "a start before all is prepared")
	w.must(!w.stopped && !w.finished, "a start at the end")
	for _, other := range w.living {
		w.must(other.identity.ID != a.identity.ID, "two are called %s", a.identity.ID)
	}
	w.must(!w.retired[a.identity.Generation], "a start of the retired generation %d", a.identity.Generation)
	p := place{a.identity.Generation, a.identity.Slot}
	limits := w.current.limits
	switch p.generation {
	case w.current.number:
		w.mayStart(p)
	case w.next.number:
		w.must(w.prepared, "a start of generation %d, which is not prepared", p.generation)
		limits = w.next.limits
		w.must(p.slot >= 1 && int(p.slot) <= limits.Workers, "slot %d of %d", p.slot, limits.Workers)
		w.must(w.holder(p, nil) == nil, "a second one in slot %d of the next generation", p.slot)
		begun := w.count(func(a *actor) bool { return a.identity.Generation == p.generation && a.phase == starting })
		served := w.count(func(a *actor) bool { return a.identity.Generation == p.generation && a.phase == ready })
		w.must(served > 0 || begun == 0, "a second start before the first one of a generation is ready")
		w.must(limits.Starting == 0 || begun < limits.Starting, "%d start at a time", begun+1)
	default:
		w.must(false, "a start of generation %d", p.generation)
	}
	actor := &actor{serial: a.serial, identity: a.identity, limits: limits, started: w.now}
	actor.deadline = w.now.Add(limits.StartTimeout)
	if !limits.Notifies {
		actor.deadline = w.now.Add(unnotifiedReady)
	}
	w.actors = append(w.actors, actor)
	w.living = append(w.living, actor)
	r.spawned = append(r.spawned, p)
	w.enliven(actor)
}

// mayStart checks a start in the current generation.
func (w *world) mayStart(p place) {
	w.must(p.slot >= 1 && int(p.slot) <= w.target(), "slot %d of %d", p.slot, w.target())
	w.must(w.everReady || !w.dead[p.slot], "slot %d is tried again though nobody was ever ready", p.slot)
	other := w.holder(p, nil)
	if other == nil {
		return
	}
	w.must(w.holder(p, other) == nil, "a third one in slot %d", p.slot)
	w.look(other)
	w.must(other.phase == ready && other.cause, "%s gets a successor for nothing", other.identity.ID)
	w.must(w.next.number == 0, "%s gets a successor during a reload", other.identity.ID)
	for _, a := range w.living {
		if a.active() && a.place() != p && a.identity.Generation == p.generation {
			w.must(w.holder(a.place(), a) == nil, "two are replaced at a time")
		}
	}
	w.must(w.count(func(a *actor) bool { return !a.active() }) < drainingPerWorker*w.target(), "a successor while too many drain")
}

// enliven draws a worker's life.
func (w *world) enliven(a *actor) {
	code := func(n int) exit { return exit{status: syscall.WaitStatus(n << 8)} }
	a.onTerm, a.onQuit, a.onKill = w.oneOf(20*time.Millisecond, time.Second), w.upTo(300*time.Millisecond), w.upTo(100*time.Millisecond)
	if w.calm {
		w.serve(a, w.upTo(700*time.Millisecond))
		return
	}
	if w.chance(25) {
		a.onTerm = w.oneOf(3*time.Second, 20*time.Second)
	} else if w.chance(20) {
		a.onTerm = -1
	}
	if w.chance(30) {
		a.onQuit = -1
	}
	bad := map[temper]int{steady: 3, mixed: 30, doomed: 95, crippled: 5}[w.temper]
	if w.temper == crippled && a.identity.Slot == 1 {
		bad = 95
	}
	if !w.chance(bad) {
		w.serve(a, w.oneOf(300*time.Millisecond, 300*time.Millisecond, a.limits.StartTimeout))
		if w.temper != steady && w.chance(30) {
			w.exit(a, w.now.Add(w.oneOf(2*time.Second, 15*time.Second, 60*time.Second)), code(1))
		}
		return
	}
	switch w.random.IntN(6) {
	case 0:
		w.exit(a, w.now, exit{failed: syscall.EAGAIN})
	case 1, 2:
		w.exit(a, w.now.Add(w.upTo(300*time.Millisecond)), code(w.random.IntN(2)))
	case 3: // it never gets ready
	case 4:
		r := w.upTo(500 * time.Millisecond)
		w.serve(a, r)
		w.exit(a, w.now.Add(r+w.upTo(1100*time.Millisecond)), code(1))
	case 5: // it says that it ends, and does so
		r := w.upTo(500 * time.Millisecond)
		w.serve(a, r)
		w.at(w.now.Add(r), noticed{a.serial, handoff.Notice{Stopping: true}})
		w.exit(a, w.now.Add(r+w.upTo(200*time.Millisecond)), code(0))
	}
}

// serve has a worker get ready, and say what workers say from then on.
func (w *world) serve(a *actor, after time.Duration) {
	if !a.limits.Notifies {
		return
	}
	up := w.now.Add(after)
	w.at(up, noticed{a.serial, handoff.Notice{Ready: true, Alive: w.chance(50), Stopping: !w.calm && w.chance(3), Status: "serves"}})
	if a.limits.Heartbeat > 0 && (w.calm || w.chance(75)) {
		w.agenda = append(w.agenda, appointment{w.now.Add(w.upTo(after)), noticed{a.serial, handoff.Notice{Alive: true}}, true})
		if !w.calm && w.chance(30) {
			a.silentAt = up.Add(w.oneOf(0, 10*time.Second, 40*time.Second))
		}
	}
	if !w.calm && w.chance(20) {
		n := noticed{a.serial, handoff.Notice{Stopping: true}}
		if w.chance(50) {
			n.notice = handoff.Notice{Stuck: true}
		}
		w.at(up.Add(w.oneOf(0, 2*time.Second, 20*time.Second)), n)
	}
}

// exit has a process end at a time, unless it does so before.
func (w *world) exit(a *actor, at time.Time, how exit) {
	if !a.exits.IsZero() && !at.Before(a.exits) {
		return
	}
	a.exits, a.how = at, how
	w.at(at, exited{serial: a.serial})
}

// signal gives a worker a signal, if it may have it.
func (w *world) signal(k kill, r *result) {
	a := w.known(k.serial)
	after := func(d time.Duration, how exit) {
		if d >= 0 {
			w.exit(a, w.now.Add(d), how)
		}
	}
	switch k.signal {
	case syscall.SIGTERM:
		w.must(a.active(), "TERM for %s, which is %s", a.identity.ID, a.phase)
		mercy := w.mayEnd(a, r)
		a.phase, a.deadline = draining, w.now.Add(mercy)
		after(a.onTerm, exit{})
	case syscall.SIGQUIT:
		w.must(a.active(), "QUIT for %s, which is %s", a.identity.ID, a.phase)
		a.phase, a.deadline = ending, w.now.Add(dumpTime)
		r.quit = append(r.quit, a)
		if g := a.identity.Generation; g != w.current.number {
			w.must(r.reloaded && !r.committed && r.generation == g && r.culprit == a.serial, "the reload goes on without %s", a.identity.ID)
		}
		if a.identity.Generation == w.current.number {
			w.failed(a)
		}
		after(a.onQuit, exit{status: 2 << 8})
	case syscall.SIGKILL:
		w.must(a.phase > ready && !a.killed, "KILL for %s, which is %s", a.identity.ID, a.phase)
		w.must(!a.deadline.After(w.now), "%s is killed %v too early", a.identity.ID, a.deadline.Sub(w.now))
		a.phase, a.deadline, a.killed = ending, time.Time{}, true
		r.killed = append(r.killed, a)
		after(a.onKill, exit{status: syscall.WaitStatus(syscall.SIGKILL)})
	default:
		w.must(false, "signal %v", k.signal)
	}
}

// mayEnd says how long a worker may take to end that is asked to, and checks that it may be asked: one that serves only
// when its work is done by others, or is not wanted any more.
func (w *world) mayEnd(a *actor, r *result) time.Duration {
	g, limits := a.identity.Generation, w.current.limits
	atEnd := time.Hour
	if w.fast {
		atEnd = fastMercy
	} else if w.begun {
		atEnd = limits.StopMercy
	}
	switch {
	case r.reloaded && !r.committed && g == r.generation:
		return min(a.limits.ReloadMercy, atEnd)
	case w.begun:
		return atEnd
	case r.committed && g == w.current.number && w.fleet.find(a.serial).leaving == forReload: // not just before
		return w.next.limits.ReloadMercy
	}
	w.must(g == w.current.number, "%s, of the generation to come, is asked to end", a.identity.ID)
	if int(a.identity.Slot) > w.target() {
		a.fewer = true
		return limits.ReloadMercy
	}
	w.look(a)
	successor := w.holder(a.place(), a)
	w.must(a.phase == ready && a.cause, "%s is asked to end for nothing", a.identity.ID)
	w.must(successor != nil && successor.phase == ready, "%s is asked to end before it has a ready successor", a.identity.ID)
	return limits.ReloadMercy
}

// look asks the fleet for what chance has decided within it: whether a worker has come of age.
func (w *world) look(a *actor) {
	f := w.fleet.find(a.serial)
	if f == nil || f.leaving != forLifetime || a.cause {
		return
	}
	w.must(a.limits.MaxLifetime > 0 && w.now.Sub(a.started) >= a.limits.MaxLifetime, "%s is too young to be replaced", a.identity.ID)
	w.mayLeave(a)
}

func (w *world) reloaded(a reloaded) {
	if w.next.number == 0 { // it has not come to read the settings
		w.must(a.failed != nil && (w.stopped || !w.everReady) && a.generation > w.latest, "an outcome of generation %d", a.generation)
		w.latest, w.waiting = a.generation, false
		return
	}
	w.must(a.generation == w.next.number, "an outcome of generation %d", a.generation)
	w.must(w.retired[w.current.number] == (a.failed == nil) && w.retired[a.generation] == (a.failed != nil), "the wrong one is retired")
	if a.culprit != 0 {
		w.must(a.failed != nil && w.actors[a.culprit-1].identity.Generation == a.generation, "culprit %d", a.culprit)
	}
	if a.failed == nil {
		for slot := 1; slot <= w.next.limits.Workers; slot++ {
			holder := w.holder(place{a.generation, handoff.Slot(slot)}, nil)
			w.must(holder != nil && holder.phase == ready, "a commit without a ready worker in slot %d", slot)
		}
		w.current, w.extra = w.next, 0
	}
	w.next, w.prepared, w.preparing = settings{}, false, false
}

// check looks at everything.
func (w *world) check(r *result, x expectation) {
	w.must(len(w.fleet.workers) == len(w.living), "the fleet knows %d workers of %d", len(w.fleet.workers), len(w.living))
	drained, pairs, readies := 0, 0, 0
	for _, a := range w.living {
		f := w.fleet.find(a.serial)
		w.must(f != nil && f.phase == a.phase, "%s is %s", a.identity.ID, a.phase)
		g := a.identity.Generation
		switch {
		case a.active():
			w.must(!w.begun, "%s is not asked to end", a.identity.ID)
			w.must(g == w.current.number || g == w.next.number, "%s of generation %d is left over", a.identity.ID, g)
			w.must(g != w.current.number || int(a.identity.Slot) <= w.target(), "%s is one too many", a.identity.ID)
			if w.holder(a.place(), a) != nil {
				pairs++
			}
		case a.phase == draining && !a.fewer:
			drained++
		}
		if a.phase == ready {
			readies++
			if x.judged {
				w.look(a)
				grown := a.limits.MaxLifetime > 0 && w.now.Sub(a.started) >= a.limits.MaxLifetime+a.limits.MaxLifetimeDelta && a.readyAt.Before(w.now)
				w.must(a.cause || !grown, "%s is too old", a.identity.ID)
			}
			w.must((f.leaving != "") == a.cause, "%s is to be replaced: %q", a.identity.ID, f.leaving)
		}
		w.must(!w.stopped || a.unready, "%s is not told that it is unready", a.identity.ID)
	}
	w.must(pairs <= 2, "more than one is replaced at a time")
	// A reload begins while at most as many drain as there are to be, and makes all of them drain; beside it one may
	// be replaced.
	w.must(w.stopped || drained <= drainingPerWorker*w.most+1, "%d drain", drained)
	w.checkJudgement(r, x)
	w.checkWords(r, readies)
	if x.start != nil {
		w.must(slices.Contains(r.spawned, *x.start), "slot %d is not filled at once", x.start.slot)
	}
	w.must(r.prepared || !x.prepare, "the reload does not begin")
	w.must(r.ended == x.ended, "an end is told: %t", r.ended)
	if a := x.culprit; a != nil {
		w.must(r.reloaded && !r.committed && r.culprit == a.serial, "the reload goes on without %s", a.identity.ID)
	}
	w.must(!x.all || len(r.spawned) == w.target(), "%d are started instead of %d", len(r.spawned), w.target())
	if len(w.living) == 0 && (w.stopped || w.inVain()) {
		w.must(w.finished, "no finish")
	}
}

// inVain reports whether there is nothing to hope for, where nobody lives.
func (w *world) inVain() bool { return w.shut || !w.everReady && len(w.actors) > 0 }

// checkJudgement looks whether those were ended by force that had to be, and no others.
func (w *world) checkJudgement(r *result, x expectation) {
	for _, a := range x.ending {
		w.must(a.phase > ready, "%s is spared", a.identity.ID)
	}
	for _, a := range r.quit {
		w.must(slices.Contains(x.ending, a), "QUIT for %s", a.identity.ID)
	}
	for _, a := range x.killing {
		w.must(slices.Contains(r.killed, a), "%s is not killed", a.identity.ID)
	}
	w.must(x.judged || len(r.quit)+len(r.killed) == 0, "judged before all is read")
	if !w.stopped && w.everReady {
		for _, a := range r.quit { // whoever is ended by force needs no place in its slot
			if p := a.place(); p.generation == w.current.number && a.served(w.now) >= servedWell && int(p.slot) <= w.target() {
				w.must(w.holder(p, a) != nil, "slot %d waits for %s to end", p.slot, a.identity.ID)
			}
		}
	}
}

// checkWords looks whether workers know whether enough of them are ready.
func (w *world) checkWords(r *result, readies int) {
	few := readies < min(max(1, w.current.limits.MinReady), w.target())
	w.must(r.serving == (w.few && !few && !w.stopped), "serving: %t, few before: %t, now: %t", r.serving, w.few, few)
	w.few = few
	for _, a := range w.living {
		w.must(!a.active() || a.few == few, "%s believes that too few are ready: %t", a.identity.ID, a.few)
	}
}

// resting reports whether all is as it should be for long.
func (w *world) resting() bool {
	if w.next.number != 0 || w.waiting || len(w.living) != w.target() {
		return false
	}
	for slot := 1; slot <= w.target(); slot++ {
		a := w.holder(place{w.current.number, handoff.Slot(slot)}, nil)
		if a == nil || a.phase != ready || a.cause {
			return false
		}
	}
	return true
}

// comeToRest checks that a fleet whose workers behave has soon as many of them as it should.
func (w *world) comeToRest() {
	since := w.now
	for !w.finished && !w.stopped && !w.resting() {
		w.step()
		w.must(w.now.Sub(since) < 5*time.Minute, "it does not come to rest")
	}
	if w.finished || w.stopped {
		return
	}
	var earliest time.Time
	for _, a := range w.living {
		for _, due := range []time.Time{a.silence(), a.started.Add(a.limits.MaxLifetime)} {
			if due.After(a.started) && (earliest.IsZero() || due.Before(earliest)) {
				earliest = due
			}
		}
	}
	wake := w.fleet.wake()
	w.must(wake.IsZero() == earliest.IsZero() && !wake.Before(earliest), "at rest it is woken at %v", wake.Sub(w.began))
}

// stopAll checks that a stop comes to its end in time, and that nothing happens afterwards.
func (w *world) stopAll() {
	if !w.finished && !w.stopped {
		w.turn(stopAsked{fast: w.chance(30)})
	}
	for !w.finished {
		w.step()
	}
	if w.stopped {
		limits := w.current.limits
		latest := w.asked.Add(limits.ShutdownDelay + max(limits.StopMercy, fastMercy) + w.late + time.Second)
		w.must(!w.now.After(latest), "the stop took %v", w.now.Sub(w.asked))
	}
	w.must(w.fleet.wake().IsZero(), "woken after the end")
	tooLate := errors.New("too late")
	for _, e := range []event{
		tick{},
		stopAsked{},
		stopAsked{true},
		reloadAsked{},
		resized{+1},
		paused{time.Second},
		prepared{generation: 1},
		prepared{generation: 1, failed: tooLate},
		tick{},
	} {
		w.fleetOnly(e)
	}
}

// fleetOnly lets something happen that must not lead to anything.
func (w *world) fleetOnly(e event) {
	for _, a := range w.fleet.handle(w.now, e) {
		_, ok := a.(note)
		w.must(ok, "after the end: %T%+v", a, a)
	}
}
