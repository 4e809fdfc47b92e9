package fleet

import (
	"syscall"
	"testing"
	"time"
)

// withExporter returns a fleet with a ready worker (1) and a ready exporter (2).
func withExporter(t *testing.T) *scene {
	t.Helper()
	limits := usual(1)
	limits.Exporter, limits.Notifies, limits.MaxLifetime, limits.MaxAnon = true, true, time.Hour, 1000
	s := newUnprepared(t, limits)
	s.on(Prepared{Generation: 1}, "spawn 1 w1 g1", "spawn 2 exporter g1")
	s.on(up(1), "serving")
	s.on(up(2))
	return s
}

func TestExporterIsNoWorker(t *testing.T) {
	s := withExporter(t)
	if s.fleet.ready() != 1 || s.fleet.Target() != 1 {
		t.Errorf("%d of %d workers are ready", s.fleet.ready(), s.fleet.Target())
	}
	s.on(Measured{2, 5000})
	s.on(Resized{-1})
	s.on(Resized{+1}, "spawn 3 w2 g1")
	s.on(up(3))
	s.on(Resized{-1}, "TERM 3")
}

// The program serves while the exporter dies again and again.
func TestExporterIsRestarted(t *testing.T) {
	limits := usual(1)
	limits.Exporter = true
	s := newUnprepared(t, limits)
	s.on(Prepared{Generation: 1}, "spawn 1 w1 g1", "spawn 2 exporter g1")
	s.on(died(2), "ended exporter crash", "spawn 3 exporter g1") // also before a worker is ready
	s.on(up(1), "serving")
	s.on(died(3), "ended exporter crash")
	s.sleeps(time.Second)
	s.passes(time.Second, "spawn 4 exporter g1")
	s.on(up(4))
	s.now = s.now.Add(servedLong)
	s.on(Exited{4, Exit{Status: syscall.WaitStatus(syscall.SIGKILL)}}, "ended exporter crash", "spawn 5 exporter g1")
	s.passes(limits.StartTimeout, "QUIT 5", "spawn 6 exporter-1 g1")
}

// A master without workers does not wait for the exporter to become ready.
func TestExporterAlone(t *testing.T) {
	limits := usual(1)
	limits.Exporter = true
	s := newUnprepared(t, limits)
	s.on(Prepared{Generation: 1}, "spawn 1 w1 g1", "spawn 2 exporter g1")
	s.on(up(2))
	s.on(died(1), "ended w1 crash", "unready 2", "TERM 2")
	s.on(done(2), "ended exporter stop", "finish: "+ErrNoneReady.Error())
}

func TestExporterIsReplaced(t *testing.T) {
	s := withExporter(t)
	limits := usual(1)
	limits.Exporter = true
	s.on(ReloadRequested{}, "prepare g2")
	s.on(Prepared{Generation: 2, Limits: limits}, "spawn 3 w1-1 g2")
	s.now = s.now.Add(servedWell)
	s.on(up(3), "TERM 1", "retire g1", "reloaded g2", "spawn 4 exporter-1 g2")
	s.on(died(4), "ended exporter-1 crash", "spawn 5 exporter-1 g2") // the old one serves
	s.on(up(5), "TERM 2")
	s.on(done(2), "ended exporter reload")
	s.on(done(1), "ended w1 reload")

	s.on(ReloadRequested{}, "prepare g3")
	s.on(Prepared{Generation: 3, Limits: usual(1)}, "spawn 6 w1 g3")
	s.on(up(6), "TERM 3", "TERM 5", "retire g2", "reloaded g3") // no exporter any more
}

// Recycling a worker and replacing the exporter do not wait for each other, even in a reload.
func TestExporterIsReplacedApart(t *testing.T) {
	s := withExporter(t)
	s.now = s.now.Add(servedWell)
	s.on(stopping(2), "spawn 3 exporter-1 g1")
	s.on(stopping(1), "spawn 4 w1-1 g1")
	s.on(up(3), "TERM 2")
	s.on(ReloadRequested{}, "prepare g2")
	s.now = s.now.Add(servedWell)
	s.on(stopping(3), "spawn 5 exporter-2 g1")
}

func TestExporterEndsLast(t *testing.T) {
	s := withExporter(t)
	s.on(StopRequested{}, "unready 1", "unready 2", "TERM 1")
	s.on(done(1), "ended w1 stop", "TERM 2")
	s.passes(exporterMercy, "cut 2")
	s.passes(fastMercy, "KILL 2")
	s.on(Exited{2, Exit{Status: syscall.WaitStatus(syscall.SIGKILL)}}, "ended exporter stop", "finish: "+ErrStopping.Error())
	if line := s.mustLog("stopped"); line.Args[1] != 1 || line.Args[3] != 0 {
		t.Errorf("stopped: %v", line.Args)
	}

	s = withExporter(t)
	s.on(StopRequested{Fast: true}, "unready 1", "unready 2", "cut 1", "TERM 1", "cut 2", "TERM 2")
	s.on(done(1), "ended w1 stop")
	s.passes(fastMercy, "KILL 2")
}
