package handoff

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestEnviron(t *testing.T) {
	base := []string{
		"PATH=/bin", "LISTEN_PID=1", "LISTEN_PIDFDID=1", "LISTEN_FDS=9", "LISTEN_FDNAMES=a:b", "NOTIFY_SOCKET=/run/systemd/notify",
		"WATCHDOG_PID=1", "WATCHDOG_USEC=1", "MULTIPROC_SLOT=7", "MULTIPROC_ID=w7", "MULTIPROC_GENERATION=7",
		"MULTIPROC_PORT=tcp://10.0.0.1", "LISTEN_FDS_OF_MINE=1", "EMPTY=", "ODD",
	}
	kept := []string{"PATH=/bin", "MULTIPROC_PORT=tcp://10.0.0.1", "LISTEN_FDS_OF_MINE=1", "EMPTY=", "ODD"}
	identity := []string{"MULTIPROC_SLOT=2", "MULTIPROC_ID=w2-1", "MULTIPROC_GENERATION=3"}
	cases := map[string]struct {
		own   WorkerEnv
		added []string
	}{
		"all": {
			WorkerEnv{Identity{2, "w2-1", 3}, []string{"http", "metrics", "config"}, "@notify", 1500 * time.Millisecond},
			slices.Concat(identity, []string{
				"LISTEN_FDS=3", "LISTEN_FDNAMES=http:metrics:config", "NOTIFY_SOCKET=@notify", "WATCHDOG_USEC=1500000",
			}),
		},
		"watchdog without a notify socket": {
			WorkerEnv{Identity{2, "w2-1", 3}, []string{"http"}, "", time.Second},
			slices.Concat(identity, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=http"}),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			given := slices.Clone(base)
			env := c.own.Environ(base)
			if want := slices.Concat(kept, c.added); !slices.Equal(env, want) {
				t.Errorf("environment\n%q, want\n%q", env, want)
			}
			if !slices.Equal(base, given) {
				t.Error("Environ changed its argument")
			}
		})
	}
}

func TestWatchdogFromEnviron(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		pid, micro string
		want       time.Duration
	}{
		{"", "1500000", 1500 * time.Millisecond},
		{pid, "1", time.Microsecond},
		{"1", "1500000", 0}, // of another process
		{"", "", 0},
		{"", "0", 0},
		{"", "-5", 0},
		{"", "soon", 0},
		{"", "9223372036854775807", 0},
		{"", "99999999999999999999", 0},
	} {
		t.Setenv("WATCHDOG_PID", c.pid)
		t.Setenv("WATCHDOG_USEC", c.micro)
		if got := WatchdogFromEnviron(); got != c.want {
			t.Errorf("pid %q, %q µs: %v, want %v", c.pid, c.micro, got, c.want)
		}
	}
}
