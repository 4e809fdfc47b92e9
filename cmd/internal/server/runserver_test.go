package server

import (
	"path/filepath"
	"testing"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
)

// development loads the settings of runserver with these arguments.
func development(t *testing.T, args ...string) *config.Config {
	t.Helper()
	var loaded *config.Loaded
	command := RunserverCommand()
	command.Action = cli.Action(1, func(_ *urfave.Context, arguments config.Arguments) (err error) {
		loaded, err = config.Load(forDevelopment(arguments))
		return err
	})
	app := &urfave.App{Commands: []*urfave.Command{command}}
	check(t, app.Run(append([]string{"multiproc", "runserver"}, args...)))
	return loaded.Config
}

func TestDevelopmentSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "127.0.0.1:8000"},
		{"a port", []string{"9000"}, "127.0.0.1:9000"},
		{"a colon and a port", []string{":9000"}, ":9000"},
		{"all addresses", []string{"0.0.0.0:9000"}, "0.0.0.0:9000"},
		{"short for them", []string{"0:9000"}, "0.0.0.0:9000"},
		{"IPv6", []string{"[::1]:9000"}, "[::1]:9000"},
		{"a host", []string{"localhost:9000"}, "localhost:9000"},
		{"a flag", []string{"--socket", "127.0.0.1:9000"}, "127.0.0.1:9000"},
		{"a unix socket", []string{"/tmp/a.sock"}, "/tmp/a.sock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := development(t, c.args...)
			if len(cfg.Sockets) != 1 || cfg.Sockets[0].Address != c.want {
				t.Errorf("serves at %v, want %s", cfg.Sockets, c.want)
			}
			if cfg.Master || !cfg.Migrate || cfg.DisableLogging || filepath.Base(cfg.Database) != "multiproc.db" {
				t.Errorf("%+v", cfg)
			}
		})
	}
	// Flags override all of it but the missing master.
	if cfg := development(t, "--disable-logging", "--migrate=false", "--master"); cfg.Master || cfg.Migrate || !cfg.DisableLogging {
		t.Errorf("%+v", cfg)
	}
}
