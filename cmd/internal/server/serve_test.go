package server

import (
	"strings"
	"testing"
	"time"

	"multiproc/cmd/internal/config"
	"multiproc/worker"
)

// TestLimits sets keys, and checks that the worker has their values, 0 included.
func TestLimits(t *testing.T) {
	for keys, of := range map[string]func(*worker.Limits) time.Duration{
		"http-timeout":                   func(l *worker.Limits) time.Duration { return l.HTTPTimeout },
		"socket-timeout":                 func(l *worker.Limits) time.Duration { return l.SocketTimeout },
		"harakiri":                       func(l *worker.Limits) time.Duration { return l.Harakiri },
		"harakiri-graceful-timeout":      func(l *worker.Limits) time.Duration { return l.HarakiriGrace },
		"drain-idle":                     func(l *worker.Limits) time.Duration { return l.DrainIdle },
		"worker-reload-mercy stop-mercy": func(l *worker.Limits) time.Duration { return l.DrainTimeout },
	} {
		for text, want := range map[string]time.Duration{"0": 0, "7": 7 * time.Second} {
			var flags []string
			for key := range strings.FieldsSeq(keys) {
				flags = append(flags, "--"+key+"="+text)
			}
			if got := of(limitsOf(t, flags...)); got != want {
				t.Errorf("%s: %s, want %s", flags, got, want)
			}
		}
	}
}

// TestDrainTimeout checks that a worker gives requests the longest time that its master may allow.
func TestDrainTimeout(t *testing.T) {
	for name, row := range map[string]struct {
		settings []string
		want     time.Duration
	}{
		"a reload's":                  {[]string{"--worker-reload-mercy=50", "--stop-mercy=20"}, 50 * time.Second},
		"a stop's":                    {[]string{"--worker-reload-mercy=10", "--stop-mercy=20"}, 20 * time.Second},
		"one of them 0":               {[]string{"--worker-reload-mercy=0", "--stop-mercy=20"}, 20 * time.Second},
		"without a master":            {[]string{"--master=false", "--worker-reload-mercy=50", "--stop-mercy=20"}, 20 * time.Second},
		"without a master, and mercy": {[]string{"--master=false", "--worker-reload-mercy=50", "--stop-mercy=0"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := limitsOf(t, row.settings...).DrainTimeout; got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// limitsOf returns the worker's limits under a command line.
func limitsOf(t *testing.T, flags ...string) *worker.Limits {
	t.Helper()
	arguments, err := config.ParseServerFlags(append(flags, "--socket=127.0.0.1:0"))
	check(t, err)
	loaded, err := config.Load(arguments)
	check(t, err)
	return process{cfg: loaded.Config}.workerConfig().Limits
}
