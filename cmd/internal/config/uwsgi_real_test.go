package config

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// uwsgi is a real uWSGI.
type uwsgi struct{ program string }

// newUWSGI finds uWSGI, which not every machine has.
func newUWSGI(t *testing.T) uwsgi {
	t.Helper()
	return uwsgi{proctest.Tool(t, "uwsgi", "2.0.21")}
}

// run runs uWSGI in a new directory with lines in its section. It has no program to serve, so it ends when it has read everything
// and bound its socket. The result is its log and the output of a hook, with the directory replaced by that of testSystem.
func (u uwsgi) run(t *testing.T, lines string) string {
	t.Helper()
	dir := t.TempDir()
	const hook = "{ echo cwd=`pwd`; echo umask=`umask`; echo A=$A; ls -l $TEST_DIR | sed 's/^/file /'; } >&2"
	text := "[uwsgi]\nstrict = true\nhttp-socket = u.sock\nneed-app = true\nenv = TEST_DIR=" + dir + "\nexec-pre-app = " + hook + "\n" + lines + "\n"
	check(t, os.WriteFile(filepath.Join(dir, "a.ini"), []byte(text), 0o600))
	check(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, u.program, "--ini", "a.ini")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited { // it cannot succeed without a program
		t.Fatalf("uWSGI with\n%s%v\n%s", text, err, out)
	}
	if log, err := os.ReadFile(filepath.Join(dir, "a.log")); err == nil {
		out = append(out, log...)
	}
	return strings.ReplaceAll(string(out), dir, testSystem(nil).Dir)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestUWSGIHelp compares the list of uWSGI's options with the output of uWSGI.
func TestUWSGIHelp(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), newUWSGI(t).program, "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	options := uwsgiOptions(t)
	printed := regexp.MustCompile(`(?m)^ +(?:-.\|)?--(\S+)`).FindAllSubmatch(out, -1)
	if len(printed) < 700 {
		t.Errorf("%d options", len(printed))
	}
	for _, option := range printed {
		if _, ok := options[string(option[1])]; !ok {
			t.Errorf("%s is not in the list", option[1])
		}
	}
}

// TestUWSGIValues gives the same lines to uWSGI and to the product: each value must mean the same, be refused or be noted. It compares
// the effects of a value that are visible from outside.
func TestUWSGIValues(t *testing.T) {
	theirs := newUWSGI(t)
	const numbers = "3|3 ; three|3 # three|2m|4k|+3|03|3.7|0x10|1e1|3,4|-1|auto|\"3\"|"
	const booleans = "true|TRUE|yes|on|1|false|False|no|off|0|2|nonsense|disabled|"
	root := os.Geteuid() == 0
	for _, test := range []struct {
		key    string
		values string // separated by |; an empty one is an empty value
		with   string // other lines
		seen   string // matches uWSGI's output; a group is the value, a match without groups is true
		same   func(string) string
		skip   bool
	}{
		{key: "http-socket", values: "127.0.0.1:0|localhost:0|:0|@config-test|b.sock|unix:/b.sock|tcp://127.0.0.1:0|0|*:0|127.1:0|127.0.0.1:http|127.0.0.1:00|a,b", seen: `socket 1 bound to \w+ address ([^ :]+)`, same: host},
		{key: "processes", values: strings.TrimSuffix(numbers, "|"), with: "master", seen: `for (\d+) cores`},
		{key: "workers", values: "3", with: "master", seen: `for (\d+) cores`},
		{key: "threads", values: numbers, with: "master", seen: `for (\d+) cores`},
		{key: "listen", values: numbers + "|0", seen: `backlog is limited to (\d+)`},
		{key: "worker-reload-mercy", values: numbers + "|0|3s|500ms", with: "master", seen: `workers is (\d+) seconds`, same: func(s string) string { return strings.TrimSuffix(s, "s") }},
		{key: "master", values: booleans, seen: `without its master process manager`, same: opposite},
		{key: "vacuum", values: booleans, with: "master", seen: `VACUUM: unix socket`},
		{key: "umask", values: "022|0022|22|2|27|777|0|1000|abc|", seen: `^umask=0*(\d+)`, same: func(s string) string { return strings.TrimLeft(s[:len(s)-1], "0") + s[len(s)-1:] }},
		{key: "chmod-socket", values: "660|666|600|1|abc|", with: "umask = 077", seen: `^file s(\S{9}).* u.sock`, same: symbolic},
		{key: "chmod", values: "660", with: "umask = 077", seen: `^file s(\S{9}).* u.sock`, same: symbolic},
		{key: "chdir", values: "data|./data|data/|.", seen: `^cwd=(\S+)`},
		{key: "pidfile", values: "a.pid|./a.pid|data/../a.pid", with: "chdir = data", seen: `^file -.* (a.pid)`, same: filepath.Base},
		{key: "logto", values: "a.log|data/../a.log|127.0.0.1:9", with: "chdir = data", seen: `^file -.* (a.log)`, same: filepath.Base},
		{key: "env", values: "A=1|A=x ; y|A=\"q\"|A|A = 1|A=1 B=2|A=|A=a=b", seen: `^(A=.*)`},
		{key: "unenv", values: "A|B", with: "env = A=1", seen: `^A=1`, same: func(s string) string { return strconv.FormatBool(s != "A") }},
		{key: "uid", values: "65534|065534|12x", with: "gid = 65534", seen: `^setuid\(\) to (\d+)`, skip: !root},
		{key: "gid", values: "65534|065534|12x", with: "uid = 65534", seen: `^setgid\(\) to (\d+)`, skip: !root},
	} {
		if test.skip {
			continue
		}
		for value := range strings.SplitSeq(test.values, "|") {
			t.Run(test.key+"="+value, func(t *testing.T) {
				t.Parallel()
				lines := test.with + "\n" + test.key + " = " + value
				sys := testSystem(map[string]string{"/srv/app/a.ini": "[uwsgi]\n" + lines})
				loaded, err := load(Arguments{Files: []string{"a.ini"}, Activated: true}, sys)
				if err != nil {
					return // refused
				}
				for _, note := range loaded.Notes {
					if note.Origin.Line == 3 && regexp.MustCompile("uWSGI|comment").MatchString(note.Message) {
						return // noted
					}
				}
				ours := strings.Join(valuesOf(loaded, newTable().canonical(test.key)), " ")
				if test.same != nil {
					ours = test.same(ours)
				}
				out := theirs.run(t, lines)
				want := "false"
				if seen := regexp.MustCompile("(?m)" + test.seen).FindStringSubmatch(out); seen != nil {
					want = "true"
					if len(seen) > 1 {
						want = seen[1]
					}
				} else if strings.Contains(test.seen, "(") {
					t.Fatalf("%s: uWSGI shows nothing:\n%s", lines, out)
				}
				if ours != want {
					t.Errorf("%s is %q, in uWSGI %q:\n%s", lines, ours, want, out)
				}
			})
		}
	}
}

