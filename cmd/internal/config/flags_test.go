package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// TestShortFlags checks that the hints for flags of one letter name flags, or options of uWSGI's.
func TestShortFlags(t *testing.T) {
	keys := newTable()
	for pair := range strings.FieldsSeq(shortFlags) {
		letter, name, _ := strings.Cut(pair, "=")
		_, own := keys.find(name)
		_, theirs := keys.theirs(name)
		if len(letter) != 1 || !own && !theirs && name != "set" {
			t.Errorf("-%s: --%s is unknown", letter, name)
		}
	}
}

func TestParseServerFlags(t *testing.T) {
	given := func(key, value string) Setting {
		return Setting{Key: key, Value: value, Origin: Origin{Place: "--" + key}}
	}
	alone := func(key string) Setting {
		return Setting{Key: key, Alone: true, Origin: Origin{Place: "--" + key}}
	}
	for line, want := range map[string]Arguments{
		"":                      {},
		"a.ini":                 {Files: []string{"a.ini"}},
		"a.ini b.ini:s":         {Files: []string{"a.ini", "b.ini:s"}},
		"--ini a --uwsgi-ini=b": {Files: []string{"a", "b"}},
		"--include a:s":         {Files: []string{"a:s"}},
		"-- --ini -h":           {Files: []string{"--ini", "-h"}},
		"--processes 4 a":       {Files: []string{"a"}, Settings: []Setting{given("processes", "4")}},
		"--workers=4":           {Settings: []Setting{given("workers", "4")}},
		"--harakiri -1":         {Settings: []Setting{given("harakiri", "-1")}},
		"--pidfile= a":          {Files: []string{"a"}, Settings: []Setting{given("pidfile", "")}},
		"--env A=b=c":           {Settings: []Setting{given("env", "A=b=c")}},
		"--env=A=b":             {Settings: []Setting{given("env", "A=b")}},
		"--vacuum a":            {Files: []string{"a"}, Settings: []Setting{alone("vacuum")}},
		"--master=false":        {Settings: []Setting{given("master", "false")}},
		"--chmod-socket a":      {Files: []string{"a"}, Settings: []Setting{alone("chmod-socket")}},
		"--chmod-socket=660":    {Settings: []Setting{given("chmod-socket", "660")}},
		"--enable-threads a":    {Files: []string{"a"}, Settings: []Setting{alone("enable-threads")}},
		"--module m a":          {Files: []string{"a"}, Settings: []Setting{given("module", "m")}},
		"--cheaper-algo busy a": {Files: []string{"a"}, Settings: []Setting{given("cheaper-algo", "busy")}},
		"--set processes=4":     {Settings: []Setting{{Key: "processes", Value: "4", Origin: Origin{Place: "--set processes"}}}},
		"--set=a=b=c":           {Settings: []Setting{{Key: "a", Value: "b=c", Origin: Origin{Place: "--set a"}}}},
		"--set-placeholder a=":  {Settings: []Setting{{Key: "a", Placeholder: true, Origin: Origin{Place: "--set-placeholder a"}}}},
		"--migrate a":           {Files: []string{"a"}, Settings: []Setting{alone("migrate")}},
		"--migrate=no migrate":  {Files: []string{"migrate"}, Settings: []Setting{given("migrate", "no")}},
	} {
		got, err := ParseServerFlags(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", line, diff)
		}
	}
	for line, want := range map[string]string{
		"--proceses 4":                        "unknown flag --proceses: did you mean --processes?",
		"--iny a":                             "unknown flag --iny: did you mean --ini?",
		"--qqqqq":                             "unknown flag --qqqqq",
		"--=x":                                "unknown flag --",
		"--processes 4 --help":                "flag: help requested",
		"-p 4":                                `unknown flag "-p": use --processes`,
		"-s:8000 -Mx":                         `unknown flag "-s:8000": use --socket` + "\n" + `unknown flag "-Mx": use --master`,
		"-processes 4":                        `unknown flag "-processes": use --processes`,
		"-é":                                  `unknown flag "-é": flags begin with two dashes`,
		"-":                                   `unknown flag "-": flags begin with two dashes`,
		"--processes":                         "flag --processes needs a value",
		"--processes --master":                "flag --processes needs a value",
		"--ini":                               "flag --ini needs a value",
		"--set":                               "flag --set needs a value",
		"--set x":                             `flag --set: "x" is not KEY=VALUE`,
		"--set =x":                            `flag --set: "=x" is not KEY=VALUE`,
		"--daemonize x":                       "flag --daemonize is not supported: multiproc stays in the foreground: start it by systemd or in a container, and use logto for the log",
		"--stop x":                            "flag --stop is not supported: use the commands multiproc stop and multiproc reload",
		"--abcdefg --socket --hijklm --ini=a": "unknown flag --abcdefg\nflag --socket needs a value\nunknown flag --hijklm",
	} {
		got, err := ParseServerFlags(strings.Fields(line))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", line, err, want)
		}
		if diff := cmp.Diff(Arguments{}, got); diff != "" {
			t.Errorf("%s: an error, and %s", line, diff)
		}
	}
}

