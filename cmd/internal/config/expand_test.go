package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func testExpander(ini string) *expander {
	sys := testSystem(map[string]string{
		"/etc/app/secret":  "pass%%word $(HOME)\r\n",
		"/srv/app/secret":  "other\n\n",
		"/etc/app/large":   strings.Repeat("x", maxExpanded+1),
		"/etc/app/fits":    strings.Repeat("x", maxExpanded),
		"/etc/app/binary":  "a\x00b",
		"/etc/app/home/me": "found",
	}, "HOME=/home/me", "EMPTY=", "REF=%(base)", "BAD=\xff", "NAME=home/me")
	var file *inclusion
	if ini != "" {
		file = &inclusion{path: ini, written: "etc/app.ini", section: "prod"}
	}
	return &expander{sys: sys, ini: file, first: &inclusion{path: "/srv/first.x.ini", written: "first.x.ini"}, lookup: func(key string) (string, error) {
		switch key {
		case "base":
			return "/srv", nil
		case "large":
			return strings.Repeat("x", maxExpanded/2+1), nil
		}
		return "", fmt.Errorf("%s is not set above", key)
	}}
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"plain $ @ ( ) text":                "plain $ @ ( ) text",
		"$":                                 "$",
		"a@b.example $HOME ${HOME}":         "a@b.example $HOME ${HOME}",
		"%(base)/x":                         "/srv/x",
		"%( base )/x%(base)":                "/srv/x/srv",
		"$(HOME)":                           "/home/me",
		"$(EMPTY)":                          "",
		"$(EMPTY-other)":                    "",
		"$(EMPTY:-other)":                   "other",
		"$(NOPE-other)":                     "other",
		"$(NOPE:-other)":                    "other",
		"$(NOPE:-)":                         "",
		"$(NOPE:-%(base)/%n)":               "/srv/app",
		"$(NOPE:-$(ALSO:-$(HOME)))!":        "/home/me!",
		"$(NOPE:-a:-b)":                     "a:-b",
		"$(HOME:-$(EMPTY))":                 "/home/me",
		"@(secret)":                         "pass%%word $(HOME)",
		"@(/srv/app/secret)":                "other\n",
		"@($(NAME))":                        "found",
		"@(%d/secret)":                      "pass%%word $(HOME)",
		"@(%dsecret)":                       "pass%%word $(HOME)",
		"%o|%x|%0|%1|%2|%9":                 "etc/app.ini|prod|etc|app||",
		"%P|%S|%N|%E|%D|%C|%O|%X":           "/srv/first.x.ini|first.x.ini|first.x|ini|/srv/|srv|first.x.ini|",
		"%U|%G|%T":                          "me|users|1700000000000000",
		"%%n%%%n":                           "%n%app",
		"$(REF)":                            "%(base)", // replacements are not expanded again
		"100%%":                             "100%",
		"%%(base) $$(HOME) @@(secret) $$ @": "%(base) $(HOME) @(secret) $$ @",
		"$$$(HOME)":                         "$$(HOME)",
		"%p|%s|%n|%e|%d|%c":                 "/etc/app/app.prod.ini|app.prod.ini|app.prod|ini|/etc/app/|app",
		"%v|%h|%k|%u|%g|%t":                 "/srv/app|host7|4|1000|100|1700000000",
		"@(fits)":                           strings.Repeat("x", maxExpanded),
	} {
		ini := "/etc/app/app.prod.ini"
		if strings.Contains(text, "%n)") || strings.Contains(text, "%%%n") {
			ini = "/etc/app/app.ini"
		}
		if got, err := testExpander(ini).expand(text); err != nil || got != want {
			t.Errorf("%s: %.80q, %v; want %.80q", text, got, err, want)
		}
	}
	for text, hint := range map[string]string{
		"%":                "percent sign at the end",
		"50%":              "percent sign at the end",
		"%i":               "use a name, such as %n",
		"%J":               "use a name, such as %n",
		"%b":               "a text of your own",
		"%[31m":            "escape character",
		"%Z":               `"%Z" has no meaning; write %% for a percent sign`,
		"50% off":          `"% "`,
		"%ü":               `"%ü"`,
		"%(nope)":          "nope is not set above",
		"%()":              "not set above",
		"%(base":           `"%(base" has no closing parenthesis; write %%( for a literal %(`,
		"a $(HOME b":       `"$(HOME b" has no closing parenthesis; write $$( for a literal $(`,
		"$(NOPE:-x":        `"$(NOPE:-x" has no closing`,
		"$(NOPE:-$(X)":     "X",
		"@(secret":         `"@(secret" has no closing parenthesis; write @@( for a literal @(`,
		"$(NOPE)":          "not set in the environment",
		"$()":              "needs the name",
		"$(:-x)":           "needs the name",
		"$(A:b)":           "cannot be the name",
		"@()":              "needs the name",
		"@(nope)":          "cannot be read: file does not exist",
		"@(exec://nproc)":  "cannot be read: commands and URLs are not supported: use a file",
		"@(large)":         "more than 65536 bytes",
		"@(binary)":        "NUL",
		"$(BAD)":           "not UTF-8",
		"%(large)%(large)": "more than 65536 bytes",
		"@(fits)x":         "more than 65536 bytes",
	} {
		if got, err := testExpander("/etc/app/app.ini").expand(text); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %.80q, %v; want a fault with %q", text, got, err, hint)
		}
	}
	for _, text := range []string{"%p", "%s", "%n", "%e", "%d", "%c", "%o", "%x", "%0", "%D", "%P"} {
		if got, err := testExpander("").expand(text); err == nil {
			t.Errorf("%s without an ini file is %q", text, got)
		}
	}
	if got, err := testExpander("").expand("@(secret)"); err != nil || got != "other\n" {
		t.Errorf("a file relative to the working directory: %q, %v", got, err)
	}
}

func TestExpandBroken(t *testing.T) {
	x := testExpander("/etc/app/app.ini")
	x.lookup = func(string) (string, error) { return "", errBroken }
	if _, err := x.expand("$(NOPE:-%(base))"); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}
