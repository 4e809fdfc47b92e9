package main

import (
	"encoding/json"
	"fmt"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/config"
	"multiproc/store"
)

func changePasswordCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "changepassword",
		Usage:           "give a user another password, and end the user's sessions",
		ArgsUsage:       "--ini FILE [--password-stdin] NAME",
		Description:     "--password-stdin   the password is the first line of stdin",
		SkipFlagParsing: true,
		Action:          changePassword,
	}
}

func changePassword(c *urfave.Context) error {
	o, err := operationOf(c, config.Own{Switches: []string{"password-stdin"}, Positional: 1})
	if err != nil || o == nil {
		return err
	}
	name, err := o.argument("whose password? multiproc changepassword --ini FILE NAME")
	if err != nil {
		return err
	}
	if err := checkAsking(o.given); err != nil {
		return err
	}
	return o.withStore(c.Context, func(s *store.Store) error {
		var user store.User
		err := s.View(c.Context, func(tx *store.Tx) (err error) {
			user, err = tx.UserByName(name)
			return err
		})
		if err != nil {
			return err
		}
		hash, err := newPassword(c.Context, s, o.given)
		if err != nil {
			return err
		}
		err = s.Update(c.Context, func(tx *store.Tx) error {
			if err := tx.SetPassword(user.ID, hash); err != nil {
				return err
			}
			return tx.Record(store.Entry{
				Actor: o.actor(), Action: store.ActionChange, Kind: store.KindUser, ObjectID: user.ID, Object: user.Name,
				Changes: json.RawMessage(`{"password":["",""]}`),
			})
		})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "password of %q changed\n", user.Name)
		}
		return err
	})
}
