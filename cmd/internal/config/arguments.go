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
	Presets   []Setting // keys for which neither the files nor Settings have a value, taken as they are; set by the caller
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

// Own is what a command takes beside ini files and keys. A flag of its own goes before a key of that name.
type Own struct {
	Switches   []string // flags without a value: --json, and --json=no takes it back
	Values     []string // flags with a value, given at most once: --seed 7 or --seed=7
	Positional int      // it takes so many arguments that are no flags, at most; 0: they are ini files
}

// Given is what a command got of its Own.
type Given struct {
	Switches   map[string]bool // those that are set; help is one of every command's, also as -h
	Values     map[string]string
	Positional []string // in order
}

// ParseArguments is ParseCommand for a command that has only switches of its own. It gives those that are set.
func ParseArguments(args []string, switches ...string) (Arguments, map[string]bool, error) {
	arguments, given, err := ParseCommand(args, Own{Switches: switches})
	return arguments, given.Switches, err
}

// ParseCommand reads all arguments of a command. What is wrong is told at once.
//
// A flag takes the next argument for its value, unless its key can stand alone: then a value must follow an equals
// sign, as in --master=false. An argument that is no flag is an ini file, or the command's own. After -- there are only
// these. Whether a command got as many of its own arguments as it needs is for the caller to see, after help.
func ParseCommand(args []string, own Own) (Arguments, Given, error) {
	own.Switches = append([]string{"help"}, own.Switches...)
	p := argumentParser{
		table: newTable(),
		own:   own,
		given: Given{Switches: map[string]bool{}, Values: map[string]string{}},
		rest:  args,
	}
	for len(p.rest) > 0 {
		arg := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case arg == "--":
			for _, plain := range p.rest {
				p.plain(plain)
			}
			p.rest = nil
		case strings.HasPrefix(arg, "--"):
			p.flag(arg[2:])
		case arg == "-h":
			p.given.Switches["help"] = true
		case strings.HasPrefix(arg, "-"):
			p.fault("unknown flag %s: flags begin with two dashes", quoted(arg))
		default:
			p.plain(arg)
		}
	}
	if len(p.errs) > 0 {
		return Arguments{}, Given{}, errors.Join(p.errs...)
	}
	return p.arguments, p.given, nil
}

type argumentParser struct {
	table     *table
	own       Own
	given     Given
	arguments Arguments
	rest      []string
	errs      []error
}

func (p *argumentParser) fault(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// plain takes an argument that is no flag.
func (p *argumentParser) plain(arg string) {
	switch {
	case p.own.Positional == 0:
		p.arguments.Files = append(p.arguments.Files, arg)
	case len(p.given.Positional) < p.own.Positional:
		p.given.Positional = append(p.given.Positional, arg)
	default:
		p.fault("%s is one argument too many: an ini file is given by --ini", quoted(arg))
	}
}

// flag reads what follows two dashes.
func (p *argumentParser) flag(text string) {
	name, value, valued := strings.Cut(text, "=")
	switch {
	case slices.Contains(p.own.Switches, name):
		p.ownSwitch(name, value, valued)
	case slices.Contains(p.own.Values, name):
		p.ownValue(name, value, valued)
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

func (p *argumentParser) ownSwitch(name, value string, valued bool) {
	set := true
	if valued {
		var err error
		if set, err = parseBool(value); err != nil {
			p.fault("flag --%s: %w", name, err)
		}
	}
	if set {
		p.given.Switches[name] = true
	} else {
		delete(p.given.Switches, name)
	}
}

func (p *argumentParser) ownValue(name, value string, valued bool) {
	value, ok := p.value(name, value, valued)
	if _, twice := p.given.Values[name]; twice {
		p.fault("flag --%s is given twice", name)
	} else if ok {
		p.given.Values[name] = value
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
			p.fault("unknown flag %s%s", printable("--"+name), suggestion(name, "--", slices.Concat(p.own.Switches, p.own.Values, p.table.names)))
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
