package admin

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"multiproc/internal/invisible"
)

func TestCell(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := cell(text); got != want {
			t.Errorf("%+q is %+q, want %+q", text, got, want)
		}
	}
	for _, text := range []string{
		"", " ", " x", "a=b", "Mpesa - Express", "a @ b", "x+y; z", "1-2", `{"a": -1, "b=": "+1"}`, "a\u00a0b", "👩\u200d💻", "می\u200cخواهم", "it's", "'=1", ",;", `"`,
	} {
		f(text, text)
	}
	for _, first := range "=+-@＝＋－＠﹦﹢﹣﹫" {
		for _, before := range []string{"", " ", "  ", `"`, ` " `, "\u00a0", "\u3000", "\u200b", "\ufeff", "\u2066", "\u00ad", "\x00", "\x0b", "\u0085", "\u2028", "\ufe0f", "\u2800"} {
			f(before+string(first)+"1+1", "'"+before+string(first)+"1+1")
			for _, between := range []string{",", ";", "x\t", "\n", "x\r\n", "x,;"} {
				got := between + "'" + before + string(first) + "1"
				if strings.HasPrefix(got, "\n") {
					got = "'" + got
				}
				f(between+before+string(first)+"1", got)
			}
		}
		for _, between := range []string{"\u00a0", "\u200b", "\x00", "\u2028", "\x1f"} {
			f("x"+between+string(first)+"1", "x"+between+"'"+string(first)+"1")
		}
	}
	f("\xff", "\ufffd")
	f("a\xed\xa0\x80,=1\xff", "a\ufffd,'=1\ufffd")
	f("\tx", "'\tx")
	f("\rx", "'\rx")
	f("\t=1", "'\t'=1")
	f("=1;-1,+1", "'=1;'-1,'+1")
	f("[1,-2]", "[1,'-2]")
}

// FuzzCell reads an export as spreadsheets do that split lines at other characters. No cell begins as a formula.
func FuzzCell(f *testing.F) {
	for _, text := range []string{"=1", "a;=1", "a\t\"+1", `x";"=1"`, "a\n-1", "\u200b＝1", `"";@`, "a\r=1;\"\n\"=", "\xff;\xff=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var export strings.Builder
		w := csv.NewWriter(&export)
		if err := w.WriteAll([][]string{{"1", cell(text), "-1.50"}}); err != nil {
			t.Fatal(err)
		}
		check := func(how, value string) {
			seen := strings.TrimLeftFunc(value, func(c rune) bool { return c == '"' || invisible.Is(c) })
			if strings.HasPrefix(seen, "-1.50") {
				return // our number
			}
			for _, first := range "=+-@＝＋－＠" {
				if strings.HasPrefix(seen, string(first)) {
					t.Errorf("%+q, %s: a cell is %+q", text, how, value)
				}
			}
		}
		for _, separator := range ",;\t" {
			r := csv.NewReader(strings.NewReader(export.String()))
			r.Comma, r.LazyQuotes, r.FieldsPerRecord = separator, true, -1
			for {
				row, err := r.Read()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, value := range row {
					check("read with "+string(separator), value)
				}
			}
			for _, value := range strings.FieldsFunc(export.String(), func(c rune) bool { return c == separator || c == '\n' || c == '\r' }) {
				check("split at "+string(separator), value)
			}
		}
	})
}
