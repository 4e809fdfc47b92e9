package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConditions checks that a condition is one fault, and that the lines within it have faults of their own only.
func TestConditions(t *testing.T) {
	for lines, want := range map[string][]string{
		"if-env = A\nsocket = :1\nendif":                                             {"2 if-env"},
		"if-env = A\nsocket = :1\nelse =\nsocket = :1\nend-if = 1\nprocesses = 2":    {"2 if-env"},
		"if-not-file = /x\nbase = 1\nendif\nsocket = :1\npidfile = %(base)":          {"2 if-not-file"},
		"for = a b\nenv = X=%(_)\nsocket = %(_)\nendfor\nfor-times = 2\nend\nvacuum": {"2 for", "6 for-times"},
		"ifenv = A\nprocesses = x\nendif\nsocket = :1":                               {"2 ifenv", "3 processes"},
		"if-exists = /x\nini = b.ini\nendif\nsocket = :1":                            {"2 if-exists", "b.ini:3 chdir"},
		"if-opt = a\nif-dir = /\nsocket = :1\nendif":                                 {"2 if-opt", "3 if-dir"},
		"socket = :1\nendif\nelse":                                                   {"3 endif", "4 else"},
		"if-reload\nsocket = :1":                                                     {"2 if-reload"},
	} {
		sys := testSystem(map[string]string{"/srv/app/a.ini": "[uwsgi]\n" + lines, "/srv/app/b.ini": "[uwsgi]\nprocesses = 3\nchdir = $(NOPE)"})
		_, err := load(Arguments{Files: []string{"a.ini"}}, sys)
		var got []string
		for _, fault := range faultsOf(t, err) {
			fault = strings.TrimPrefix(fault, "a.ini:")
			line, rest, _ := strings.Cut(fault, ": ")
			key, _, _ := strings.Cut(rest, " ")
			got = append(got, line+" "+strings.TrimSuffix(key, ":"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", lines, diff)
		}
	}
}
