// Package scaffold implements multiproc init, which writes the first files of a server.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/osfile"
	"multiproc/master"
)

// templates are the files that init writes. Only the unit is filled in: Prometheus' and Grafana's files have braces of
// their own, and the paths in the ini are those that the unit provides.
//
//go:embed templates
var templates embed.FS

const (
	iniFile  = "multiproc.ini"
	unitFile = "multiproc.service"
)

// Command returns the verb init.
func Command() *urfave.Command {
	return &urfave.Command{
		Name:      "init",
		Usage:     "write an ini file, a systemd unit, and configurations for Prometheus and Grafana",
		ArgsUsage: "[DIR]",
		Description: "Writes to DIR, by default the current directory, and creates it if it does not exist.\n" +
			"Existing files are never overwritten.",
		Action: run,
	}
}

func run(c *urfave.Context) error {
	if c.NArg() > 1 {
		return cli.Usagef("init takes one directory, but also got %q", c.Args().Get(1))
	}
	dir, err := filepath.Abs(c.Args().First())
	if err != nil {
		return err
	}
	program, err := master.Invoked(os.Args[0])
	if err != nil {
		return err
	}
	u := unit{Program: program, INI: filepath.Join(dir, iniFile)}
	files, err := initialFiles(u)
	if err != nil {
		return err
	}
	if err := writeNew(dir, files); err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(c.App.Writer, "wrote", filepath.Join(dir, f.name))
	}
	fmt.Fprint(c.App.Writer, nextSteps(u, dir))
	for _, note := range u.inaccessible() {
		fmt.Fprintln(c.App.ErrWriter, "note:", note)
	}
	return nil
}

type initialFile struct {
	name string
	data []byte
}

func initialFiles(u unit) ([]initialFile, error) {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	var files []initialFile
	for _, entry := range entries {
		f := initialFile{name: entry.Name()}
		if f.data, err = templates.ReadFile(path.Join("templates", f.name)); err != nil {
			return nil, err
		}
		if f.name == unitFile {
			if f.data, err = u.fill(string(f.data)); err != nil {
				return nil, err
			}
		}
		files = append(files, f)
	}
	return files, nil
}

// writeNew creates all the files or none. It creates the directory, too, if that does not exist. For root see [osfile.Place].
func writeNew(dir string, files []initialFile) (err error) {
	place, err := osfile.Follow(dir, nil)
	if err != nil {
		return err
	}
	defer place.Close()
	at, made, err := place.Mkdir(0o755)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	var undo []func() error // in order
	defer func() {
		if err == nil {
			return
		}
		for _, remove := range slices.Backward(undo) {
			err = errors.Join(err, remove())
		}
	}()
	if made {
		undo = append(undo, func() error {
			return place.Do(func(parent int, name string) error { return unix.Unlinkat(parent, name, unix.AT_REMOVEDIR) })
		})
	}
	if err := refuseExisting(dir, files); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		fd, err := osfile.OpenAt(at, f.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o644)
		if err != nil {
			return &fs.PathError{Op: "open", Path: path, Err: errors.Unwrap(err)}
		}
		undo = append(undo, func() error { return unix.Unlinkat(at, f.name, 0) })
		file := os.NewFile(uintptr(fd), path)
		_, err = file.Write(f.data)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// refuseExisting returns an error that names all files that exist.
func refuseExisting(dir string, files []initialFile) error {
	var existing []string
	for _, f := range files {
		switch _, err := os.Lstat(filepath.Join(dir, f.name)); {
		case err == nil:
			existing = append(existing, f.name)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if len(existing) > 0 {
		return fmt.Errorf("nothing written: these files already exist in %s: %s", dir, strings.Join(existing, ", "))
	}
	return nil
}

func nextSteps(u unit, dir string) string {
	at := func(name string) string { return shellWord(filepath.Join(dir, name)) }
	return fmt.Sprintf(`
To try it by hand, in a writable directory:
    %s --ini %s --control control.sock --metrics-dir metrics --database multiproc.db
To install it as a service, as root:
    cp %s /etc/systemd/system/
    systemctl daemon-reload
    systemctl enable --now multiproc
To start Prometheus:
    prometheus --config.file=%s
In Grafana, import %s
`, shellWord(u.Program), at(iniFile), at(unitFile), at("prometheus.yml"), at("dashboard.json"))
}

// shellWord quotes a word for the shell if it needs quotes.
func shellWord(word string) string {
	if !strings.ContainsFunc(word, needsQuotes) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
