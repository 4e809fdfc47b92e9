package server

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"multiproc/cmd/internal/config"
	"multiproc/master"
)

// firstSteps are the commands that a new user can try next. The zero value has none.
type firstSteps struct {
	populate, createSuperuser string
}

// newFirstSteps returns the commands for a server that is about to create its database; for other servers there are none. The
// arguments are those that the server was started with: the commands take the same.
func newFirstSteps(cfg *config.Config, program string, args ...string) firstSteps {
	if _, err := os.Stat(cfg.Database); !hasDatabase(cfg) || !errors.Is(err, fs.ErrNotExist) {
		return firstSteps{}
	}
	if strings.Contains(program, "/go-build") {
		program = "go run ./cmd/multiproc"
	}
	words := strings.Join(args, " ")
	return firstSteps{
		populate:        program + " populate " + words + " --transactions 1000",
		createSuperuser: program + " createsuperuser " + words,
	}
}

// log logs the commands.
func (s firstSteps) log(in *instance) {
	if s.populate != "" {
		in.log.Info("new database: add transactions", "try", s.populate)
		in.log.Info("new database: create a user for the admin site", "try", s.createSuperuser)
	}
}

// logWhenReady adds to hooks that the commands are logged when the server has become ready.
func (s firstSteps) logWhenReady(in *instance, hooks master.Hooks) master.Hooks {
	status, logged := hooks.Status, false
	hooks.Status = func(now master.Status) {
		status(now)
		if !logged && now.Ready() >= now.Target {
			logged = true
			s.log(in)
		}
	}
	return hooks
}
