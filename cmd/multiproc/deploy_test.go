package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// deployment is the place that a program is deployed to, as an operator would do it: whole files, by rename.
type deployment struct {
	tb   testing.TB
	path string // the path that the server is started by
}

// newDeployment deploys the test binary, as multiproc, first.
func newDeployment(tb testing.TB) *deployment {
	tb.Helper()
	dir, err := filepath.EvalSymlinks(tb.TempDir())
	check(tb, err)
	d := &deployment{tb, filepath.Join(dir, "multiproc")}
	d.deploy(copyOf(tb, lookPath(tb, "multiproc"), filepath.Join(dir, "first")))
	return d
}

// deploy puts a hard link to this file in the program's place.
func (d *deployment) deploy(file string) {
	d.tb.Helper()
	temporary := d.path + ".new"
	check(d.tb, os.Link(file, temporary))
	check(d.tb, os.Rename(temporary, d.path))
	// Renaming one link of a file over another link of it does nothing.
	if err := os.Remove(temporary); err != nil && !os.IsNotExist(err) {
		d.tb.Fatal(err)
	}
}

// shell returns a program that runs the files check and worker in the server's directory as scripts: they are its first
// argument. They are not executable themselves.
func (d *deployment) shell() string {
	d.tb.Helper()
	return copyOf(d.tb, lookPath(d.tb, "sh"), filepath.Join(filepath.Dir(d.path), "shell"))
}

// writeVerb writes the script for a verb.
func (s *testServer) writeVerb(verb, does string) {
	s.tb.Helper()
	check(s.tb, os.WriteFile(filepath.Join(s.dir, verb), []byte(does+"\n"), 0o600))
}

// start starts a server by the deployment's path.
func (d *deployment) start(ini string) *testServer {
	d.tb.Helper()
	return startServer(d.tb, ini, calledBy(d.path))
}

