package config

import "slices"

// Loaded is a configuration with all that was found out on the way to it.
type Loaded struct {
	Config   *Config
	Settings []Effective // every key of the table, in its order; a repeatable one once for each of its values
	Notes    []Note      // in the order of files and lines
}

// Effective is the value that a key has in the end. It is empty where there is none.
type Effective struct {
	Key    string
	Value  string
	Origin Origin
}

// Load reads the files and settles every key. Whatever is wrong is told at once, by a *Faults. It opens ini files
// and what they name by @(file), looks up users and groups, and does nothing else.
func Load(args Arguments, sys System) (*Loaded, error) {
	r, s := settle(args, sys)
	if err := allFaults(r, s); err != nil {
		return nil, err
	}
	order := inOrder(r.shown)
	notes := slices.Concat(r.notes, s.notes)
	slices.SortStableFunc(notes, func(a, b Note) int { return order(a.Origin, b.Origin) })
	return &Loaded{s.config, s.effective(), slices.Compact(notes)}, nil
}

// ControlPath is the key control of a configuration that may have faults in other keys: whoever has spoilt the file of a
// running server must still be able to ask it, and to stop it. It is empty where there is no control socket.
func ControlPath(args Arguments, sys System) (string, error) {
	r, s := settle(args, sys)
	if s.config.Control == "" {
		return "", allFaults(r, s)
	}
	return s.config.Control, nil
}

// MetricsDir is the metrics directory of a server with this configuration, which may have faults as well, but not be
// missing. It is empty where neither a directory nor a control socket is set: the server's is then named by its pid.
func MetricsDir(args Arguments, sys System) (string, error) {
	r, s := settle(args, sys)
	switch c := s.config; {
	case c.MetricsDir != "":
		return c.MetricsDir, nil
	case c.Control != "" && r.found:
		return PrivateMetricsDir(c.Control), nil
	}
	return "", allFaults(r, s)
}

func settle(args Arguments, sys System) (*reader, *settler) {
	sys = sys.filled()
	keys := newTable()
	r := newReader(&sys, keys)
	commandLine := r.commandLine(args.Settings)
	for _, spec := range args.Files {
		r.top(spec)
	}

	s := newSettler(&sys, keys, r.used, r.broken)
	s.assignAll(r.assignments, commandLine)
	s.assignPresets(args.Presets)
	s.judgeUnknown()
	s.derive(args.Files)
	s.check(args.Activated || r.incomplete)
	return r, s
}

// allFaults is all that is wrong, in the order of files and lines; nil where nothing is.
func allFaults(r *reader, s *settler) error {
	faults := slices.Concat(r.faults, s.faults)
	if len(faults) == 0 {
		return nil
	}
	order := inOrder(r.shown)
	slices.SortStableFunc(faults, func(a, b Fault) int { return order(a.Origin, b.Origin) })
	return &Faults{slices.Compact(faults)} // a file that is included twice has its faults twice
}
