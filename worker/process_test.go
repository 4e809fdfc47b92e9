package worker_test

import (
	"bytes"
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

	"multiproc/internal/proctest"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// serveAsWorker is the main function of a worker that a master started.
func serveAsWorker([]string) error {
	if err := handoff.Address(); err != nil {
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

// process is a worker in a process of its own, and its master's view of it.
type process struct {
	running
	pid    int
	tether *handoff.Tether
	status syscall.WaitStatus // once end is closed
	stdout *os.File           // the end that is read
}

// startProcess starts a worker on a socket that this process keeps a copy of. At the end of the test it is killed.
func startProcess(t *testing.T, l net.Listener, identity handoff.Identity) *process {
	t.Helper()
	tether, lifeline, err := handoff.NewLifeline()
	if err != nil {
		t.Fatal(err)
	}
	defer lifeline.Close()
	stdout, stdoutOfChild, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdoutOfChild.Close()
	stderr, stderrOfChild, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stderrOfChild.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	outfit := handoff.Outfit{Identity: identity, Names: []string{"http", handoff.LifelineName}}
	pid, err := syscall.ForkExec(exe, []string{exe}, &syscall.ProcAttr{
		Env: append(outfit.Environ(os.Environ()), proctest.RoleEnv("worker")...),
		Files: []uintptr{
			0, descriptor(t, stdoutOfChild), descriptor(t, stderrOfChild),
			descriptor(t, l.(syscall.Conn)), descriptor(t, lifeline),
		},
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{
		running: running{t: t, addr: l.Addr(), end: make(chan struct{})},
		pid:     pid, tether: tether, stdout: stdout,
	}
	var log bytes.Buffer
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		_, _ = io.Copy(&log, stderr)
	}()
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
		<-logged
		if t.Failed() {
			t.Logf("log of the process:\n%s", &log)
		}
		_, _, _ = stdout.Close(), stderr.Close(), tether.Close()
	})
	return p
}

// descriptor is a raw descriptor: Fd would make it block, for all who share it.
func descriptor(t *testing.T, c syscall.Conn) (fd uintptr) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(d uintptr) { fd = d })
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func (p *process) signal(signals ...syscall.Signal) {
	p.t.Helper()
	for _, s := range signals {
		if err := syscall.Kill(p.pid, s); err != nil {
			p.t.Fatalf("kill -%v: %v", s, err)
		}
	}
}

// ended waits for the process's end, which must be an orderly one.
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
	c.answer() // 100 Continue: it is being handled
	p.signal(syscall.SIGTERM)
	r := idle.do("GET", "/readyz", "")
	for r.code == 200 && !r.last { // until the signal has come
		readAll(t, r)
		r = idle.do("GET", "/readyz", "")
	}
	if body := readAll(t, r); r.code != 200 { // others serve in its place
		t.Errorf("readyz: %d %s", r.code, body)
	}
	p.signal(syscall.SIGTERM) // which changes nothing
	c.send("there")
	if body := readAll(t, c.answer()); body != "hello there" {
		t.Errorf("%q", body)
	}
	p.ended()
}

func TestSignalsOfTheMaster(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	p.get("/")
	p.signal(syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU)
	for range 3 {
		if code, body := p.get("/"); code != 200 {
			t.Errorf("%d %q", code, body)
		}
	}
}

// TestSignalsWithoutAMaster: the program belongs to whoever started it.
func TestSignalsWithoutAMaster(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), handoff.Identity{})
	p.get("/")
	p.signal(syscall.SIGINT)
	receive(t, "the end of the process", p.end)
	if p.status.Signal() != syscall.SIGINT {
		t.Errorf("the process ended with %#x", p.status)
	}
}

func TestLogsReaderGoes(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	if _, err := p.get("/log"); err != "<nil>" {
		t.Errorf("write to the log: %s", err)
	}
	if err := p.stdout.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := p.get("/log"); !strings.Contains(err, "broken pipe") {
			t.Errorf("write to the log: %s", err)
		}
	}
}

