package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"multiproc/store"
)

// named is an API or a status: what transactions refer to by its name.
type named struct {
	ID          int64           `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Params      json.RawMessage `json:"params,omitempty"` // of an API
}

// catalog is all that there is of a kind, APIs or statuses, and what the store can do with them.
type catalog struct {
	kind   store.Kind
	path   string
	fields []string // that clients may set
	set    func(*object, *named)
}

func namedOf(n store.Named) named { return named{n.ID, n.Name, n.Description, n.Params} }

func (c catalog) stored(n named) store.Named {
	return store.Named{Kind: c.kind, ID: n.ID, Name: n.Name, Description: n.Description, Params: n.Params}
}

func (c catalog) get(tx *store.Tx, id int64) (named, error) {
	n, err := tx.Named(c.kind, id)
	return namedOf(n), err
}

func (a *API) catalogRoutes(c catalog) []route {
	bound := func(f func(*API, *request) (answer, error)) func(*request) (answer, error) {
		return func(r *request) (answer, error) { return f(a, r) }
	}
	one := c.path + "/{id}"
	return []route{
		{method: "GET", path: c.path, read: c.answerList, query: []string{"limit", "cursor"}},
		{method: "POST", path: c.path, write: bound(c.answerCreate)},
		{method: "GET", path: one, read: c.answerGet},
		{method: "PATCH", path: one, write: bound(c.answerChange)},
		{method: "DELETE", path: one, write: bound(c.answerDelete), query: []string{"cascade"}},
	}
}

func (c catalog) answerList(tx *store.Tx, r *request) (answer, error) {
	slice, err := tx.ListNamed(store.NamedQuery{Kind: c.kind, Page: r.page()})
	if err != nil {
		return answer{}, err
	}
	return r.list(store.MapSlice(slice, namedOf).Items, slice.Next)
}

func (c catalog) answerGet(tx *store.Tx, r *request) (answer, error) {
	id, err := r.id()
	if err != nil {
		return answer{}, err
	}
	n, err := c.get(tx, id)
	if err != nil {
		return answer{}, err
	}
	return encoded(http.StatusOK, n)
}

func (c catalog) answerCreate(a *API, r *request) (answer, error) {
	o, err := r.readObject(c.fields...)
	if err != nil {
		return answer{}, err
	}
	var asked named
	o.required("name", "a string")
	c.set(&o, &asked)
	return a.change(r, func(tx *store.Tx) (outcome, error) {
		created, err := tx.CreateNamed(c.stored(asked))
		if err != nil {
			return outcome{}, err
		}
		n := namedOf(created)
		changes := difference(named{Name: n.Name}, n)
		if err := r.record(tx, store.ActionCreate, c.kind, n.ID, n.Name, changes); err != nil {
			return outcome{}, err
		}
		return createdAt(c.path, n.ID, n), nil
	})
}

// answerChange changes the fields that the body has.
func (c catalog) answerChange(a *API, r *request) (answer, error) {
	id, err := r.id()
	if err != nil {
		return answer{}, err
	}
	o, err := r.readObject(c.fields...)
	if err != nil {
		return answer{}, err
	}
	c.set(&o, new(named)) // to find what is wrong with it before anybody waits
	return a.change(r, func(tx *store.Tx) (outcome, error) {
		before, err := c.get(tx, id)
		if err != nil {
			return outcome{}, err
		}
		after := before
		c.set(&o, &after)
		if changes := difference(before, after); len(changes) > 0 {
			if err := tx.UpdateNamed(c.stored(after)); err != nil {
				return outcome{}, err
			}
			if err := r.record(tx, store.ActionChange, c.kind, id, after.Name, changes); err != nil {
				return outcome{}, err
			}
		}
		return outcome{status: http.StatusOK, value: after}, nil
	})
}

func (c catalog) answerDelete(a *API, r *request) (answer, error) {
	id, err := r.id()
	if err != nil {
		return answer{}, err
	}
	all, cascade := r.flag("cascade"), store.NewDeletion(c.kind, id, r.actor())
	if all {
		if err := c.deleteMost(a, r, id, cascade); err != nil {
			return answer{}, err
		}
	}
	return a.change(r, func(tx *store.Tx) (outcome, error) {
		if !all {
			n, err := c.get(tx, id)
			if err != nil {
				return outcome{}, err
			}
			if err := c.unused(tx, n); err != nil {
				return outcome{}, err
			}
		}
		return outcome{status: http.StatusNoContent}, cascade.Delete(tx)
	})
}

// deleteMost deletes the transactions of the one with this id, but for what can be deleted with it. It does nothing where the
// request was done already: its answer is kept.
func (c catalog) deleteMost(a *API, r *request, id int64, cascade *store.Deletion) error {
	key, err := r.key()
	if err != nil {
		return err
	}
	done := false
	err = a.store.View(r.Context(), func(tx *store.Tx) error {
		if key.Key != "" {
			_, err := tx.Answer(key)
			if done = err == nil; done || !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		_, err := c.get(tx, id)
		return err
	})
	if err != nil || done {
		return err
	}
	err = cascade.DeleteMost(func(f func(*store.Tx) error) error { return a.update(r, f) })
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was deleted meanwhile, maybe by the same request: that is found out next
	}
	return err
}

// unused finds out whether there is no transaction that refers to n. It does not count them, which would hold all writers up.
func (c catalog) unused(tx *store.Tx, n named) error {
	slice, err := tx.Transactions(store.TransactionQuery{
		TransactionFilter: c.stored(n).Filter(),
		Page:              store.Page{Limit: 1},
	})
	if err == nil && len(slice.Items) > 0 {
		err = &problemError{Status: http.StatusConflict, Detail: "it has transactions, which ?cascade=true deletes too"}
	}
	return err
}

// difference is what has changed.
func difference(before, after named) store.Changes {
	changes := store.Changes{}
	changes.Differ("name", before.Name, after.Name)
	changes.Differ("description", before.Description, after.Description)
	changes.Differ("params", string(before.Params), string(after.Params))
	return changes
}

// setDescribed sets what APIs and statuses have in common.
func setDescribed(o *object, n *named) {
	o.setText(&n.Name, "name")
	o.setText(&n.Description, "description")
}
