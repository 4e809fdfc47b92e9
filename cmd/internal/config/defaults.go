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

// setDefaults computes the defaults that depend on other keys. The others are in the table of keys; see Keys.
func (b *binder) setDefaults(files []string) {
	replaceAuto(b.config, b.sys.Cores)
	b.setMetricsDir()
	b.resolveLate("metrics-dir", &b.config.MetricsDir)
	b.resolveLate("database", &b.config.Database)
	b.setGroup()
	b.setControl(files)
}

// replaceAuto computes the values that are auto.
func replaceAuto(c *Config, cores int) {
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

// The environment variables in which prometheus_client looks for the directory; in the old one only if the other is not set.
const (
	MetricsDirVariable    = "PROMETHEUS_MULTIPROC_DIR"
	OldMetricsDirVariable = "prometheus_multiproc_dir"
)

func (b *binder) setMetricsDir() {
	c := b.config
	set := b.isSet("metrics-dir")
	for _, name := range []string{MetricsDirVariable, OldMetricsDirVariable} {
		var dir string
		var origin Origin
		if i := slices.IndexFunc(c.Env, func(v Variable) bool { return v.Name == name }); i >= 0 {
			dir, origin = c.Env[i].Value, b.origins["env"][i]
			if b.isSet("metrics-dir") && dir != c.MetricsDir {
				b.note(origin, "env %s is replaced by metrics-dir from %s", name, b.origin("metrics-dir"))
			}
		} else if dir, _ = b.sys.LookupEnv(name); dir != "" && !slices.Contains(c.Unenv, name) {
			origin.Place = "$" + name
		} else {
			continue
		}
		if set {
			continue
		}
		set = true
		c.MetricsDir = dir
		b.origins["metrics-dir"] = []Origin{origin}
		if name == OldMetricsDirVariable {
			b.note(origin, "%s is an old name: use %s", name, MetricsDirVariable)
		}
	}
}

// resolveLate makes the path of a key absolute, now that the directory of the process is known.
func (b *binder) resolveLate(key string, field *string) {
	resolved, err := resolve(cmp.Or(b.config.Chdir, b.sys.Dir), *field)
	if err != nil {
		b.fault(b.origin(key), "%s: %v", key, err)
		return
	}
	*field = resolved
}

// setGroup sets gid to the primary group of uid, since otherwise the process would keep the group that it was started with. A
// user given by number gets a name as well.
func (b *binder) setGroup() {
	c := b.config
	if c.UID == nil || b.tried["gid"] {
		return
	}
	number := strconv.Itoa(*c.UID)
	name, lookup := quoted(c.UserName), func() (*user.User, error) { return b.sys.LookupUser(c.UserName) }
	if c.UserName == "" {
		name, lookup = number, func() (*user.User, error) { return b.sys.LookupUserID(number) }
	}
	u, err := lookup()
	if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
		b.fault(b.origin("uid"), "the group of uid = %s is not known: set gid too", number)
		return
	}
	if err != nil {
		b.fault(b.origin("uid"), "uid: cannot look up the group of %s: %v", name, err)
		return
	}
	gid, ok := parseID(u.Gid)
	if !ok {
		b.fault(b.origin("uid"), "uid: the group of %s is %s, which is not a number", name, quoted(u.Gid))
		return
	}
	if c.UserName == "" {
		c.UserName = u.Username
	}
	c.GID = &gid
	b.origins["gid"] = []Origin{b.origin("uid")}
}

func (b *binder) setControl(files []string) {
	if b.tried["control"] || len(files) == 0 {
		return
	}
	name, section := splitSpec(files[0])
	ini, err := resolve(b.sys.Dir, name)
	if err != nil || ini == "" {
		return // reported as a file that cannot be opened
	}
	getenv := func(name string) string {
		value, _ := b.sys.LookupEnv(name)
		return value
	}
	socket := filepath.Join(RuntimeDir(b.sys.Getuid(), getenv), controlName(ini, section))
	if err := checkSocketPath(socket); err != nil {
		b.fault(Origin{}, "control: %v: set the key control", err)
		return
	}
	b.config.Control = socket
}
