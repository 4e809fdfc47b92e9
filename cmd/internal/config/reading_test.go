package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadingOfUWSGI loads values that uWSGI accepts in uWSGI's section, most of which it reads differently.
func TestReadingOfUWSGI(t *testing.T) {
	for line, want := range map[string]string{ // the number in the note; empty: none
		"harakiri = 60": "", "harakiri = 60s": "", "harakiri = +60": "", "harakiri = 060": "",
		"harakiri = 2m": "2", "harakiri = 500ms": "500", "socket-timeout = 1m30s": "1", "http-timeout = 1h": "1",
		"processes = auto": "0", "threads = auto": "0", "workers = auto": "0", "max-requests-delta = auto": "0",
		"buffer-size = 65535": "", "buffer-size = 64k": "64", "buffer-size = 65536": "65535", "buffer-size = 131072": "65535",
		"buffer-size = 18446744073709551615": "refused", "limit-post = 10M": "10", "limit-post = 0": "",
		"reload-on-rss = 300": "", "reload-on-rss = 300M": "", "evil-reload-on-rss = 1G": "1",
		"listen = 0x10": "refused", "listen = 1e3": "refused", "max-requests = -1": "refused", "max-requests =": "refused",
		"reload-on-rss = 0.5": "refused", "processes": "refused",
		"umask = 22": "000", "umask = 2": "000", "umask = 022": "", "umask = 0022": "", "umask = 0": "",
		"stop-mercy = 2m": "", "metrics-max-series = 5": "", "min-ready = 1": "",
	} {
		note := ""
		loaded, err := load(Arguments{Files: []string{"a.ini"}}, testSystem(map[string]string{"/srv/app/a.ini": "[uwsgi]\nhttp-socket = 1.2.3.4:1\n" + line}))
		if err != nil {
			note = "refused"
		} else {
			_, note, _ = strings.Cut(strings.Join(notesOf(loaded), "\n"), "uWSGI reads ")
			note, _, _ = strings.Cut(note, "\n")
			_, note, _ = strings.Cut(note, " as ")
		}
		if note != want {
			t.Errorf("%s: %q, want %q", line, note, want)
		}
		if loaded, err := loadText("socket = :1\n" + line); err == nil && strings.Contains(strings.Join(notesOf(loaded), ""), "uWSGI reads") {
			t.Errorf("%s in multiproc's own section: %q", line, notesOf(loaded))
		}
	}
}

// TestReferencesOfUWSGI checks the notes on references that uWSGI replaces by another text.
func TestReferencesOfUWSGI(t *testing.T) {
	sys := testSystem(nil, "HOME=/home")
	sys.RealPath = func(path string) (string, error) {
		return strings.Replace(path, "/srv/app/current", "/srv/app/releases/7", 1), nil
	}
	for text, want := range map[string]string{
		"x = 1\npidfile = %(x)\nx = 2":               "",
		"x = 1\nx = 1\npidfile = %(x)":               "",
		"x = 1\nx = 2\npidfile = %(x)":               "pidfile: %(x) is its last value above, from a.ini:4; uWSGI takes the first one, from a.ini:3",
		"umask = 077\numask = 022\nenv = A=%(umask)": "env: %(umask) is its last value above, from a.ini:4; uWSGI takes the first one, from a.ini:3",
		"workers = 3\nenv = A=%(processes)":          "env: %(processes) is the value of its other name, from a.ini:3; uWSGI does not replace it",
		"workers = 3\nenv = A=%(workers)":            "",
		"vacuum\nenv = A=%(vacuum)":                  "env: %(vacuum) is true; uWSGI replaces it by nothing, since a.ini:3 has no value",
		"set-ph = x=1\nenv = A=%(x)":                 "",
		"set-ph = x=1\nenv = A=%%(x)":                "env: a doubled sign before a parenthesis is a literal one here; uWSGI replaces the reference all the same",
		"env = A=$$(HOME)":                           "env: a doubled sign",
		"env = A=@@(b)":                              "env: a doubled sign",
		"env = A=100%%":                              "",
	} {
		files := map[string]string{"/srv/app/a.ini": "[uwsgi]\nhttp-socket = 1.2.3.4:1\n" + text}
		loaded, err := load(Arguments{Files: []string{"a.ini"}}, testSystem(files, "HOME=/home"))
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(notesOf(loaded), "\n")
		if own, err := loadText("socket = :1\n"+text, "HOME=/home"); err != nil || !strings.Contains(want, "first one") && strings.Contains(strings.Join(notesOf(own), ""), "; uWSGI") {
			t.Errorf("%s in multiproc's own section: %v %v", text, notesOf(own), err)
		}
		if got := strings.Contains(notes, "; uWSGI "); got != (want != "") || !strings.Contains(notes, want) {
			t.Errorf("%s: %s", text, notes)
		}
	}
	sys.Open = testSystem(map[string]string{
		"/srv/app/conf/a.ini": "[uwsgi]\nhttp-socket = 1.2.3.4:1\nenv = A=@(b)\nini = c.ini\nini = /srv/app/conf/c.ini\nenv = B=@(%db)\nini = %dc.ini",
		"/srv/app/conf/b":     "b", "/srv/app/conf/c.ini": "[uwsgi]\n",
	}).Open
	beside, err := load(Arguments{Files: []string{"conf/a.ini"}}, sys)
	if err != nil {
		t.Fatal(err)
	}
	wantBeside := []string{
		"conf/a.ini:2: http-socket is another name of socket",
		"conf/a.ini:3: env: the file in @() is relative to this file's directory, in uWSGI to the working directory",
		"conf/a.ini:4: c.ini is relative to this file's directory, in uWSGI to the working directory",
	}
	if diff := cmp.Diff(wantBeside, notesOf(beside)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	sys.Open = testSystem(map[string]string{"/srv/app/current/a.ini": "[uwsgi]\nhttp-socket = 1.2.3.4:1\npidfile = %drun.pid\nlogto = %D%n.log"}).Open
	loaded, err := load(Arguments{Files: []string{"current/a.ini"}}, sys)
	if err != nil {
		t.Fatal(err)
	}
	want := "current/a.ini:3: pidfile: the directory is /srv/app/current here; uWSGI follows links, to /srv/app/releases/7"
	if notes := strings.Join(notesOf(loaded), "\n"); strings.Count(notes, "follows links") != 1 || !strings.Contains(notes, want) {
		t.Errorf("a linked directory: %s", notes)
	}
	sys.Dir = "/srv/app/current"
	sys.Open = testSystem(map[string]string{"/srv/app/a.ini": "[uwsgi]\nhttp-socket = 1.2.3.4:1\npidfile = %v/run.pid"}).Open
	working, err := load(Arguments{Files: []string{"../a.ini"}}, sys)
	if err != nil || !strings.Contains(strings.Join(notesOf(working), "\n"), "pidfile: the directory is /srv/app/current here") {
		t.Errorf("a linked working directory: %v, %v", notesOf(working), err)
	}
	if got := settingText(loaded, "logto"); got != "/srv/app/current/a.log current/a.ini:4" {
		t.Error(got)
	}
}
