package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func FuzzParseArguments(f *testing.F) {
	f.Add("--ini a.ini --processes 4 --set a=b --json -- x")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		arguments, set, err := ParseArguments(args, "json")
		if err == nil && len(arguments.Files)+len(arguments.Settings)+len(set) > len(args) {
			t.Errorf("%q: %+v, %v", args, arguments, set)
		}
	})
}
