// Package dbtool implements the commands that work on the database of a server, which may be running: migrate, token,
// createsuperuser, changepassword and populate.
package dbtool

import (
	"context"
	"errors"
	"io"
	"os"
	"os/user"
	"strconv"
	"syscall"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/master"
	"multiproc/store"
)

var errNoDatabase = errors.New("which database? give --ini FILE with the key database, or --database PATH")

// command is one call of a verb.
type command struct {
	ctx            context.Context
	flags          *urfave.Context
	stdout, stderr io.Writer
	cfg            *config.Config
	operands       []string
	user           string // of the operating system
}

// action returns the action of a verb that takes this many arguments besides flags.
func action(operands int, run func(*command) error) urfave.ActionFunc {
	return cli.Action(operands, func(c *urfave.Context, arguments config.Arguments) error {
		cfg, err := load(c, arguments)
		if err == nil && cfg.Database == "" {
			err = errNoDatabase
		}
		if err != nil {
			return cli.Usage(err)
		}
		return run(&command{c.Context, c, c.App.Writer, c.App.ErrWriter, cfg, arguments.Operands, osUser()})
	})
}

// load reads the configuration, with the flag snapshot from standard input.
func load(c *urfave.Context, arguments config.Arguments) (*config.Config, error) {
	if c.Bool("snapshot") {
		data, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, err
		}
		return config.ParseSnapshot(data)
	}
	arguments.Activated = true // the database does not depend on the sockets, which systemd may open
	loaded, err := config.Load(arguments)
	if err != nil {
		return nil, err
	}
	return loaded.Config, nil
}

// osUser returns the name of the user who runs this process, or the numeric id of a user without a name.
func osUser() string {
	u, err := user.Current()
	if err != nil {
		return strconv.Itoa(os.Getuid())
	}
	return u.Username
}

// argument returns the verb's first argument, or a usage error with the question.
func (c *command) argument(question string) (string, error) {
	if len(c.operands) == 0 {
		return "", cli.Usagef("%s", question)
	}
	return c.operands[0], nil
}

// record writes a line of the audit log.
func (c *command) record(tx *store.Tx, e store.Entry) error {
	e.Actor = c.actor()
	return tx.Record(e)
}

func (c *command) actor() string { return "command line (" + c.user + ")" }

// dropPrivileges makes this process the user that the server runs as, for good: the server could not write files that
// belong to root.
func (c *command) dropPrivileges() error {
	if c.cfg.Umask != nil {
		syscall.Umask(int(*c.cfg.Umask))
	}
	p, err := c.cfg.Privileges()
	if err != nil || p == nil {
		return err
	}
	return master.Drop(master.Privileges(*p))
}

func (c *command) storeOptions() store.Options {
	return store.Options{Synchronous: c.cfg.DatabaseSynchronous, Timeout: c.cfg.DatabaseTimeout}
}

// withStore opens the database for f, without privileges.
func (c *command) withStore(f func(*store.Store) error) error {
	if err := c.dropPrivileges(); err != nil {
		return err
	}
	s, err := store.Open(c.ctx, c.cfg.Database, c.storeOptions())
	if err != nil {
		return err
	}
	return errors.Join(f(s), s.Close())
}
