package config

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Arguments is a parsed command line. It takes precedence over the files, wherever its flags stand.
type Arguments struct {
	Files     []string  // ini files: "path" or "path:section"
	Settings  []Setting // keys, in order
	Operands  []string  // the command's own arguments other than flags, in order
	Presets   []Setting // keys that apply unless Files or Settings set them, not expanded; set by the caller
	Activated bool      // the sockets came from systemd, so the key socket may be missing; set by the caller
	Again     bool      // a server has read the files before, so that pipes are empty; set by the caller
}

// Setting is a key with its value, as given.
type Setting struct {
	Key         string
	Value       string
	Alone       bool // the key has no value
	Placeholder bool // it is for %(key) only
	Origin      Origin
}

// Flags returns the flags of a command that takes a configuration: --ini and the command's own. The keys are flags too, but they
// are not listed in its help.
func Flags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "ini", Usage: "read the configuration from `FILE[:SECTION]`; every key is also a flag: --KEY VALUE"},
	}, own...)
}

// ParseFlags parses the arguments of a command with SkipFlagParsing. Its own flags are in c then, and everything else in the result.
// operands is the maximum number of its own arguments other than flags, -1 for any number; with 0 these are ini files. If help was
// requested, ParseFlags prints it and returns [flag.ErrHelp].
//
// Unlike the parser of the flag package it accepts flags anywhere, the keys that are ignored by prefix, and reports all faults at
// once. A flag takes the next argument as its value, unless it can stand alone: then a value must follow an equals sign, as in
// --master=false. After -- there are no flags.
func ParseFlags(c *cli.Context, operands int) (Arguments, error) {
	p := newFlagParser(c.Args().Slice())
	p.context, p.operands = c, operands
	for _, f := range c.Command.Flags {
		for _, name := range f.Names() {
			p.own[name] = f
		}
	}
	arguments, err := p.parse()
	if errors.Is(err, flag.ErrHelp) {
		err = errors.Join(cli.ShowSubcommandHelp(c), err)
	}
	return arguments, err
}

// ParseServerFlags parses the arguments of the server, which has no flags of its own. If help was requested, it returns
// [flag.ErrHelp].
func ParseServerFlags(args []string) (Arguments, error) { return newFlagParser(args).parse() }

type flagParser struct {
	table     *table
	own       map[string]cli.Flag // the command's, by name
	context   *cli.Context        // takes the values of own flags
	operands  int
	rest      []string
	help      bool
	arguments Arguments
	errs      []error
}

func newFlagParser(args []string) *flagParser {
	return &flagParser{table: newTable(), own: map[string]cli.Flag{}, rest: args}
}

func (p *flagParser) parse() (Arguments, error) {
	for len(p.rest) > 0 {
		arg := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case arg == "--":
			for _, operand := range p.rest {
				p.operand(operand)
			}
			p.rest = nil
		case arg == "--help" || arg == "-h":
			p.help = true
		case strings.HasPrefix(arg, "--"):
			p.flag(arg[2:])
		case strings.HasPrefix(arg, "-") && (arg != "-" || p.operands == 0):
			p.fault("unknown flag %s: %s", quoted(arg), shortHint(arg))
		default:
			p.operand(arg)
		}
	}
	if len(p.errs) > 0 {
		return Arguments{}, errors.Join(p.errs...)
	}
	if p.help {
		return Arguments{}, flag.ErrHelp
	}
	return p.arguments, nil
}

// shortHint returns what to write instead of a flag with one dash, which may be followed by its value.
func shortHint(arg string) string {
	for pair := range strings.FieldsSeq(shortFlags) {
		if letter, name, _ := strings.Cut(pair, "="); strings.HasPrefix(arg[1:], letter) {
			return "use --" + name
		}
	}
	return "flags begin with two dashes"
}

// shortFlags are uWSGI's flags of one letter, with their names.
const shortFlags = "A=sharedarea C=chmod-socket H=home L=disable-logging M=master Q=spooler R=max-requests S=set T=enable-threads " +
	"a=abstract-socket b=buffer-size c=cgi-mode d=daemonize i=single-interpreter j=json l=listen m=memory-report p=processes " +
	"r=reaper s=socket t=harakiri v=max-vars w=module x=xml y=yaml z=socket-timeout"

func (p *flagParser) fault(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// operand takes an argument that is not a flag.
func (p *flagParser) operand(arg string) {
	switch {
	case p.operands == 0:
		p.arguments.Files = append(p.arguments.Files, arg)
	case p.operands < 0 || len(p.arguments.Operands) < p.operands:
		p.arguments.Operands = append(p.arguments.Operands, arg)
	default:
		p.fault("unexpected argument %s: use --ini for an ini file", quoted(arg))
	}
}

// flag parses a flag without its two dashes.
func (p *flagParser) flag(text string) {
	name, value, valued := strings.Cut(text, "=")
	switch own, ok := p.own[name]; {
	case name == "ini" || name == "include" || name == "uwsgi-ini":
		if file, ok := p.value(name, value, valued); ok {
			p.arguments.Files = append(p.arguments.Files, file)
		}
	case ok:
		p.ownFlag(own, name, value, valued)
	case name == "set" || name == "set-placeholder" || name == "set-ph":
		if setting, ok := p.value(name, value, valued); ok {
			p.setting(name, setting)
		}
	default:
		p.key(name, value, valued)
	}
}

// ownFlag sets a flag of the command's own in its context.
func (p *flagParser) ownFlag(own cli.Flag, name, value string, valued bool) {
	kind := "valid"
	switch own.(type) {
	case *cli.BoolFlag:
		kind = "true or false"
		if !valued {
			value, valued = "true", true
		} else if v, err := parseBool(value); err == nil {
			value = fmt.Sprint(v)
		}
	case *cli.IntFlag, *cli.Int64Flag, *cli.Uint64Flag:
		kind = "a number"
	case *cli.DurationFlag:
		kind = "a duration such as 720h or 500ms"
	}
	value, ok := p.value(name, value, valued)
	if !ok {
		return
	}
	if err := p.context.Set(name, value); err != nil {
		p.fault("flag --%s: %s is not %s", name, quoted(value), kind)
	}
}

func (p *flagParser) setting(flag, text string) {
	key, value, ok := strings.Cut(text, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		p.fault("flag --%s: %s is not KEY=VALUE", flag, quoted(text))
		return
	}
	p.arguments.Settings = append(p.arguments.Settings, Setting{
		Key: key, Value: strings.TrimSpace(value), Placeholder: flag != "set", Origin: Origin{Place: "--" + flag + " " + key},
	})
}

// key parses a flag that is the name of a key.
func (p *flagParser) key(name, value string, valued bool) {
	k, ok := p.table.find(name)
	alone := k.alone != ""
	if !ok {
		theirs, ok := p.table.theirs(name)
		if !ok {
			p.fault("unknown flag %s%s", printable("--"+name), p.table.suggestion(name, "--", slices.Sorted(maps.Keys(p.own))...))
			return
		}
		if theirs.Refused {
			p.fault("flag --%s is not supported: %s", name, theirs.Reason)
			return
		}
		alone = theirs.alone
	}
	setting := Setting{Key: name, Value: value, Alone: !valued && alone, Origin: Origin{Place: "--" + name}}
	if !setting.Alone {
		if setting.Value, ok = p.value(name, value, valued); !ok {
			return
		}
	}
	p.arguments.Settings = append(p.arguments.Settings, setting)
}

// value returns the text after the equals sign, or else the next argument.
func (p *flagParser) value(name, value string, valued bool) (string, bool) {
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
