package config

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteKeys(t *testing.T) {
	var b bytes.Buffer
	if err := WriteKeys(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"^KEY +OTHER NAMES",
		"processes +workers +number or auto +1 +number of workers; auto: one per core$",
		"env +NAME=VALUE … +environment variable to set$",
		"module +multiproc starts Go programs; command runs other programs$",
	} {
		if !regexp.MustCompile("(?m)^" + want).MatchString(b.String()) {
			t.Errorf("no line %q", want)
		}
	}
	if got, want := strings.Count(b.String(), "\n"), len(Keys())+len(UWSGIKeys())+5; got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
}

// TestWriteSettings writes values that are not ASCII or not printable.
func TestWriteSettings(t *testing.T) {
	loaded := &Loaded{Settings: []Effective{
		{"a", "1", Origin{"x.ini", 3}},
		{"bcd", "wwwwww", Origin{Place: "--bcd"}},
		{"e", "\x1b[1m", Origin{Place: "\n.ini", Line: 1}},
		{"f", "äöü", Origin{}},
	}}
	want := "a   = 1          x.ini:3\n" +
		"bcd = wwwwww     --bcd\n" +
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
