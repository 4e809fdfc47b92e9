package format

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// keyParser parses the JSON of keys and no other. After an error it stays where it is and reads nothing.
type keyParser struct {
	rest   string
	labels []Label
	err    error
}

func (p *keyParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

func (p *keyParser) key() (k Key) {
	p.expect('[')
	k.Family = p.string()
	p.expect(',')
	compact := !strings.HasPrefix(p.rest, " ")
	k.Sample = p.string()
	p.expect(',')
	if p.peek() == '[' {
		if compact && p.err == nil {
			p.err = ErrGitLab
		}
		p.parallelLabels()
	} else {
		p.namedLabels()
		if p.peek() == ',' {
			p.expect(',')
			k.Help = p.string()
		}
	}
	p.expect(']')
	if p.peek(); p.rest != "" {
		p.fail("%.10q after the end", p.rest)
	}
	k.Labels = p.labels
	return k
}

// namedLabels reads {"name": "value", …}.
func (p *keyParser) namedLabels() {
	p.list('{', '}', func(int) {
		name := p.string()
		p.expect(':')
		p.labels = append(p.labels, Label{name, p.string()})
	})
}

// parallelLabels reads ["name", …], ["value", …].
func (p *keyParser) parallelLabels() {
	values := 0
	p.list('[', ']', func(int) { p.labels = append(p.labels, Label{Name: p.string()}) })
	p.expect(',')
	p.list('[', ']', func(i int) {
		values++
		if value := p.string(); i < len(p.labels) {
			p.labels[i].Value = value
		}
	})
	if values != len(p.labels) {
		p.fail("%d label names and %d values", len(p.labels), values)
	}
}

// list reads items, separated by commas, between two brackets.
func (p *keyParser) list(open, end byte, item func(i int)) {
	p.expect(open)
	if p.peek() != end {
		for i := 0; p.err == nil; i++ {
			if item(i); p.peek() == end {
				break
			}
			p.expect(',')
		}
	}
	p.expect(end)
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *keyParser) peek() byte {
	for i := range len(p.rest) {
		if c := p.rest[i]; c > ' ' || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			p.rest = p.rest[i:]
			return c
		}
	}
	p.rest = ""
	return 0
}

func (p *keyParser) expect(c byte) {
	if p.err != nil {
		return
	}
	if p.peek() != c || p.rest == "" {
		p.fail("%q expected, not %.10q", c, p.rest)
		return
	}
	p.rest = p.rest[1:]
}

// string also accepts unescaped control characters, which strict JSON does not.
func (p *keyParser) string() string {
	p.expect('"')
	if p.err != nil {
		return ""
	}
	var unescaped []byte // the text before rest, once it has had an escape
	end := strings.IndexByte(p.rest, '"')
	for end >= 0 {
		escape := strings.IndexByte(p.rest[:end], '\\')
		if escape < 0 {
			s := p.rest[:end]
			if unescaped != nil {
				s = string(append(unescaped, s...))
			}
			if !utf8.ValidString(s) {
				p.fail("string is not UTF-8: %.20q", s)
			}
			p.rest = p.rest[end+1:]
			return s
		}
		unescaped = append(unescaped, p.rest[:escape]...)
		left := len(p.rest)
		p.rest = p.rest[escape+1:]
		unescaped = utf8.AppendRune(unescaped, p.escape())
		if p.err != nil {
			return ""
		}
		// The quote stays where it is, unless it was the escaped character.
		if end -= left - len(p.rest); end < 0 {
			end = strings.IndexByte(p.rest, '"')
		}
	}
	p.fail("string without an end")
	return ""
}

// escape reads what follows a backslash. Half a surrogate pair, which Python writes for bytes that are not
// UTF-8, becomes U+FFFD.
func (p *keyParser) escape() rune {
	if p.rest == "" {
		p.fail("string without an end")
		return 0
	}
	if i := strings.IndexByte(shortEscapes, p.rest[0]); i >= 0 {
		p.rest = p.rest[1:]
		return rune(shortEscaped[i])
	}
	if p.rest[0] == '/' {
		p.rest = p.rest[1:]
		return '/'
	}
	hi, ok := hex4(p.rest)
	if !ok {
		p.fail(`bad escape \%.5s`, p.rest)
		return 0
	}
	p.rest = p.rest[5:]
	if utf16.IsSurrogate(hi) && strings.HasPrefix(p.rest, `\`) {
		if lo, ok := hex4(p.rest[1:]); ok {
			if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
				p.rest = p.rest[6:]
				return r
			}
		}
	}
	return hi // AppendRune makes U+FFFD of half a pair
}

// hex4 reads u and four hexadecimal digits.
func hex4(s string) (r rune, ok bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:5], 16, 32)
	return rune(n), err == nil
}