func opposite(boolean string) string { return strconv.FormatBool(boolean != "true") }

// host returns an address without its port, and a path without its directory.
func host(address string) string {
	host, _, _ := strings.Cut(filepath.Base(address), ":")
	return host
}

// symbolic returns an octal mode as ls shows it.
func symbolic(octal string) string {
	mode, _ := strconv.ParseUint(octal, 8, 32)
	return os.FileMode(mode).String()[1:]
}

// valuesOf returns the values of a key.
func valuesOf(loaded *Loaded, key string) []string {
	var values []string
	for _, e := range loaded.Settings {
		if e.Key == key {
			values = append(values, e.Value)
		}
	}
	return values
}

// TestUWSGIReferences compares how uWSGI and the product replace references: each must be replaced by the same text, be refused or
// be noted. $(NAME-other) is the product's own.
func TestUWSGIReferences(t *testing.T) {
	theirs := newUWSGI(t)
	t.Setenv("SET", "set")
	t.Setenv("EMPTY", "")
	dir := filepath.Join(t.TempDir(), "v1.2", "shop")
	check(t, os.MkdirAll(dir, 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "token"), []byte("abc\n"), 0o600))
	sys := newSystem()
	sys.Dir = dir
	for text := range strings.FieldsSeq("%p %s %n %e %d %dapp.sock %c %o %x %v %h %u %g %U %G %P %S %N %E %D %C %O %X %i %j %I %J %b %V %[ " +
		"%0 %1 %2 %3 %9 %k a%% 100%%x %%(one) %(one) %(later) %(twice) %(none) %(one)%(one) %z %q $(SET) $(EMPTY) $(NONE) $$(SET) $SET " +
		"@(token) @@(token) a@b x%(one %") {
		t.Run(text, func(t *testing.T) {
			const key = "env = TEXT="
			ini := "[uwsgi]\nhttp-socket = 127.0.0.1:0\nneed-app = true\nset-ph = one=1\nset-ph = twice=1\nset-ph = twice=2\n" + key + text + "\nset-ph = later=1\n"
			check(t, os.WriteFile(filepath.Join(dir, "a.b.ini"), []byte(ini), 0o600))
			loaded, err := load(Arguments{Files: []string{"a.b.ini"}}, sys)
			if err != nil {
				return // refused
			}
			for _, note := range loaded.Notes {
				if note.Origin.Line == 7 && strings.Contains(note.Message, "uWSGI") {
					return // noted
				}
			}
			cmd := exec.CommandContext(t.Context(), theirs.program, "--ini", "a.b.ini", "--show-config")
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput()
			_, shown, _ := strings.Cut(string(out), "\n"+key)
			shown, _, _ = strings.Cut(shown, "\n")
			if ours := loaded.Config.Env[0].Value; ours != shown {
				t.Errorf("%q, in uWSGI %q:\n%s", ours, shown, out)
			}
		})
	}
}
