package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"multiproc/cmd/internal/cli"
)

// unit is the systemd service that starts a server.
type unit struct {
	Program string // path of multiproc
	INI     string // path
}

// fill gives the text of the unit. There are paths that no unit can have.
func (u unit) fill(text string) ([]byte, error) {
	for _, path := range []string{u.Program, u.INI} {
		if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
			return nil, cli.Usagef("systemd takes no path with such characters: %q", path)
		}
	}
	if strings.ContainsAny(u.Program, `"'\`) {
		return nil, cli.Usagef("systemd starts no program with such characters in its path: %s", u.Program)
	}
	t, err := template.New(unitFile).Parse(text)
	if err != nil {
		return nil, err
	}
	ini := unitWord(strings.ReplaceAll(u.INI, "$", "$$"))
	var filled bytes.Buffer
	err = t.Execute(&filled, map[string]string{
		// There are no variables in the path of the program, and so no dollar stands for one.
		"Start":       unitWord(u.Program) + " --ini " + ini,
		"Reload":      unitWord(u.Program) + " reload --ini " + ini,
		"ProtectHome": u.protectHome(),
	})
	return filled.Bytes(), err
}

// unitWord writes a word of a command line as systemd reads it; see systemd.service(5) and systemd.unit(5).
func unitWord(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if !strings.ContainsFunc(word, needsQuotes) {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// needsQuotes is any character that is not known to mean itself, wherever it stands.
func needsQuotes(r rune) bool {
	plain := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("/._-+=:,@%", r)
	return !plain
}

// protectHome says how much of home directories the service sees: nothing, unless it is started from there.
func (u unit) protectHome() string {
	for _, home := range []string{"/home", "/root", "/run/user"} {
		if within(home, u.Program) || within(home, u.INI) {
			return "read-only"
		}
	}
	return "yes"
}

func within(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }

// hidden says for which paths the service will not start, as they are: its user is neither their owner nor root, and has
// a /tmp of its own.
func (u unit) hidden() []string {
	var notes []string
	for path, need := range map[string]fs.FileMode{u.Program: 0o001, u.INI: 0o004} {
		if why := hidden(path, need); why != nil {
			notes = append(notes, fmt.Sprintf("the service cannot use %s: %v; put it elsewhere, and change the unit", path, why))
		}
	}
	slices.Sort(notes)
	return notes
}

// hidden is why others than the owner do not have what they need of the mode of a file.
func hidden(path string, need fs.FileMode) error {
	for _, tmp := range []string{"/tmp", "/var/tmp"} {
		if within(tmp, path) {
			return fmt.Errorf("it has a %s of its own", tmp)
		}
	}
	for at := path; ; at, need = filepath.Dir(at), 0o001 {
		info, err := os.Stat(at)
		switch {
		case err != nil:
			return err
		case info.Mode()&need == 0:
			return errors.New(at + " is closed to other users")
		case at == "/":
			return nil
		}
	}
}
