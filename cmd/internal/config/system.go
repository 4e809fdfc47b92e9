package config

import (
	"io"
	"os"
	"os/user"
	"runtime"
	"time"
)

// System is the environment that a configuration depends on. Zero fields stand for those of this process and machine; tests set
// what they need.
type System struct {
	Dir          string // the working directory at the start, the base of relative paths
	Hostname     string
	Cores        int // by default as many as the process may use, with regard to its cgroup's limit
	Now          time.Time
	Getuid       func() int
	Getgid       func() int
	LookupEnv    func(name string) (string, bool)
	LookupUser   func(name string) (*user.User, error)
	LookupUserID func(id string) (*user.User, error)
	LookupGroup  func(name string) (*user.Group, error)
	Open         func(path string) (io.ReadCloser, error) // for ini files and @(file)
}

// filled returns s without zero fields. A working directory or a hostname that is not known stays empty.
func (s System) filled() System {
	if s.Dir == "" {
		s.Dir, _ = os.Getwd()
	}
	if s.Hostname == "" {
		s.Hostname, _ = os.Hostname()
	}
	if s.Cores == 0 {
		s.Cores = runtime.GOMAXPROCS(0)
	}
	if s.Now.IsZero() {
		s.Now = time.Now()
	}
	if s.Getuid == nil {
		s.Getuid = os.Getuid
	}
	if s.Getgid == nil {
		s.Getgid = os.Getgid
	}
	if s.LookupEnv == nil {
		s.LookupEnv = os.LookupEnv
	}
	if s.LookupUser == nil {
		s.LookupUser = user.Lookup
	}
	if s.LookupUserID == nil {
		s.LookupUserID = user.LookupId
	}
	if s.LookupGroup == nil {
		s.LookupGroup = user.LookupGroup
	}
	if s.Open == nil {
		s.Open = func(path string) (io.ReadCloser, error) { return os.Open(path) }
	}
	return s
}
