package config

import (
	"strings"
	"testing"
)

// TestDifferencesFromUWSGI loads keys that mean something else in uWSGI.
func TestDifferencesFromUWSGI(t *testing.T) {
	for lines, want := range map[string]string{ // a note, or a fault; empty: neither
		"threads = 2":                            "threads is a number of cores here",
		"metrics-dir = m":                        "metrics-dir is the directory of metric files here",
		"max-requests = 9\nmax-requests-delta=3": "max-requests-delta is an upper bound here",
		"listen = 0":                             "listen = 0 is as much as the kernel allows here",
		"http-timeout = 300":                     "http-timeout does not limit the time for an answer here",
		"listen = 5":                             "",
		"logto = 127.0.0.1:1717":                 "logto: uWSGI sends the log to a UDP address",
		"logto = /var/log/a.log":                 "",
		"uid = exporter":                         "uid has the groups of that user here",
		"uid = exporter\ngid = www":              "",
		"chdir = data\nstats = run/s":            `stats: "run/s" is relative to the working directory here, in uWSGI to chdir (a.ini:3)`,
		"stats = run/s\nchdir = data":            `stats: "run/s" is relative to the working directory here, in uWSGI to chdir (a.ini:4)`,
		"chdir = data\ntouch-reload = t":         `touch-reload: "t" is relative`,
		"chdir = data\nstats = /run/s":           "",
		"chdir = data\nstats = /srv/app/s":       "",
		"chdir = data\nstats = 127.0.0.1:1":      "",
		"chdir = data\nstats = @s":               "",
		"chdir = data\npidfile = p":              "",
		"stats = run/s":                          "",
		"set-ph = x = 1\npidfile = %(x)":         "set-ph: uWSGI takes the spaces around the second equals sign for parts of name and value",
		"set = harakiri= 3":                      "set: uWSGI takes the spaces",
		"set = env=A = 3":                        "",
	} {
		said := func(section string) string {
			loaded, err := load(Arguments{Files: []string{"a.ini"}}, testSystem(map[string]string{"/srv/app/a.ini": section + "\nhttp-socket = 1.2.3.4:1\n" + lines}))
			if err != nil {
				return err.Error()
			}
			return strings.Join(notesOf(loaded), "\n")
		}
		got := said("[uwsgi]")
		if !strings.Contains(got, want) || want == "" && strings.Contains(got, "uWSGI") {
			t.Errorf("%s: %q, want %q", lines, got, want)
		}
		if got := said("[multiproc]"); strings.Contains(got, "uWSGI") || strings.Contains(got, " here") {
			t.Errorf("%s in multiproc's own section: %q", lines, got)
		}
	}
}

// TestRelativeToRoot checks the notes on relative paths if the working directory is the root.
func TestRelativeToRoot(t *testing.T) {
	for value, want := range map[string]bool{"run/s": true, "./run/s": true, "/run/s": false, "/run//s": false, "127.0.0.1:1": false, "@s": false} {
		sys := testSystem(map[string]string{"/a.ini": "[uwsgi]\nhttp-socket = 1.2.3.4:1\nchdir = data\nstats = " + value})
		sys.Dir = "/"
		loaded, err := load(Arguments{Files: []string{"a.ini"}}, sys)
		if err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(notesOf(loaded), "\n")
		if got := strings.Contains(notes, "is relative to the working directory here"); got != want {
			t.Errorf("stats = %s: noted: %t\n%s", value, got, notes)
		}
	}
}