// TestParseFlags runs a command with flags and operands of its own.
func TestParseFlags(t *testing.T) {
	t.Setenv("MULTIPROC_CONFIG_TEST_DIR", "/env")
	type result struct {
		arguments Arguments
		own       string // NAME=VALUE of the flags that are set
	}
	run := func(operands int, line string) (got result, err error) {
		app := &cli.App{Writer: io.Discard, Commands: []*cli.Command{{
			Name:            "x",
			SkipFlagParsing: true,
			Flags: Flags(
				&cli.BoolFlag{Name: "json"}, &cli.BoolFlag{Name: "quiet"}, &cli.IntFlag{Name: "seed"}, &cli.DurationFlag{Name: "expires"},
				&cli.StringFlag{Name: "chdir"}, &cli.StringFlag{Name: "dir", EnvVars: []string{"MULTIPROC_CONFIG_TEST_DIR"}},
			),
			Action: func(c *cli.Context) (err error) {
				if got.arguments, err = ParseFlags(c, operands); err != nil {
					return err
				}
				var own []string
				for _, name := range []string{"chdir", "dir", "expires", "json", "quiet", "seed"} {
					if c.IsSet(name) {
						own = append(own, fmt.Sprintf("%s=%v", name, c.Value(name)))
					}
				}
				got.own = strings.Join(own, " ")
				return nil
			},
		}}}
		return got, app.Run(append([]string{"multiproc", "x"}, strings.Fields(line)...))
	}
	vacuum := Setting{Key: "vacuum", Alone: true, Origin: Origin{Place: "--vacuum"}}
	chdir := Setting{Key: "chdir", Value: "/y", Origin: Origin{Place: "--set chdir"}}
	for line, test := range map[string]struct {
		operands int
		want     Arguments
		own      string
	}{
		"":                          {own: "dir=/env"},
		"--seed 7 a.ini --json":     {want: Arguments{Files: []string{"a.ini"}}, own: "dir=/env json=true seed=7"},
		"--seed -7 --quiet=on":      {own: "dir=/env quiet=true seed=-7"},
		"--json --json=no --dir=":   {own: "dir= json=false"},
		"x --expires 1h --quiet y":  {operands: 2, want: Arguments{Operands: []string{"x", "y"}}, own: "dir=/env expires=1h0m0s quiet=true"},
		"x --ini a.ini --dir /d":    {operands: 1, want: Arguments{Files: []string{"a.ini"}, Operands: []string{"x"}}, own: "dir=/d"},
		"-- --expires -h":           {operands: 2, want: Arguments{Operands: []string{"--expires", "-h"}}, own: "dir=/env"},
		"a - b":                     {operands: -1, want: Arguments{Operands: []string{"a", "-", "b"}}, own: "dir=/env"},
		"--chdir /x --vacuum y":     {operands: 1, want: Arguments{Settings: []Setting{vacuum}, Operands: []string{"y"}}, own: "chdir=/x dir=/env"},
		"--set chdir=/y --chdir /x": {want: Arguments{Settings: []Setting{chdir}}, own: "chdir=/x dir=/env"},
	} {
		got, err := run(test.operands, line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if diff := cmp.Diff(test.want, got.arguments); diff != "" || got.own != test.own {
			t.Errorf("%s: own flags %s, want %s; -want +got:\n%s", line, got.own, test.own, diff)
		}
	}
	for line, want := range map[string]string{
		"--help --json":           "flag: help requested",
		"-h":                      "flag: help requested",
		"--expires":               "flag --expires needs a value",
		"--expires --quiet":       "flag --expires needs a value",
		"--expires tomorrow":      `flag --expires: "tomorrow" is not a duration such as 720h or 500ms`,
		"--seed=":                 `flag --seed: "" is not a number`,
		"--expire 1h":             "unknown flag --expire: did you mean --expires?",
		"--jsn":                   "unknown flag --jsn: did you mean --json?",
		"x y a.ini":               `unexpected argument "a.ini": use --ini for an ini file`,
		"x -- y --quiet":          `unexpected argument "--quiet": use --ini for an ini file`,
		"--quiet=1h --nope x y z": "flag --quiet: \"1h\" is not true or false\nunknown flag --nope\nunexpected argument \"z\": use --ini for an ini file",
		"--processes --help":      "flag --processes needs a value",
	} {
		got, err := run(2, line)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", line, err, want)
		}
		if errors.Is(err, flag.ErrHelp) != (want == flag.ErrHelp.Error()) || got.own != "" {
			t.Errorf("%s: %v, and own flags %s", line, err, got.own)
		}
	}
}

func FuzzParseServerFlags(f *testing.F) {
	f.Add("--ini a.ini --processes 4 --set a=b --vacuum -- x")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		arguments, err := ParseServerFlags(args)
		if err == nil && len(arguments.Files)+len(arguments.Settings) > len(args) {
			t.Errorf("%q: %+v", args, arguments)
		}
	})
}
