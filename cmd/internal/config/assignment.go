package config

import (
	"fmt"
	"strings"
)

// assignment is a key with its expanded value and their origin.
type assignment struct {
	key         string
	value       string
	alone       bool // the key has no value
	placeholder bool // it is for %(key) only
	uwsgi       bool // it is from uWSGI's section
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
		return fmt.Errorf("%s: use %s = KEY=VALUE", a.key, a.key)
	}
	a.key, a.value, a.alone = key, strings.TrimSpace(value), false
	return nil
}

// text returns the replacement of %(key).
func (a assignment) text() string {
	if a.alone {
		return "true"
	}
	return a.value
}

// fault returns the fault of the value. It names the key, unless the origin is a flag, which does.
func (a assignment) fault(err error) Remark {
	if a.origin.Line == 0 {
		return Remark{a.origin, err.Error()}
	}
	return Remark{a.origin, printable(a.key) + ": " + err.Error()}
}
