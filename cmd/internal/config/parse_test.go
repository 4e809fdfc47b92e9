package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// dump returns a line per section and key of a file.
func dump(f *file) string {
	var b strings.Builder
	for _, s := range f.sections {
		fmt.Fprintf(&b, "%d [%s]\n", s.line, s.name)
		for _, e := range s.entries {
			fmt.Fprintf(&b, "%d %q", e.line, e.key)
			if !e.alone {
				fmt.Fprintf(&b, " = %q", e.value)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestParse(t *testing.T) {
	const other = "x:1: XML, JSON and YAML are not supported: write an ini file, with lines such as socket = 127.0.0.1:8000\n"
	for name, test := range map[string]struct{ text, want, faults string }{
		"nothing":                {},
		"one line":               {text: "[a]\nk = v\n", want: "1 [a]\n2 \"k\" = \"v\"\n"},
		"no newline at the end":  {text: "[a]\nk = v", want: "1 [a]\n2 \"k\" = \"v\"\n"},
		"CRLF":                   {text: "[a]\r\nk = v\r\n\r\n", want: "1 [a]\n2 \"k\" = \"v\"\n"},
		"byte order mark":        {text: "\ufeff[a]\nk = v\n", want: "1 [a]\n2 \"k\" = \"v\"\n"},
		"spaces and tabs":        {text: " \t[ a ]\t\n\tk\t=\tv w\t \n \t \n", want: "1 [a]\n2 \"k\" = \"v w\"\n"},
		"the first = splits":     {text: "[a]\nenv = A=b = c\n", want: "1 [a]\n2 \"env\" = \"A=b = c\"\n"},
		"alone and empty":        {text: "[a]\nk\nk=\n", want: "1 [a]\n2 \"k\"\n3 \"k\" = \"\"\n"},
		"comments":               {text: "; k = v\n[a]\n# k\n  ;k\nk = ; v # w\n", want: "2 [a]\n5 \"k\" = \"; v # w\"\n"},
		"brackets in a value":    {text: "[a]\nk = [b]\n", want: "1 [a]\n2 \"k\" = \"[b]\"\n"},
		"a section twice":        {text: "[a]\nk\n[b]\n[a]\nl\n", want: "1 [a]\n2 \"k\"\n3 [b]\n4 [a]\n5 \"l\"\n"},
		"other than ASCII":       {text: "[ä]\nö = ü\n", want: "1 [ä]\n2 \"ö\" = \"ü\"\n"},
		"replacement character":  {text: "[a]\nk = \ufffd\n", want: "1 [a]\n2 \"k\" = \"\ufffd\"\n"},
		"before any section":     {text: "k = v\nl\n[a]\n", want: "3 [a]\n", faults: "x:1: a key is before any section: begin the file with [multiproc]\n"},
		"XML":                    {text: "<uwsgi>\n<socket>:1</socket>\n", faults: other},
		"JSON":                   {text: "{ \"uwsgi\": {\n", faults: other},
		"YAML":                   {text: "uwsgi:\n  socket: :1\n", faults: other},
		"YAML with a start":      {text: "---\nuwsgi: {}\n", faults: other},
		"no key":                 {text: "[a]\n= v\n", want: "1 [a]\n", faults: "x:2: missing key\n"},
		"section not closed":     {text: "[a\nk\n", want: "1 [a]\n2 \"k\"\n", faults: "x:1: \"[a\" is not a section: use [name] and nothing after it\n"},
		"text after a section":   {text: "[a] ; b\n", want: "1 [a] ; b]\n", faults: "x:1: \"[a] ; b\" is not a section: use [name] and nothing after it\n"},
		"section without a name": {text: "[ ]\nk\n", want: "1 []\n2 \"k\"\n", faults: "x:1: missing name of the section\n"},
		"NUL":                    {text: "[a]\nk = \x00\nl\n", want: "1 [a]\n3 \"l\"\n", faults: "x:2: has a NUL byte\n"},
		"not UTF-8":              {text: "[a]\nk = \xff\n", want: "1 [a]\n", faults: "x:2: has byte 0xff, which is not UTF-8\n"},
		"UTF-16":                 {text: "\xff\xfe[\x00a\x00", faults: "x:1: has byte 0xff, which is not UTF-8\n"},
		"carriage return within": {text: "[a]\rk = v\n", faults: "x:1: has the control character U+000D\n"},
		"escape":                 {text: "; \x1b[31m\n", faults: "x:1: has the control character U+001B\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f, faults := parse("x", strings.NewReader(test.text))
			var lines strings.Builder
			for _, fault := range faults {
				fmt.Fprintln(&lines, fault)
			}
			if diff := cmp.Diff(test.want, dump(f)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.faults, lines.String()); diff != "" {
				t.Errorf("faults, -want +got:\n%s", diff)
			}
		})
	}
}

func TestParseUnreadable(t *testing.T) {
	for want, r := range map[string]io.Reader{
		"x: cannot be read: broken disk":                                     iotest.ErrReader(errors.New("broken disk")),
		"x: has more than 1048576 bytes, which is too large for an ini file": strings.NewReader(strings.Repeat("\n", maxFile+1)),
	} {
		f, faults := parse("x", r)
		if f != nil || len(faults) != 1 || faults[0].String() != want {
			t.Errorf("%v, %v; want %s", f, faults, want)
		}
	}
	if f, faults := parse("x", strings.NewReader(strings.Repeat("\n", maxFile))); f == nil || faults != nil {
		t.Errorf("the largest file: %v", faults)
	}
}

// seeds returns the golden files.
func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	var all [][]byte
	for _, pattern := range []string{"/*.ini", "/include/*.ini"} {
		paths, err := filepath.Glob(goldenDir + pattern)
		if err != nil || len(paths) == 0 {
			tb.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				tb.Fatal(err)
			}
			all = append(all, text)
		}
	}
	return all
}

// checkParsed checks what must hold for every input: faults are on existing lines, and a parsed file can be written and parsed
// again.
func checkParsed(t *testing.T, text string, f *file, faults []Remark) {
	t.Helper()
	lines := strings.Count(text, "\n") + 1
	last := 0
	for _, fault := range faults {
		if fault.Origin.Line < last || fault.Origin.Line > lines || fault.Message == "" {
			t.Fatalf("fault %+v after line %d of %d", fault, last, lines)
		}
		last = fault.Origin.Line
	}
	if f == nil {
		if len(faults) != 1 || faults[0].Origin.Line != 0 {
			t.Fatalf("no file, and faults %v", faults)
		}
		return
	}
	if len(faults) > 0 {
		return
	}
	var written strings.Builder
	at := 1
	put := func(line int, text string) {
		written.WriteString(strings.Repeat("\n", line-at) + text)
		at = line
	}
	for _, s := range f.sections {
		put(s.line, "["+s.name+"]")
		for _, e := range s.entries {
			if e.alone {
				put(e.line, e.key)
			} else {
				put(e.line, e.key+"="+e.value)
			}
		}
	}
	back, faults := parse("x", strings.NewReader(written.String()))
	if faults != nil || dump(back) != dump(f) {
		t.Fatalf("%q is written %q and read as\n%s%v, not\n%s", text, written.String(), dump(back), faults, dump(f))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(string(seed))
	}
	f.Add("\ufeff[a]\r\nk = \x00\xff\n=\n[")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, faults := parse("x", strings.NewReader(text))
		checkParsed(t, text, parsed, faults)
	})
}
