package main

import (
	"context"
	"errors"
	"fmt"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

func createSuperuserCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "createsuperuser",
		Usage:     "make a user who may do everything",
		ArgsUsage: "--ini FILE [--username NAME [--password-stdin]]",
		Description: "--username NAME    do not ask for the name\n" +
			"--password-stdin   the password is the first line of stdin",
		SkipFlagParsing: true,
		Action:          createSuperuser,
	}
}

func createSuperuser(c *urfave.Context) error {
	o, err := operationOf(c, config.Own{Switches: []string{"password-stdin"}, Values: []string{"username"}})
	if err != nil || o == nil {
		return err
	}
	name, named := o.given.Values["username"]
	if o.given.Switches["password-stdin"] && !named {
		return cli.Usagef("--password-stdin needs --username NAME: nobody can be asked")
	}
	if err := checkAsking(o.given); err != nil {
		return err
	}
	return o.withStore(c.Context, func(s *store.Store) error {
		if !named {
			if name, err = askName(c.Context, o.who); err != nil {
				return err
			}
		}
		user := store.User{Name: name, Role: store.RoleSuperuser, Active: true}
		if err := tryUser(c.Context, s, user); err != nil {
			return err
		}
		hash, err := newPassword(c.Context, s, o.given)
		if err != nil {
			return err
		}
		err = s.Update(c.Context, func(tx *store.Tx) error {
			if user, err = tx.CreateUser(user, hash); err != nil {
				return err
			}
			return tx.Record(store.Entry{Actor: o.actor(), Action: store.ActionCreate, Kind: store.KindUser, ObjectID: user.ID, Object: user.Name})
		})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "superuser %q created\n", user.Name)
		}
		return err
	})
}

// askName asks for the name of a user, which is that of whoever is asked if nothing is answered.
func askName(ctx context.Context, who string) (string, error) {
	name, err := prompt(ctx, fmt.Sprintf("Username [%s]: ", who), false)
	if err == nil && name == "" {
		name = who
	}
	return name, err
}

// errTried undoes what was only to be tried.
var errTried = errors.New("tried")

// tryUser finds out whether such a user can be made, before a password is asked for.
func tryUser(ctx context.Context, s *store.Store, user store.User) error {
	hash, err := s.HashPassword(ctx, "in place of a password")
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.CreateUser(user, hash); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}
