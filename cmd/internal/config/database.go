package config

import (
	"errors"
	"fmt"
	"strings"
)

// databasePath is the path of a SQLite database, which may be given as a URL. Nothing means that there is none, so that the
// command line can take back what a file says.
type databasePath struct{ laterPath }

func (d databasePath) set(text string) error {
	if text == "" {
		return d.laterPath.set(text)
	}
	file, err := parseDatabase(text)
	if err != nil {
		return err
	}
	return d.laterPath.set(file)
}

// parseDatabase gives PATH of PATH or sqlite://PATH, as it stands: nothing in it is decoded. It refuses what would be a
// database of another kind to those who wrote it, and here a file with an odd name.
func parseDatabase(text string) (string, error) {
	file := text
	if scheme, rest, ok := strings.Cut(text, "://"); ok && !strings.ContainsRune(scheme, '/') {
		// The rest is not repeated: there may be a password in it.
		if scheme != "sqlite" {
			return "", fmt.Errorf("%s: only sqlite is supported: want a path, or sqlite://PATH", quoted(scheme+"://"))
		}
		if strings.ContainsRune(rest, '?') {
			return "", errors.New("sqlite:// takes no parameters: want sqlite://PATH without a question mark")
		}
		file = rest
	}
	name := file[strings.LastIndexByte(file, '/')+1:]
	switch {
	case file == "":
		return "", errEmpty
	case strings.Contains(name, ":memory:"):
		return "", fmt.Errorf("%s is in memory, where workers, which are processes, cannot share it: want a path", quoted(text))
	case strings.HasPrefix(file, "file:") || strings.HasPrefix(file, "sqlite:"):
		return "", fmt.Errorf("%s is a URI: want a path, or sqlite://PATH", quoted(text))
	case name == "" || name == "." || name == "..":
		return "", fmt.Errorf("%s is a directory: want the path of a file", quoted(text))
	}
	return file, nil
}
