package mpmetrics

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestKeyEncode(t *testing.T) {
	// The expected texts are what Python 3.11's json.dumps(…, sort_keys=True) printed.
	for _, test := range []struct {
		name string
		key  key
		want string
	}{
		{"plain", key{"f", "f_total", nil, "Help."}, `["f", "f_total", {}, "Help."]`},
		{"labels", key{"f", "f", []label{{"a", "1"}, {"b", "2"}}, ""}, `["f", "f", {"a": "1", "b": "2"}, ""]`},
		{"html is left alone", key{"f", "f", nil, "</a>&"}, `["f", "f", {}, "</a>&"]`},
		{"short escapes", key{"f", "f", nil, "\b\f\n\r\t\"\\"}, `["f", "f", {}, "\b\f\n\r\t\"\\"]`},
		{"control characters", key{"f", "f", nil, "\x00\x1f\x7f"}, `["f", "f", {}, "\u0000\u001f\u007f"]`},
		{"beyond ASCII", key{"f", "f", nil, "ü☃\u2028\uffff"}, `["f", "f", {}, "\u00fc\u2603\u2028\uffff"]`},
		{"beyond the BMP", key{"f", "f", nil, "𝄞"}, `["f", "f", {}, "\ud834\udd1e"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.key.encode()
			if got != test.want {
				t.Errorf("encode: %s, want %s", got, test.want)
			}
			back, err := decodeKey(got, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.key, back, cmp.AllowUnexported(key{}, label{})); diff != "" {
				t.Errorf("decoding what was encoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeKeyForms(t *testing.T) {
	want := key{"f", "f_total", []label{{"a", "1"}, {"b", "2"}}, ""}
	for _, text := range []string{
		`["f", "f_total", {"b": "2", "a": "1"}, ""]`,
		`["f", "f_total", {"b": "2", "a": "1"}]`,
		`["f", "f_total", ["b", "a"], ["2", "1"]]`,
		`["f","f_total",{"b":"2","a":"0","a":"1"},""]`,
		" [\n\"\\u0066\" , \"f_total\",\t{\"b\" : \"2\", \"a\": \"1\" } ] ",
	} {
		got, err := decodeKey(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(key{}, label{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestDecodeKeyRefuses(t *testing.T) {
	for _, text := range []string{
		``, `[`, `[]`, `["f"]`, `["f", "f"]`, `["f", "f", {}`, `["f", "f", {}, 1]`, `["f", "f", {}, "h", "x"]`,
		`["f", "f", {"a"}, ""]`, `["f", "f", {"a": 1}, ""]`, `["f", "f", {"a": "1",}, ""]`, `["f", "f", {"a": "1"`,
		`["f", "f", ["a"], []]`, `["f", "f", [], ["a"]]`, `["f", "f", ["a"]]`, `["f", "f", {}, ""]]`, `["f", "f", {}, "" x]`,
		`["f`, `["f\`, `["f\u12`, `["f\u12g4", "f", {}]`, `["f\x", "f", {}]`, "[\"f\xff\", \"f\", {}]",
		`{"f": 1}`, `null`, `["f", "f", null, ""]`, "[\"f\", \"f\", {}]\x00",
	} {
		if k, err := decodeKey(text, nil); err == nil {
			t.Errorf("%s: no error, but %+v", text, k)
		}
	}
}

// TestDecodeKeyLinear: whoever writes a key must not be able to hold up a scrape. If the work were quadratic in the
// escapes, this would run into the time limit of the tests.
func TestDecodeKeyLinear(t *testing.T) {
	for _, escape := range []string{`\n`, `\"`, `\u00e9`} {
		k, err := decodeKey(`["f", "f", {}, "`+strings.Repeat(escape, 2<<20)+`"]`, nil)
		if err != nil || len([]rune(k.help)) != 2<<20 {
			t.Errorf("%s: help of %d bytes, %v", escape, len(k.help), err)
		}
	}
}

// FuzzKey holds decodeKey against encoding/json and against encode.
func FuzzKey(f *testing.F) {
	f.Add(`["f", "f_total", {"b": "2", "a": "1"}, "h\ud834\udd1e\u00fc\n"]`)
	f.Add(`["f", "f", ["b", "a"], ["2", "1"]]`)
	f.Add(`["f", "f", {}]`)
	f.Add(`["f", "\ud800\u0041", {"": ""}, "\/\b"]`)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := decodeKey(text, nil)
		if err != nil {
			return
		}
		if strings.ContainsFunc(text, unicode.IsControl) {
			return // encoding/json takes none in strings
		}
		var parts []any
		if err := json.Unmarshal([]byte(text), &parts); err != nil {
			t.Fatalf("%q is not JSON: %v", text, err)
		}
		if parts[0] != k.family || parts[1] != k.sample {
			t.Fatalf("%q: %q and %q, encoding/json says %q and %q", text, k.family, k.sample, parts[0], parts[1])
		}
		if labels, ok := parts[2].(map[string]any); ok {
			if len(labels) != len(k.labels) {
				t.Fatalf("%q: %d labels, encoding/json says %d", text, len(k.labels), len(labels))
			}
			for _, l := range k.labels {
				if labels[l.name] != l.value {
					t.Fatalf("%q: label %q=%q, encoding/json says %q", text, l.name, l.value, labels[l.name])
				}
			}
		}
		again, err := decodeKey(k.encode(), nil)
		if err != nil {
			t.Fatalf("%q: encoded as %q: %v", text, k.encode(), err)
		}
		if again.encode() != k.encode() || strings.ContainsFunc(k.encode(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q: encoded as %q, then as %q", text, k.encode(), again.encode())
		}
	})
}
