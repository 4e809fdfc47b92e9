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
	SecretsName  = "secrets" // only where there are any
	LifelineName = "lifeline"
	LogName      = "log"
)

// The variables of systemd's protocols. Those of the master's own manager never reach a worker.
const (
	listenPID     = "LISTEN_PID"
	listenPIDFD   = "LISTEN_PIDFDID" // the same by another number, which libsystemd checks too where it is set
	listenFDs     = "LISTEN_FDS"
	listenNames   = "LISTEN_FDNAMES"
	notifySocket  = "NOTIFY_SOCKET"
	watchdogPID   = "WATCHDOG_PID"
	watchdogMicro = "WATCHDOG_USEC"
)

// Outfit is what a worker is started with.
type Outfit struct {
	Identity Identity      // who it is to be
	Names    []string      // of its descriptors from 3 on, in order
	Notify   string        // where it sends its notices; empty: nowhere
	Watchdog time.Duration // how often at least it must send one; 0: it need not
}

// Environ returns the environment of a worker: base without the variables that are meant for another process, and the outfit.
func (o Outfit) Environ(base []string) []string {
	env := append(CleanEnviron(base), o.Identity.environ()...)
	env = append(env, listenFDs+"="+strconv.Itoa(len(o.Names)), listenNames+"="+strings.Join(o.Names, ":"))
	if o.Notify != "" {
		env = append(env, notifySocket+"="+o.Notify)
	}
	if o.Notify != "" && o.Watchdog > 0 {
		env = append(env, watchdogMicro+"="+strconv.FormatInt(o.Watchdog.Microseconds(), 10))
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

// Address makes what the environment says hold for this process, whose pid its parent could not know: it is the one
// that the sockets and the watchdog are meant for. A program that this one is replaced by keeps the pid.
func Address() error {
	pid := strconv.Itoa(os.Getpid())
	if err := os.Setenv(listenPID, pid); err != nil {
		return err
	}
	if os.Getenv(watchdogMicro) == "" {
		return nil
	}
	return os.Setenv(watchdogPID, pid)
}

// WatchdogFromEnviron is how often at least the manager wants a notice that the process is alive, and 0 if it does not.
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
