package config

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenDir = "../../../testdata/ini"

// goldenSystem returns a system with the golden ini files in its working directory.
func goldenSystem() *system {
	sys := testSystem(nil)
	ids := map[string]string{"www-data": "33", "graphite": "110"}
	lookUp := sys.LookupUser
	sys.LookupUser = func(name string) (*user.User, error) {
		if id, ok := ids[name]; ok {
			return &user.User{Uid: id, Gid: id, Username: name}, nil
		}
		return lookUp(name)
	}
	lookUpGroup := sys.LookupGroup
	sys.LookupGroup = func(name string) (*user.Group, error) {
		if id, ok := ids[name]; ok {
			return &user.Group{Gid: id, Name: name}, nil
		}
		return lookUpGroup(name)
	}
	sys.Open = func(path string) (io.ReadCloser, error) {
		name, err := filepath.Rel(sys.Dir, path)
		if err != nil {
			return nil, err
		}
		return os.Open(filepath.Join(goldenDir, name))
	}
	return sys
}

// TestGolden compares the result of each ini file, faults or settings and notes, with the text file beside it. Most of them are like
// those of real uWSGI servers.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob(goldenDir + "/*.ini")
	if err != nil || len(paths) == 0 {
		t.Fatalf("golden files: %v, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			var got bytes.Buffer
			loaded, err := load(Arguments{Files: []string{filepath.Base(path)}}, goldenSystem())
			if err != nil {
				fmt.Fprintln(&got, err)
			} else {
				loaded.Settings = slices.DeleteFunc(loaded.Settings, func(e Effective) bool { return e.Origin == Origin{} })
				if err := WriteSettings(&got, loaded); err != nil {
					t.Fatal(err)
				}
				for _, note := range loaded.Notes {
					fmt.Fprintln(&got, note)
				}
			}
			golden := strings.TrimSuffix(path, ".ini") + ".txt"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("-want +got, -update takes it:\n%s", diff)
			}
		})
	}
}
