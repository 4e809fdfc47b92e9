package fleet

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
	"testing"
	"time"

	"multiproc/internal/proctest"
)

var (
	firstSeed = flag.Uint64("seed", 1, "of the first sequence of TestSimulation")
	sequences = flag.Int("sequences", 0, "number of sequences of TestSimulation; 0: depends on the tier of tests")
)

// TestSimulation runs a fleet in a simulated world whose workers become ready late or never, die, hang, report that they are stuck,
// and ignore TERM. Preparations take time and may fail. Reloads, resizes, pauses and stops come at any time. After each event, a
// model that is independent of the fleet's code checks the promises.
//
// In each sequence, events are random for a while; then no worker fails any more, and the fleet must come to rest; then it must stop.
func TestSimulation(t *testing.T) {
	n := *sequences
	if n == 0 {
		n = proctest.Rounds(10_000, 100_000)
		if testing.Short() {
			n /= 5
		}
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
					t.Errorf("seed %d: %v\nrepeat it: go test ./master/internal/fleet -run TestSimulation -seed %d -sequences 1\n%s%v",
						seed, err, seed, &trace, again)
				}
			}
		})
	}
	group.Wait()
}

// broken is a broken promise.
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
	w.turn(Tick{})
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

// resting reports whether nothing needs to be done.
func (w *world) resting() bool {
	exporters := 0
	if w.fleet.current.limits.Exporter {
		exporters = 1
	}
	return w.fleet.reload == nil && w.fleet.ready() == w.fleet.Target() && len(w.unreaped) == w.fleet.Target()+exporters &&
		!slices.ContainsFunc(w.fleet.workers, func(f *Worker) bool { return f.Phase != Ready }) &&
		!slices.ContainsFunc(w.fleet.workers, func(f *Worker) bool { return f.Leaving != "" })
}

// comeToRest checks that a fleet whose workers do not fail soon has the wanted number of them.
func (w *world) comeToRest() {
	since := w.now
	for !w.finished && !w.stopped && !w.resting() {
		w.step()
		w.must(w.now.Sub(since) < 5*time.Minute, "it does not come to rest")
	}
	if w.finished || w.stopped {
		return
	}
	wake := w.fleet.Wake()
	for _, f := range w.fleet.workers {
		heartbeat, lifetime := f.lastSeen.Add(w.fleet.limits(f).Heartbeat), f.Started.Add(w.fleet.limits(f).MaxLifetime)
		if wake.Equal(heartbeat) || !f.replaceAt.IsZero() && !wake.Before(lifetime) {
			return
		}
	}
	w.must(wake.IsZero(), "at rest it is woken at %v", wake.Sub(w.began))
}

// stopAll checks that a stop ends in time and that there are no actions afterwards.
func (w *world) stopAll() {
	if !w.finished && !w.stopped {
		w.turn(StopRequested{Fast: w.chance(30)})
	}
	for !w.finished {
		w.step()
	}
	if w.stopped {
		limits := w.fleet.current.limits
		latest := w.asked.Add(limits.ShutdownDelay + max(limits.StopMercy, fastMercy) + exporterMercy + fastMercy + w.late + time.Second)
		w.must(!w.now.After(latest), "the stop took %v", w.now.Sub(w.asked))
	}
	w.must(w.fleet.Wake().IsZero(), "woken after the end")
	tooLate := errors.New("too late")
	for _, e := range []Event{
		Tick{},
		StopRequested{},
		StopRequested{true},
		ReloadRequested{},
		Resized{+1},
		Paused{time.Second},
		Prepared{Generation: 1},
		Prepared{Generation: 1, Err: tooLate},
		Tick{},
	} {
		w.fleetOnly(e)
	}
}

// fleetOnly passes an event to the fleet that must not lead to an action.
func (w *world) fleetOnly(e Event) {
	for _, a := range w.fleet.Handle(w.now, e) {
		_, ok := a.(Log)
		w.must(ok, "after the end: %T%+v", a, a)
	}
}
