package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Arguments is what the command line says. It beats the files, wherever its flags stand.
type Arguments struct {
	Files     []string  // ini files: "path" or "path:section"
	Settings  []Setting // keys, in order
	Activated bool      // the sockets came from systemd, so that the key socket may be absent; set by the caller
}

// Setting is one key with its value, as it was given.
type Setting struct {
	Key         string
	Value       string
	Alone       bool // the key stood without a value
	Placeholder bool // it is only there for %(key)
	Origin      Origin
}

// ParseArguments reads all arguments of a command, whose own flags are all boolean. It gives those of them that were
// set; help is always one of them, also as -h. What is wrong is told at once.
//
// A flag takes the next argument for its value, unless its key can stand alone: then a value must follow an equals
// sign, as in --master=false. An argument that is no flag is an ini file. After -- there are only files.
func ParseArguments(args []string, own ...string) (Arguments, map[string]bool, error) {
	p := argumentParser{table: newTable(), own: append(own, "help"), set: map[string]bool{}, rest: args}
	for len(p.rest) > 0 {
		arg := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case arg == "--":
			p.arguments.Files = append(p.arguments.Files, p.rest...)
			p.rest = nil
		case strings.HasPrefix(arg, "--"):
			p.flag(arg[2:])
		case arg == "-h":
			p.set["help"] = true
		case strings.HasPrefix(arg, "-"):
			p.fault("unknown flag %s: flags begin with two dashes", quoted(arg))
		default:
			p.arguments.Files = append(p.arguments.Files, arg)
		}
	}
	if len(p.errs) > 0 {
		return Arguments{}, nil, errors.Join(p.errs...)
	}
	return p.arguments, p.set, nil
}

type argumentParser struct {
	table     *table
	own       []string
	set       map[string]bool
	arguments Arguments
	rest      []string
	errs      []error
}

func (p *argumentParser) fault(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// flag reads what follows two dashes.
func (p *argumentParser) flag(text string) {
	name, value, valued := strings.Cut(text, "=")
	switch {
	case slices.Contains(p.own, name):
		p.ownFlag(name, value, valued)
	case name == "ini" || name == "include" || name == "uwsgi-ini":
		if file, ok := p.value(name, value, valued); ok {
			p.arguments.Files = append(p.arguments.Files, file)
		}
	case name == "set" || name == "set-placeholder" || name == "set-ph":
		if setting, ok := p.value(name, value, valued); ok {
			p.setting(name, setting)
		}
	default:
		p.key(name, value, valued)
	}
}

func (p *argumentParser) ownFlag(name, value string, valued bool) {
	set := true
	if valued {
		var err error
		if set, err = parseBool(value); err != nil {
			p.fault("flag --%s: %w", name, err)
		}
	}
	if set {
		p.set[name] = true
	} else {
		delete(p.set, name)
	}
}

func (p *argumentParser) setting(flag, text string) {
	key, value, ok := strings.Cut(text, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		p.fault("flag --%s: %s is no KEY=VALUE", flag, quoted(text))
		return
	}
	p.arguments.Settings = append(p.arguments.Settings, Setting{
		Key: key, Value: strings.TrimSpace(value), Placeholder: flag != "set", Origin: Origin{Place: "--" + flag + " " + key},
	})
}

// key reads a flag that is the name of a key.
func (p *argumentParser) key(name, value string, valued bool) {
	k, ok := p.table.find(name)
	alone := k.alone != ""
	if !ok {
		ignored, isIgnored := p.table.ignored(name)
		if why, refused := refusal(name); refused {
			p.fault("flag --%s is not supported: %s", name, why)
			return
		} else if !isIgnored {
			p.fault("unknown flag %s%s", printable("--"+name), suggestion(name, "--", append(p.own, p.table.names...)))
			return
		}
		alone = ignored.alone
	}
	setting := Setting{Key: name, Value: value, Alone: !valued && alone, Origin: Origin{Place: "--" + name}}
	if !setting.Alone {
		if setting.Value, ok = p.value(name, value, valued); !ok {
			return
		}
	}
	p.arguments.Settings = append(p.arguments.Settings, setting)
}

// value gives what follows an equals sign, or else the next argument.
func (p *argumentParser) value(name, value string, valued bool) (string, bool) {
	if valued {
		return value, true
	}
	if len(p.rest) == 0 || strings.HasPrefix(p.rest[0], "--") {
		p.fault("flag --%s needs a value", name)
		return "", false
	}
	value = p.rest[0]
	p.rest = p.rest[1:]
	return value, true
}

// suggestion is what to add to a message about an unknown word, if there is anything like it.
func suggestion(word, dashes string, candidates []string) string {
	if best := nearest(word, candidates); best != "" {
		return ": did you mean " + dashes + best + "?"
	}
	return ""
}
