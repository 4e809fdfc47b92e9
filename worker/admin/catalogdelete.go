package admin

import (
	"errors"
	"net/http"

	"multiproc/store"
)

// deleteView asks whether something is really to be deleted, and says what goes along.
type deleteView struct {
	One, Name    string
	Transactions int64
	List         string
	Form         *form
}

func (c catalog) showDelete(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return c.renderDelete(r, http.StatusOK, id, &form{})
}

// renderDelete asks; f has what is wrong with the answer that there was.
func (c catalog) renderDelete(r *request, status int, id int64, f *form) error {
	view := deleteView{One: c.one, List: c.listOf(id), Form: f}
	err := r.view(func(tx *store.Tx) error {
		n, err := tx.Named(c.kind, id)
		if err != nil {
			return err
		}
		view.Name = n.Name
		if view.Transactions, err = tx.CountTransactions(n.Filter()); err != nil {
			return err
		}
		version, err := versionOf(tx, c.kind, id, c.form(n))
		f.Version = version.String()
		return err
	})
	if err != nil {
		return err
	}
	f.Submit, f.Danger, f.Cancel = "Yes, delete it", true, pathOf(c.kind, id)
	if view.Transactions > 0 {
		view.Form.Submit = "Yes, delete it and " + transactionCount(view.Transactions)
	}
	return r.render(status, "delete", page{
		Title: "Delete " + view.Name + "?", Crumbs: c.crumbs(crumb{view.Name, pathOf(c.kind, id)}), Data: view,
	})
}

// delete deletes one with its transactions: most of these in portions, before each of which it must still be what was asked about.
func (c catalog) delete(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	ask := &form{} // again, if need be
	check := func(ch *change) (named, error) {
		n, err := ch.Named(c.kind, id)
		if err != nil {
			return n, err
		}
		return n, ask.checkDeletion(ch, c.kind, id, c.form(n))
	}
	cascade, gone := store.NewDeletion(c.kind, id, r.session.User.Name), int64(0)
	err = cascade.DeleteMost(func(deletePortion func(*store.Tx) error) error {
		r.goOn()
		portion := int64(0)
		err := r.change(func(ch *change) error {
			n, err := check(ch)
			if err != nil {
				return err
			}
			before, err := ch.CountTransactions(n.Filter())
			if err != nil {
				return err
			}
			if err := deletePortion(ch.Tx); err != nil {
				return err
			}
			left, err := ch.CountTransactions(n.Filter())
			portion = before - left
			return err
		})
		if err == nil {
			gone += portion
		}
		return err
	})
	if err == nil {
		err = r.change(func(ch *change) error {
			n, err := check(ch)
			if err != nil {
				return err
			}
			if err := cascade.Delete(ch.Tx); err != nil {
				return err
			}
			return ch.say("The %s “%s” was deleted with its transactions.", c.one, n.Name)
		})
	}
	done := "Deleted before, and it stays so: " + transactionCount(gone) + "."
	switch {
	case err == nil:
		return r.redirect(c.path)
	case errors.Is(err, errStale):
		if gone > 0 {
			ask.Fault += " " + done
		}
		return c.renderDelete(r, http.StatusConflict, id, ask)
	case gone > 0:
		return &partlyError{done, err}
	}
	return err
}
