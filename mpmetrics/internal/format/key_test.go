package format

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestKeyEncode(t *testing.T) {
	// The expected texts were printed by Python 3.11's json.dumps(…, sort_keys=True).
	for _, test := range []struct {
		name string
		key  Key
		want string
	}{
		{"plain", Key{"f", "f_total", nil, "Help."}, `["f", "f_total", {}, "Help."]`},
		{"labels", Key{"f", "f", []Label{{"a", "1"}, {"b", "2"}}, ""}, `["f", "f", {"a": "1", "b": "2"}, ""]`},
		{"html is left alone", Key{"f", "f", nil, "</a>&"}, `["f", "f", {}, "</a>&"]`},
		{"short escapes", Key{"f", "f", nil, "\b\f\n\r\t\"\\"}, `["f", "f", {}, "\b\f\n\r\t\"\\"]`},
		{"control characters", Key{"f", "f", nil, "\x00\x1f\x7f"}, `["f", "f", {}, "\u0000\u001f\u007f"]`},
		{"beyond ASCII", Key{"f", "f", nil, "ü☃\u2028\uffff"}, `["f", "f", {}, "\u00fc\u2603\u2028\uffff"]`},
		{"beyond the BMP", Key{"f", "f", nil, "𝄞"}, `["f", "f", {}, "\ud834\udd1e"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.key.Encode()
			if got != test.want {
				t.Errorf("encode: %s, want %s", got, test.want)
			}
			back, err := DecodeKey(got, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.key, back, cmp.AllowUnexported(Key{}, Label{})); diff != "" {
				t.Errorf("decoding what was encoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeKeyForms(t *testing.T) {
	want := Key{"f", "f_total", []Label{{"a", "1"}, {"b", "2"}}, ""}
	for _, text := range []string{
		`["f", "f_total", {"b": "2", "a": "1"}, ""]`,
		`["f", "f_total", {"b": "2", "a": "1"}]`,
		`["f", "f_total", ["b", "a"], ["2", "1"]]`,
		`["f","f_total",{"b":"2","a":"0","a":"1"},""]`,
		" [\n\"\\u0066\" , \"f_total\",\t{\"b\" : \"2\", \"a\": \"1\" } ] ",
	} {
		got, err := DecodeKey(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Key{}, Label{})); diff != "" {
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
		if k, err := DecodeKey(text, nil); err == nil {
			t.Errorf("%s: no error, but %+v", text, k)
		}
	}
}

// TestDecodeKeyLinear: a long key must not delay a scrape. If the work were quadratic in the escapes, the test would time out.
func TestDecodeKeyLinear(t *testing.T) {
	for _, escape := range []string{`\n`, `\"`, `\u00e9`} {
		k, err := DecodeKey(`["f", "f", {}, "`+strings.Repeat(escape, 2<<20)+`"]`, nil)
		if err != nil || len([]rune(k.Help)) != 2<<20 {
			t.Errorf("%s: help of %d bytes, %v", escape, len(k.Help), err)
		}
	}
}

// FuzzKey compares DecodeKey with encoding/json and with Encode.
func FuzzKey(f *testing.F) {
	f.Add(`["f", "f_total", {"b": "2", "a": "1"}, "h\ud834\udd1e\u00fc\n"]`)
	f.Add(`["f", "f", ["b", "a"], ["2", "1"]]`)
	f.Add(`["f", "f", {}]`)
	f.Add(`["f", "\ud800\u0041", {"": ""}, "\/\b"]`)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := DecodeKey(text, nil)
		if err != nil {
			return
		}
		if strings.ContainsFunc(text, unicode.IsControl) {
			return // encoding/json accepts none in strings
		}
		var parts []any
		if err := json.Unmarshal([]byte(text), &parts); err != nil {
			t.Fatalf("%q is not JSON: %v", text, err)
		}
		if parts[0] != k.Family || parts[1] != k.Sample {
			t.Fatalf("%q: %q and %q, encoding/json says %q and %q", text, k.Family, k.Sample, parts[0], parts[1])
		}
		if labels, ok := parts[2].(map[string]any); ok {
			if len(labels) != len(k.Labels) {
				t.Fatalf("%q: %d labels, encoding/json says %d", text, len(k.Labels), len(labels))
			}
			for _, l := range k.Labels {
				if labels[l.Name] != l.Value {
					t.Fatalf("%q: label %q=%q, encoding/json says %q", text, l.Name, l.Value, labels[l.Name])
				}
			}
		}
		again, err := DecodeKey(k.Encode(), nil)
		if err != nil {
			t.Fatalf("%q: encoded as %q: %v", text, k.Encode(), err)
		}
		if again.Encode() != k.Encode() || strings.ContainsFunc(k.Encode(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q: encoded as %q, then as %q", text, k.Encode(), again.Encode())
		}
	})
}
