package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

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

// transactionForm is the form of a transaction, with what there is to choose from.
func transactionForm(tx *store.Tx, t store.Transaction) (*form, error) {
	f := &form{Submit: "Save", Cancel: transactionsPath}
	for _, c := range []struct {
		catalog catalog
		name    string
	}{{apis(), t.API}, {statuses(), t.Status}} {
		choice, err := c.catalog.choice(tx, c.catalog.filter, capital(c.catalog.one), "choose…")
		if err != nil {
			return nil, err
		}
		if choice.Required = true; t.ID != 0 {
			chosen, err := c.catalog.byName(tx, c.name)
			if err != nil {
				return nil, err
			}
			choice.set(chosen)
		}
		f.Fields = append(f.Fields, choice)
	}
	amount := &field{
		Name: "amount", Label: "Amount", Required: true, Autocomplete: "off",
		Help: "A number with four decimal places at most, as in 1250.50.",
	}
	if t.ID != 0 {
		amount.Value = t.Amount.String()
	}
	f.Fields = append(f.Fields, amount)
	if t.ID == 0 {
		return f, nil
	}
	return f, f.versioned(tx, kindTransaction, t.ID)
}

// readTransaction is what somebody has typed about t. What is wrong with it it says in the form.
func readTransaction(tx *store.Tx, r *request, f *form, t store.Transaction) (store.Transaction, error) {
	f.fill(r)
	for _, c := range []struct {
		catalog catalog
		name    *string
	}{{apis(), &t.API}, {statuses(), &t.Status}} {
		field := f.field(c.catalog.filter)
		chosen, err := c.catalog.choose(tx, field, r.PostForm)
		if err != nil {
			return t, err
		}
		if *c.name = chosen.Name; chosen.ID == 0 && field.Problem == "" {
			f.problem(field.Name, "is to be chosen")
		}
	}
	amount, err := store.ParseAmount(strings.TrimSpace(f.field("amount").Value))
	if err != nil && !f.blame(err, "") {
		return t, err
	}
	t.Amount = amount
	return t, nil
}

// transactionName is what the audit log calls one.
func transactionName(t store.Transaction) string { return fmt.Sprintf("%s %s", t.API, t.Amount) }

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
	return r.render(status, "form", page{Title: "Add a transaction", Crumbs: transactionCrumbs, Data: f})
}

func addTransaction(r *request) error {
	var f *form
	var made store.Transaction
	err := r.change(func(ch *change) (err error) {
		if f, err = transactionForm(ch.Tx, store.Transaction{}); err != nil {
			return err
		}
		asked, err := readTransaction(ch.Tx, r, f, store.Transaction{})
		if err != nil || f.Bad() {
			return err
		}
		if made, err = ch.CreateTransaction(asked); err != nil {
			return err
		}
		changes := store.Changes{"api": {"", made.API}, "status": {"", made.Status}, "amount": {"", made.Amount.String()}}
		if err := ch.record(store.ActionCreate, kindTransaction, made.ID, transactionName(made), changes); err != nil {
			return err
		}
		return ch.say("Transaction %d was added.", made.ID)
	})
	switch {
	case err != nil && (f == nil || !f.blame(err, "")):
		return err
	case f.Bad():
		return renderAddTransaction(r, http.StatusUnprocessableEntity, f)
	}
	return r.redirect(pathOf(kindTransaction, made.ID))
}

func showTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return renderTransaction(r, http.StatusOK, id, nil)
}

