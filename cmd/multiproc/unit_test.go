package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
)

// initDir runs multiproc init, and returns the directory that it has made.
func initDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := exec.CommandContext(t.Context(), multiprocPath(t), "init", dir).CombinedOutput(); err != nil {
		t.Fatalf("multiproc init: %v\n%s", err, out)
	}
	return dir
}

// TestUnitIsGood has systemd look at the unit, which is to have nothing to say and to find it well hardened.
func TestUnitIsGood(t *testing.T) {
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		skipOrFail(t, "no systemd-analyze in PATH")
	}
	path := filepath.Join(initDir(t), unitFile)
	if out, err := exec.CommandContext(t.Context(), systemd, "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// Of 100, where an unhardened service has 96. The rest is network, and what differs from one systemd to the next.
	out, err := exec.CommandContext(t.Context(), systemd, "security", "--offline=true", "--no-pager", "--threshold=25", path).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// unitSettings are the lines of a unit by their names.
func unitSettings(t *testing.T, text []byte) map[string]string {
	t.Helper()
	settings := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			settings[name] = value
		}
	}
	return settings
}

// TestUnitFitsINI: what the unit makes is what the ini needs, and it gives the master as much time as the master takes.
func TestUnitFitsINI(t *testing.T) {
	dir := initDir(t)
	text, err := os.ReadFile(filepath.Join(dir, unitFile))
	if err != nil {
		t.Fatal(err)
	}
	settings := unitSettings(t, text)
	loaded, err := config.Load(config.Arguments{Files: []string{filepath.Join(dir, iniFile)}}, config.System{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := loaded.Config
	for _, need := range []struct{ path, root, setting string }{
		{filepath.Dir(cfg.Control), "/run", "RuntimeDirectory"},
		{cfg.MetricsDir, "/run", "RuntimeDirectory"},
		{filepath.Dir(cfg.Database), "/var/lib", "StateDirectory"},
	} {
		made := false
		for name := range strings.FieldsSeq(settings[need.setting]) {
			made = made || filepath.Join(need.root, name) == need.path
		}
		if !made {
			t.Errorf("%s=%s does not make %s", need.setting, settings[need.setting], need.path)
		}
	}
	stop, err := time.ParseDuration(settings["TimeoutStopSec"] + "s")
	if err != nil || stop < cfg.StopMercy+cfg.ShutdownDelay+5*time.Second {
		t.Errorf("TimeoutStopSec=%s, %v; the master takes up to %s and %s", settings["TimeoutStopSec"], err, cfg.ShutdownDelay, cfg.StopMercy)
	}
	start, err := time.ParseDuration(strings.Replace(settings["TimeoutStartSec"], "min", "m", 1))
	if err != nil || start < 2*cfg.StartTimeout {
		t.Errorf("TimeoutStartSec=%s, %v; a worker has %s", settings["TimeoutStartSec"], err, cfg.StartTimeout)
	}
}

// TestUnitPaths has paths with what systemd would read as something else, and such that no unit can have.
func TestUnitPaths(t *testing.T) {
	for _, test := range []struct{ name, program, ini, start string }{
		{"plain", "/usr/bin/multiproc", "/etc/multiproc/multiproc.ini", "/usr/bin/multiproc --ini /etc/multiproc/multiproc.ini"},
		{"spaces", "/opt/a b/multiproc", "/etc/c d/multiproc.ini", `"/opt/a b/multiproc" --ini "/etc/c d/multiproc.ini"`},
		{"specifiers", "/opt/%n/multiproc", "/etc/100%/multiproc.ini", "/opt/%%n/multiproc --ini /etc/100%%/multiproc.ini"},
		// It would stand for a variable in the second one only.
		{"variables", "/opt/$A/multiproc", "/etc/$A/multiproc.ini", `"/opt/$A/multiproc" --ini "/etc/$$A/multiproc.ini"`},
		{"quotes", "/usr/bin/multiproc", `/etc/"a'\b"/multiproc.ini`, `/usr/bin/multiproc --ini "/etc/\"a'\\b\"/multiproc.ini"`},
		{"other letters", "/opt/ü/multiproc", "/etc/ü;/multiproc.ini", `"/opt/ü/multiproc" --ini "/etc/ü;/multiproc.ini"`},
	} {
		got, err := unit{test.program, test.ini}.fill("{{.Start}}\n{{.Reload}}")
		want := test.start + "\n" + strings.Replace(test.start, " --ini", " reload --ini", 1)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", test.name, got, err, want)
		}
	}
	for _, refused := range []unit{
		{"/usr/bin/multiproc", "/etc/a\nb/multiproc.ini"},
		{"/usr/bin/multiproc", "/etc/\xff/multiproc.ini"},
		{"/usr/bin/\x7f/multiproc", "/etc/multiproc/multiproc.ini"},
		{`/opt/a"b/multiproc`, "/etc/multiproc/multiproc.ini"},
		{`/opt/a\b/multiproc`, "/etc/multiproc/multiproc.ini"},
	} {
		_, err := refused.fill("")
		if _, ok := errors.AsType[*cli.UsageError](err); !ok {
			t.Errorf("%q: %v", refused, err)
		}
	}
}

// TestUnitStrangePaths has systemd read them.
func TestUnitStrangePaths(t *testing.T) {
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		skipOrFail(t, "no systemd-analyze in PATH")
	}
	bin, dir := filepath.Join(t.TempDir(), `a b%n;$HOME`), filepath.Join(t.TempDir(), `c d%n"e'f\g;$HOME`)
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(bin, "multiproc")
	if err := os.Symlink(multiprocPath(t), program); err != nil {
		t.Fatal(err)
	}
	init := exec.CommandContext(t.Context(), program, "init", dir)
	// The test binary forgets by which path it was called, and looks for it.
	init.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("multiproc init: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, unitFile))
	if err != nil {
		t.Fatal(err)
	}
	if start := unitSettings(t, text)["ExecStart"]; !strings.Contains(start, `/a b%%n;$HOME/multiproc" --ini "`) {
		t.Errorf("ExecStart=%s does not start the program by the link that it was called by", start)
	}
	// It would say that there is no such program.
	out, err := exec.CommandContext(t.Context(), systemd, "verify", filepath.Join(dir, unitFile)).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestProtectHome: a home directory is not hidden from a service that is started from there.
func TestProtectHome(t *testing.T) {
	for _, test := range []struct{ program, ini, want string }{
		{"/usr/bin/multiproc", "/etc/multiproc/multiproc.ini", "yes"},
		{"/usr/bin/multiproc", "/homes/multiproc.ini", "yes"},
		{"/usr/bin/multiproc", "/home/wendy/multiproc.ini", "read-only"},
		{"/root/go/bin/multiproc", "/etc/multiproc/multiproc.ini", "read-only"},
		{"/usr/bin/multiproc", "/run/user/1000/multiproc.ini", "read-only"},
	} {
		if got := (unit{test.program, test.ini}).protectHome(); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.program, test.ini, got, test.want)
		}
	}
}

// TestHiddenPaths: whoever writes a unit is told why its user could not use what it names.
func TestHiddenPaths(t *testing.T) {
	const anywhere = "/usr/bin/env" // it is there, for everybody
	for _, test := range []struct{ program, ini, want string }{
		{anywhere, anywhere, ""},
		{"/tmp/multiproc", anywhere, "/tmp/multiproc: it has a /tmp of its own"},
		{anywhere, "/var/tmp/site/multiproc.ini", "/var/tmp/site/multiproc.ini: it has a /var/tmp of its own"},
		{anywhere, "/proc/self/mem", "/proc/self/mem: /proc/self/mem is closed to other users"},
		{anywhere, "/nowhere/multiproc.ini", "no such file or directory"},
	} {
		notes := strings.Join(unit{test.program, test.ini}.hidden(), "\n")
		if test.want == "" && notes != "" || !strings.Contains(notes, test.want) || strings.Contains(notes, "\n") {
			t.Errorf("%s %s: %q, want %q", test.program, test.ini, notes, test.want)
		}
	}
}
