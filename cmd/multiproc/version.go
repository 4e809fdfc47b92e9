package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
)

// asksVersion reports whether the first argument is one of the flags by which other servers print their version.
func asksVersion(args []string) bool {
	return len(args) > 0 && (args[0] == "--version" || args[0] == "-v" || args[0] == "-V")
}

func versionCommand() *urfave.Command {
	return &urfave.Command{
		Name:  "version",
		Usage: "print the version, the revision and the Go version of the program",
		Action: func(c *urfave.Context) error {
			if c.NArg() > 0 {
				return cli.Usagef("unexpected argument: %s", c.Args().First())
			}
			_, err := fmt.Fprintln(c.App.Writer, "multiproc", version(debug.ReadBuildInfo()))
			return err
		},
	}
}

// version describes a build in one line, as far as the build was stamped.
func version(info *debug.BuildInfo, ok bool) string {
	text, revision, modified := "(devel)", "", ""
	if ok {
		text = cmp.Or(info.Main.Version, text)
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = " revision " + s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = " modified"
			}
		}
	}
	return fmt.Sprintf("%s%s%s %s %s/%s", text, revision, modified, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