// calledBy starts a server by this path. The path is also first in PATH, because the test binary forgets how it was called
// when it acts as a program.
func calledBy(path string) func(*serverOptions) {
	return func(o *serverOptions) {
		o.program = path
		o.env = append(o.env, "PATH="+filepath.Dir(path)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	}
}

// copyOf copies an executable file and returns the path of the copy.
func copyOf(tb testing.TB, from, to string) string {
	tb.Helper()
	in, err := os.Open(from)
	check(tb, err)
	defer in.Close()
	// No fork meanwhile: a child would have the copy open for writing until its exec, and nothing could run it (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	check(tb, err)
	if _, err := io.Copy(out, in); err != nil {
		tb.Fatal(err)
	}
	check(tb, out.Close())
	return to
}

// mustRun fails the test unless every worker runs this program. It compares files, not paths: the path may belong to another
// program by now.
func (s *testServer) mustRun(what string, program os.FileInfo) {
	s.tb.Helper()
	for _, w := range s.awaitNoneDraining().Workers {
		running, err := os.Stat(fmt.Sprintf("/proc/%d/exe", w.PID))
		check(s.tb, err)
		if !os.SameFile(running, program) {
			s.tb.Errorf("worker %s does not run %s\n%s", w.ID, what, s.log)
		}
	}
}

func fileInfo(tb testing.TB, path string) os.FileInfo {
	tb.Helper()
	info, err := os.Stat(path)
	check(tb, err)
	return info
}

// TestBadDeploys deploys broken releases of every kind under load: no client notices, the workers stay, the reload reports
// the reason, and after a fix a reload succeeds.
func TestBadDeploys(t *testing.T) {
	t.Parallel()
	rounds := proctest.Rounds(1, 3)
	d := newDeployment(t)
	good := filepath.Join(filepath.Dir(d.path), "first")
	shell := d.shell()
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	defer busy.Close()

	const base = "socket = 127.0.0.1:0\nprocesses = 2\ndrain-idle = 1\n"
	app := appINI(t)
	s := d.start(base + app)
	l := startLoad(s, allKinds("tcp", s.address)...)
	deploys := []struct {
		name    string
		program string            // empty: unchanged
		verbs   map[string]string // the scripts of the program if it is the shell
		ini     string            // empty: unchanged
		says    []string
	}{
		{name: "a typo in the ini", ini: base + app + "max-request = 3\n", says: []string{`unknown key "max-request"`, "max-requests"}},
		{
			name:    "a program that ends at once",
			program: shell,
			verbs:   map[string]string{"check": "exit 3"},
			says:    []string{"exited with code 3"},
		},
		{
			name:    "a program that reports why it exits at once",
			program: shell,
			verbs:   map[string]string{"check": "echo 'error: no such release' >&2; exit 3"},
			says:    []string{"error: no such release"},
		},
		{
			name:    "a program that prints something else than settings",
			program: shell,
			verbs:   map[string]string{"check": "echo hello"},
			says:    []string{"read settings"},
		},
		{
			name:    "a program whose workers say why they end at once",
			program: shell,
			verbs: map[string]string{
				"check":  "exec " + lookPath(t, "multiproc") + ` check "$@"`,
				"worker": "echo 'error: no such table' >&2; exit 3",
			},
			ini:  base,
			says: []string{"exited with code 3", "error: no such table"},
		},
		{
			name:    "a script instead of a program",
			program: script(t, "echo 'error: no such release' >&2", "exit 3"),
			says:    []string{"script"},
		},
		{name: "a file that is no program", program: s.ini, says: []string{d.path}},
		{
			name: "a worker that fails at once",
			ini:  base + app + "env = APP_FAIL=no such database\n",
			says: []string{"exited with code 1", "no such database"},
		},
		{
			name: "a worker that never gets ready",
			ini:  base + app + "env = APP_NEVER_READY=1\nstart-timeout = 500ms\n",
			says: []string{"start-timeout", "notify = false"},
		},
		{
			name: "a worker that is no program",
			ini:  base + "command = /no/such/program\n",
			says: []string{"exited with code 1", "/no/such/program"},
		},
		{
			name: "an own worker that fails at once", // in the runtime, before any of our code
			ini:  base + "env = GOMEMLIMIT=nonsense\n",
			says: []string{"exited with code", "malformed GOMEMLIMIT"},
		},
		{
			name: "an address of another process",
			ini:  base + app + "socket = " + busy.Addr().String() + "\n",
			says: []string{busy.Addr().String(), "in use"},
		},
	}
	for round := range rounds {
		for _, bad := range deploys {
			t.Run(fmt.Sprintf("%s %d", bad.name, round+1), func(t *testing.T) {
				s := s.in(t)
				if bad.program != "" {
					d.deploy(bad.program)
				}
				for verb, does := range bad.verbs {
					s.writeVerb(verb, does)
				}
				if bad.ini != "" {
					s.writeINI(bad.ini)
				}
				s.mustRefuse(bad.says...)
				d.deploy(good)
				s.writeINI(base + app)
				s.reload()
			})
		}
	}
	l.mustHaveLostNone()
	s.awaitNoneDraining()
	s.stop()
}

// in returns the same server for a subtest.
func (s *testServer) in(tb testing.TB) *testServer {
	tb.Helper()
	part := *s
	part.tb = tb
	return &part
}

// TestDeployByLink deploys by changing a symlink: a reload runs its target of that moment, and nothing earlier does.
func TestDeployByLink(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	programs := map[string]string{}
	for _, version := range []string{"v1", "v2"} {
		check(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		programs[version] = copyOf(t, lookPath(t, "multiproc"), filepath.Join(dir, version, "multiproc"))
	}
	current := filepath.Join(dir, "current")
	deploy := func(version string) {
		t.Helper()
		check(t, os.Symlink(version, current+".new"))
		check(t, os.Rename(current+".new", current))
	}
	deploy("v1")
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n", calledBy(filepath.Join(current, "multiproc")))
	mustServe := func(version string) {
		t.Helper()
		s.mustRun(version, fileInfo(t, programs[version]))
		if status, err := s.status(); err != nil || status.Program != programs[version] {
			t.Errorf("the status has the program %s, want %s (%v)", status.Program, programs[version], err)
		}
	}
	mustServe("v1")

	deploy("v2")
	killed := s.workers()[0]
	proctest.Kill(t, killed, syscall.SIGKILL)
	s.awaitReplaced(killed)
	mustServe("v1") // without a reload

	s.reload()
	mustServe("v2")
	for _, path := range programs {
		if s.log.Count("new generation", "program="+path) != 1 {
			t.Errorf("the log does not name %s\n%s", path, s.log)
		}
	}
	s.stop()
}

// TestProgramMissing removes the program while every worker dies: the master starts workers from the open file, also while another
// program is at the path, which only a reload runs.
func TestProgramMissing(t *testing.T) {
	t.Parallel()
	t.Run("own", func(t *testing.T) {
		d := newDeployment(t)
		first, second := fileInfo(t, d.path), copyOf(t, d.path, filepath.Join(filepath.Dir(d.path), "second"))
		s := d.start("socket = 127.0.0.1:0\nprocesses = 2\n")
		check(t, os.Rename(d.path, d.path+".away"))
		s.killWorkers()
		s.mustRun("the first program", first)
		s.mustRefuse(d.path, "no such file")
		d.deploy(second)
		s.killWorkers()
		s.mustRun("the first program", first)
		s.reload()
		s.mustRun("the second program", fileInfo(t, second))
		s.stop()
	})
	t.Run("command", func(t *testing.T) {
		app := copyOf(t, lookPath(t, "testapp"), filepath.Join(t.TempDir(), "testapp"))
		s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ncommand = "+app+"\n")
		check(t, os.Rename(app, app+".away"))
		killed := s.workers()
		for _, pid := range killed {
			proctest.Kill(t, pid, syscall.SIGKILL)
		}
		s.log.Wait(t, s.done, app, "no such file")
		s.await("no worker", func(status master.Status) bool { return status.Ready() == 0 })
		check(t, os.Rename(app+".away", app))
		s.awaitReplaced(killed...)
		s.wantVisit(200, "/pid", "")
		s.stop()
	})
}

// TestDeployOfNewerKey deploys a version with one more key, with an ini that has it, and then goes back. Each version
// reads the ini itself, and its workers get that configuration although the master is older.
func TestDeployOfNewerKey(t *testing.T) {
	t.Parallel()
	proctest.Long(t) // it builds another version of the program
	newer := buildProgram(t, map[string]func(string) string{
		"cmd/internal/config/config.go": func(text string) string {
			return replaceOnce(t, text, "type Config struct {\n", "type Config struct {\n\tGreeting string `json:\"greeting\"`\n")
		},
		"cmd/internal/config/keys.go": func(text string) string {
			return replaceOnce(t, text, "keys := []Key{\n", `keys := []Key{
		{Name: "greeting", Default: "hello", bind: func(c target) value { return text(&c.Greeting, nil) }},
`)
		},
		"cmd/internal/server/handler.go": func(text string) string {
			return replaceOnce(t, text, `[]byte("multiproc\n")`, `[]byte(s.cfg.Greeting + "\n")`)
		},
	})
	const ini = "socket = 127.0.0.1:0\nprocesses = 2\ndrain-idle = 1\ndisable-logging = true\n"
	d := newDeployment(t)
	older := filepath.Join(filepath.Dir(d.path), "first")
	s := d.start(ini)
	l := startLoad(s, client{"tcp", s.address, "/", true}, client{"tcp", s.address, "/", false})
	mustGreet := func(want string) {
		t.Helper()
		s.awaitNoneDraining()
		if _, got := s.get("/"); got != want+"\n" {
			t.Errorf("the answer is %q, want %q\n%s", got, want, s.log)
		}
	}
	mustGreet("multiproc")

	s.writeINI(ini + "greeting = good morning\n")
	s.mustRefuse("greeting") // the program is still the older one
	mustGreet("multiproc")

	d.deploy(newer)
	s.mustReload()
	mustGreet("good morning")
	s.mustRun("the newer program", fileInfo(t, newer))

	d.deploy(older)
	s.mustRefuse("greeting")
	mustGreet("good morning")
	s.mustRun("the newer program", fileInfo(t, newer))

	s.writeINI(ini)
	s.reload()
	mustGreet("multiproc")
	s.mustRun("the older program", fileInfo(t, older))
	l.mustHaveLostNone()
	s.stop()
}

// buildProgram builds multiproc with other contents for some of its files, given by their paths in the module.
func buildProgram(tb testing.TB, edits map[string]func(string) string) string {
	tb.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		proctest.Missing(tb, "there is no go to build another version of the program with")
	}
	root, err := filepath.Abs("../..")
	check(tb, err)
	dir := tb.TempDir()
	replace := map[string]string{}
	for name, edit := range edits {
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		check(tb, err)
		edited := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		check(tb, os.WriteFile(edited, []byte(edit(string(text))), 0o600))
		replace[path] = edited
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	check(tb, err)
	check(tb, os.WriteFile(overlay, text, 0o600))
	program := filepath.Join(dir, "multiproc")
	build := exec.CommandContext(tb.Context(), goTool, "build", "-overlay", overlay, "-o", program, ".")
	if output, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", build.Args, err, output)
	}
	return program
}

// replaceOnce replaces a text that must occur exactly once.
func replaceOnce(tb testing.TB, text, from, to string) string {
	tb.Helper()
	if n := strings.Count(text, from); n != 1 {
		tb.Fatalf("%q is there %d times", from, n)
	}
	return strings.Replace(text, from, to, 1)
}
