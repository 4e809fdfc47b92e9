package inspect

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParsePage(t *testing.T) {
	f := func(text string, want samples) {
		t.Helper()
		got, err := parsePage("x", strings.NewReader(text))
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("", samples{})
	f("# HELP a Help.\n# TYPE a unknown\n\na 1\n", samples{"a": 1})
	f("a 1 1700000000", samples{"a": 1})
	f("a 1 1700000000.5 # {trace=\"x\"} 1 1\n# EOF", samples{"a": 1})
	f("a NaN\nb +Inf\nc -Inf\nd 1e400\n", samples{"a": math.NaN(), "b": math.Inf(1), "c": math.Inf(-1), "d": math.Inf(1)})
	f("a{} 1", samples{"a": 1})
	f("a { z=\"1\" , b=\"2\", } 3", samples{`a{b="2",z="1"}`: 3})
	f("a_bucket{le=\"1.0\",z=\"1\"} -1.5", samples{`a_bucket{z="1",le="1.0"}`: -1.5})
	f(`a{l="},\"\\"} 4`, samples{`a{l="},\"\\"}`: 4})
	f(`{"a.b",z="1",c="2"} 5`, samples{`{"a.b",c="2",z="1"}`: 5})
	f(`{"a.b","l.m"="1"} 5`, samples{`{"a.b","l.m"="1"}`: 5})
	f("a\t6", samples{"a": 6})
}

func TestParsePageRefuses(t *testing.T) {
	f := func(text, cause string) {
		t.Helper()
		if got, err := parsePage("x", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	f("# ok\nno", "read metrics x: line 2: not a sample and its value")
	f("a b", `line 1: "b" is not a number`)
	f("a{", "line 1: no closing brace")
	f(`a{l="`, "closing brace")
	f(`a{l="\`, "closing brace")
	f("a{}", "not a sample")
	f("{} 1", "not a sample")
	f(strings.Repeat("x", maxLine+1), "line 1: ")
}

func FuzzParsePage(f *testing.F) {
	for _, text := range []string{"a{b=\"c\",le=\"1\"} 2 3\n# x\n", `{"a"} 1`, "a{,,} 1", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePage("x", strings.NewReader(text))
		if err != nil {
			return
		}
		for sample, value := range p { // the canonical form is stable
			again, err := parsePage("x", strings.NewReader(sample+" 1"))
			if _, ok := again[sample]; err != nil || !ok {
				t.Errorf("%q, of value %v: %v, %v", sample, value, again, err)
			}
		}
	})
}
