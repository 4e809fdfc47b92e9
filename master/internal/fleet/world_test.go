package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// temper is the reliability of the workers of a world.
type temper int

const (
	steady temper = iota // they rarely fail
	mixed
	doomed   // nearly all die early
	crippled // nearly all in slot 1 die early
	tempers
)

// world simulates what is around a fleet. It models the fleet from events and actions alone.
type world struct {
	random *rand.Rand
	trace  *strings.Builder // nil: none
	fleet  *Fleet
	temper temper
	calm   bool // workers do not fail any more, and no requests come

	began, now time.Time
	steps      int
	agenda     []appointment
	outside    time.Time // when the next request comes

	actors   []*actor // by serial, from 1 on
	unreaped []*actor // not reaped

	latest            handoff.Generation
	prepared, retired map[handoff.Generation]bool
	reload            *Reloaded             // the end of one in this turn
	most              int                   // the largest number of workers that was ever wanted
	early             map[place][]time.Time // starts of workers that died before they had served well, in a row
	late              time.Duration         // sum of the delays since the stop was requested

	stopped, fast, finished bool
	noneReady               bool      // it stops because no worker became ready
	asked                   time.Time // when the stop was requested
}

type place struct {
	generation handoff.Generation
	slot       handoff.Slot
}

// appointment is a future event.
type appointment struct {
	at    time.Time
	event Event
	ping  bool // a heartbeat, which is repeated
}

// actor is a worker's process.
type actor struct {
	serial   Serial
	identity handoff.Identity
	limits   Limits
	started  time.Time
	leaving  bool // it is to be replaced
	ending   bool // it was sent TERM or QUIT
	killed   bool
	few      bool // the latest word was Few
	unready  bool // Unready was sent

	exits    time.Time // when it exits; zero: not yet determined
	how      Exit
	reaped   bool
	onTerm   time.Duration // how long it takes to exit; negative: it ignores the signal
	onQuit   time.Duration
	onKill   time.Duration
	silentAt time.Time // zero: never
}

func (a *actor) exporter() bool { return a.identity.Slot == handoff.ExporterSlot }

func (a *actor) place() place { return place{a.identity.Generation, a.identity.Slot} }

func newWorld(random *rand.Rand, trace *strings.Builder) *world {
	w := &world{
		random:   random,
		trace:    trace,
		temper:   temper(random.IntN(int(tempers))),
		began:    time.Unix(1_000_000_000, 0),
		prepared: map[handoff.Generation]bool{},
		retired:  map[handoff.Generation]bool{},
		early:    map[place][]time.Time{},
		latest:   1,
	}
	w.now = w.began
	limits := w.limits()
	w.fleet = New(limits, rand.New(rand.NewPCG(random.Uint64(), 0)))
	w.plan()
	w.prepare(1, limits, 10)
	if trace != nil {
		fmt.Fprintf(trace, "temper %d, %+v\n", w.temper, limits)
	}
	return w
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d/time.Millisecond)+1)) * time.Millisecond
}

// oneOf returns a random time up to one of these: relevant times differ by orders of magnitude.
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
	l.Exporter = w.chance(50)
	if w.chance(50) {
		l.Heartbeat = 3*time.Second + w.upTo(20*time.Second)
	}
	if w.chance(20) {
		l.MaxLifetime = 12*time.Second + w.upTo(30*time.Second) // longer than it takes to come to rest
		l.MaxLifetimeDelta = w.oneOf(0, 10*time.Second)
	}
	if w.chance(50) {
		l.MaxAnon = 1000
	}
	return l
}

func (w *world) at(t time.Time, e Event) { w.agenda = append(w.agenda, appointment{at: t, event: e}) }

// plan determines when the next request comes.
func (w *world) plan() {
	w.outside = w.now.Add(w.oneOf(200*time.Millisecond, 3*time.Second, 30*time.Second))
}

// prepare answers Prepare after a while, with success or failure.
func (w *world) prepare(g handoff.Generation, limits Limits, failing int) {
	answer := Prepared{Generation: g, Limits: limits}
	if !w.calm && w.chance(failing) {
		answer.Err = errors.New("bad settings or a failing prestart command")
	}
	w.at(w.now.Add(w.oneOf(0, 3*time.Second, 30*time.Second)), answer)
}

// step advances to the next event, as the master does: it handles what has come, then a tick.
func (w *world) step() {
	w.steps++
	w.must(w.steps < 10_000, "it does not come to an end")
	next, ok := w.following()
	w.must(ok, "no event will ever come, and it is not at rest")
	before := w.now
	if next.After(w.now) {
		w.now = next
	}
	late := time.Duration(0)
	switch {
	case w.calm:
	case w.chance(4): // the master is paused
		late = 500*time.Millisecond + w.upTo(30*time.Second)
	case w.chance(20):
		late = w.upTo(50 * time.Millisecond)
	}
	w.now = w.now.Add(late)
	if w.stopped {
		w.late += late
	}
	w.must(!w.now.Before(before), "time goes backwards")

	come := w.come()
	if late >= 500*time.Millisecond {
		w.turn(Paused{late})
	}
	for _, e := range come {
		w.turn(e)
	}
	if !w.calm && !w.outside.After(w.now) {
		w.ask()
		w.plan()
	}
	w.turn(Tick{})
	for range 2 { // something may be due at once, but not again and again
		if wake := w.fleet.Wake(); wake.IsZero() || wake.After(w.now) {
			return
		}
		w.turn(Tick{})
	}
	wake := w.fleet.Wake()
	w.must(wake.IsZero() || wake.After(w.now), "a busy loop: Wake returns %v again and again", wake.Sub(w.began))
}

