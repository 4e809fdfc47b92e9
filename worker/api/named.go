package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"multiproc/store"
)

// named is an API or a status as clients see it.
type named struct {
	ID          int64           `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Params      json.RawMessage `json:"params,omitempty"` // of an API
}

func namedOf(n store.Named) named { return named{n.ID, n.Name, n.Description, n.Params} }

// collection is the APIs or the statuses.
type collection struct {
	kind   store.Kind
	path   string
	fields []string // that clients may set
}

func apis() collection {
	return collection{store.KindAPI, "/api/v1/apis", []string{"name", "description", "params"}}
}

func statuses() collection {
	return collection{store.KindStatus, "/api/v1/statuses", []string{"name", "description"}}
}

func (a *API) namedRoutes(c collection) []route {
	bound := func(f func(*API, *request) (answer, error)) func(*request) (answer, error) {
		return func(r *request) (answer, error) { return f(a, r) }
	}
	one := c.path + "/{id}"
	return []route{
		{method: "GET", path: c.path, read: c.list, query: []string{"limit", "cursor"}},
		{method: "POST", path: c.path, write: bound(c.create)},
		{method: "GET", path: one, read: c.get},
		{method: "PATCH", path: one, write: bound(c.change)},
		{method: "DELETE", path: one, write: bound(c.delete), query: []string{"cascade"}},
	}
}

func (c collection) list(tx *store.Tx, r *request) (answer, error) {
	slice, err := tx.ListNamed(store.NamedQuery{Kind: c.kind, Page: r.page()})
	if err != nil {
		return answer{}, err
	}
	return r.list(store.MapSlice(slice, namedOf).Items, slice.Next)
}

func (c collection) get(tx *store.Tx, r *request) (answer, error) {
	id, err := r.id()
	if err != nil {
		return answer{}, err
	}
	n, err := tx.Named(c.kind, id)
	if err != nil {
		return answer{}, err
	}
	return encoded(http.StatusOK, namedOf(n))
}

func (c collection) create(a *API, r *request) (answer, error) {
	o, err := r.readObject(c.fields...)
	if err != nil {
		return answer{}, err
	}
	o.required("name", "a string")
	n := store.Named{Kind: c.kind}
	c.set(&n, &o)
	return a.change(r, func(tx *store.Tx) (outcome, error) {
		n, err := tx.CreateNamed(n)
		if err != nil {
			return outcome{}, err
		}
		changes := difference(store.Named{Name: n.Name}, n)
		if err := r.record(tx, store.ActionCreate, c.kind, n.ID, n.Name, changes); err != nil {
			return outcome{}, err
		}
		return createdAt(c.path, n.ID, namedOf(n)), nil
	})
}

// set sets the fields of n that an object has.
func (c collection) set(n *store.Named, o *object) {
	o.setText(&n.Name, "name")
	o.setText(&n.Description, "description")
	if c.kind != store.KindAPI {
		return
	}
	if params := o.optional("params", "an object"); params != nil {
		n.Params = json.RawMessage(params)
	}
}

// change changes the fields that the body has.
func (c collection) change(a *API, r *request) (answer, error) {
	id, err := r.id()
	if err != nil {
		return answer{}, err
	}
	o, err := r.readObject(c.fields...)
	if err != nil {
		return answer{}, err
	}
	c.set(new(store.Named), &o) // finds the faults before the request waits for its turn to write
	return a.change(r, func(tx *store.Tx) (outcome, error) {
		before, err := tx.Named(c.kind, id)
		if err != nil {
			return outcome{}, err
		}
		after := before
		c.set(&after, &o)
		if changes := difference(before, after); len(changes) > 0 {
			if err := tx.UpdateNamed(after); err != nil {
				return outcome{}, err
			}
			if err := r.record(tx, store.ActionChange, c.kind, id, after.Name, changes); err != nil {
				return outcome{}, err
			}
		}
		return outcome{status: http.StatusOK, value: namedOf(after)}, nil
	})
}

func (c collection) delete(a *API, r *request) (answer, error) {
	id, err := r.id()
	if err != nil {
		return answer{}, err
	}
	all, deletion := r.flag("cascade"), store.NewDeletion(c.kind, id, r.actor())
	if all {
		if err := c.deleteMost(a, r, id, deletion); err != nil {
			return answer{}, err
		}
	}
	return a.change(r, func(tx *store.Tx) (outcome, error) {
		if !all {
			if err := c.checkUnused(tx, id); err != nil {
				return outcome{}, err
			}
		}
		return outcome{status: http.StatusNoContent}, deletion.Delete(tx)
	})
}

// deleteMost deletes most of the transactions in batches, so that no commit deletes too many. It does nothing if the request
// was done before, with the same Idempotency-Key.
func (c collection) deleteMost(a *API, r *request, id int64, deletion *store.Deletion) error {
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
		_, err := tx.Named(c.kind, id)
		return err
	})
	if err != nil || done {
		return err
	}
	err = deletion.DeleteMost(func(f func(*store.Tx) error) error { return a.update(r, f) })
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted meanwhile, perhaps by the same request: the caller reports it
	}
	return err
}

// checkUnused fails if transactions refer to the API or status. It does not count them, which would hold up all writers.
func (c collection) checkUnused(tx *store.Tx, id int64) error {
	n, err := tx.Named(c.kind, id)
	if err != nil {
		return err
	}
	slice, err := tx.Transactions(store.TransactionQuery{TransactionFilter: n.Filter(), Page: store.Page{Limit: 1}})
	if err == nil && len(slice.Items) > 0 {
		err = &problemError{Status: http.StatusConflict, Detail: "it has transactions: add ?cascade=true to delete them too"}
	}
	return err
}

// difference returns what has changed.
func difference(before, after store.Named) store.Changes {
	changes := store.Changes{}
	changes.Differ("name", before.Name, after.Name)
	changes.Differ("description", before.Description, after.Description)
	changes.Differ("params", string(before.Params), string(after.Params))
	return changes
}