// renderTransaction shows one; f is the form as it was filled in, or nil.
func renderTransaction(r *request, status int, id int64, f *form) error {
	view := transactionView{Form: f, Delete: pathOf(kindTransaction, id) + "/delete"}
	err := r.view(func(tx *store.Tx) (err error) {
		if view.Item, err = tx.Transaction(id); err != nil {
			return err
		}
		api, err := tx.APIByName(view.Item.API)
		if err != nil {
			return err
		}
		status, err := tx.StatusByName(view.Item.Status)
		if err != nil {
			return err
		}
		view.API, view.Status = pathOf(kindAPI, api.ID), pathOf(kindStatus, status.ID)
		if f == nil && r.may(staff) {
			if view.Form, err = transactionForm(tx, view.Item); err != nil {
				return err
			}
		}
		entries, err := historyOf(tx, kindTransaction, id)
		view.History = objectHistoryOf(kindTransaction, id, entries)
		view.History.Note = "A creation through the API is told here and not in the history of all, as transactions come by the thousands."
		return err
	})
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
		if err := f.checkVersion(ch.Tx, kindTransaction, id); err != nil {
			return err
		}
		if err := ch.updateTransaction(before, after); err != nil {
			return err
		}
		return ch.say("Transaction %d was changed.", id)
	})
	switch {
	case errors.Is(err, errStale):
		return renderTransaction(r, http.StatusConflict, id, f)
	case err != nil && (f == nil || !f.blame(err, "")):
		return err
	case f.Bad():
		return renderTransaction(r, http.StatusUnprocessableEntity, id, f)
	}
	return r.redirect(pathOf(kindTransaction, id))
}

// updateTransaction makes one of the other, and records it.
func (c *change) updateTransaction(before, after store.Transaction) error {
	if err := c.UpdateTransaction(after); err != nil {
		return err
	}
	changes := store.Changes{}
	changes.Differ("api", before.API, after.API)
	changes.Differ("status", before.Status, after.Status)
	changes.Differ("amount", before.Amount.String(), after.Amount.String())
	return c.record(store.ActionChange, kindTransaction, after.ID, transactionName(after), changes)
}

// removeTransaction deletes one, and records it.
func (c *change) removeTransaction(t store.Transaction) error {
	if err := c.DeleteTransaction(t.ID); err != nil {
		return err
	}
	changes := store.Changes{"api": {t.API, nil}, "status": {t.Status, nil}, "amount": {t.Amount.String(), nil}}
	return c.record(store.ActionDelete, kindTransaction, t.ID, transactionName(t), changes)
}

func showDeleteTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return renderDeleteTransaction(r, http.StatusOK, id, &form{})
}

// renderDeleteTransaction asks; f has what is wrong with the answer that there was.
func renderDeleteTransaction(r *request, status int, id int64, f *form) error {
	var t store.Transaction
	err := r.view(func(tx *store.Tx) (err error) {
		if t, err = tx.Transaction(id); err != nil {
			return err
		}
		shown, err := transactionForm(tx, t)
		if err == nil {
			f.Version = shown.Version
		}
		return err
	})
	if err != nil {
		return err
	}
	path := pathOf(kindTransaction, id)
	f.Submit, f.Danger, f.Cancel = "Yes, delete it", true, path
	view := deleteView{One: "transaction", Name: fmt.Sprintf("%d (%s, %s, %s)", t.ID, t.API, t.Status, t.Amount), Form: f}
	return r.render(status, "delete", page{
		Title:  fmt.Sprintf("Delete transaction %d?", id),
		Crumbs: append(transactionCrumbs[:1:1], crumb{fmt.Sprintf("Transaction %d", id), path}), Data: view,
	})
}

func deleteTransaction(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	ask := &form{} // again, if need be
	err = r.change(func(ch *change) error {
		t, err := ch.Transaction(id)
		if err != nil {
			return err
		}
		shown, err := transactionForm(ch.Tx, t)
		if err != nil {
			return err
		}
		if err := ask.checkDeletion(ch, kindTransaction, id, shown); err != nil {
			return err
		}
		if err := ch.removeTransaction(t); err != nil {
			return err
		}
		return ch.say("Transaction %d was deleted.", id)
	})
	if errors.Is(err, errStale) {
		return renderDeleteTransaction(r, http.StatusConflict, id, ask)
	}
	if err != nil {
		return err
	}
	return r.redirect(transactionsPath)
}
