package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

func migrateCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "migrate",
		Usage:           "make the database, or bring it up to date; a server may be running",
		ArgsUsage:       "--ini FILE [--recount]",
		Description:     "--recount   count the transactions anew, too",
		SkipFlagParsing: true,
		Action:          migrate,
	}
}

// migrate has two switches that are a master's alone: with --snapshot the settings are on stdin, as workers get them, and
// with --existing, too, nothing is made where there is no database.
func migrate(c *urfave.Context) error {
	o, err := operationOf(c, config.Own{Switches: []string{"recount", "snapshot", "existing"}})
	if err != nil || o == nil {
		return err
	}
	existing := o.given.Switches["existing"]
	if existing && !o.given.Switches["snapshot"] {
		return cli.Usagef("--existing needs --snapshot")
	}
	if err := o.settle(); err != nil {
		return err
	}
	if existing {
		if err := mustExist(o.cfg.Database); err != nil {
			return fmt.Errorf("migrate database %s: %w", o.cfg.Database, err)
		}
	}
	before, after, err := store.Migrate(c.Context, o.cfg.Database, storeOptions(o.cfg))
	if err != nil {
		return err
	}
	out, quiet := c.App.Writer, false
	if o.given.Switches["snapshot"] {
		out, quiet = c.App.ErrWriter, true // the server's log, which is not to say at each start that nothing had to be done
	}
	if before != after {
		fmt.Fprintf(out, "database %s: schema version %d -> %d\n", o.cfg.Database, before, after)
	} else if !quiet {
		fmt.Fprintf(out, "database %s is up to date at version %d\n", o.cfg.Database, after)
	}
	if !o.given.Switches["recount"] {
		return nil
	}
	err = o.withStore(c.Context, func(s *store.Store) error {
		return s.Update(c.Context, (*store.Tx).Recount)
	})
	if err == nil {
		fmt.Fprintf(c.App.Writer, "database %s: transactions counted anew\n", o.cfg.Database)
	}
	return err
}

// mustExist refuses to go on without the database that there was: to make an empty one in its place would be to lose all.
func mustExist(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return errors.New("it is gone, but the server began with one: put it back")
	}
	return nil // whatever else is wrong, the store says better
}

// migrateAlone brings the database up to date for a server that is this process, with its privileges given up.
func migrateAlone(ctx context.Context, c *claim) error {
	before, after, err := store.Migrate(ctx, c.cfg.Database, storeOptions(c.cfg))
	if err == nil && before != after {
		c.log.Info("database migrated", "path", c.cfg.Database, "from", before, "to", after)
	}
	return err
}
