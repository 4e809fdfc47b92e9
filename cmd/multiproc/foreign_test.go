package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestShellWorker has a worker that was not written for multiproc. It inherits the sockets and nothing else, its stderr is
// logged, and it dies with the master.
func TestShellWorker(t *testing.T) {
	t.Parallel()
	command := script(t,
		`echo "this is worker $MULTIPROC_SLOT" >&2`,
		`exec sleep 1000`) // the descriptor of the script itself
	s := startServer(t, "socket = 127.0.0.1:0\nsocket = @"+t.Name()+strconv.Itoa(os.Getpid())+"\nprocesses = 2\nnotify = false\n"+
		"env = APP_COLOUR=blue\nunenv = APP_SECRET\ncommand = "+command+"\n",
		withEnv("APP_SECRET=x", "NOTIFY_SOCKET=/nonexistent", "WATCHDOG_USEC=1000000", "LISTEN_FDS=7", "LISTEN_PID=1"))
	s.log.Wait(t, s.done, "this is worker 1")
	s.log.Wait(t, s.done, "this is worker 2")
	sockets, others := listening(t), proctest.Descriptors(os.Getpid()) // whatever the test was started with is inherited
	for _, pid := range s.workers() {
		proctest.Eventually(t, "the program", func() bool { return nameOf(pid) == "sleep" })
		open := proctest.Descriptors(pid)
		for fd, to := range open {
			if fd >= 5 && to != others[fd] {
				t.Errorf("descriptor %d is %s", fd, to)
			}
		}
		if !sockets[open[3]] || !sockets[open[4]] || open[0] != os.DevNull {
			t.Errorf("descriptors %v", open)
		}
		env := strings.Join(proctest.Environ(t, pid), "\n") + "\n"
		for _, want := range []string{
			"LISTEN_PID=" + strconv.Itoa(pid), "LISTEN_FDS=2", "LISTEN_FDNAMES=http:http", "APP_COLOUR=blue",
			"PROMETHEUS_MULTIPROC_DIR=" + s.metricsDir(), "MULTIPROC_GENERATION=1",
		} {
			if !strings.Contains(env, want+"\n") {
				t.Errorf("not in the environment: %s", want)
			}
		}
		// notify = false: it gets no notify socket.
		for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "APP_SECRET"} {
			if strings.Contains(env, name+"=") {
				t.Errorf("in the environment: %s", name)
			}
		}
	}

	workers := s.workers()
	proctest.Kill(t, s.cmd.Process.Pid, syscall.SIGKILL)
	proctest.AwaitGone(t, workers...)
}

// TestForeignWorkerStops has a worker that exits on TERM and one that ignores it. Children that they leave behind, which hold the
// sockets, are killed.
func TestForeignWorkerStops(t *testing.T) {
	t.Parallel()
	for name, ignore := range map[string]string{"by TERM": "", "by KILL": "trap '' TERM"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := script(t, ignore, `sleep 1000 &`, `echo $! >"$CHILDREN/$$"`, `while :; do sleep 0.1; done`)
			children := t.TempDir()
			s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nnotify = false\nstop-mercy = 1\ncommand = "+command+
				"\nenv = CHILDREN="+children+"\n")
			workers := s.workers()
			var started []int
			for _, pid := range workers {
				var child int
				proctest.Eventually(t, "a worker that has recorded its child", func() bool {
					text, _ := os.ReadFile(filepath.Join(children, strconv.Itoa(pid)))
					var err error
					child, err = strconv.Atoi(strings.TrimSpace(string(text)))
					return err == nil
				})
				started = append(started, child)
			}
			s.signal(syscall.SIGTERM)
			proctest.AwaitGone(t, workers...)
			proctest.AwaitGone(t, started...)
			s.mustExit(0)
		})
	}
}

// pythonServer is a worker in Python that takes its sockets from systemd's variables and reports readiness.
const pythonServer = `
import http.server, os, socket, sys

assert os.environ["LISTEN_PID"] == str(os.getpid())
listener = socket.socket(fileno=3)
if "CLEAR" in os.environ:
    listener.setblocking(True)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"%d\n" % os.getpid()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(http.server.HTTPServer):
    def __init__(self):
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

def notify(text):
    path = os.environ["NOTIFY_SOCKET"]
    if path.startswith("@"):
        path = "\0" + path[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(text.encode(), path)

server = Server()
server.timeout = 0.1
print("python serves", file=sys.stderr, flush=True)
notify("READY=1\nSTATUS=serving in python")
server.serve_forever()
`

// pythonPath returns the real interpreter; python3 in PATH may be a wrapper.
func pythonPath(tb testing.TB) string {
	tb.Helper()
	s := testServer{tb: tb, dir: tb.TempDir()}
	python, err := s.command("python3", "-c", "import sys; print(sys.executable)")
	if err != nil {
		proctest.Missing(tb, "there is no python3: "+err.Error())
	}
	return python
}

func pythonINI(tb testing.TB) string {
	tb.Helper()
	python := pythonPath(tb)
	path := filepath.Join(tb.TempDir(), "server.py")
	check(tb, os.WriteFile(path, []byte(pythonServer), 0o600))
	return fmt.Sprintf("command = %s %s\n", python, path)
}

