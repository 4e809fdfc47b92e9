package dbtool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

// MigrateCommand returns the verb migrate. It has two hidden flags for the master: --snapshot reads the configuration from standard
// input, as workers get it, and --existing refuses to create a database.
func MigrateCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "migrate",
		Usage:     "create the database or update its schema; a server may be running",
		ArgsUsage: "[FILE[:SECTION]]",
		Flags: config.Flags(
			&urfave.BoolFlag{Name: "recount", Usage: "also recount the transactions of each API and status"},
			&urfave.BoolFlag{Name: "snapshot", Hidden: true},
			&urfave.BoolFlag{Name: "existing", Hidden: true},
		),
		SkipFlagParsing: true,
		Action:          action(0, migrate),
	}
}

func migrate(c *command) error {
	snapshot, existing := c.flags.Bool("snapshot"), c.flags.Bool("existing")
	if existing && !snapshot {
		return cli.Usagef("--existing needs --snapshot")
	}
	if err := c.dropPrivileges(); err != nil {
		return err
	}
	path := c.cfg.Database
	if existing {
		if err := mustExist(path); err != nil {
			return fmt.Errorf("migrate database %s: %w", path, err)
		}
	}
	before, after, err := store.Migrate(c.ctx, path, c.storeOptions())
	if err != nil {
		return err
	}
	switch {
	case before != after && snapshot: // for the log of the server
		fmt.Fprintf(c.stderr, "database %s: schema version %d -> %d\n", path, before, after)
	case before != after:
		fmt.Fprintf(c.stdout, "database %s: schema version %d -> %d\n", path, before, after)
	case !snapshot:
		fmt.Fprintf(c.stdout, "database %s is up to date at version %d\n", path, after)
	}
	if !c.flags.Bool("recount") {
		return nil
	}
	err = c.withStore(func(s *store.Store) error {
		return s.Update(c.ctx, (*store.Tx).Recount)
	})
	if err == nil {
		fmt.Fprintf(c.stdout, "database %s: transactions recounted\n", path)
	}
	return err
}

// mustExist returns an error if the database has disappeared: an empty one in its place would look like a loss of all data.
func mustExist(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return errors.New("it has disappeared since the server started: put it back")
	}
	return nil // the store reports everything else
}
