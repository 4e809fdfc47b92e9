package dbtool

import (
	"encoding/json"
	"errors"
	"fmt"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

// CreateSuperuserCommand returns the verb createsuperuser.
func CreateSuperuserCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "createsuperuser",
		Usage:     "create a user with all permissions",
		ArgsUsage: "[FILE[:SECTION]]",
		Flags: config.Flags(
			&urfave.StringFlag{Name: "username", Usage: "do not ask for the name, but use `NAME`"},
			passwordFlag(),
		),
		SkipFlagParsing: true,
		Action:          action(0, createSuperuser),
	}
}

func createSuperuser(c *command) error {
	name, named := c.flags.String("username"), c.flags.IsSet("username")
	if c.flags.Bool("password-stdin") && !named {
		return cli.Usagef("--password-stdin needs --username NAME")
	}
	if err := c.checkPasswordSource(); err != nil {
		return err
	}
	return c.withStore(func(s *store.Store) (err error) {
		if !named {
			if name, err = prompt(c.ctx, fmt.Sprintf("Username [%s]: ", c.user), false); err != nil {
				return err
			}
			if name == "" {
				name = c.user
			}
		}
		user := store.User{Name: name, Role: store.RoleSuperuser, Active: true}
		if err := tryUser(c, s, user); err != nil {
			return err
		}
		hash, err := c.newPassword(s)
		if err != nil {
			return err
		}
		err = s.Update(c.ctx, func(tx *store.Tx) error {
			if user, err = tx.CreateUser(user, hash); err != nil {
				return err
			}
			return c.record(tx, store.Entry{Action: store.ActionCreate, Kind: store.KindUser, ObjectID: user.ID, Object: user.Name})
		})
		if err == nil {
			fmt.Fprintf(c.stdout, "superuser %q created\n", user.Name)
		}
		return err
	})
}

// errRollback undoes a transaction that was only a trial.
var errRollback = errors.New("rollback")

// tryUser returns the error that creating the user would return, so that a bad name is refused before the password is asked
// for.
func tryUser(c *command, s *store.Store, user store.User) error {
	hash, err := s.HashPassword(c.ctx, "in place of a password")
	if err != nil {
		return err
	}
	err = s.Update(c.ctx, func(tx *store.Tx) error {
		if _, err := tx.CreateUser(user, hash); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

// ChangePasswordCommand returns the verb changepassword.
func ChangePasswordCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "changepassword",
		Usage:           "change the password of a user and end the user's sessions",
		ArgsUsage:       "NAME",
		Flags:           config.Flags(passwordFlag()),
		SkipFlagParsing: true,
		Action:          action(1, changePassword),
	}
}

func changePassword(c *command) error {
	name, err := c.argument("whose password? multiproc changepassword --ini FILE NAME")
	if err != nil {
		return err
	}
	if err := c.checkPasswordSource(); err != nil {
		return err
	}
	return c.withStore(func(s *store.Store) error {
		var user store.User
		err := s.View(c.ctx, func(tx *store.Tx) (err error) {
			user, err = tx.UserByName(name)
			return err
		})
		if err != nil {
			return err
		}
		hash, err := c.newPassword(s)
		if err != nil {
			return err
		}
		err = s.Update(c.ctx, func(tx *store.Tx) error {
			if err := tx.SetPassword(user.ID, hash); err != nil {
				return err
			}
			return c.record(tx, store.Entry{
				Action: store.ActionChange, Kind: store.KindUser, ObjectID: user.ID, Object: user.Name,
				Changes: json.RawMessage(`{"password":["",""]}`),
			})
		})
		if err == nil {
			fmt.Fprintf(c.stdout, "password of %q changed\n", user.Name)
		}
		return err
	})
}
