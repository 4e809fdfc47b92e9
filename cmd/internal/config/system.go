package config

import (
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"time"
)

// system is the environment that a configuration depends on.
type system struct {
	Dir           string // the working directory at the start, the base of relative paths; empty: not known
	Hostname      string // empty: not known
	Cores         int    // as many as the process may use, with regard to its cgroup's limit
	Now           time.Time
	Getuid        func() int
	Getgid        func() int
	LookupEnv     func(name string) (string, bool)
	Environ       func() []string
	LookupUser    func(name string) (*user.User, error)
	LookupUserID  func(id string) (*user.User, error)
	LookupGroup   func(name string) (*user.Group, error)
	LookupGroupID func(id string) (*user.Group, error)
	Open          func(path string) (io.ReadCloser, error) // for ini files and @(file)
	RealPath      func(path string) (string, error)        // without symbolic links
}

// newSystem returns that of this process and machine.
func newSystem() *system {
	dir, _ := os.Getwd()
	hostname, _ := os.Hostname()
	return &system{
		Dir:           dir,
		Hostname:      hostname,
		Cores:         runtime.GOMAXPROCS(0),
		Now:           time.Now(),
		Getuid:        os.Getuid,
		Getgid:        os.Getgid,
		LookupEnv:     os.LookupEnv,
		Environ:       os.Environ,
		LookupUser:    user.Lookup,
		LookupUserID:  user.LookupId,
		LookupGroup:   user.LookupGroup,
		LookupGroupID: user.LookupGroupId,
		RealPath:      filepath.EvalSymlinks,
		Open:          func(path string) (io.ReadCloser, error) { return os.Open(path) },
	}
}
