package admin

import (
	"errors"
	"fmt"
	"net/http"

	"multiproc/store"
)

// transactionView is one transaction.
type transactionView struct {
	Item    store.Transaction
	API     string // addresses
	Status  string
	Form    *form // nil: not for this role
	Delete  string
	History objectHistory
}

var transactionCrumbs = []crumb{{"Transactions", transactionsPath}}

func showTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return renderTransaction(r, http.StatusOK, id, nil)
}

// renderTransaction shows one; f is the form as it was filled in, or nil.
func renderTransaction(r *request, status int, id int64, f *form) error {
	view := transactionView{Form: f, Delete: pathOf(store.KindTransaction, id) + "/delete"}
	err := r.view(func(tx *store.Tx) (err error) {
		if view.Item, err = tx.Transaction(id); err != nil {
			return err
		}
		api, err := tx.NamedByName(store.KindAPI, view.Item.API)
		if err != nil {
			return err
		}
		status, err := tx.NamedByName(store.KindStatus, view.Item.Status)
		if err != nil {
			return err
		}
		view.API, view.Status = pathOf(store.KindAPI, api.ID), pathOf(store.KindStatus, status.ID)
		if f == nil && r.may(staff) {
			if view.Form, err = transactionForm(tx, view.Item); err != nil {
				return err
			}
		}
		entries, err := historyOf(tx, store.KindTransaction, id)
		view.History = objectHistoryOf(store.KindTransaction, id, entries)
		view.History.Note = "A creation through the API is told here and not in the history of all, as transactions come by the thousands."
		return err
	})
	if f != nil && errors.Is(err, store.ErrNotFound) {
		return renderGoneTransaction(r, id)
	}
	if err != nil {
		return err
	}
	return r.render(status, "transaction", page{Title: fmt.Sprintf("Transaction %d", id), Crumbs: transactionCrumbs, Data: view})
}

func changeTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	var f *form
	err = r.change(func(ch *change) error {
		before, err := ch.Transaction(id)
		if err != nil {
			return err
		}
		if f, err = transactionForm(ch.Tx, before); err != nil {
			return err
		}
		after, err := readTransaction(ch.Tx, r, f, before)
		if err != nil || f.Bad() {
			return err
		}
		if after == before {
			return ch.say("Nothing was changed.")
		}
		if err := f.checkVersion(ch.Tx, store.KindTransaction, id); err != nil {
			return err
		}
		if err := ch.updateTransaction(before, after); err != nil {
			return err
		}
		return ch.say("Transaction %d was changed.", id)
	})
	switch {
	case f == nil && errors.Is(err, store.ErrNotFound):
		return renderGoneTransaction(r, id)
	case errors.Is(err, errStale):
		return renderTransaction(r, http.StatusConflict, id, f)
	case err != nil && (f == nil || !f.blame(err, "")):
		return err
	case f.Bad():
		return renderTransaction(r, http.StatusUnprocessableEntity, id, f)
	}
	return r.redirect(pathOf(store.KindTransaction, id))
}

// renderGoneTransaction answers who has saved one that is no more.
func renderGoneTransaction(r *request, id int64) error {
	empty := func(tx *store.Tx) (*form, error) { return transactionForm(tx, store.Transaction{}) }
	return r.renderGone(gone{
		kind: store.KindTransaction, id: id, page: page{Crumbs: transactionCrumbs}, add: transactionsPath + "/add", form: empty,
	})
}

// transactionName is what the audit log calls one.
func transactionName(t store.Transaction) string { return fmt.Sprintf("%s %s", t.API, t.Amount) }

// updateTransaction makes one of the other, and records it.
func (c *change) updateTransaction(before, after store.Transaction) error {
	if err := c.UpdateTransaction(after); err != nil {
		return err
	}
	changes := store.Changes{}
	changes.Differ("api", before.API, after.API)
	changes.Differ("status", before.Status, after.Status)
	changes.Differ("amount", before.Amount.String(), after.Amount.String())
	return c.record(store.ActionChange, store.KindTransaction, after.ID, transactionName(after), changes)
}

// removeTransaction deletes one, and records it.
func (c *change) removeTransaction(t store.Transaction) error {
	if err := c.DeleteTransaction(t.ID); err != nil {
		return err
	}
	changes := store.Changes{"api": {t.API, nil}, "status": {t.Status, nil}, "amount": {t.Amount.String(), nil}}
	return c.record(store.ActionDelete, store.KindTransaction, t.ID, transactionName(t), changes)
}
