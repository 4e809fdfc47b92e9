package scaffold

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/internal/proctest"
)

// initSite writes the files for a program to a directory, as init does.
func initSite(t *testing.T, program, dir string) {
	t.Helper()
	files, err := initialFiles(unit{program, filepath.Join(dir, iniFile)})
	if err == nil {
		err = writeNew(dir, files)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// unitSettings returns the settings of the unit in a directory by their names.
func unitSettings(t *testing.T, dir string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, unitFile))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			settings[name] = value
		}
	}
	return settings
}

// TestUnitByTool has systemd check the unit, also with paths that need quotes, and rate its hardening.
func TestUnitByTool(t *testing.T) {
	systemd := proctest.Tool(t, "systemd-analyze", "250") // the first with security --offline
	analyze := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), systemd, args...).CombinedOutput()
		if err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %s: %v\n%s", args, err, out)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][2]string{{"bin", "site"}, {`a b%n;$HOME`, `c d%n"e'f\g;$HOME`}} {
		bin, dir := filepath.Join(t.TempDir(), names[0]), filepath.Join(t.TempDir(), names[1])
		program := filepath.Join(bin, "multiproc")
		if err := errors.Join(os.Mkdir(bin, 0o700), os.Symlink(exe, program)); err != nil {
			t.Fatal(err)
		}
		initSite(t, program, dir)
		analyze("verify", filepath.Join(dir, unitFile)) // it fails if there is no such program
		// Of 100, where an unhardened service has 96. The rest is the network, and differs between versions of systemd.
		analyze("security", "--offline=true", "--no-pager", "--threshold=25", filepath.Join(dir, unitFile))
	}
}

// TestUnitFitsINI checks that the unit provides the directories that the ini names, and allows the master enough time.
func TestUnitFitsINI(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	initSite(t, "/usr/bin/multiproc", dir)
	settings := unitSettings(t, dir)
	loaded, err := config.Load(config.Arguments{Files: []string{filepath.Join(dir, iniFile)}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := loaded.Config
	for _, need := range []struct{ path, root, setting string }{
		{filepath.Dir(cfg.Control), "/run", "RuntimeDirectory"},
		{cfg.MetricsDir, "/run", "RuntimeDirectory"},
		{filepath.Dir(cfg.Database), "/var/lib", "StateDirectory"},
	} {
		provided := false
		for name := range strings.FieldsSeq(settings[need.setting]) {
			provided = provided || filepath.Join(need.root, name) == need.path
		}
		if !provided {
			t.Errorf("%s=%s does not provide %s", need.setting, settings[need.setting], need.path)
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

// TestUnitPaths fills in paths that systemd would expand or split, and paths that no unit can have.
func TestUnitPaths(t *testing.T) {
	for _, test := range []struct{ name, program, ini, start string }{
		{"plain", "/usr/bin/multiproc", "/etc/multiproc/multiproc.ini", "/usr/bin/multiproc --ini /etc/multiproc/multiproc.ini"},
		{"spaces", "/opt/a b/multiproc", "/etc/c d/multiproc.ini", `"/opt/a b/multiproc" --ini "/etc/c d/multiproc.ini"`},
		{"specifiers", "/opt/%n/multiproc", "/etc/100%/multiproc.ini", "/opt/%%n/multiproc --ini /etc/100%%/multiproc.ini"},
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

// TestProtectHome shows that home directories stay visible to a service that starts from one.
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

// TestInaccessible shows the notes about paths that the user of the service could not use.
func TestInaccessible(t *testing.T) {
	const anywhere = "/usr/bin/env" // every user can run it
	for _, test := range []struct{ program, ini, want string }{
		{anywhere, anywhere, ""},
		{"/tmp/multiproc", anywhere, "/tmp/multiproc: it has its own /tmp"},
		{anywhere, "/var/tmp/site/multiproc.ini", "/var/tmp/site/multiproc.ini: it has its own /var/tmp"},
		{anywhere, "/proc/self/mem", "/proc/self/mem: /proc/self/mem is closed to other users"},
		{anywhere, "/nowhere/multiproc.ini", "no such file or directory"},
	} {
		notes := strings.Join(unit{test.program, test.ini}.inaccessible(), "\n")
		if test.want == "" && notes != "" || !strings.Contains(notes, test.want) || strings.Contains(notes, "\n") {
			t.Errorf("%s %s: %q, want %q", test.program, test.ini, notes, test.want)
		}
	}
}
