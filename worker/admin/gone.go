package admin

import (
	"fmt"
	"net/http"

	"multiproc/store"
)

// gone is what there is to say to who saves a form of an object that is no more.
type gone struct {
	kind store.Kind
	id   int64
	page page                           // without its Title and Data
	add  string                         // the path by which another one is added
	form func(*store.Tx) (*form, error) // by which that is done, empty
}

// renderGone answers with the form by which another one is added, with what was typed in it.
func (r *request) renderGone(g gone) error {
	var f *form
	var told string
	err := r.view(func(tx *store.Tx) (err error) {
		if f, err = g.form(tx); err != nil {
			return err
		}
		told, err = deletedBy(tx, g.kind, g.id)
		return err
	})
	if err != nil {
		return err
	}
	f.fill(r)
	f.Version = "" // it is about none that is there
	f.Action, f.Submit = g.add, "Add it anew"
	f.Fault = "Nothing was saved. " + told + " What you typed is still here, and can be added anew."
	g.page.Title, g.page.Data = "It is gone", f
	return r.render(http.StatusNotFound, "form", g.page)
}

// deletedBy says who has deleted an object, as far as the history tells.
func deletedBy(tx *store.Tx, kind store.Kind, id int64) (string, error) {
	entries, err := tx.Entries(store.EntryQuery{Kind: kind, ObjectID: id, Page: store.Page{Limit: 1}})
	if err != nil {
		return "", err
	}
	if len(entries.Items) == 0 || entries.Items[0].Action != store.ActionDelete {
		return "It was deleted meanwhile.", nil
	}
	e := entries.Items[0]
	return fmt.Sprintf("It was deleted meanwhile by %s (at %s UTC).", e.Actor, moment(e.Time)), nil
}
