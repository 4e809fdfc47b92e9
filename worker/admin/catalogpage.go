package admin

import (
	"errors"
	"net/http"

	"multiproc/store"
)

// namedView is one API or status.
type namedView struct {
	Item         named
	Params       bool
	Form         *form // nil: not for this role
	Transactions int64
	List         string // the address of its transactions
	Delete       string // the path of its deletion
	History      objectHistory
}

func (c catalog) show(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return c.renderOne(r, http.StatusOK, id, nil)
}

// renderOne shows one; f is the form as it was filled in, or nil.
func (c catalog) renderOne(r *request, status int, id int64, f *form) error {
	view := namedView{Params: c.params, List: c.listOf(id), Delete: pathOf(c.kind, id) + "/delete"}
	err := r.view(func(tx *store.Tx) (err error) {
		if view.Item, err = tx.Named(c.kind, id); err != nil {
			return err
		}
		if view.Transactions, err = tx.CountTransactions(view.Item.Filter()); err != nil {
			return err
		}
		if f == nil && r.may(staff) {
			if f, err = c.formOf(tx, view.Item); err != nil {
				return err
			}
		}
		entries, err := historyOf(tx, c.kind, id)
		view.History = objectHistoryOf(c.kind, id, entries)
		return err
	})
	if f != nil && errors.Is(err, store.ErrNotFound) {
		return c.renderGone(r, id)
	}
	if err != nil {
		return err
	}
	view.Form = f
	return r.render(status, "named", page{Title: view.Item.Name, Crumbs: c.crumbs(), Data: view})
}

func (c catalog) change(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	var f *form
	err = r.change(func(ch *change) error {
		before, err := ch.Named(c.kind, id)
		if err != nil {
			return err
		}
		if f, err = c.formOf(ch.Tx, before); err != nil {
			return err
		}
		after := c.read(r, f, before)
		if f.Bad() {
			return nil
		}
		changes := store.Changes{}
		changes.Differ("name", before.Name, after.Name)
		changes.Differ("description", before.Description, after.Description)
		changes.Differ("params", string(before.Params), string(after.Params))
		if len(changes) == 0 {
			return ch.say("Nothing was changed.")
		}
		if err := f.checkVersion(ch.Tx, c.kind, id); err != nil {
			return err
		}
		if err := ch.UpdateNamed(after); err != nil {
			return err
		}
		if err := ch.record(store.ActionChange, c.kind, id, after.Name, changes); err != nil {
			return err
		}
		return ch.say("The %s “%s” was changed.", c.one, after.Name)
	})
	switch {
	case f == nil && errors.Is(err, store.ErrNotFound):
		return c.renderGone(r, id)
	case errors.Is(err, errStale):
		return c.renderOne(r, http.StatusConflict, id, f)
	case err != nil && (f == nil || !f.blame(err, "name")):
		return err
	case f.Bad():
		return c.renderOne(r, http.StatusUnprocessableEntity, id, f)
	}
	return r.redirect(pathOf(c.kind, id))
}

// renderGone answers who has saved one that is no more.
func (c catalog) renderGone(r *request, id int64) error {
	empty := func(*store.Tx) (*form, error) { return c.form(named{}), nil }
	return r.renderGone(gone{kind: c.kind, id: id, page: page{Crumbs: c.crumbs()}, add: c.path + "/add", form: empty})
}
