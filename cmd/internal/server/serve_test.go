package server

import (
	"strings"
	"testing"
	"time"

	"multiproc/cmd/internal/config"
	"multiproc/worker"
)

// TestTimeLimits: what a key says reaches package worker, where 0 would be a default. There a negative time is what 0 is
// here, no limit or no time.
func TestTimeLimits(t *testing.T) {
	const none = -1
	for _, row := range []struct {
		keys string // set to the same
		of   func(worker.Config) time.Duration
		want time.Duration // for 0; for 7 it is always 7 s
	}{
		{"http-timeout", func(c worker.Config) time.Duration { return c.HTTPTimeout }, none},
		{"socket-timeout", func(c worker.Config) time.Duration { return c.SocketTimeout }, none},
		{"harakiri", func(c worker.Config) time.Duration { return c.Harakiri }, 0}, // no limit is its default there, too
		{"harakiri-graceful-timeout", func(c worker.Config) time.Duration { return c.HarakiriGrace }, none},
		{"drain-idle", func(c worker.Config) time.Duration { return c.DrainIdle }, none},
		{"worker-reload-mercy stop-mercy", func(c worker.Config) time.Duration { return c.DrainTimeout }, none},
	} {
		t.Run(row.keys, func(t *testing.T) {
			for text, want := range map[string]time.Duration{"0": row.want, "7": 7 * time.Second} {
				var flags []string
				for key := range strings.FieldsSeq(row.keys) {
					flags = append(flags, "--"+key+"="+text)
				}
				if got := row.of(configOf(t, flags...)); got != want {
					t.Errorf("%s: %s, want %s", flags, got, want)
				}
			}
		})
	}
}

// TestDrainTimeout: of several mercies the worker has the one that its master may have, and without a master its own.
func TestDrainTimeout(t *testing.T) {
	for name, row := range map[string]struct {
		settings []string
		want     time.Duration
	}{
		"a reload's":                  {[]string{"--worker-reload-mercy=50", "--stop-mercy=20"}, 50 * time.Second},
		"a stop's":                    {[]string{"--worker-reload-mercy=10", "--stop-mercy=20"}, 20 * time.Second},
		"one of them 0":               {[]string{"--worker-reload-mercy=0", "--stop-mercy=20"}, 20 * time.Second},
		"without a master":            {[]string{"--master=false", "--worker-reload-mercy=50", "--stop-mercy=20"}, 20 * time.Second},
		"without a master, and mercy": {[]string{"--master=false", "--worker-reload-mercy=50", "--stop-mercy=0"}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := configOf(t, row.settings...).DrainTimeout; got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// configOf is what package worker is told of a command line.
func configOf(t *testing.T, flags ...string) worker.Config {
	t.Helper()
	arguments, err := config.ParseServerFlags(append(flags, "--socket=127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(arguments, config.System{})
	if err != nil {
		t.Fatal(err)
	}
	return process{cfg: loaded.Config}.workerConfig()
}
