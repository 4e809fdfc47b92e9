package config

import (
	"fmt"
	"strings"
)

// assignment is a setting whose value is expanded.
type assignment struct {
	Setting
	uwsgi       bool // from uWSGI's section
	commented   byte // the sign of an apparent comment after the value; 0: none
	conditional bool // within a condition, so it is checked but not applied
}

// spaced reports whether unwrap strips spaces around an equals sign.
func (a *assignment) spaced() bool {
	key, value, ok := strings.Cut(a.Value, "=")
	isSet := a.Key == "set" || a.Key == "set-placeholder" || a.Key == "set-ph"
	return isSet && ok && strings.TrimSpace(key)+"="+strings.TrimSpace(value) != a.Value
}

// unwrap turns set = key=value into key = value.
func (a *assignment) unwrap() error {
	switch a.Key {
	case "set":
	case "set-placeholder", "set-ph":
		a.Placeholder = true
	default:
		return nil
	}
	key, value, ok := strings.Cut(a.Value, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return fmt.Errorf("%s: use %s = KEY=VALUE", a.Key, a.Key)
	}
	a.Key, a.Value, a.Alone = key, strings.TrimSpace(value), false
	return nil
}

// text returns the replacement of %(key).
func (a assignment) text() string {
	if a.Alone {
		return "true"
	}
	return a.Value
}

// fault returns the fault of the value. It names the key, unless the origin is a flag, which does.
func (a assignment) fault(err error) Remark {
	message := err.Error()
	switch {
	case a.Origin.Line != 0 && strings.ContainsAny(a.Value, ";#"):
		message += ": " + ownLine
	case isQuoted(a.Value):
		message += ": a value has no quotes"
	case strings.Contains(a.Value, "$") && !strings.Contains(a.Value, "$("):
		message += ": " + ownVariable
	}
	if a.Origin.Line != 0 {
		message = printable(a.Key) + ": " + message
	}
	return Remark{a.Origin, message}
}

// ownLine says how to write comments. uWSGI has no comments after values, either: it reads the leading digits of a number, takes
// every boolean with a comment for true, and keeps the comment in a text.
const ownLine = "a comment needs a line of its own"

// ownVariable says how to write variables. Neither uWSGI nor this package replaces the shell's ${NAME}.
const ownVariable = "an environment variable is $(NAME)"

// isQuoted reports whether a value is in quotes, which would be a part of it, as in uWSGI.
func isQuoted(value string) bool {
	n := len(value)
	return n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0]
}

// commentSign returns the sign that begins an apparent comment after a value, outside of quotes, or 0.
func commentSign(value string) byte {
	for i, c := range []byte(value) {
		if c != ';' && c != '#' || i > 0 && value[i-1] != ' ' && value[i-1] != '\t' {
			continue
		}
		within := func(quote string) bool {
			return strings.Count(value[:i], quote)%2 == 1 && strings.Contains(value[i:], quote)
		}
		if !within(`"`) && !within("'") {
			return c
		}
	}
	return 0
}
