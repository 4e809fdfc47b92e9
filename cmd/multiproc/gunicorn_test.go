package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// gunicornCommand returns a gunicorn command for the application in testdata. It skips the test without gunicorn or
// prometheus_client.
func gunicornCommand(t *testing.T, args ...string) []string {
	t.Helper()
	python := pythonPath(t)
	path, err := filepath.Abs("testdata/gunicorn")
	check(t, err)
	check := commandIn(t, t.TempDir(), python, "-c", "import gunicorn.app.wsgiapp, prometheus_client.multiprocess")
	check.Env = append(os.Environ(), pythonEnv()...)
	if out, err := check.CombinedOutput(); err != nil {
		proctest.Missing(t, fmt.Sprintf("python3 has no gunicorn with prometheus_client (%v), not in MULTIPROC_TEST_PROMETHEUS_CLIENT either:\n%s", err, out))
	}
	return append([]string{python, "-m", "gunicorn", "--pythonpath", path, "-c", filepath.Join(path, "gunicorn.conf.py"), "app"}, args...)
}

// pythonEnv returns the variables by which Python finds its packages.
func pythonEnv() []string {
	env := []string{"PYTHONDONTWRITEBYTECODE=1"}
	if path := os.Getenv("MULTIPROC_TEST_PROMETHEUS_CLIENT"); path != "" {
		env = append(env, "PYTHONPATH="+path)
	}
	return env
}

// startProcess starts a program that gets TERM at the end of the test, and returns its stderr.
func startProcess(t *testing.T, dir string, args, env []string) (*exec.Cmd, *proctest.Log) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // see Cleanup
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	stderr, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	log, done := new(proctest.Log), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(log, stderr)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(proctest.Patience):
			t.Errorf("%s did not end by TERM", args)
			_ = cmd.Process.Kill()
			<-done
		}
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", args, log)
		}
	})
	return cmd, log
}

// pythonProcesses waits for n processes of the application below a gunicorn.
func pythonProcesses(t *testing.T, gunicorn, n int) (pids []int) {
	t.Helper()
	proctest.Eventually(t, "gunicorn's processes", func() bool {
		pids = proctest.Children(gunicorn)
		return len(pids) == n
	})
	return pids
}

// beside starts multiproc metrics serve for a metrics directory.
func beside(t *testing.T, dir string) *testServer {
	t.Helper()
	s := &testServer{tb: t}
	_, s.log = startProcess(t, t.TempDir(), []string{lookPath(t, "multiproc"), "metrics", "serve", "--listen", "127.0.0.1:0", "--dir", dir}, nil)
	s.awaitAddress("serving metrics", "url=http://")
	s.address, _, _ = strings.Cut(s.address, "/")
	return s
}

// TestPythonBesideGo has a gunicorn of two processes and a server of two Go workers write to one directory. Under load, with
// one process of each killed, multiproc metrics serve shows counters that only grow; when all is quiet it shows what
// prometheus_client does.
func TestPythonBesideGo(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n"+appINI(t))
	socket := filepath.Join(s.dir, "gunicorn.sock")
	gunicorn, log := startProcess(t, s.dir,
		gunicornCommand(t, "--bind", "unix:"+socket, "--workers", "2", "--max-requests", "60"),
		append(pythonEnv(), "PROMETHEUS_MULTIPROC_DIR="+s.metricsDir()))
	log.Wait(t, nil, "Listening at")
	serve := beside(t, s.metricsDir())

	toPython, toGo := startLoad(s), startLoad(s)
	askPython(toPython, dialingClient("unix", socket, false))
	for _, keepAlive := range []bool{true, false} {
		client := dialingClient("tcp", s.address, keepAlive)
		toGo.ask(50*time.Millisecond, keepAlive, func() error {
			_, err := s.getBy(client, "/pid")
			return err
		})
	}
	counts := map[string]float64{}
	scrapes := startLoad(serve)
	scraping := dialingClient("tcp", serve.address, true)
	scrapes.ask(50*time.Millisecond, true, func() error { return serve.scrapeGrowing(scraping, counts) })
	toPython.await(50)
	toPython.kill(pythonProcesses(t, gunicorn.Process.Pid, 2)[0])
	victim := s.workers()[0]
	toGo.kill(victim)
	s.awaitReplaced(victim)
	toPython.await(200) // each process is recycled
	toPython.mustHaveLostNone()
	toGo.mustHaveLostNone()
	scrapes.mustHaveLostNone()

	page := mustAgree(t, s, serve, dialingClient("unix", socket, false), gunicorn.Process.Pid)
	mustCountPython(page, toPython)
	toGo.mustBeCounted("what the Go workers have", page[`http_requests_total{code="200",method="GET",route="/pid"}`])
}

