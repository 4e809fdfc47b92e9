package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// value is the field of a Config that belongs to a key, as text.
type value interface {
	// kind describes the values in a word or two.
	kind() string
	// set parses one value as it stands in an ini file, after expansion. A list appends it. On an error, which does not name
	// the key, nothing has changed.
	set(text string) error
	// texts returns what set would need to arrive here: one text per element of a list, at most one otherwise.
	texts() []string
}

var errEmpty = errors.New("missing value")

// target has the Config to fill and the System to fill it from.
type target struct {
	*Config
	sys *system
}

// scalar is a field with one value.
type scalar[T any] struct {
	field    *T
	name     string // of the kind
	parse    func(string) (T, error)
	format   func(T) string
	optional bool // an empty text means that there is no value
}

func (s scalar[T]) kind() string { return s.name }

func (s scalar[T]) set(text string) error {
	if text == "" && !s.optional {
		return errEmpty
	}
	v, err := s.parse(text)
	switch {
	case err == nil:
		*s.field = v
	case text == "":
		err = errEmpty
	}
	return err
}

func (s scalar[T]) texts() []string {
	text := s.format(*s.field)
	if text == "" && s.optional {
		return nil
	}
	return []string{text}
}

// list is a field with any number of values.
type list[T any] struct {
	field  *[]T
	name   string // of the kind
	parse  func(string) (T, error)
	format func(T) string
	commas bool              // one text holds several values separated by commas, or none
	same   func(a, b T) bool // such a value replaces the first one; nil keeps both
}

func (l list[T]) kind() string { return l.name }

func (l list[T]) set(text string) error {
	parts := []string{text}
	if l.commas {
		parts = strings.Split(text, ",")
		if text == "" {
			parts = nil
		}
	}
	parsed := make([]T, len(parts))
	for i, part := range parts {
		if l.commas {
			part = strings.TrimSpace(part)
		}
		var err error
		if parsed[i], err = l.parse(part); err != nil {
			return err
		}
	}
	for _, v := range parsed {
		i := -1
		if l.same != nil {
			i = slices.IndexFunc(*l.field, func(other T) bool { return l.same(v, other) })
		}
		if i >= 0 {
			(*l.field)[i] = v
		} else {
			*l.field = append(*l.field, v)
		}
	}
	return nil
}

func (l list[T]) texts() []string {
	texts := make([]string, len(*l.field))
	for i, v := range *l.field {
		texts[i] = l.format(v)
	}
	return texts
}

// asIs is the format of texts.
func asIs(text string) string { return text }

const kindBoolean = "boolean"

func boolean(field *bool) value {
	return scalar[bool]{field: field, name: kindBoolean, parse: parseBool, format: strconv.FormatBool}
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither true nor false", quoted(text))
}

// number is a count.
func number(field *int, least int) scalar[int] {
	parse := func(text string) (int, error) {
		v, err := strconv.ParseInt(text, 10, 32)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return 0, fmt.Errorf("%s is out of range", quoted(text))
		case err != nil:
			return 0, fmt.Errorf("%s is not a number", quoted(text))
		case int(v) < least:
			return 0, fmt.Errorf("%d is less than %d", v, least)
		}
		return int(v), nil
	}
	return scalar[int]{field: field, name: "number", parse: parse, format: strconv.Itoa}
}

// text is any text that check accepts; without a check, any text at all.
func text(field *string, check func(string) error) value {
	parse := func(text string) (string, error) {
		if check == nil {
			return text, nil
		}
		return text, check(text)
	}
	return scalar[string]{field: field, name: "text", parse: parse, format: asIs, optional: true}
}

// choice is one of a few words.
func choice(field *string, words ...string) value {
	name := strings.Join(words, " or ")
	parse := func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%s is not %s", quoted(text), name)
		}
		return text, nil
	}
	return scalar[string]{field: field, name: name, parse: parse, format: asIs}
}

// octal is a file mode, or a mask of modes, that may be absent. The text 1, also that of the key alone, means one.
func octal(field **uint32, one uint32) value {
	parse := func(text string) (*uint32, error) {
		v, err := strconv.ParseUint(text, 8, 32)
		if err != nil || v > 0o777 {
			return nil, fmt.Errorf("%s is not an octal number up to 777", quoted(text))
		}
		mode := uint32(v)
		if text == "1" {
			mode = one
		}
		return &mode, nil
	}
	format := func(mode *uint32) string {
		if mode == nil {
			return ""
		}
		return fmt.Sprintf("%03o", *mode)
	}
	return scalar[*uint32]{field: field, name: "octal", parse: parse, format: format, optional: true}
}

// auto stands for a number or a duration that is computed once the other keys are known.
const auto = -1

// autoText is the text of auto.
const autoText = "auto"

// orAuto accepts auto besides the scalar's own values.
func orAuto[T interface{ ~int | ~int64 }](s scalar[T]) value {
	parse, format := s.parse, s.format
	s.name += " or auto"
	s.parse = func(text string) (T, error) {
		if text == autoText {
			return auto, nil
		}
		return parse(text)
	}
	s.format = func(v T) string {
		if v == auto {
			return autoText
		}
		return format(v)
	}
	return s
}
