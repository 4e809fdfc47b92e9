package admin

import (
	"errors"
	"fmt"
	"net/http"

	"multiproc/store"
)

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
	path := pathOf(store.KindTransaction, id)
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
		if err := ask.checkDeletion(ch, store.KindTransaction, id, shown); err != nil {
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
