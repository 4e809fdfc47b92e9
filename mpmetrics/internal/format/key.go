package format

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Label is a label of a series.
type Label struct{ Name, Value string }

// Key identifies the sample that an entry holds.
type Key struct {
	Family string // of a counter: without _total
	Sample string
	Labels []Label // sorted by name, without repetition
	Help   string
}

// Encode returns the key as it is in a file: byte for byte the result of Python's
//
//	json.dumps([family, sample, labels, help], sort_keys=True)
//
// since prometheus_client looks keys up by their text. encoding/json differs in its separators, in what
// it escapes, and in that it writes characters outside ASCII as they are.
func (k Key) Encode() string {
	var b []byte
	b = append(b, '[')
	b = appendString(b, k.Family)
	b = append(b, ", "...)
	b = appendString(b, k.Sample)
	b = append(b, ", {"...)
	for i, l := range k.Labels {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendString(b, l.Name)
		b = append(b, ": "...)
		b = appendString(b, l.Value)
	}
	b = append(b, "}, "...)
	b = appendString(b, k.Help)
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

// Characters with an escape of two characters, and the second character of each escape.
const (
	shortEscaped = "\b\f\n\r\t\"\\"
	shortEscapes = `bfnrt"\`
)

// ErrGitLab is returned for a key of GitLab's prometheus-client-mmap. Its files have the same names, but buckets of histograms are
// cumulative there, values of labels keep their JSON type, and counters have no suffix.
var ErrGitLab = errors.New("a key of GitLab's prometheus-client-mmap, which is another format")

// DecodeKey parses a key in any form that prometheus_client has written: today's, [family, sample, labels] without
// help, and [family, sample, [names], [values]]. The last is also GitLab's form, but without spaces.
// Strings of the result may share the memory of text. The labels are appended to room, which may be nil.
func DecodeKey(text string, room []Label) (Key, error) {
	p := keyParser{rest: text, labels: room}
	k := p.key()
	if errors.Is(p.err, ErrGitLab) {
		return Key{}, ErrGitLab
	}
	if p.err != nil {
		return Key{}, fmt.Errorf("byte %d of the key: %w", len(text)-len(p.rest), p.err)
	}
	slices.SortStableFunc(k.Labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	// As in a Python dict, the last of equal names stays.
	kept := k.Labels[:0]
	for i, l := range k.Labels {
		if i+1 < len(k.Labels) && k.Labels[i+1].Name == l.Name {
			continue
		}
		kept = append(kept, l)
	}
	k.Labels = kept
	return k, nil
}
