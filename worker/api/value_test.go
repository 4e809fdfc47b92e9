package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// valueTexts are seeds: JSON, and texts that resemble it.
var valueTexts = []string{
	`{}`, `[]`, `""`, `0`, `-1.5e+10`, `true`, `false`, `null`, " \t\r\n[ ] ", `{"a":1}`, `{ "a" : [ 1 , { "b" : "}" } , "]" ] , "c" : "\"" }`,
	`[[],{},"",0,true,null]`, `{"":"","\\":"\\\"","\u0061":"\ud83d\ude00"}`, `["\ud83d"]`, `["\ude00\ud83d"]`, `["\\ud83d"]`, `["\ud83d\\u"]`,
	`{"a":1,"a":2}`, `[1,]`, `{"a"}`, `[`, `{`, `"`, `"\`, `"\u12`, ``, ` `, "\xff", "[\"\xc3\"]", `[1 2]`, `{"a":1}}`, "\ufeff{}", `[1][2]`,
	strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
}

// TestTruncated: no truncated text makes the parser panic.
func TestTruncated(t *testing.T) {
	for _, text := range valueTexts {
		for i := range len(text) {
			checkValue(t, []byte(text[:i]))
			checkValue(t, []byte(text[i:]))
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, text := range valueTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkValue(t, text) })
}

// checkValue: an accepted text is JSON and means what encoding/json says. A refused one is not JSON, not UTF-8, too deep, or has an
// unpaired surrogate, which that package replaces by U+FFFD.
func checkValue(t *testing.T, text []byte) {
	t.Helper()
	v, err := parse(text)
	var want any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err != nil {
		if utf8.Valid(text) && json.Valid(text) && depthOf(text) <= maxDepth && !bytes.Contains(text, []byte(`\u`)) {
			t.Errorf("%q: %v", text, err)
		}
		return
	}
	if err := decoder.Decode(&want); err != nil {
		t.Errorf("%q is accepted: %v", text, err)
	}
	if got := meaning(t, v); !reflect.DeepEqual(want, got) { // cmp.Diff is too slow for deep nesting
		t.Errorf("%q: %v, want %v", text, got, want)
	}
}

// depthOf returns the nesting depth of well-formed JSON.
func depthOf(text []byte) (most int) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	depth := 0
	for {
		token, err := decoder.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		most = max(most, depth)
	}
}

// meaning returns a value as encoding/json decodes it.
func meaning(t *testing.T, v value) any {
	t.Helper()
	switch v.kind() {
	case "an object":
		object := map[string]any{}
		for name, member := range v.members() {
			object[name] = meaning(t, member)
		}
		return object
	case "an array":
		list := []any{}
		for element := range v.elements() {
			list = append(list, meaning(t, element))
		}
		return list
	case "a string":
		text := v.text()
		if !bytes.Contains(v, []byte("\ufffd")) && !bytes.Contains(bytes.ToLower(v), []byte(`\ufffd`)) && strings.Contains(text, "\ufffd") {
			t.Errorf("%s: %q", v, text)
		}
		return text
	case "a boolean":
		return string(v) == "true"
	case "null":
		if string(v) != "null" {
			t.Errorf("null: %s", v)
		}
		return nil
	}
	return json.Number(v)
}
