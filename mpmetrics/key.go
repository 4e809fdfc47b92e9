package mpmetrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
)

// label is one label of a series.
type label struct{ name, value string }

// labelsOf are labels as client_golang has them.
func labelsOf(pairs []*dto.LabelPair) []label {
	labels := make([]label, len(pairs))
	for i, p := range pairs {
		labels[i] = label{p.GetName(), p.GetValue()}
	}
	return labels
}

// key says what an entry's value is: a sample of a family. Its labels are sorted by name, without repetition.
type key struct {
	family string // a counter's without _total
	sample string
	labels []label
	help   string
}

// encode gives the key as it stands in a file. It is, to the byte, what Python's
//
//	json.dumps([family, sample, labels, help], sort_keys=True)
//
// gives, because prometheus_client looks keys up by their text. encoding/json differs in its separators, in what
// it escapes, and in writing other characters than ASCII as they are.
func (k key) encode() string {
	var b []byte
	b = append(b, '[')
	b = appendString(b, k.family)
	b = append(b, ", "...)
	b = appendString(b, k.sample)
	b = append(b, ", {"...)
	for i, l := range k.labels {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendString(b, l.name)
		b = append(b, ": "...)
		b = appendString(b, l.value)
	}
	b = append(b, "}, "...)
	b = appendString(b, k.help)
	return string(append(b, ']'))
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch short := strings.IndexRune(shortEscaped, r); {
		case short >= 0:
			dst = append(dst, '\\', shortEscapes[short])
		case ' ' <= r && r <= '~':
			dst = append(dst, byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, hi, lo)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return append(dst, '"')
}

// What has an escape of two characters when encoded, and that escape's second one.
const (
	shortEscaped = "\b\f\n\r\t\"\\"
	shortEscapes = `bfnrt"\`
)

// decodeKey reads a key in any form that prometheus_client has written: today's, [family, sample, labels] without
// help, and [family, sample, [names], [values]]. Strings of the result may share the memory of text. The labels
// are appended to room, which may be nil.
func decodeKey(text string, room []label) (key, error) {
	d := decoder{rest: text, labels: room}
	k := d.key()
	if d.err != nil {
		return key{}, fmt.Errorf("byte %d of the key: %w", len(text)-len(d.rest), d.err)
	}
	slices.SortStableFunc(k.labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
	// As in a Python dict, the last of equal names stays.
	kept := k.labels[:0]
	for i, l := range k.labels {
		if i+1 < len(k.labels) && k.labels[i+1].name == l.name {
			continue
		}
		kept = append(kept, l)
	}
	k.labels = kept
	return k, nil
}

// decoder reads the JSON of keys and no other. After an error it stays where it is and reads nothing.
type decoder struct {
	rest   string
	labels []label
	err    error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) key() (k key) {
	d.expect('[')
	k.family = d.string()
	d.expect(',')
	k.sample = d.string()
	d.expect(',')
	if d.peek() == '[' {
		d.parallelLabels()
	} else {
		d.namedLabels()
		if d.peek() == ',' {
			d.expect(',')
			k.help = d.string()
		}
	}
	d.expect(']')
	if d.peek(); d.rest != "" {
		d.fail("%.10q after the end", d.rest)
	}
	k.labels = d.labels
	return k
}

// namedLabels reads {"name": "value", …}.
func (d *decoder) namedLabels() {
	d.list('{', '}', func(int) {
		name := d.string()
		d.expect(':')
		d.labels = append(d.labels, label{name, d.string()})
	})
}

// parallelLabels reads ["name", …], ["value", …].
func (d *decoder) parallelLabels() {
	values := 0
	d.list('[', ']', func(int) { d.labels = append(d.labels, label{name: d.string()}) })
	d.expect(',')
	d.list('[', ']', func(i int) {
		values++
		if value := d.string(); i < len(d.labels) {
			d.labels[i].value = value
		}
	})
	if values != len(d.labels) {
		d.fail("%d label names and %d values", len(d.labels), values)
	}
}

// list reads what item reads, separated by commas, between two brackets.
func (d *decoder) list(open, end byte, item func(i int)) {
	d.expect(open)
	if d.peek() != end {
		for i := 0; d.err == nil; i++ {
			if item(i); d.peek() == end {
				break
			}
			d.expect(',')
		}
	}
	d.expect(end)
}

// peek skips white space and gives the next byte, 0 at the end.
func (d *decoder) peek() byte {
	for i := range len(d.rest) {
		if c := d.rest[i]; c > ' ' || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			d.rest = d.rest[i:]
			return c
		}
	}
	d.rest = ""
	return 0
}

func (d *decoder) expect(c byte) {
	if d.err != nil {
		return
	}
	if d.peek() != c || d.rest == "" {
		d.fail("%q expected, not %.10q", c, d.rest)
		return
	}
	d.rest = d.rest[1:]
}

// string also takes control characters as they are, which strict JSON does not.
func (d *decoder) string() string {
	d.expect('"')
	if d.err != nil {
		return ""
	}
	var unescaped []byte // what was before rest, where that is not the text as it stands
	end := strings.IndexByte(d.rest, '"')
	for end >= 0 {
		escape := strings.IndexByte(d.rest[:end], '\\')
		if escape < 0 {
			s := d.rest[:end]
			if unescaped != nil {
				s = string(append(unescaped, s...))
			}
			if !utf8.ValidString(s) {
				d.fail("string is not UTF-8: %.20q", s)
			}
			d.rest = d.rest[end+1:]
			return s
		}
		unescaped = append(unescaped, d.rest[:escape]...)
		left := len(d.rest)
		d.rest = d.rest[escape+1:]
		unescaped = utf8.AppendRune(unescaped, d.escape())
		if d.err != nil {
			return ""
		}
		// The quote stays where it is, unless it was what was escaped.
		if end -= left - len(d.rest); end < 0 {
			end = strings.IndexByte(d.rest, '"')
		}
	}
	d.fail("string without an end")
	return ""
}

// escape reads what follows a backslash. Half a surrogate pair, which Python writes for bytes that are not
// UTF-8, becomes U+FFFD.
func (d *decoder) escape() rune {
	if d.rest == "" {
		d.fail("string without an end")
		return 0
	}
	if i := strings.IndexByte(shortEscapes, d.rest[0]); i >= 0 {
		d.rest = d.rest[1:]
		return rune(shortEscaped[i])
	}
	if d.rest[0] == '/' {
		d.rest = d.rest[1:]
		return '/'
	}
	hi, ok := hex4(d.rest)
	if !ok {
		d.fail(`bad escape \%.5s`, d.rest)
		return 0
	}
	d.rest = d.rest[5:]
	if utf16.IsSurrogate(hi) && strings.HasPrefix(d.rest, `\`) {
		if lo, ok := hex4(d.rest[1:]); ok {
			if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
				d.rest = d.rest[6:]
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
