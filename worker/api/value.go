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

// value is the text of a JSON value, which is known to be well formed.
//
// Bodies are taken apart here and not by encoding/json for the sake of what a client is told: that one stops at the first
// fault, reads numbers as floats, ignores the case of names, takes the last of members that are given twice, and makes
// U+FFFD of what is not UTF-8.
type value []byte

// maxDepth bounds how deep a body's objects and arrays may lie in one another.
const maxDepth = 128

// parse checks that the text is one JSON value and nothing else.
func parse(text []byte) (value, error) {
	if at := invalidUTF8(text); at >= 0 {
		return nil, malformed(at, errors.New("not UTF-8"))
	}
	if !json.Valid(text) {
		err := json.Unmarshal(text, new(json.RawMessage)) // which says why
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

// invalidUTF8 is where the text is no UTF-8, or -1.
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

// checkNested checks what is well formed for encoding/json but nothing that we take: deep nesting, and halves of surrogate
// pairs, which are no character.
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
			if half := halfSurrogate(text[i:end]); half >= 0 {
				return i + half, errors.New("half a surrogate pair")
			}
			i = end - 1
		}
	}
	return 0, nil
}

// halfSurrogate is where a string has half a surrogate pair, or -1.
func halfSurrogate(s value) int {
	for i := bytes.IndexByte(s, '\\'); i >= 0 && i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		r, ok := escaped(s[i:])
		switch {
		case !ok:
			i++ // what is escaped
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

// escaped is the UTF-16 code unit that \uXXXX at the beginning of the text stands for.
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

// kind is what the value is, with its article.
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

// text is what a string stands for.
func (v value) text() string {
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	var s string
	_ = json.Unmarshal(v, &s) // it is well formed
	return s
}

// members are those of an object, in their order.
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

// elements are those of an array.
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

// next is the first value that begins at i or later and where it ends, or nil at the end of the object or array.
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

// end is where the value that begins at i ends.
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
