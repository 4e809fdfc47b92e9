package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"multiproc/store"
)

// transactionView is the page of one transaction.
type transactionView struct {
	Item    store.Transaction
	API     string // addresses
	Status  string
	Form    *form // nil: not for this role
	Delete  string
	History objectHistory
}

func transactionCrumbs() []crumb { return []crumb{{"Transactions", transactionsPath}} }

func transactionTitle(id int64) string { return fmt.Sprintf("Transaction %d", id) }

func showTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return renderTransaction(r, http.StatusOK, id, nil)
}

// renderTransaction shows a transaction; f is the form as it was filled in, or nil.
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
		view.History, err = historyOf(tx, store.KindTransaction, id)
		view.History.Note = "Creations through the API are shown here, but not in the history of everything, as there can be thousands per second."
		return err
	})
	if f != nil && errors.Is(err, store.ErrNotFound) {
		return renderDeletedTransaction(r)
	}
	if err != nil {
		return err
	}
	return r.render(status, "transaction", page{Title: transactionTitle(id), Crumbs: transactionCrumbs(), Data: view})
}

func renderDeletedTransaction(r *request) error {
	var f *form
	err := r.view(func(tx *store.Tx) (err error) {
		f, err = transactionForm(tx, store.Transaction{})
		return err
	})
	if err != nil {
		return err
	}
	return r.renderDeleted(f, transactionsPath+"/add", transactionCrumbs())
}

// transactionForm returns the form of a transaction: versioned, or empty if the transaction has no id.
func transactionForm(tx *store.Tx, t store.Transaction) (*form, error) {
	f := &form{Submit: "Save", Cancel: transactionsPath}
	for _, c := range []struct {
		collection collection
		name       string
	}{{apis(), t.API}, {statuses(), t.Status}} {
		choice, err := c.collection.choice(tx, c.collection.filter(), capital(c.collection.one), "choose…")
		if err != nil {
			return nil, err
		}
		if choice.Required = true; t.ID != 0 {
			chosen, err := tx.NamedByName(c.collection.kind, c.name)
			if err != nil {
				return nil, err
			}
			choice.set(chosen)
		}
		f.Fields = append(f.Fields, choice)
	}
	amount := &field{
		Name: "amount", Label: "Amount", Required: true, Autocomplete: "off",
		Help: "A number with at most four decimal places, for example 1250.50.",
	}
	f.Fields = append(f.Fields, amount)
	if t.ID == 0 {
		return f, nil
	}
	amount.Value = t.Amount.String()
	return f.versioned(), nil
}

// readTransaction returns t with what was typed. The form gets its faults.
func readTransaction(tx *store.Tx, r *request, f *form, t store.Transaction) (store.Transaction, error) {
	f.fill(r)
	for _, c := range []struct {
		collection collection
		name       *string
	}{{apis(), &t.API}, {statuses(), &t.Status}} {
		field := f.field(c.collection.filter())
		chosen, err := c.collection.choose(tx, field, r.PostForm)
		if err != nil {
			return t, err
		}
		if *c.name = chosen.Name; chosen.ID == 0 && field.Problem == "" {
			f.problem(field.Name, "must be chosen")
		}
	}
	amount, err := store.ParseAmount(strings.TrimSpace(f.field("amount").Value))
	if err != nil && !f.blame(err, "") {
		return t, err
	}
	t.Amount = amount
	return t, nil
}

func showAddTransaction(r *request) error {
	var f *form
	err := r.view(func(tx *store.Tx) (err error) {
		f, err = transactionForm(tx, store.Transaction{})
		return err
	})
	if err != nil {
		return err
	}
	return renderAddTransaction(r, http.StatusOK, f)
}

func renderAddTransaction(r *request, status int, f *form) error {
	return r.render(status, "form", page{Title: "Add transaction", Crumbs: transactionCrumbs(), Data: f})
}

func addTransaction(r *request) error {
	var f *form
	var made store.Transaction
	err := r.change(func(ch *change) (err error) {
		if f, err = transactionForm(ch.Tx, store.Transaction{}); err != nil {
			return err
		}
		t, err := readTransaction(ch.Tx, r, f, store.Transaction{})
		if err != nil || f.Bad() {
			return err
		}
		if made, err = ch.CreateTransaction(t); err != nil {
			return err
		}
		ch.say("Transaction %d was added.", made.ID)
		changes := store.Changes{"api": {"", made.API}, "status": {"", made.Status}, "amount": {"", made.Amount.String()}}
		return ch.record(store.ActionCreate, store.KindTransaction, made.ID, transactionName(made), changes)
	})
	return r.saved(err, f, "", pathOf(store.KindTransaction, made.ID), func(status int) error { return renderAddTransaction(r, status, f) }, nil)
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
			ch.say("Nothing was changed.")
			return nil
		}
		if err := f.checkVersion(); err != nil {
			return err
		}
		ch.say("Transaction %d was changed.", id)
		return ch.updateTransaction(before, after)
	})
	again := func(status int) error { return renderTransaction(r, status, id, f) }
	return r.saved(err, f, "", pathOf(store.KindTransaction, id), again, func() error { return renderDeletedTransaction(r) })
}

// transactionName returns the name of a transaction in the audit log.
func transactionName(t store.Transaction) string { return fmt.Sprintf("%s %s", t.API, t.Amount) }

// updateTransaction stores a changed transaction, and records the change.
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

// removeTransaction deletes a transaction, and records the deletion.
func (c *change) removeTransaction(t store.Transaction) error {
	if err := c.DeleteTransaction(t.ID); err != nil {
		return err
	}
	changes := store.Changes{"api": {t.API, nil}, "status": {t.Status, nil}, "amount": {t.Amount.String(), nil}}
	return c.record(store.ActionDelete, store.KindTransaction, t.ID, transactionName(t), changes)
}

func showDeleteTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return renderDeleteTransaction(r, http.StatusOK, id, "")
}

func renderDeleteTransaction(r *request, status int, id int64, fault string) error {
	return r.renderDeletion(status, fault, func(tx *store.Tx) (d deletion, err error) {
		t, err := tx.Transaction(id)
		if err != nil {
			return d, err
		}
		d = deletion{
			One: "transaction", Name: fmt.Sprintf("%d (%s, %s, %s)", t.ID, t.API, t.Status, t.Amount),
			Path: pathOf(store.KindTransaction, id), Crumbs: transactionCrumbs(), Note: "Nothing else is deleted. Its history stays.",
		}
		d.stored, err = transactionForm(tx, t)
		return d, err
	})
}

func deleteTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	err = r.change(func(ch *change) error {
		t, err := ch.Transaction(id)
		if err != nil {
			return err
		}
		stored, err := transactionForm(ch.Tx, t)
		if err != nil {
			return err
		}
		if err := r.checkDeletion(stored); err != nil {
			return err
		}
		ch.say("Transaction %d was deleted.", id)
		return ch.removeTransaction(t)
	})
	if errors.Is(err, errStale) {
		return renderDeleteTransaction(r, http.StatusConflict, id, changedBeforeDeletion)
	}
	if err != nil {
		return err
	}
	return r.redirect(transactionsPath)
}
