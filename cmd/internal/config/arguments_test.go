package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseArguments(t *testing.T) {
	flag := func(key, value string) Setting {
		return Setting{Key: key, Value: value, Origin: Origin{Place: "--" + key}}
	}
	alone := func(key string) Setting {
		return Setting{Key: key, Alone: true, Origin: Origin{Place: "--" + key}}
	}
	for line, test := range map[string]struct {
		want Arguments
		set  string
	}{
		"":                       {},
		"a.ini":                  {want: Arguments{Files: []string{"a.ini"}}},
		"a.ini b.ini:s":          {want: Arguments{Files: []string{"a.ini", "b.ini:s"}}},
		"--ini a --uwsgi-ini=b":  {want: Arguments{Files: []string{"a", "b"}}},
		"--include a:s":          {want: Arguments{Files: []string{"a:s"}}},
		"-- --ini -h":            {want: Arguments{Files: []string{"--ini", "-h"}}},
		"--processes 4 a":        {want: Arguments{Files: []string{"a"}, Settings: []Setting{flag("processes", "4")}}},
		"--workers=4":            {want: Arguments{Settings: []Setting{flag("workers", "4")}}},
		"--harakiri -1":          {want: Arguments{Settings: []Setting{flag("harakiri", "-1")}}},
		"--pidfile= a":           {want: Arguments{Files: []string{"a"}, Settings: []Setting{flag("pidfile", "")}}},
		"--env A=b=c":            {want: Arguments{Settings: []Setting{flag("env", "A=b=c")}}},
		"--env=A=b":              {want: Arguments{Settings: []Setting{flag("env", "A=b")}}},
		"--vacuum a":             {want: Arguments{Files: []string{"a"}, Settings: []Setting{alone("vacuum")}}},
		"--master=false":         {want: Arguments{Settings: []Setting{flag("master", "false")}}},
		"--chmod-socket a":       {want: Arguments{Files: []string{"a"}, Settings: []Setting{alone("chmod-socket")}}},
		"--chmod-socket=660":     {want: Arguments{Settings: []Setting{flag("chmod-socket", "660")}}},
		"--enable-threads a":     {want: Arguments{Files: []string{"a"}, Settings: []Setting{alone("enable-threads")}}},
		"--module m a":           {want: Arguments{Files: []string{"a"}, Settings: []Setting{flag("module", "m")}}},
		"--cheaper-algo busy a":  {want: Arguments{Files: []string{"a"}, Settings: []Setting{flag("cheaper-algo", "busy")}}},
		"--set processes=4":      {want: Arguments{Settings: []Setting{{Key: "processes", Value: "4", Origin: Origin{Place: "--set processes"}}}}},
		"--set=a=b=c":            {want: Arguments{Settings: []Setting{{Key: "a", Value: "b=c", Origin: Origin{Place: "--set a"}}}}},
		"--set-placeholder a=":   {want: Arguments{Settings: []Setting{{Key: "a", Placeholder: true, Origin: Origin{Place: "--set-placeholder a"}}}}},
		"--json a --quiet":       {want: Arguments{Files: []string{"a"}}, set: "json quiet"},
		"--json --json=no":       {},
		"--migrate a":            {want: Arguments{Files: []string{"a"}, Settings: []Setting{alone("migrate")}}},
		"--migrate=no migrate":   {want: Arguments{Files: []string{"migrate"}, Settings: []Setting{flag("migrate", "no")}}},
		"-h":                     {set: "help"},
		"a --help --processes 1": {want: Arguments{Files: []string{"a"}, Settings: []Setting{flag("processes", "1")}}, set: "help"},
	} {
		got, set, err := ParseArguments(strings.Fields(line), "json", "quiet")
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", line, diff)
		}
		want := map[string]bool{}
		for name := range strings.FieldsSeq(test.set) {
			want[name] = true
		}
		if diff := cmp.Diff(want, set); diff != "" {
			t.Errorf("%s: own flags, -want +got:\n%s", line, diff)
		}
	}
	for line, want := range map[string]string{
		"--proceses 4":                        "unknown flag --proceses: did you mean --processes?",
		"--jsn":                               "unknown flag --jsn: did you mean --json?",
		"--iny a":                             "unknown flag --iny: did you mean --ini?",
		"--qqqqq":                             "unknown flag --qqqqq",
		"--=x":                                "unknown flag --",
		"-p 4":                                `unknown flag "-p": flags begin with two dashes`,
		"-":                                   `unknown flag "-": flags begin with two dashes`,
		"--processes":                         "flag --processes needs a value",
		"--processes --master":                "flag --processes needs a value",
		"--ini":                               "flag --ini needs a value",
		"--set":                               "flag --set needs a value",
		"--set x":                             `flag --set: "x" is no KEY=VALUE`,
		"--set =x":                            `flag --set: "=x" is no KEY=VALUE`,
		"--json=perhaps":                      `flag --json: "perhaps" is neither true nor false`,
		"--daemonize x":                       "flag --daemonize is not supported: multiproc stays in the foreground, for systemd or a container to start it; logto names the log",
		"--stop x":                            "flag --stop is not supported: use the verb: multiproc stop, multiproc reload",
		"--abcdefg --socket --hijklm --ini=a": "unknown flag --abcdefg\nflag --socket needs a value\nunknown flag --hijklm",
	} {
		arguments, set, err := ParseArguments(strings.Fields(line), "json")
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", line, err, want)
		}
		if diff := cmp.Diff(Arguments{}, arguments); diff != "" || set != nil {
			t.Errorf("%s: an error, and %s, %v", line, diff, set)
		}
	}
}

