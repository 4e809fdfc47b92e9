package server

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"multiproc/cmd/internal/config"
)

// firstSteps returns the commands that a new user can try next: those that fill a database which the server is about to create. The
// arguments are the server's own: the commands take the same.
func firstSteps(cfg *config.Config, program string, args ...string) []string {
	if _, err := os.Stat(cfg.Database); !hasDatabase(cfg) || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if strings.Contains(program, "/go-build") {
		program = "go run ./cmd/multiproc"
	}
	words := strings.Join(args, " ")
	return []string{program + " populate " + words + " --transactions 1000", program + " createsuperuser " + words}
}

func (in *instance) logFirstSteps(args ...string) {
	for _, command := range firstSteps(in.cfg, os.Args[0], args...) {
		in.log.Info("new database, a command to try next", "command", command)
	}
}
