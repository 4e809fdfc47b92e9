package handoff

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the descriptors that a worker of this module gets after the sockets.
const (
	ConfigName   = "config"
	SecretsName  = "secrets" // optional
	LifelineName = "lifeline"
	LogName      = "log"
)

// The variables of systemd's protocols. Those that the master has from its own manager never reach a worker.
const (
	listenPID     = "LISTEN_PID"
	listenPIDFD   = "LISTEN_PIDFDID" // identifies the process by its pidfd; checked by libsystemd
	listenFDs     = "LISTEN_FDS"
	listenNames   = "LISTEN_FDNAMES"
	notifySocket  = "NOTIFY_SOCKET"
	watchdogPID   = "WATCHDOG_PID"
	watchdogMicro = "WATCHDOG_USEC"
)

// WorkerEnv is the part of a worker's environment that differs from that of its master.
type WorkerEnv struct {
	Identity Identity
	Names    []string      // of the descriptors from 3 on, in order
	Notify   string        // address of the notify socket; empty: none
	Watchdog time.Duration // longest interval between two heartbeats; 0: no limit
}

// Environ returns the environment of a worker: base without the variables that are meant for another process, and its own.
func (e WorkerEnv) Environ(base []string) []string {
	env := append(CleanEnviron(base), e.Identity.environ()...)
	env = append(env, listenFDs+"="+strconv.Itoa(len(e.Names)), listenNames+"="+strings.Join(e.Names, ":"))
	if e.Notify != "" {
		env = append(env, notifySocket+"="+e.Notify)
	}
	if e.Notify != "" && e.Watchdog > 0 {
		env = append(env, watchdogMicro+"="+strconv.FormatInt(e.Watchdog.Microseconds(), 10))
	}
	return env
}

// CleanEnviron returns a copy of an environment without the variables that a master or a service manager sets for one process.
func CleanEnviron(base []string) []string {
	return slices.DeleteFunc(slices.Clone(base), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case listenPID, listenPIDFD, listenFDs, listenNames, notifySocket, watchdogPID, watchdogMicro,
			slotVariable, idVariable, generationVariable:
			return true
		}
		return false
	})
}

// WatchdogFromEnviron returns the longest interval between two heartbeats that the manager of this process accepts; 0: no limit.
func WatchdogFromEnviron() time.Duration {
	if pid := os.Getenv(watchdogPID); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	micro, err := strconv.ParseInt(os.Getenv(watchdogMicro), 10, 64)
	if err != nil || micro <= 0 || micro > int64(24*time.Hour/time.Microsecond) {
		return 0
	}
	return time.Duration(micro) * time.Microsecond
}