// TestPythonWorker serves from Python, reloads, and replaces a killed worker.
func TestPythonWorker(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n"+pythonINI(t))
	s.log.Wait(t, s.done, "python serves")
	before := s.workers()
	if code, body := s.get("/"); code != http.StatusOK || !strings.Contains(fmt.Sprintln(before), strings.TrimSpace(body)) {
		t.Errorf("%d %s of %d", code, body, before)
	}
	status := s.await("the status text of the first worker", func(status master.Status) bool { return status.Workers[0].StatusText != "" })
	if text := status.Workers[0].StatusText; text != "serving in python" {
		t.Errorf("the status text is %q", text)
	}
	s.reload()
	s.awaitReplaced(before...)
	s.wantVisit(http.StatusOK, "/", "")
	victim := pidsOf(s.awaitNoneDraining())[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	// Without a handler, TERM ends it.
	s.stop()
}

// TestListenersDoNotBlock checks the sockets of all processes after each start of a worker. A blocking socket blocks for
// everyone who shares it: accept would hang.
func TestListenersDoNotBlock(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nsocket = "+filepath.Join(t.TempDir(), "http.sock")+
		"\nhealth = 127.0.0.1:0\nprocesses = 2\n"+appINI(t))
	s.mustNotBlock(2, 4)
	s.reload()
	s.awaitNoneDraining()
	s.mustNotBlock(2, 4)
	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	s.mustNotBlock(2, 4)
	s.stop()
}

// TestBlockingFlagIsCleared has a worker clear O_NONBLOCK. The next start of another worker sets it again.
func TestBlockingFlagIsCleared(t *testing.T) {
	t.Parallel()
	ini := pythonINI(t)
	s := startServer(t, "socket = 127.0.0.1:0\nenv = CLEAR=1\n"+ini)
	own := proctest.Descriptors(s.cmd.Process.Pid)
	blocks := false
	for fd, to := range own {
		if mode, ok := flags(s.cmd.Process.Pid, fd); ok && listening(t)[to] && mode&syscall.O_NONBLOCK == 0 {
			blocks = true
		}
	}
	if !blocks {
		t.Fatal("the worker did not make the socket block: the test is of no use")
	}
	before := s.workers()
	s.writeINI("socket = 127.0.0.1:0\n" + ini)
	s.reload()
	s.awaitReplaced(before...)
	s.mustNotBlock(1, 2)
	s.stop()
}

// mustNotBlock expects this many listening sockets, none of them blocking, in the master and in each worker.
func (s *testServer) mustNotBlock(inWorker, inMaster int) {
	s.tb.Helper()
	sockets := listening(s.tb)
	for i, pid := range append([]int{s.cmd.Process.Pid}, s.workers()...) {
		found := 0
		for fd, to := range proctest.Descriptors(pid) {
			if !sockets[to] {
				continue
			}
			found++
			if mode, ok := flags(pid, fd); ok && mode&syscall.O_NONBLOCK == 0 {
				s.tb.Errorf("descriptor %d of process %d (the master is %d) blocks", fd, pid, s.cmd.Process.Pid)
			}
		}
		if want := []int{inMaster, inWorker}[min(i, 1)]; found < want {
			s.tb.Errorf("process %d (the master is %d) has %d listening sockets, want %d", pid, s.cmd.Process.Pid, found, want)
		}
	}
}

// TestForeignLogIsReopened has a worker that does not reopen the log itself: after USR1 its stdout and stderr go to the new file.
func TestForeignLogIsReopened(t *testing.T) {
	t.Parallel()
	command := script(t, `while :; do echo "this is stdout"; echo "this is stderr" >&2; sleep 0.05; done`)
	s, path := startLogging(t, "notify = false\ncommand = "+command+"\n")
	for _, log := range []string{"first", "second"} {
		proctest.Eventually(t, "both in the "+log+" log", func() bool { return logHas(path, "this is stdout") && logHas(path, "this is stderr") })
		if log == "first" {
			check(t, os.Rename(path, path+".old"))
			s.signal(syscall.SIGUSR1)
		}
	}
	s.stop()
}

// TestForeignLinesStayWhole has workers that write much at the same time in pieces that are not lines. The log has whole
// lines.
func TestForeignLinesStayWhole(t *testing.T) {
	t.Parallel()
	const lines = 5000
	text := strings.Repeat("x", 100)
	command := script(t,
		`seq -f "worker $MULTIPROC_SLOT line %.0f `+text+` end" `+strconv.Itoa(lines)+` >&2`,
		`exec sleep 1000`)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 4\nnotify = false\ncommand = "+command+"\n")
	for slot := range 4 {
		s.log.Wait(t, s.done, fmt.Sprintf("worker %d line %d ", slot+1, lines))
	}
	s.stop()
	whole := regexp.MustCompile(`^(worker [1-4] line \d+ x{100} end|time=\S+ level=[A-Z]+ msg=.*)$`)
	var broken []string
	for _, line := range s.log.Lines() {
		if !whole.MatchString(line) {
			broken = append(broken, line[:min(len(line), 300)])
		}
	}
	if len(broken) > 0 {
		t.Errorf("%d lines are broken, such as\n%s", len(broken), strings.Join(broken[:min(10, len(broken))], "\n"))
	}
	if said := s.log.Count(text + " end"); said != 4*lines {
		t.Errorf("%d lines of %d", said, 4*lines)
	}
}