func TestWordsOfTheMaster(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	tell := func(word handoff.Word) {
		t.Helper()
		if err := p.tether.Send(word); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(path, part string) {
		t.Helper()
		proctest.Eventually(t, path+" says "+part, func() bool {
			_, body := p.get(path)
			return strings.Contains(body, part)
		})
	}
	expect("/readyz", `"ok"`)
	tell(handoff.Few)
	expect("/readyz", "fewer than min-ready workers are ready")
	tell('?') // means nothing
	tell(handoff.Enough)
	expect("/readyz", `"ok"`)
	tell(handoff.Reopen)
	expect("/reopened", "1")
	tell(handoff.Few)
	tell(handoff.Unready)
	expect("/readyz", "made unready by the master")
	tell(handoff.Enough)
	tell(handoff.Reopen)
	expect("/reopened", "2")
	if code, body := p.get("/readyz"); code != 503 {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, _ := p.get("/"); code != 200 {
		t.Errorf("unready, it does not serve: %d", code)
	}
}

// TestReadyzInTheDrain: that a worker is being replaced takes nothing off the air. That all end does, and that nobody is
// there to say what goes on.
func TestReadyzInTheDrain(t *testing.T) {
	const draining = `{"status":"unavailable","reason":"draining"}` + "\n"
	// begin starts a worker that is at a request, and connects while there are connections to be had.
	begin := func(t *testing.T) (*process, []*client) {
		t.Helper()
		p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
		conns := make([]*client, 100)
		for i := range conns {
			conns[i] = p.dial()
		}
		readAll(t, conns[len(conns)-1].do("GET", "/", "")) // so that those before it are accepted, too
		return p, conns
	}
	// ask asks for the answer in the drain, on the second connection: that to the last request on the first one may have
	// been made up before, and says only that the drain has begun.
	ask := func(t *testing.T, conns []*client) (int, string) {
		t.Helper()
		for last := false; !last; {
			r := conns[0].do("GET", "/readyz", "")
			readAll(t, r)
			last = r.last
		}
		r := conns[1].do("GET", "/readyz", "")
		if !r.last {
			t.Error("in the drain an answer does not say that it is the last one")
		}
		return r.code, readAll(t, r)
	}
	t.Run("replaced", func(t *testing.T) {
		p, conns := begin(t)
		if err := p.tether.Send(handoff.Few); err != nil { // and is told no more when that ends
			t.Fatal(err)
		}
		proctest.Eventually(t, "the word is heard", func() bool {
			code, _ := p.get("/readyz")
			return code == 503
		})
		p.signal(syscall.SIGTERM)
		if code, body := ask(t, conns); code != 200 || body != `{"status":"ok"}`+"\n" {
			t.Errorf("%d %s", code, body)
		}
		conns = conns[2:]
		if err := p.tether.Close(); err != nil {
			t.Fatal(err)
		}
		proctest.Eventually(t, "the end of the master is heard", func() bool {
			code, body := ask(t, conns)
			conns = conns[2:]
			return code == 503 && body == draining
		})
	})
	t.Run("told unready", func(t *testing.T) {
		p, conns := begin(t)
		if err := p.tether.Send(handoff.Unready); err != nil {
			t.Fatal(err)
		}
		proctest.Eventually(t, "the word is heard", func() bool {
			code, _ := p.get("/readyz")
			return code == 503
		})
		p.signal(syscall.SIGTERM)
		if code, body := ask(t, conns); code != 503 || body != draining {
			t.Errorf("%d %s", code, body)
		}
	})
	t.Run("told unready later", func(t *testing.T) {
		p, conns := begin(t)
		p.signal(syscall.SIGTERM)
		if code, body := ask(t, conns); code != 200 {
			t.Errorf("%d %s", code, body)
		}
		conns = conns[2:]
		if err := p.tether.Send(handoff.Unready); err != nil {
			t.Fatal(err)
		}
		proctest.Eventually(t, "the word is heard", func() bool {
			code, body := ask(t, conns)
			conns = conns[2:]
			return code == 503 && body == draining
		})
	})
	t.Run("without a master", func(t *testing.T) {
		p, conns := begin(t)
		if err := p.tether.Close(); err != nil {
			t.Fatal(err)
		}
		if code, body := ask(t, conns); code != 503 || body != draining {
			t.Errorf("%d %s", code, body)
		}
	})
}

func TestEndOfTheMaster(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	c := p.dial()
	c.send(head("POST /", "Expect: 100-continue", "Content-Length: 5"))
	c.answer()
	if err := p.tether.Close(); err != nil {
		t.Fatal(err)
	}
	c.send("there")
	if body := readAll(t, c.answer()); body != "hello there" {
		t.Errorf("%q", body)
	}
	_ = c.Close()
	p.ended()
}

func TestMasterThatDoesNotWait(t *testing.T) {
	p := startProcess(t, listen(t, "tcp", "127.0.0.1:0"), w1)
	c := p.dial()
	c.send(head("POST /", "Expect: 100-continue", "Content-Length: 5"))
	c.answer()
	if err := p.tether.Send(handoff.Cut); err != nil {
		t.Fatal(err)
	}
	_ = p.tether.Send(handoff.Cut) // changes nothing, if it is still heard
	receive(t, "the end of the process", p.end)
	if p.status.ExitStatus() != 1 {
		t.Errorf("the process ended with %#x", p.status)
	}
}

// TestSharedListenerDoesNotBlock: the flag is on the socket, not on a process's copy of it, and all workers rely on it.
func TestSharedListenerDoesNotBlock(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		l := listenOn(t, network)
		fd := int(descriptor(t, l.(syscall.Conn)))
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
