package config

import (
	"errors"
	"io"
	"io/fs"
	"os/user"
	"strconv"
	"strings"
	"testing"
	"time"
)

// testSystem returns a system that is the same on every machine, with these files by absolute path.
func testSystem(files map[string]string, env ...string) *system {
	return &system{
		Dir:      "/srv/app",
		Hostname: "host7",
		Cores:    4,
		Now:      time.Unix(1700000000, 0),
		Getuid:   func() int { return 1000 },
		Getgid:   func() int { return 100 },
		LookupEnv: func(name string) (string, bool) {
			for _, variable := range env {
				if value, ok := strings.CutPrefix(variable, name+"="); ok {
					return value, true
				}
			}
			return "", false
		},
		Environ: func() []string { return env },
		LookupUser: func(name string) (*user.User, error) {
			if name == "exporter" {
				return &user.User{Uid: "1001", Gid: "1002", Username: name}, nil
			}
			return nil, user.UnknownUserError(name)
		},
		LookupUserID: func(id string) (*user.User, error) {
			switch id {
			case "1001":
				return &user.User{Uid: id, Gid: "1002", Username: "exporter"}, nil
			case "1003":
				return &user.User{Uid: id, Gid: "S-1-5", Username: "foreigner"}, nil
			case "1004":
				return nil, errors.New("directory is down")
			}
			if id == "1000" {
				return &user.User{Uid: id, Gid: "100", Username: "me"}, nil
			}
			n, err := strconv.Atoi(id)
			if err != nil {
				return nil, err
			}
			return nil, user.UnknownUserIdError(n)
		},
		LookupGroup: func(name string) (*user.Group, error) {
			if name == "www" {
				return &user.Group{Gid: "33", Name: name}, nil
			}
			return nil, user.UnknownGroupError(name)
		},
		LookupGroupID: func(id string) (*user.Group, error) { return &user.Group{Gid: id, Name: "users"}, nil },
		RealPath:      func(path string) (string, error) { return path, nil },
		Open: func(path string) (io.ReadCloser, error) {
			if text, ok := files[path]; ok {
				return io.NopCloser(strings.NewReader(text)), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	}
}

// loadText loads the lines as the section of a file in the working directory.
func loadText(lines string, env ...string) (*Loaded, error) {
	return load(Arguments{Files: []string{"a.ini"}}, testSystem(map[string]string{"/srv/app/a.ini": "[multiproc]\n" + lines}, env...))
}

// mustLoad loads the lines and a socket, without faults.
func mustLoad(t *testing.T, lines string, env ...string) *Loaded {
	t.Helper()
	loaded, err := loadText("socket = :8000\n"+lines, env...)
	if err != nil {
		t.Fatalf("%s\n%v", lines, err)
	}
	return loaded
}

// faultsOf returns one line per fault.
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	faults, ok := errors.AsType[*Faults](err)
	if !ok {
		t.Fatalf("want faults, got %v", err)
	}
	if len(faults.List) == 0 {
		t.Fatal("an error without faults")
	}
	return strings.Split(faults.Error(), "\n")
}

// notesOf returns one line per note.
func notesOf(loaded *Loaded) []string {
	var lines []string
	for _, note := range loaded.Notes {
		lines = append(lines, note.String())
	}
	return lines
}

// setting returns the values of a key and their origins.
func setting(loaded *Loaded, key string) (values, origins []string) {
	for _, e := range loaded.Settings {
		if e.Key == key {
			values = append(values, e.Value)
			origins = append(origins, e.Origin.String())
		}
	}
	return values, origins
}

// settingText returns the values of a key, each followed by its origin.
func settingText(loaded *Loaded, key string) string {
	values, origins := setting(loaded, key)
	var all []string
	for i := range values {
		all = append(all, values[i], origins[i])
	}
	return strings.Join(all, " ")
}
