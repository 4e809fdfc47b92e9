package config

import (
	"fmt"
	"strings"
)

// assignment is a setting whose value is expanded.
type assignment struct {
	Setting
	uwsgi bool // from uWSGI's section
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
	if a.Origin.Line == 0 {
		return Remark{a.Origin, err.Error()}
	}
	return Remark{a.Origin, printable(a.Key) + ": " + err.Error()}
}
