package config

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteKeys(t *testing.T) {
	var b bytes.Buffer
	if err := WriteKeys(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	rows := append([]string{"KEY"}, names(Keys(), func(k Key) string { return k.Name })...)
	rows = append(rows, "", "KEY")
	rows = append(rows, names(Ignored(), func(k IgnoredKey) string { return k.Name })...)
	rows = append(rows, "")
	for i, line := range lines {
		if first, _, _ := strings.Cut(line, " "); first != rows[i] {
			t.Fatalf("line %d is %q; want %s", i+1, line, rows[i])
		}
	}
	for _, want := range []string{
		"processes  workers  number or auto  1  number of workers; auto: one per core",
		"env    NAME=VALUE …    environment variable to set",
		"module  multiproc starts Go programs; command runs any other one",
	} {
		ok := slices.ContainsFunc(lines, func(line string) bool {
			return strings.Join(strings.Fields(line), " ") == strings.Join(strings.Fields(want), " ")
		})
		if !ok {
			t.Errorf("no line %q", want)
		}
	}
}

func names[T any](rows []T, name func(T) string) []string {
	var all []string
	for _, row := range rows {
		all = append(all, name(row))
	}
	return all
}

// TestWriteSettings writes values that are too wide or not printable.
func TestWriteSettings(t *testing.T) {
	loaded := &Loaded{Settings: []Effective{
		{"a", "1", Origin{"x.ini", 3}},
		{"bcd", strings.Repeat("w", 60), Origin{Place: "--bcd"}},
		{"e", "\x1b[1m", Origin{Place: "\n.ini", Line: 1}},
		{"f", "äöü", Origin{}},
	}}
	want := "a   = 1          x.ini:3\n" +
		"bcd = " + strings.Repeat("w", 60) + "  --bcd\n" +
		"e   = \"\\x1b[1m\"  \"\\n.ini\":1\n" +
		"f   = äöü        default\n"
	var b bytes.Buffer
	if err := WriteSettings(&b, loaded); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
