package config

import (
	"fmt"
	"strings"
)

// assignment is a key with its value, expanded, and where that was said.
type assignment struct {
	key         string
	value       string
	alone       bool // the key stood without a value
	placeholder bool // it is only there for %(key)
	uwsgi       bool // it is from a section that was made for uWSGI
	origin      Origin
}

// unwrap turns set = key=value into key = value.
func (a *assignment) unwrap() error {
	switch a.key {
	case "set":
	case "set-placeholder", "set-ph":
		a.placeholder = true
	default:
		return nil
	}
	key, value, ok := strings.Cut(a.value, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return fmt.Errorf("%s: want %s = KEY=VALUE", a.key, a.key)
	}
	a.key, a.value, a.alone = key, strings.TrimSpace(value), false
	return nil
}

// text is what %(key) stands for.
func (a assignment) text() string {
	if a.alone {
		return "true"
	}
	return a.value
}

// fault says what is wrong with the value. A flag's origin has the key's name in it.
func (a assignment) fault(err error) Fault {
	if a.origin.Line == 0 {
		return Fault{a.origin, err.Error()}
	}
	return Fault{a.origin, printable(a.key) + ": " + err.Error()}
}
