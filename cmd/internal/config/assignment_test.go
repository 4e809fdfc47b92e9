package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCommentAfterValue checks that every comment after a value is refused or noted.
func TestCommentAfterValue(t *testing.T) {
	const hint = "a comment needs a line of its own"
	for _, sign := range []string{" ; c", "\t# c", "   ;c", " #"} {
		for key, value := range map[string]string{
			// Refused.
			"vacuum": "true", "max-requests": "1000", "processes": "auto", "harakiri": "60", "stop-mercy": "1m", "buffer-size": "64k",
			"reload-on-rss": "300", "chmod-socket": "660", "umask": "022", "uid": "exporter", "gid": "33", "log-format": "json",
			"database-synchronous": "full", "allowed-hosts": "example.org", "trusted-proxies": "10.0.0.0/8", "unenv": "A",
			"metrics-path": "/m", "socket": "127.0.0.1:8000", "ini": "b.ini", "nonsense": "1", "logto": "100%",
			// Accepted, with a note.
			"http-socket": "/run/a.sock", "pidfile": "a.pid", "env": "A=b", "procname-prefix": "x", "touch-reload": "a", "metrics-dir": "m",
			"command": `a "b ; c"`, "database": "a.db", "chdir": "/", "set": "pidfile = b", "control": "c",
		} {
			loaded, err := loadText("socket = :1\n" + key + " = " + value + sign)
			remarks := ""
			if err != nil {
				remarks = err.Error()
			} else {
				remarks = strings.Join(notesOf(loaded), "\n")
			}
			if strings.Count(remarks, hint) != 1 && key != "nonsense" {
				t.Errorf("%s = %s%s: %q", key, value, sign, remarks)
			}
		}
	}
	for _, line := range []string{"max-requests = 1000;c", "vacuum = true#c", "harakiri = $(NOPE:-#)", "socket = :80;", "vacuum ; c", "master # a = b"} {
		if _, err := loadText("socket = :1\n" + line); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{
		"procname-prefix = a;b#c", "env = COLOR=#fff", `command = sh -c "a ; b"`, "command = sh -c 'a # b' c", "module = a ; b", "; vacuum = 1 ; x",
	} {
		if loaded := mustLoad(t, line); strings.Contains(strings.Join(notesOf(loaded), "\n"), hint) {
			t.Errorf("%s: %q", line, notesOf(loaded))
		}
	}
	want := []string{
		"a.ini:3: base is a placeholder", `a.ini:3: base: the text from " ;" on belongs to the value: ` + hint,
	}
	if diff := cmp.Diff(want, notesOf(mustLoad(t, "base = /srv ; root\npidfile = %(base)/a"))); diff != "" {
		t.Errorf("a placeholder: -want +got:\n%s", diff)
	}
	for line, want := range map[string]int{
		`http-socket = "/run/a"`: 1, "pidfile = 'a b'": 1, `env = "A=b"`: 1, `command = "a b"`: 0, `env = A="b"`: 0, `procname-prefix = "`: 0,
		`procname-prefix = "a'`: 0, `procname-prefix = ""`: 1,
	} {
		loaded := mustLoad(t, line)
		if got := strings.Count(strings.Join(notesOf(loaded), "\n"), "the quotes belong to the value"); got != want {
			t.Errorf("%s: %q", line, notesOf(loaded))
		}
	}
	if loaded := mustLoad(t, "env = PASSWORD=a #secret"); strings.Contains(strings.Join(notesOf(loaded), "\n"), "secret") {
		t.Errorf("a note has a part of the value: %q", notesOf(loaded))
	}
}
