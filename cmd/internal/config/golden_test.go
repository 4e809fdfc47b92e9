package config

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenDir = "../../../testdata/ini"

// goldenSystem returns a system with the golden ini files in its working directory.
func goldenSystem() *system {
	sys := testSystem(nil)
	sys.Open = func(path string) (io.ReadCloser, error) {
		name, err := filepath.Rel(sys.Dir, path)
		if err != nil {
			return nil, err
		}
		return os.Open(filepath.Join(goldenDir, name))
	}
	return sys
}

// TestGolden compares the result of each ini file, faults or settings and notes, with the text file beside it.
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