// TestGunicornAsCommand runs gunicorn as the workers' command: it takes the sockets from the master, reports readiness, and
// its processes write to the master's metrics directory. A reload loses no request. When its processes are recycled, killed and
// replaced, nobody but the master removes their live gauges.
func TestGunicornAsCommand(t *testing.T) {
	t.Parallel()
	command := gunicornCommand(t, "--workers", "2", "--max-requests", "40")
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ncommand = "+strings.Join(command, " ")+"\n", withEnv(pythonEnv()...))
	status := s.await("gunicorn's status text", func(status master.Status) bool { return status.Workers[0].StatusText != "" })
	if text := status.Workers[0].StatusText; text != "Gunicorn arbiter booted" {
		t.Errorf("the status text is %q", text)
	}
	serve := beside(t, s.metricsDir())
	load := startLoad(s)
	askPython(load, dialingClient("tcp", s.address, false))
	load.await(200) // each process is recycled
	before := s.workers()
	s.reload()
	load.kill(pythonProcesses(t, s.awaitReplaced(before...).Workers[0].PID, 2)[0])
	load.await(50)
	load.mustHaveLostNone()
	proctest.AwaitGone(t, before...)

	page := mustAgree(t, s, serve, dialingClient("tcp", s.address, false), pidsOf(s.awaitNoneDraining())...)
	mustCountPython(page, load)
	s.stop()
}

// askPython has clients send requests to a gunicorn, half of them with bodies.
func askPython(load *load, client *http.Client) {
	s := load.server
	for i := range 4 {
		load.ask(50*time.Millisecond, false, func() error {
			if i%2 == 0 {
				_, err := s.getBy(client, "/path")
				return err
			}
			response, err := client.Post(s.url("/path"), "text/plain", bytes.NewReader(make([]byte, 100*i))) //nolint:noctx // it has a timeout
			if err != nil {
				return err
			}
			r, err := replyOf(response)
			return wantCode(http.StatusOK, r, err)
		})
	}
}

// mustAgree compares the page of multiproc metrics serve with prometheus_client's own, which the application serves, once
// gunicorn has finished recycling and while the Go master and workers, which write without requests, are stopped. Live gauges
// must be those of gunicorn's processes. It returns the values.
func mustAgree(t *testing.T, s, serve *testServer, client *http.Client, gunicorns ...int) map[string]float64 {
	t.Helper()
	showsLiving := func(page string) bool {
		var living []int
		for _, pid := range gunicorns {
			living = append(living, proctest.Children(pid)...)
		}
		slices.Sort(living)
		return slices.Equal(living, livePIDs(t, page)) && len(living) == 2*len(gunicorns)
	}
	var theirs, own string
	proctest.Eventually(t, "a quiet moment, with live gauges of running processes alone", func() bool {
		// Requests to gunicorn make it recycle, and the master must run to remove live gauges.
		if _, own = serve.get("/metrics"); !showsLiving(own) {
			return false
		}
		for _, pid := range append(s.workers(), s.cmd.Process.Pid) {
			if !slices.Contains(gunicorns, pid) {
				stopProcess(t, pid)
				defer proctest.Kill(t, pid, syscall.SIGCONT)
			}
		}
		var err error
		if theirs, err = serve.getBy(client, "/metrics"); err != nil {
			return false // prometheus_client fails on a file that another process is creating
		}
		_, own = serve.get("/metrics")
		again, err := serve.getBy(client, "/metrics")
		return err == nil && again == theirs && showsLiving(theirs)
	})
	if diff := cmp.Diff(sortedLines(t, theirs), sortedLines(t, own)); diff != "" {
		t.Errorf("pages differ (-prometheus_client +multiproc):\n%s", diff)
	}
	series, err := pageSeries(own)
	check(t, err)
	return series
}

// livePIDs returns the pids in the labels of a page's live gauges.
func livePIDs(t *testing.T, page string) (pids []int) {
	t.Helper()
	for _, text := range regexp.MustCompile(`(?m)^python_liveall\{pid="(\d+)"\}`).FindAllStringSubmatch(page, -1) {
		pid, err := strconv.Atoi(text[1])
		check(t, err)
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

var fractions = regexp.MustCompile(`^\w+_(sum|seconds_total)$`)

// sortedLines returns the lines of a page in a canonical order with sorted labels: prometheus_client's order depends on the
// directory, and le is among the other labels or behind them. The order of summation also shows in the last digits of
// fractional sums.
func sortedLines(tb testing.TB, page string) []string {
	tb.Helper()
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		if line == "" || line[0] == '#' {
			continue
		}
		metric, labels, value := pageLine(line)
		if fractions.MatchString(metric) {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				tb.Fatalf("%q: %v", line, err)
			}
			value = strconv.FormatFloat(number, 'g', 12, 64)
		}
		lines[i] = seriesName(metric, labels) + " " + value
	}
	slices.Sort(lines)
	return lines
}

// mustCountPython checks that each metric has counted every answer.
func mustCountPython(page map[string]float64, load *load) {
	for metric, counted := range map[string]float64{
		"python_requests_total":   page[`python_requests_total{method="GET"}`] + page[`python_requests_total{method="POST"}`],
		"python_body_bytes_count": page["python_body_bytes_count"],
		"python_body_bytes +Inf":  page[`python_body_bytes_bucket{le="+Inf"}`],
		"python_path_bytes_count": page[`python_path_bytes_count{method="GET"}`] + page[`python_path_bytes_count{method="POST"}`],
	} {
		load.mustBeCounted(metric, counted)
	}
}
