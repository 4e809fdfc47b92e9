package scaffold

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

// unit is the systemd service that starts a server. Both paths are absolute.
type unit struct {
	Program string
	INI     string
}

// fill returns the text of the unit. It refuses paths that systemd cannot represent.
func (u unit) fill(text string) ([]byte, error) {
	for _, path := range []string{u.Program, u.INI} {
		if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
			return nil, cli.Usagef("systemd does not accept control characters or invalid UTF-8 in a path: %q", path)
		}
	}
	if strings.ContainsAny(u.Program, `"'\`) {
		return nil, cli.Usagef("systemd does not accept quotes or backslashes in the path of a program: %s", u.Program)
	}
	t, err := template.New(unitFile).Parse(text)
	if err != nil {
		return nil, err
	}
	ini := unitWord(strings.ReplaceAll(u.INI, "$", "$$"))
	var filled bytes.Buffer
	err = t.Execute(&filled, map[string]string{
		// systemd expands no variables in the path of the program, so a dollar sign there is not doubled.
		"Start":       unitWord(u.Program) + " --ini " + ini,
		"Reload":      unitWord(u.Program) + " reload --ini " + ini,
		"ProtectHome": u.protectHome(),
	})
	return filled.Bytes(), err
}

// unitWord quotes a word of a command line for systemd; see systemd.service(5) and systemd.unit(5).
func unitWord(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if !strings.ContainsFunc(word, needsQuotes) {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// needsQuotes reports whether a character may have a special meaning to a shell or to systemd.
func needsQuotes(r rune) bool {
	plain := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("/._-+=:,@%", r)
	return !plain
}

// protectHome returns the value of ProtectHome: home directories are hidden unless the service starts from one.
func (u unit) protectHome() string {
	for _, home := range []string{"/home", "/root", "/run/user"} {
		if within(home, u.Program) || within(home, u.INI) {
			return "read-only"
		}
	}
	return "yes"
}

func within(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }

// inaccessible returns a note for each path that the service could not use: its user neither owns the path nor is root, and
// it has a private /tmp.
func (u unit) inaccessible() []string {
	var notes []string
	for path, need := range map[string]fs.FileMode{u.Program: 0o001, u.INI: 0o004} {
		if err := checkOthers(path, need); err != nil {
			notes = append(notes, fmt.Sprintf("the service cannot use %s: %v; move it and change the unit", path, err))
		}
	}
	slices.Sort(notes)
	return notes
}

// checkOthers returns an error if users other than the owner lack the permission need on the file.
func checkOthers(path string, need fs.FileMode) error {
	for _, tmp := range []string{"/tmp", "/var/tmp"} {
		if within(tmp, path) {
			return fmt.Errorf("it has its own %s", tmp)
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
