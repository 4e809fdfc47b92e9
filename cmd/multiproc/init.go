package main

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

	"multiproc/cmd/internal/cli"
	"multiproc/master"
)

// templates are what multiproc init writes. All but the unit are written as they are: what Prometheus and Grafana read
// has braces of its own, and the ini is about paths that the unit provides.
//
//go:embed templates
var templates embed.FS

// Names of what is written.
const (
	iniFile  = "multiproc.ini"
	unitFile = "multiproc.service"
)

func initCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "init",
		Usage:     "write an ini file, a systemd unit, and what Prometheus and Grafana need",
		ArgsUsage: "[DIR]",
		Description: "DIR is made if it is not there; without it, the files are written to the current directory.\n" +
			"Nothing is ever overwritten.",
		Action: initialize,
	}
}

func initialize(c *urfave.Context) error {
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
	for _, note := range u.hidden() {
		fmt.Fprintln(c.App.ErrWriter, "note:", note)
	}
	return nil
}

// initialFile is one that is to be written.
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

// writeNew writes files that are not there yet, all of them or none, to a directory, which it makes where there is none.
func writeNew(dir string, files []initialFile) (err error) {
	var made []string // in order
	defer func() {
		if err == nil {
			return
		}
		for _, path := range slices.Backward(made) {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if err := os.Mkdir(dir, 0o755); err == nil {
		made = append(made, dir)
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := refuseExisting(dir, files); err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(dir, f.name)
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		made = append(made, name)
		_, err = file.Write(f.data)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// refuseExisting names all files that are there.
func refuseExisting(dir string, files []initialFile) error {
	var there []string
	for _, f := range files {
		switch _, err := os.Lstat(filepath.Join(dir, f.name)); {
		case err == nil:
			there = append(there, f.name)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if len(there) > 0 {
		return fmt.Errorf("nothing is written, since there is already in %s: %s", dir, strings.Join(there, ", "))
	}
	return nil
}

// nextSteps says what to do with the files.
func nextSteps(u unit, dir string) string {
	at := func(name string) string { return shellWord(filepath.Join(dir, name)) }
	return fmt.Sprintf(`
To try it by hand, in a directory where it may write:
    %s --ini %s --control control.sock --metrics-dir metrics --database multiproc.db
As a service, as root:
    cp %s /etc/systemd/system/
    systemctl daemon-reload
    systemctl enable --now multiproc
With Prometheus:
    prometheus --config.file=%s
In Grafana, import %s
`, shellWord(u.Program), at(iniFile), at(unitFile), at("prometheus.yml"), at("dashboard.json"))
}

// shellWord writes a word as a shell reads it.
func shellWord(word string) string {
	if !strings.ContainsFunc(word, needsQuotes) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
