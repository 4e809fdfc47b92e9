package admin

import (
	"net/http"
	"strings"

	"multiproc/store"
)

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
			chosen, err := tx.NamedByName(c.catalog.kind, c.name)
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
	return f, f.versioned(tx, store.KindTransaction, t.ID)
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
		if err := ch.record(store.ActionCreate, store.KindTransaction, made.ID, transactionName(made), changes); err != nil {
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
	return r.redirect(pathOf(store.KindTransaction, made.ID))
}
