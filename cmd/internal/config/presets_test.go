package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPresets has some for keys that files and flags set too, or not.
func TestPresets(t *testing.T) {
	sys := testSystem(map[string]string{
		"/srv/app/none.ini":   "[uwsgi]\nchdir = data\n",
		"/srv/app/socket.ini": "[uwsgi]\nhttp-socket = :1\nhttp-socket = :2\n",
		"/srv/app/all.ini":    "[uwsgi]\nsocket = :1\nmaster\ndatabase = /a.db\npidfile = %(database).pid\n",
		"/srv/app/wrong.ini":  "[uwsgi]\nsocket = 1\ndatabase = $(NOPE)\nmaster = maybe\npidfile = %(database).pid\n",
		"/srv/app/unset.ini":  "[uwsgi]\npidfile = %(database).pid\n",
	})
	load := func(t *testing.T, line string, presets ...Setting) (*Loaded, error) {
		t.Helper()
		arguments, err := ParseServerFlags(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range presets {
			p.Origin = Origin{Place: "runserver"}
			arguments.Presets = append(arguments.Presets, p)
		}
		return Load(arguments, sys)
	}
	presets := []Setting{
		{Key: "socket", Value: "127.0.0.1:8000"},
		{Key: "socket", Value: "run/100%.sock"},
		{Key: "master", Value: "false"},
		{Key: "database", Value: "app.db"},
		{Key: "vacuum", Alone: true},
	}
	const sockets = "127.0.0.1:8000 runserver /srv/app/run/100%.sock runserver"
	for line, want := range map[string]map[string]string{
		"": {
			"socket": sockets, "master": "false runserver", "database": "/srv/app/app.db runserver", "vacuum": "true runserver",
			"processes": "1 default",
		},
		"none.ini":                              {"socket": sockets, "database": "/srv/app/data/app.db runserver"},
		"socket.ini":                            {"socket": ":1 socket.ini:2 :2 socket.ini:3", "master": "false runserver"},
		"all.ini":                               {"socket": ":1 all.ini:2", "master": "true all.ini:3", "database": "/a.db all.ini:4", "pidfile": "/a.db.pid all.ini:5"},
		"--http :9 --set master=on":             {"socket": ":9 --http", "master": "true --set master", "database": "/srv/app/app.db runserver"},
		"none.ini --chdir /x --vacuum=no":       {"database": "/x/app.db runserver", "vacuum": "false --vacuum"},
		"--database sqlite://b.db --socket=:10": {"socket": ":10 --socket", "database": "/srv/app/b.db --database"},
	} {
		loaded, err := load(t, line, presets...)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for key, want := range want {
			values, origins := setting(loaded, key)
			var got []string
			for i := range values {
				got = append(got, values[i], origins[i])
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %s: %s; want %s", line, key, strings.Join(got, " "), want)
			}
		}
	}

	for line, want := range map[string][]string{
		"wrong.ini": {
			`wrong.ini:2: socket: "1" is not an address: use :1 for all interfaces, or 127.0.0.1:1`,
			`wrong.ini:3: database: "$(NOPE)" is not set in the environment; use $(NAME:-default), or write $$( for a literal $(`,
			`wrong.ini:4: master: "maybe" is neither true nor false`,
		},
		// What follows a preset in a file would be another thing without it.
		"unset.ini": {`unset.ini:2: pidfile: "%(database)" is not set above; write %%( for a literal %(`},
	} {
		_, err := load(t, line, presets...)
		if diff := cmp.Diff(want, faultsOf(t, err)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", line, diff)
		}
	}
	_, err := load(t, "", Setting{Key: "socket", Value: "8000"}, Setting{Key: "prozesses", Value: "1"})
	want := []string{
		`runserver: "8000" is not an address: use :8000 for all interfaces, or 127.0.0.1:8000`,
		`runserver: unknown key "prozesses": did you mean processes?`,
	}
	if diff := cmp.Diff(want, faultsOf(t, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
