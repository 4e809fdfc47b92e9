package config

import "slices"

// Loaded is a configuration with its origins.
type Loaded struct {
	Config   *Config
	Settings []Effective // every key of the table, in its order; a repeatable one once per value
	Notes    []Remark    // in the order of files and lines
}

// Effective is the final value of a key, or empty if there is none.
type Effective struct {
	Key    string
	Value  string
	Origin Origin
}

// Load reads the files and binds every key. It returns all faults at once, as a *Faults. It opens ini files and the files that
// they name by @(file), looks up users and groups, and does nothing else.
func Load(args Arguments) (*Loaded, error) {
	sys := newSystem()
	if args.Again {
		sys.Open = openAgain
	}
	return load(args, sys)
}

func load(args Arguments, sys *system) (*Loaded, error) {
	r, b := bind(args, sys)
	if err := allFaults(r, b); err != nil {
		return nil, err
	}
	order := inOrder(r.shown)
	notes := slices.Concat(r.notes, b.notes)
	slices.SortStableFunc(notes, func(a, b Remark) int { return order(a.Origin, b.Origin) })
	for i, note := range notes {
		notes[i] = r.contents.hide(note)
	}
	settings := b.effective()
	for i, setting := range settings {
		settings[i] = r.contents.conceal(setting)
	}
	return &Loaded{b.config, settings, slices.Compact(notes)}, nil
}

// ControlPath returns the key control of a configuration even if other keys have faults, so that the commands still reach a
// running server whose ini file is broken by now. It is empty if there is no control socket.
func ControlPath(args Arguments) (string, error) { return controlPath(args, newSystem()) }

func controlPath(args Arguments, sys *system) (string, error) {
	r, b := bind(args, sys)
	if b.config.Control == "" {
		return "", allFaults(r, b)
	}
	return b.config.Control, nil
}

// MetricsDir returns the metrics directory of a server with this configuration, which may have faults but must exist. It is empty
// if neither a directory nor a control socket is set: such a server names its directory by its pid.
func MetricsDir(args Arguments) (string, error) { return metricsDir(args, newSystem()) }

func metricsDir(args Arguments, sys *system) (string, error) {
	r, b := bind(args, sys)
	switch c := b.config; {
	case c.MetricsDir != "":
		return c.MetricsDir, nil
	case c.Control != "" && r.found:
		return PrivateMetricsDir(c.Control), nil
	}
	return "", allFaults(r, b)
}

func bind(args Arguments, sys *system) (*reader, *binder) {
	keys := newTable()
	r := newReader(sys, keys)
	commandLine := r.commandLine(args.Settings)
	for _, spec := range args.Files {
		r.top(spec)
	}

	r.noteEnvironment()

	b := newBinder(sys, keys, r.used, r.broken)
	b.assign(r.assignments, commandLine)
	b.assignPresets(args.Presets)
	b.reportUnknown()
	b.setDefaults(args.Files)
	b.check(args.Activated || r.incomplete)
	return r, b
}

// allFaults returns a *Faults in the order of files and lines, or nil if there are none.
func allFaults(r *reader, b *binder) error {
	faults := slices.Concat(r.faults, b.faults)
	if len(faults) == 0 {
		return nil
	}
	order := inOrder(r.shown)
	slices.SortStableFunc(faults, func(a, b Remark) int { return order(a.Origin, b.Origin) })
	for i, fault := range faults {
		faults[i] = r.contents.hide(fault)
	}
	return &Faults{slices.Compact(faults)} // a file that is included twice has its faults twice
}
