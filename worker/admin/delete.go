package admin

import (
	"multiproc/store"
)

// deletion is an object on the page that asks whether to delete it.
type deletion struct {
	One, Name    string // the kind and the name of the object
	Path         string
	Crumbs       []crumb
	Transactions int64  // that are deleted with it
	List         string // address of these; empty: the kind has none
	Note         string
	Form         *form

	stored *form // the form of the object, for its version
}

// renderDeletion asks whether to delete an object, after a fault if there is one.
func (r *request) renderDeletion(status int, fault string, load func(*store.Tx) (deletion, error)) error {
	var d deletion
	err := r.view(func(tx *store.Tx) (err error) {
		d, err = load(tx)
		return err
	})
	if err != nil {
		return err
	}
	submit := "Yes, delete it"
	if d.Transactions > 0 {
		submit += " and its " + transactionCount(d.Transactions)
	}
	d.Form = &form{Submit: submit, Danger: true, Cancel: d.Path, Fault: fault, Version: d.stored.current}
	return r.render(status, "delete", page{Title: "Delete " + d.One + " " + d.Name + "?", Crumbs: append(d.Crumbs, crumb{d.Name, d.Path}), Data: d})
}

// changedBeforeDeletion is the fault of a deletion that failed with errStale.
const changedBeforeDeletion = "Nothing was deleted: this was changed meanwhile. Check it again."

// checkDeletion fails with errStale unless the deletion was confirmed for the current version of an object, given by its form.
func (r *request) checkDeletion(stored *form) error {
	if r.PostForm.Get("version") != stored.current {
		return errStale
	}
	return nil
}
