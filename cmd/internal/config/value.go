package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// value is the field of a Config that belongs to a key, seen as text.
type value interface {
	// kind says in a word or two what the key takes.
	kind() string
	// set takes one value as it stands in an ini file, expanded; a list gets it appended. On an error nothing is
	// changed. The error does not name the key.
	set(text string) error
	// texts gives what set would take to arrive here: one text per element of a list, one or none otherwise.
	texts() []string
}

var errEmpty = errors.New("a value is missing")

// target is what values are bound to: the Config to be filled, and the System to fill it with.
type target struct {
	*Config
	sys *System
}

// auto is the value of a number or a duration that is computed once the other keys are known.
const auto = -1

// autoText is how auto is written.
const autoText = "auto"

type boolean struct{ field *bool }

func (b boolean) kind() string    { return "boolean" }
func (b boolean) texts() []string { return []string{strconv.FormatBool(*b.field)} }

func (b boolean) set(text string) error {
	v, err := parseBool(text)
	if err == nil {
		*b.field = v
	}
	return err
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

// number is a count of something.
type number struct {
	field *int
	min   int
}

func (n number) kind() string    { return "number" }
func (n number) texts() []string { return []string{strconv.Itoa(*n.field)} }

func (n number) set(text string) error {
	v, err := strconv.ParseInt(text, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s is out of range", quoted(text))
	case err != nil:
		return fmt.Errorf("%s is no number", quoted(text))
	case int(v) < n.min:
		return fmt.Errorf("%d is less than %d", v, n.min)
	}
	*n.field = int(v)
	return nil
}

// autoNumber is a number that may be computed instead.
type autoNumber struct{ number }

func (n autoNumber) kind() string { return "number or auto" }

func (n autoNumber) texts() []string {
	if *n.field == auto {
		return []string{autoText}
	}
	return n.number.texts()
}

func (n autoNumber) set(text string) error {
	if text == autoText {
		*n.field = auto
		return nil
	}
	return n.number.set(text)
}

// plainText is any text; a nil check takes all.
type plainText struct {
	field *string
	check func(string) error
}

func (t plainText) kind() string    { return "text" }
func (t plainText) texts() []string { return present(*t.field) }

func (t plainText) set(text string) error {
	if t.check != nil {
		if err := t.check(text); err != nil {
			return err
		}
	}
	*t.field = text
	return nil
}

// present is a text that is there, or nothing.
func present(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// choice is one of a few words.
type choice struct {
	field *string
	words []string
}

func (c choice) kind() string    { return strings.Join(c.words, " or ") }
func (c choice) texts() []string { return []string{*c.field} }

func (c choice) set(text string) error {
	if !slices.Contains(c.words, text) {
		return fmt.Errorf("%s is not %s", quoted(text), c.kind())
	}
	*c.field = text
	return nil
}
