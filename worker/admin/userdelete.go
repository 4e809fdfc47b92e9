package admin

import (
	"errors"
	"fmt"
	"net/http"

	"multiproc/store"
)

func confirmUserDeletion(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	return r.renderUserDeletion(http.StatusOK, user, &form{})
}

func (r *request) renderUserDeletion(status int, user store.User, f *form) error {
	err := r.view(func(tx *store.Tx) (err error) {
		if user, err = tx.User(user.ID); err != nil {
			return err
		}
		version, err := versionOf(tx, store.KindUser, user.ID, &form{Fields: userFields(user)})
		f.Version = version.String()
		return err
	})
	if err != nil {
		return err
	}
	f.Submit, f.Cancel, f.Danger = "Delete", userPath(user.ID), true
	f.Text = []string{
		fmt.Sprintf("The user %s is to be deleted, and all sessions of that user end.", user.Name),
		"What the user has done stays, and so does what the history says of it. Who only must not log in any more can be made inactive instead.",
	}
	return r.render(status, "form", page{
		Title:  "Delete user",
		Crumbs: append(userCrumbs(), crumb{user.Name, userPath(user.ID)}),
		Data:   f,
	})
}

func deleteUser(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	ask := &form{} // again, if need be
	err = r.change(func(c *change) error {
		user, err := c.User(user.ID)
		if err != nil {
			return err
		}
		if err := ask.checkDeletion(c, store.KindUser, user.ID, &form{Fields: userFields(user)}); err != nil {
			return err
		}
		if err := c.DeleteUser(user.ID); err != nil {
			return err
		}
		if err := c.keepSuperuser(); err != nil {
			return err
		}
		if err := c.record(store.ActionDelete, store.KindUser, user.ID, user.Name, nil); err != nil {
			return err
		}
		if user.ID == c.actor.ID {
			return nil // and so is the session
		}
		return c.say("The user %s was deleted.", user.Name)
	})
	if err == nil {
		return r.redirect(usersPath)
	}
	if errors.Is(err, errStale) || ask.blameLastSuperuser(err) {
		return r.renderUserDeletion(http.StatusConflict, user, ask)
	}
	return err
}