// TestParseCommand is for commands that take more of their own than switches.
func TestParseCommand(t *testing.T) {
	create := Own{Switches: []string{"quiet"}, Values: []string{"expires", "chdir"}, Positional: 2}
	populate := Own{Values: []string{"seed"}}
	for line, test := range map[string]struct {
		own      Own
		want     Arguments
		switches string // separated by spaces, as what follows
		values   string
		args     string
	}{
		"--seed 7 a.ini":                {own: populate, want: Arguments{Files: []string{"a.ini"}}, values: "seed=7"},
		"--seed -7":                     {own: populate, values: "seed=-7"},
		"--seed=--7":                    {own: populate, values: "seed=--7"},
		"--seed=":                       {own: populate, values: "seed="},
		"--seed=a=b":                    {own: populate, values: "seed=a=b"},
		"--seed --help":                 {own: Own{Switches: []string{"seed"}}, switches: "help seed"},
		"x --expires 1h --quiet y":      {own: create, switches: "quiet", values: "expires=1h", args: "x y"},
		"--quiet x --ini a.ini":         {own: create, want: Arguments{Files: []string{"a.ini"}}, switches: "quiet", args: "x"},
		"-- --expires -h":               {own: create, args: "--expires -h"},
		"x -- y":                        {own: create, args: "x y"},
		"--chdir /x --vacuum y":         {own: create, want: Arguments{Settings: []Setting{{Key: "vacuum", Alone: true, Origin: Origin{Place: "--vacuum"}}}}, values: "chdir=/x", args: "y"},
		"--set chdir=/y --chdir /x":     {own: create, want: Arguments{Settings: []Setting{{Key: "chdir", Value: "/y", Origin: Origin{Place: "--set chdir"}}}}, values: "chdir=/x"},
		"--help":                        {own: create, switches: "help"},
		"--quiet --quiet --quiet=false": {own: create},
	} {
		arguments, given, err := ParseCommand(strings.Fields(line), test.own)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		want := Given{Switches: map[string]bool{}, Values: map[string]string{}, Positional: strings.Fields(test.args)}
		for name := range strings.FieldsSeq(test.switches) {
			want.Switches[name] = true
		}
		for value := range strings.FieldsSeq(test.values) {
			name, text, _ := strings.Cut(value, "=")
			want.Values[name] = text
		}
		if diff := cmp.Diff(test.want, arguments); diff != "" {
			t.Errorf("%s: -want +got:\n%s", line, diff)
		}
		if diff := cmp.Diff(want, given, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: its own, -want +got:\n%s", line, diff)
		}
	}
	for line, want := range map[string]string{
		"--expires":                   "flag --expires needs a value",
		"--expires --quiet":           "flag --expires needs a value",
		"--expires 1h --expires=1h":   "flag --expires is given twice",
		"--expires= --expires 1h":     "flag --expires is given twice",
		"--expires 1h --expires":      "flag --expires needs a value\nflag --expires is given twice",
		"--expire 1h":                 "unknown flag --expire: did you mean --expires?",
		"--quite x y":                 "unknown flag --quite: did you mean --quiet?",
		"x y a.ini":                   `"a.ini" is one argument too many: an ini file is given by --ini`,
		"x -- y --quiet":              `"--quiet" is one argument too many: an ini file is given by --ini`,
		"--quiet=1h --nope x y z":     "flag --quiet: \"1h\" is neither true nor false\nunknown flag --nope\n\"z\" is one argument too many: an ini file is given by --ini",
		"--seed 7 --processes --help": "unknown flag --seed\nflag --processes needs a value",
	} {
		arguments, given, err := ParseCommand(strings.Fields(line), create)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", line, err, want)
		}
		if diff := cmp.Diff(Arguments{}, arguments) + cmp.Diff(Given{}, given); diff != "" {
			t.Errorf("%s: an error, and %s", line, diff)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add("--ini a.ini --processes 4 --set a=b --json -- x", 0)
	f.Add("--seed 7 --seed=7 --json=no --ini=a.ini x y -- --z", 2)
	f.Fuzz(func(t *testing.T, line string, positional int) {
		args := strings.Split(line, " ")
		own := Own{Switches: []string{"json"}, Values: []string{"seed"}, Positional: max(0, positional)}
		arguments, given, err := ParseCommand(args, own)
		if err != nil {
			return
		}
		if len(arguments.Files)+len(arguments.Settings)+len(given.Switches)+len(given.Values)+len(given.Positional) > len(args) {
			t.Errorf("%q: %+v, %+v", args, arguments, given)
		}
		if len(given.Positional) > own.Positional {
			t.Errorf("%q: %q of %d", args, given.Positional, positional)
		}
	})
}
