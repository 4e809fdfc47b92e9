package config

import (
	"cmp"
	"errors"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// derive computes what nobody set and what depends on other keys.
func (s *settler) derive(files []string) {
	settleAuto(s.config, s.sys.Cores)
	s.deriveMetricsDir()
	s.resolveLater("metrics-dir", &s.config.MetricsDir)
	s.resolveLater("database", &s.config.Database)
	s.deriveGroup()
	s.deriveControl(files)
}

// settleAuto replaces auto everywhere.
func settleAuto(c *Config, cores int) {
	if c.Processes == auto {
		c.Processes = cores
	}
	if c.Threads == auto {
		c.Threads = cores
		if c.Master {
			c.Threads = max(1, cores/c.Processes)
		}
	}
	if c.MaxRequestsDelta == auto {
		c.MaxRequestsDelta = c.MaxRequests / 10
	}
	if c.MaxWorkerLifetimeDelta == auto {
		c.MaxWorkerLifetimeDelta = (c.MaxWorkerLifetime / 10).Round(time.Millisecond)
	}
}

// MetricsDirVariable is how programs with prometheus_client learn of the directory.
const MetricsDirVariable = "PROMETHEUS_MULTIPROC_DIR"

func (s *settler) deriveMetricsDir() {
	c := s.config
	i := slices.IndexFunc(c.Env, func(v Variable) bool { return v.Name == MetricsDirVariable })
	if s.isSet("metrics-dir") {
		if i >= 0 && c.Env[i].Value != c.MetricsDir {
			s.note(s.origins["env"][i], "env %s is replaced by metrics-dir from %s", MetricsDirVariable, s.origin("metrics-dir"))
		}
	} else if i >= 0 {
		c.MetricsDir = c.Env[i].Value
		s.origins["metrics-dir"] = []Origin{s.origins["env"][i]}
	} else if dir, ok := s.sys.LookupEnv(MetricsDirVariable); ok && dir != "" {
		c.MetricsDir = dir
		s.origins["metrics-dir"] = []Origin{{Place: "$" + MetricsDirVariable}}
	}
}

// resolveLater makes the path of a key absolute, once it is known where the process will be.
func (s *settler) resolveLater(key string, field *string) {
	resolved, err := resolve(cmp.Or(s.config.Chdir, s.sys.Dir), *field)
	if err != nil {
		s.fault(s.origin(key), "%s: %v", key, err)
		return
	}
	*field = resolved
}

// deriveGroup takes the primary group of the user, whose number alone would leave the group of the start. A user who was
// given by number gets a name with it.
func (s *settler) deriveGroup() {
	c := s.config
	if c.UID == nil || s.tried["gid"] {
		return
	}
	number := strconv.Itoa(*c.UID)
	who, lookup := quoted(c.UserName), func() (*user.User, error) { return s.sys.LookupUser(c.UserName) }
	if c.UserName == "" {
		who, lookup = number, func() (*user.User, error) { return s.sys.LookupUserID(number) }
	}
	u, err := lookup()
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		s.fault(s.origin("uid"), "uid = %s has no known group: set gid too", number)
		return
	}
	if err != nil {
		s.fault(s.origin("uid"), "uid: the group of %s: %v", who, err)
		return
	}
	gid, ok := parseID(u.Gid)
	if !ok {
		s.fault(s.origin("uid"), "uid: the group of %s is %s, which is no number", who, quoted(u.Gid))
		return
	}
	if c.UserName == "" {
		c.UserName = u.Username
	}
	c.GID = &gid
	s.origins["gid"] = []Origin{s.origin("uid")}
}

func (s *settler) deriveControl(files []string) {
	if s.tried["control"] || len(files) == 0 {
		return
	}
	name, section := splitSpec(files[0])
	ini, err := resolve(s.sys.Dir, name)
	if err != nil || ini == "" {
		return // it was told that it cannot be opened
	}
	getenv := func(name string) string {
		value, _ := s.sys.LookupEnv(name)
		return value
	}
	socket := filepath.Join(RuntimeDir(s.sys.Getuid(), getenv), controlName(ini, section))
	if err := checkSocketPath(socket); err != nil {
		s.fault(Origin{}, "control: %v: set the key control", err)
		return
	}
	s.config.Control = socket
}
