package worker_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// serveAsWorker is the main function of a worker that a master started.
func serveAsWorker([]string) error {
	if err := handoff.AdoptEnviron(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.HandleFunc("/readyz", worker.Readyz)
	mux.HandleFunc("/log", func(w http.ResponseWriter, _ *http.Request) {
		_, err := fmt.Println("a line")
		fmt.Fprint(w, err)
	})
	var reopened atomic.Int32
	mux.HandleFunc("/reopened", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, reopened.Load()) })
	var settings *tls.Config
	if testedOverTLS() {
		var err error
		if settings, err = selfSigned(); err != nil {
			return err
		}
	}
	return worker.Run(context.Background(), worker.Config{
		TLS:    settings,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Reopen: func() error {
			reopened.Add(1)
			return io.ErrNoProgress
		},
	}, mux)
}

// process is a worker in a process of its own, as its master sees it.
type process struct {
	running
	pid    int
	tether *handoff.Tether
	status syscall.WaitStatus // once end is closed
	stdout *os.File           // the end that is read
}

// startProcess starts a worker on a copy of a socket. It is killed at the end of the test.
func startProcess(t *testing.T, l net.Listener, identity handoff.Identity) *process {
	t.Helper()
	tether, lifeline, err := handoff.NewLifeline()
	check(t, err)
	defer lifeline.Close()
	stdout, stdoutOfChild, err := os.Pipe()
	check(t, err)
	defer stdoutOfChild.Close()
	log, err := os.CreateTemp(t.TempDir(), "log")
	check(t, err)
	exe, err := os.Executable()
	check(t, err)
	env := handoff.WorkerEnv{Identity: identity, Names: []string{"http", handoff.LifelineName}}
	pid, err := syscall.ForkExec(exe, []string{exe}, &syscall.ProcAttr{
		Env: append(env.Environ(os.Environ()), proctest.RoleEnv("worker")...),
		Files: []uintptr{
			0, osfile.FD(stdoutOfChild), osfile.FD(log), osfile.FD(l.(syscall.Conn)), osfile.FD(lifeline),
		},
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	check(t, err)
	p := &process{
		running: running{t: t, addr: l.Addr(), end: make(chan struct{})},
		pid:     pid, tether: tether, stdout: stdout,
	}
	go func() {
		defer close(p.end)
		_, p.err = syscall.Wait4(pid, &p.status, 0, nil)
	}()
	t.Cleanup(func() {
		select {
		case <-p.end:
		default:
			_ = syscall.Kill(pid, syscall.SIGKILL)
			<-p.end
		}
		if text, err := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("log of the process: %v\n%s", err, text)
		}
		_, _, _ = stdout.Close(), log.Close(), tether.Close()
	})
	return p
}

func (p *process) signal(signals ...syscall.Signal) {
	p.t.Helper()
	for _, s := range signals {
		if err := syscall.Kill(p.pid, s); err != nil {
			p.t.Fatalf("kill -%v: %v", s, err)
		}
	}
}

// tell sends a message of the master.
func (p *process) tell(word handoff.Word) {
	p.t.Helper()
	check(p.t, p.tether.Send(word))
}

// closeTether ends the master, as far as the worker can see.
func (p *process) closeTether() {
	p.t.Helper()
	check(p.t, p.tether.Close())
}

// ended waits for the end of the process, which must exit with 0.
func (p *process) ended() {
	p.t.Helper()
	receive(p.t, "the end of the process", p.end)
	if p.err != nil || !p.status.Exited() || p.status.ExitStatus() != 0 {
		p.t.Errorf("the process ended with %#x, %v", p.status, p.err)
	}
}

var w1 = handoff.Identity{Slot: 1, ID: "w1", Generation: 1}

func TestTermDrains(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	c, idle := p.dial(), p.dial()
	readAll(t, idle.do("GET", "/", ""))
	c.send(head("POST /", "Expect: 100-continue", "Content-Length: 5"))
	c.answer() // 100 Continue: the handler reads the body
	p.signal(syscall.SIGTERM)
	r := idle.do("GET", "/readyz", "")
	for r.code == 200 && !r.last { // until the signal has arrived
		readAll(t, r)
		r = idle.do("GET", "/readyz", "")
	}
	if body := readAll(t, r); r.code != 200 { // it is being replaced
		t.Errorf("readyz: %d %s", r.code, body)
	}
	p.signal(syscall.SIGTERM) // has no effect
	c.send("there")
	if body := readAll(t, c.answer()); body != "hello there" {
		t.Errorf("%q", body)
	}
	p.ended()
}

// TestSignals sends signals that are meant for a master. They have no effect on its workers, and keep their meaning in a program
// that has no master.
func TestSignals(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	p.get("/")
	p.signal(syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU)
	for range 3 {
		if code, body := p.get("/"); code != 200 {
			t.Errorf("%d %q", code, body)
		}
	}
	p = startProcess(t, listen(t, "tcp", "127.0.0.1:0"), handoff.Identity{})
	p.get("/")
	p.signal(syscall.SIGINT)
	receive(t, "the end of the process", p.end)
	if p.status.Signal() != syscall.SIGINT {
		t.Errorf("the process ended with %#x", p.status)
	}
}

// TestLogWithoutReader checks that a worker survives the end of the process that reads its log.
func TestLogWithoutReader(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	if _, err := p.get("/log"); err != "<nil>" {
		t.Errorf("write to the log: %s", err)
	}
	check(t, p.stdout.Close())
	for range 2 {
		if _, err := p.get("/log"); !strings.Contains(err, "broken pipe") {
			t.Errorf("write to the log: %s", err)
		}
	}
}

func TestMessagesOfTheMaster(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	expect := func(path, part string) {
		t.Helper()
		proctest.Eventually(t, path+" to contain "+part, func() bool {
			_, body := p.get(path)
			return strings.Contains(body, part)
		})
	}
	expect("/readyz", `"ok"`)
	p.tell(handoff.Few)
	expect("/readyz", "fewer than min-ready workers are ready")
	p.tell('?') // an unknown message
	p.tell(handoff.Enough)
	expect("/readyz", `"ok"`)
	p.tell(handoff.Reopen)
	expect("/reopened", "1")
	p.tell(handoff.Few)
	p.tell(handoff.Unready)
	expect("/readyz", "made unready by the master")
	p.tell(handoff.Enough)
	p.tell(handoff.Reopen)
	expect("/reopened", "2")
	if code, body := p.get("/readyz"); code != 503 {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, _ := p.get("/"); code != 200 {
		t.Errorf("an unready worker does not serve: %d", code)
	}
}

// TestReadyzInTheDrain checks that a worker that is being replaced stays ready, unless the master has made it unready or is gone.
func TestReadyzInTheDrain(t *testing.T) {
	const ready, unready = `{"status":"ok"}`, `{"status":"unavailable","reason":"draining"}`
	term := func(p *process) { p.signal(syscall.SIGTERM) }
	// makeUnready waits for the effect of the message, because a signal could overtake it.
	makeUnready := func(word handoff.Word) func(*process) {
		return func(p *process) {
			p.tell(word)
			proctest.Eventually(t, "the effect of the message", func() bool {
				code, _ := p.get("/readyz")
				return code == 503
			})
			p.signal(syscall.SIGTERM)
		}
	}
	for name, test := range map[string]struct {
		drain   func(*process) // begins the drain
		want    string
		change  func(*process) // in the drain; nil: none
		thenSay string
	}{
		"replaced":           {drain: makeUnready(handoff.Few), want: ready}, // the master does not revoke it in the drain
		"made unready":       {drain: makeUnready(handoff.Unready), want: unready},
		"made unready later": {term, ready, func(p *process) { p.tell(handoff.Unready) }, unready},
		"master gone":        {drain: (*process).closeTether, want: unready},
		"master gone later":  {term, ready, (*process).closeTether, unready},
	} {
		t.Run(name, func(t *testing.T) {
			p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
			conns := make([]*client, 100) // the drain accepts no new ones
			for i := range conns {
				conns[i] = p.dial()
			}
			readAll(t, conns[len(conns)-1].do("GET", "/", "")) // so that the others are accepted as well
			// ask returns the answer in the drain. It uses two connections: the last answer on the first one may have been written
			// before, and only shows that the drain has begun.
			ask := func() string {
				t.Helper()
				for last := false; !last; {
					r := conns[0].do("GET", "/readyz", "")
					readAll(t, r)
					last = r.last
				}
				r := conns[1].do("GET", "/readyz", "")
				if conns = conns[2:]; !r.last {
					t.Error("an answer in the drain is not the last one")
				}
				return strings.TrimSpace(readAll(t, r))
			}
			test.drain(p)
			if body := ask(); body != test.want {
				t.Error(body)
			}
			if test.change != nil {
				test.change(p)
				proctest.Eventually(t, test.thenSay, func() bool { return ask() == test.thenSay })
			}
		})
	}
}

// TestMasterExits has a request during which the master ends, or makes the worker stop at once.
func TestMasterExits(t *testing.T) {
	begin := func() (*process, *client) {
		p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
		c := p.dial()
		c.send(head("POST /", "Expect: 100-continue", "Content-Length: 5"))
		c.answer()
		return p, c
	}
	p, c := begin()
	p.closeTether()
	c.send("there")
	if body := readAll(t, c.answer()); body != "hello there" {
		t.Errorf("%q", body)
	}
	_ = c.Close()
	p.ended()

	p, _ = begin()
	p.tell(handoff.Cut)
	_ = p.tether.Send(handoff.Cut) // has no effect, if it arrives
	receive(t, "the end of the process", p.end)
	if p.status.ExitStatus() != 1 {
		t.Errorf("the process ended with %#x", p.status)
	}
}

// TestSharedListenerStaysNonblocking checks a flag that all copies of a socket share, and that all workers need.
func TestSharedListenerStaysNonblocking(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		l := listenOn(t, network)
		fd := int(osfile.FD(l.(syscall.Conn)))
		check := func(when string) {
			t.Helper()
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
			if err != nil || flags&unix.O_NONBLOCK == 0 {
				t.Errorf("%s, %s: flags %#x, %v", network, when, flags, err)
			}
		}
		check("before")
		p := startProcess(t, l, w1)
		p.get("/")
		check("while a worker serves")
		p.signal(syscall.SIGTERM)
		p.ended()
		check("when it has ended")
	}
}
