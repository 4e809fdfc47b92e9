package main

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

// errNoDatabase is what a command says that has no database to work on.
var errNoDatabase = errors.New("which database? give --ini FILE with the key database, or --database PATH")

// operation is what somebody asked a command to do with the database of a server, which may be running.
type operation struct {
	cfg   *config.Config
	given config.Given
	who   string // asked, by the operating system's name
}

// operationOf reads the arguments of a command. It is nil when help was asked for, which was then given.
func operationOf(c *urfave.Context, own config.Own) (*operation, error) {
	arguments, given, err := config.ParseCommand(c.Args().Slice(), own)
	if err != nil {
		return nil, cli.Usage(err)
	}
	if given.Switches["help"] {
		return nil, urfave.ShowSubcommandHelp(c)
	}
	cfg, err := operationSettings(arguments, given)
	if err != nil {
		return nil, cli.Usage(err)
	}
	if cfg.Database == "" {
		return nil, cli.Usage(errNoDatabase)
	}
	return &operation{cfg, given, osUser()}, nil
}

func operationSettings(arguments config.Arguments, given config.Given) (*config.Config, error) {
	if given.Switches["snapshot"] {
		data, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, err
		}
		return config.ParseSnapshot(data)
	}
	// A server that systemd opens the sockets of has its database without them.
	arguments.Activated = true
	loaded, err := config.Load(arguments, config.System{})
	if err != nil {
		return nil, err
	}
	return loaded.Config, nil
}

// osUser is the name of the user who runs this process, or the number of one without a name.
func osUser() string {
	u, err := user.Current()
	if err != nil {
		return strconv.Itoa(os.Getuid())
	}
	return u.Username
}

// argument is the first of the command's own arguments, or the usage error that asks for it.
func (o *operation) argument(question string) (string, error) {
	if len(o.given.Positional) == 0 {
		return "", cli.Usagef("%s", question)
	}
	return o.given.Positional[0], nil
}

// actor is who did it, as the audit log has it.
func (o *operation) actor() string { return "command line (" + o.who + ")" }

// settle makes this process the user that the server runs as: what root made in the database's directory, the server
// could not write.
func (o *operation) settle() error {
	if o.cfg.Umask != nil {
		syscall.Umask(int(*o.cfg.Umask))
	}
	p, err := o.cfg.Privileges()
	if err != nil || p == nil {
		return err
	}
	return master.Drop(master.Privileges(*p))
}

// withStore opens the database for f. Privileges are given up for good.
func (o *operation) withStore(ctx context.Context, f func(*store.Store) error) error {
	if err := o.settle(); err != nil {
		return err
	}
	s, err := store.Open(ctx, o.cfg.Database, storeOptions(o.cfg))
	if err != nil {
		return err
	}
	return errors.Join(f(s), s.Close())
}

// storeOptions are what the settings say of how to open the database.
func storeOptions(cfg *config.Config) store.Options {
	return store.Options{Synchronous: cfg.DatabaseSynchronous, Timeout: cfg.DatabaseTimeout}
}
