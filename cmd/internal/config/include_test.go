package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLoadSections checks the choice of the section.
func TestLoadSections(t *testing.T) {
	sys := testSystem(map[string]string{
		"/srv/app/a.ini":   "[other]\nprocesses = 7\nsocket = :7\n[uwsgi]\nsocket = :1\nprocesses = 1\n[more]\nnonsense = 1",
		"/srv/app/b.ini":   "[uwsgi]\nsocket = :1\n[multiproc]\nsocket = :2\n[uwsgi]\nnonsense = 1\n[multiproc]\nprocesses = 2",
		"/srv/app/c.ini":   "[app]\nsocket = :1\n[app]\n[App]\n",
		"/srv/app/d:e.ini": "[uwsgi]\nsocket = :1\n",
		"/srv/a:p/e.ini":   "[uwsgi]\nsocket = :1\n",
		"/srv/app/f.ini":   "",
		"/srv/app/g.ini":   "socket = :1\n",
	})
	for spec, want := range map[string]string{
		"a.ini":                "1",
		"a.ini:other":          "7",
		"a.ini:":               "1",
		"b.ini":                "2",
		"c.ini:app":            "1",
		"/srv/a:p/e.ini":       "1",
		"/srv/a:p/e.ini:uwsgi": "1",
		"c.ini":                "c.ini: no section [multiproc] or [uwsgi] in c.ini: the sections are [app], [App]",
		"c.ini:none":           "c.ini: no section [none] in c.ini: the sections are [app], [App]",
		"f.ini":                "f.ini: no section [multiproc] or [uwsgi] in f.ini: there are no sections",
		"g.ini":                "g.ini:1: a key is before any section: begin the file with [multiproc]",
		"g.ini:none":           "g.ini:1: a key is before any section: begin the file with [multiproc]",
		"none.ini":             "none.ini: cannot be opened: file does not exist",
		"http://x/a.ini":       "http://x/a.ini: cannot be opened: commands and URLs are not supported: use a file",
		"exec://print:uwsgi":   "exec://print: cannot be opened: commands and URLs are not supported: use a file",
		"-":                    "-: cannot be opened: use /dev/stdin for standard input",
		"":                     `"" is not an ini file; socket is missing: add a line such as socket = 127.0.0.1:8000`,
		":x":                   `":x" is not an ini file; socket is missing: add a line such as socket = 127.0.0.1:8000`,
	} {
		loaded, err := load(Arguments{Files: []string{spec}}, sys)
		got := ""
		if err != nil {
			got = strings.Join(faultsOf(t, err), "; ")
		} else {
			values, _ := setting(loaded, "processes")
			got = values[0]
		}
		if got != want {
			t.Errorf("%q: %s; want %s", spec, got, want)
		}
	}
}

func TestLoadIncludes(t *testing.T) {
	files := map[string]string{
		"/srv/app/a.ini":          "[uwsgi]\nbase = /x\nini = conf/b.ini\nprocesses = 4\ninclude = :more\ninclude = /abs.ini:s\n[more]\nlisten = 5",
		"/srv/app/conf/b.ini":     "[multiproc]\nsocket = :1\nprocesses = 2\npidfile = %(base)/%n.pid\nini = c.ini",
		"/srv/app/conf/c.ini":     "[uwsgi]\nlogto = %d/%c.log\ntouch-reload = %p\n",
		"/abs.ini":                "[s]\nvacuum\n",
		"/srv/app/loop.ini":       "[uwsgi]\nini = conf/loop.ini\n",
		"/srv/app/conf/loop.ini":  "[uwsgi]\nini = ../loop.ini\n",
		"/srv/app/self.ini":       "[uwsgi]\nsocket = :1\nini = :x\n[x]\nini = :y\n[y]\nini = :x",
		"/srv/app/wide.ini":       "[uwsgi]\nsocket = :1\n" + strings.Repeat("ini = :x\n", maxIncludes+9) + "[x]\nvacuum\n",
		"/srv/app/faulty.ini":     "[uwsgi]\nsocket = :1\nini = bad.ini\nini = bad.ini\nini = none.ini\nini = none.ini\nini\nini = /\x7f",
		"/srv/app/bad.ini":        "[uwsgi]\nprocesses = x\nqqqq",
		"/srv/app/double.ini":     "[multiproc]\nsocket = :1\nini = base.ini\nprocesses = 2",
		"/srv/app/base.ini":       "[uwsgi]\nprocesses = 1\n",
		"/srv/app/expanded.ini":   "[uwsgi]\nx = base\nini = %(x).ini:$(NOPE:-uwsgi)\nhttp-socket = 1.2.3.4:1",
		"/srv/app/twice.ini":      "[multiproc]\nsocket = :1\nini = noted.ini\nini = noted.ini",
		"/srv/app/noted.ini":      "[uwsgi]\nno-orphans\n",
		"/srv/app/unreadable.ini": "[uwsgi]\nsocket = :1\ninclude = large.ini",
		"/srv/app/large.ini":      strings.Repeat("\n", maxFile+1),
	}
	sys := testSystem(files)
	load := func(file string) (*Loaded, error) { return load(Arguments{Files: []string{file}}, sys) }

	loaded, err := load("a.ini")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"processes":    "4 a.ini:4",
		"socket":       ":1 conf/b.ini:2",
		"pidfile":      "/x/b.pid conf/b.ini:4",
		"logto":        "/srv/app/conf/conf.log conf/c.ini:2",
		"touch-reload": "/srv/app/conf/c.ini conf/c.ini:3",
		"vacuum":       "true /abs.ini:2",
		"listen":       "5 a.ini:8",
	} {
		if got := settingText(loaded, key); got != want {
			t.Errorf("%s: %s; want %s", key, got, want)
		}
	}

	for file, want := range map[string][]string{
		"loop.ini":       {"conf/loop.ini:2: includes itself: loop.ini -> conf/loop.ini -> loop.ini"},
		"self.ini":       {"self.ini:7: includes itself: self.ini -> self.ini:x -> self.ini:y -> self.ini:x"},
		"wide.ini":       {"wide.ini:259: more than 256 includes"},
		"unreadable.ini": {"large.ini: has more than 1048576 bytes, which is too large for an ini file"},
		"faulty.ini": {
			"faulty.ini:5: /srv/app/none.ini cannot be opened: file does not exist",
			"faulty.ini:7: missing file name",
			"faulty.ini:8: has the control character U+007F",
			`bad.ini:2: processes: "x" is not a number`,
			`bad.ini:3: unknown key "qqqq"`,
		},
	} {
		_, err := load(file)
		got := faultsOf(t, err)
		if file == "loop.ini" {
			got = got[:1] // without a socket
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", file, diff)
		}
	}

	for file, want := range map[string][]string{
		"double.ini":   {"double.ini:4: processes replaces the value from base.ini:2"},
		"expanded.ini": {"expanded.ini:2: x is a placeholder", "expanded.ini:4: http-socket is another name of socket"},
		"twice.ini":    {"noted.ini:2: no-orphans is ignored: workers always end when the master does"},
	} {
		loaded, err := load(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, notesOf(loaded)); diff != "" {
			t.Errorf("%s: notes, -want +got:\n%s", file, diff)
		}
	}
}
