package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"runtime"
	"slices"
)

// Snapshot returns the configuration as JSON, for the workers of its generation.
func (c *Config) Snapshot() ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write snapshot: %w", err)
	}
	return data, nil
}

// ParseSnapshot parses a snapshot, possibly of another version of the program: a missing field gets its default, an unknown one is
// ignored. A value that no ini file could set is an error.
func ParseSnapshot(data []byte) (*Config, error) {
	t := newTable()
	c := newConfig(t)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	scratch := target{new(Config), &system{
		LookupUser:  func(string) (*user.User, error) { return nil, errNumber },
		LookupGroup: func(string) (*user.Group, error) { return nil, errNumber },
	}}
	for _, k := range t.keys {
		for _, text := range k.bind(target{c, scratch.sys}).texts() {
			if what := unprintable(text, "\t\n"); what != "" {
				return nil, fmt.Errorf("read snapshot: %s has %s", k.Name, what)
			}
			if err := k.bind(scratch).set(text); err != nil {
				return nil, fmt.Errorf("read snapshot: %s: %w", k.Name, err)
			}
		}
	}
	replaceAuto(c, runtime.GOMAXPROCS(0))
	return c, nil
}

// errNumber refuses names of users and groups: a snapshot has numbers.
var errNumber = errors.New("not a number")

// Unchangeable returns the keys that differ from another configuration but cannot be changed by a reload.
func (c *Config) Unchangeable(other *Config) []string {
	var names []string
	for _, k := range Keys() {
		if !k.Unchangeable {
			continue
		}
		mine, theirs := k.bind(target{c, new(system)}).texts(), k.bind(target{other, new(system)}).texts()
		if !slices.Equal(mine, theirs) {
			names = append(names, k.Name)
		}
	}
	return names
}
