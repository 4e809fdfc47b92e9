package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// value is the text of a well-formed JSON value.
//
// Bodies are not decoded by encoding/json because clients should get exact and complete errors: that package stops at the first
// fault, reads numbers as floats, ignores the case of names, takes the last of duplicate members, and replaces invalid UTF-8 by
// U+FFFD.
type value []byte

// maxDepth bounds the nesting of objects and arrays in a body.
const maxDepth = 128

// parse checks that the text is one JSON value and nothing else.
func parse(text []byte) (value, error) {
	if at := invalidUTF8(text); at >= 0 {
		return nil, malformed(at, errors.New("not UTF-8"))
	}
	if !json.Valid(text) {
		err := json.Unmarshal(text, new(json.RawMessage)) // for the reason
		at := 0
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = int(syntax.Offset)
		}
		return nil, malformed(at, err)
	}
	if at, err := checkNested(text); err != nil {
		return nil, malformed(at, err)
	}
	return bytes.Trim(text, " \t\r\n"), nil
}

func malformed(at int, err error) error {
	return &problemError{Status: 400, Detail: fmt.Sprintf("the body is not JSON: at byte %d: %v", at, err)}
}

// invalidUTF8 returns the offset of the first invalid UTF-8, or -1.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

// checkNested refuses what encoding/json accepts and we do not: deep nesting, and unpaired surrogates, which are not characters.
// It returns the offset of the fault.
func checkNested(text value) (at int, err error) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return i, fmt.Errorf("more than %d levels deep", maxDepth)
			}
		case '}', ']':
			depth--
		case '"':
			end := text.endOfString(i)
			if half := unpairedSurrogate(text[i:end]); half >= 0 {
				return i + half, errors.New("unpaired surrogate")
			}
			i = end - 1
		}
	}
	return 0, nil
}

// unpairedSurrogate returns the offset of an unpaired surrogate in a string, or -1.
func unpairedSurrogate(s value) int {
	for i := bytes.IndexByte(s, '\\'); i >= 0 && i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		r, ok := escaped(s[i:])
		switch {
		case !ok:
			i++ // the escaped character
		case !utf16.IsSurrogate(r):
			i += 5
		default:
			next, ok := escaped(s[i+6:])
			if !ok || utf16.DecodeRune(r, next) == utf8.RuneError {
				return i
			}
			i += 11
		}
	}
	return -1
}

// escaped returns the UTF-16 code unit of a \uXXXX at the beginning of the text.
func escaped(s value) (unit rune, ok bool) {
	if !bytes.HasPrefix(s, []byte(`\u`)) {
		return 0, false
	}
	for _, c := range s[2:6] {
		unit <<= 4
		switch {
		case c <= '9':
			unit += rune(c - '0')
		default:
			unit += rune(c|0x20-'a') + 10
		}
	}
	return unit, true
}

// kind names the kind of the value, with an article.
func (v value) kind() string {
	switch v[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// text returns the text of a string.
func (v value) text() string {
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	var s string
	_ = json.Unmarshal(v, &s) // it is well formed
	return s
}

// members iterates over the members of an object, in their order.
func (v value) members() iter.Seq2[string, value] {
	return func(yield func(string, value) bool) {
		for name, i := v.next(1); name != nil; {
			var member value
			member, i = v.next(i)
			if !yield(name.text(), member) {
				return
			}
			name, i = v.next(i)
		}
	}
}

// elements iterates over the elements of an array.
func (v value) elements() iter.Seq[value] {
	return func(yield func(value) bool) {
		for element, i := v.next(1); element != nil; {
			if !yield(element) {
				return
			}
			element, i = v.next(i)
		}
	}
}

// next returns the first value that begins at i or later and its end, or nil at the end of the object or array.
func (v value) next(i int) (value, int) {
	for strings.IndexByte(" \t\r\n,:", v[i]) >= 0 {
		i++
	}
	if v[i] == '}' || v[i] == ']' {
		return nil, i
	}
	end := v.end(i)
	return v[i:end], end
}

// end returns the end of the value that begins at i.
func (v value) end(i int) int {
	switch v[i] {
	case '"':
		return v.endOfString(i)
	case '{', '[':
		return v.endOfNested(i)
	}
	for i < len(v) && strings.IndexByte(" \t\r\n,]}", v[i]) < 0 {
		i++
	}
	return i
}

func (v value) endOfString(i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func (v value) endOfNested(i int) int {
	depth := 0
	for ; ; i++ {
		switch v[i] {
		case '"':
			i = v.endOfString(i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}