// following returns when the next event comes.
func (w *world) following() (next time.Time, ok bool) {
	at := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	at(w.fleet.Wake())
	for _, a := range w.agenda {
		at(a.at)
	}
	if !w.calm {
		at(w.outside)
	}
	return next, !next.IsZero()
}

// come returns the events that have happened by now, exits first.
func (w *world) come() []Event {
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
	var ends, others []Event
	for _, a := range due {
		switch e := a.event.(type) {
		case Exited:
			who := w.actors[e.Serial-1]
			if who.reaped || !who.exits.Equal(a.at) {
				continue // it has exited, or exits at another time
			}
			e.Exit = who.how
			ends = append(ends, e)
		case Noticed:
			who := w.actors[e.Serial-1]
			if a.ping {
				if who.reaped || who.ending || !who.silentAt.IsZero() && !who.silentAt.After(a.at) {
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

// ask makes a request.
func (w *world) ask() {
	p := w.random.IntN(100)
	switch {
	case w.stopped && p < 30:
		w.turn(StopRequested{Fast: w.chance(50)})
	case p < 3:
		w.turn(StopRequested{Fast: w.chance(30)})
	case p < 40:
		w.turn(ReloadRequested{})
	case p < 55:
		if w.fleet.Target() < 8 {
			w.turn(Resized{+1})
		}
	case p < 70:
		w.turn(Resized{-1})
	case p < 85 && len(w.unreaped) > 0:
		a := w.unreaped[w.random.IntN(len(w.unreaped))]
		w.turn(Measured{a.serial, uint64(w.random.IntN(2000))})
	case p < 90 && len(w.actors) > 0: // a worker that may have been reaped
		a := w.actors[w.random.IntN(len(w.actors))]
		w.turn(Noticed{a.serial, handoff.Notice{Ready: true, Stopping: w.chance(50), Alive: w.chance(50)}})
	case p < 95: // late or repeated
		answer := Prepared{Generation: handoff.Generation(w.random.IntN(int(w.latest))), Limits: w.limits()}
		if w.chance(50) {
			answer.Err = errors.New("too late")
		}
		w.turn(answer)
	default: // only time passes
	}
}

// holder returns an active worker in a place, other than not. The exporter serves any generation.
func (w *world) holder(p place, not *actor) *actor {
	for _, a := range w.unreaped {
		same := a.place() == p || a.exporter() && p.slot == handoff.ExporterSlot
		if a != not && same && w.fleet.Find(a.serial).active() {
			return a
		}
	}
	return nil
}

// known returns a worker that has not been reaped.
func (w *world) known(s Serial) *actor {
	w.must(s >= 1 && int(s) <= len(w.actors), "worker %d was never started", s)
	a := w.actors[s-1]
	w.must(!a.reaped, "worker %d has been reaped", s)
	return a
}

// enliven determines at random how a worker behaves.
func (w *world) enliven(a *actor) {
	code := func(n int) Exit { return Exit{Status: syscall.WaitStatus(n << 8)} }
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
		w.exit(a, w.now, Exit{Err: syscall.EAGAIN})
	case 1, 2:
		w.exit(a, w.now.Add(w.upTo(300*time.Millisecond)), code(w.random.IntN(2)))
	case 3: // it never becomes ready
	case 4:
		r := w.upTo(500 * time.Millisecond)
		w.serve(a, r)
		w.exit(a, w.now.Add(r+w.upTo(1100*time.Millisecond)), code(1))
	case 5: // it announces its exit and exits
		r := w.upTo(500 * time.Millisecond)
		w.serve(a, r)
		w.at(w.now.Add(r), Noticed{a.serial, handoff.Notice{Stopping: true}})
		w.exit(a, w.now.Add(r+w.upTo(200*time.Millisecond)), code(0))
	}
}

// serve makes a worker become ready and send the usual notices from then on.
func (w *world) serve(a *actor, after time.Duration) {
	if !a.limits.Notifies {
		return
	}
	up := w.now.Add(after)
	w.at(up, Noticed{a.serial, handoff.Notice{Ready: true, Alive: w.chance(50), Stopping: !w.calm && w.chance(3), Status: "serves"}})
	if a.limits.Heartbeat > 0 && (w.calm || w.chance(75)) {
		w.agenda = append(w.agenda, appointment{w.now.Add(w.upTo(after)), Noticed{a.serial, handoff.Notice{Alive: true}}, true})
		if !w.calm && w.chance(30) {
			a.silentAt = up.Add(w.oneOf(0, 10*time.Second, 40*time.Second))
		}
	}
	if !w.calm && w.chance(20) {
		n := Noticed{a.serial, handoff.Notice{Stopping: true}}
		if w.chance(50) {
			n.Notice = handoff.Notice{Stuck: true}
		}
		w.at(up.Add(w.oneOf(0, 2*time.Second, 20*time.Second)), n)
	}
}

// exit makes a process exit at a time, unless it exits before.
func (w *world) exit(a *actor, at time.Time, how Exit) {
	if !a.exits.IsZero() && !at.Before(a.exits) {
		return
	}
	a.exits, a.how = at, how
	w.at(at, Exited{Serial: a.serial})
}
