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

func (c collection) routes() []route {
	one := c.path + "/{id}"
	return []route{
		{method: "GET", path: c.path, read: c.list, query: []string{"limit", "cursor"}},
		{method: "POST", path: c.path, write: c.create},
		{method: "GET", path: one, read: c.get},
		{method: "PATCH", path: one, write: c.change},
		{method: "DELETE", path: one, write: c.delete, query: []string{"cascade"}},
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
	n, err := tx.Named(c.kind, r.id)
	if err != nil {
		return answer{}, err
	}
	return encoded(http.StatusOK, namedOf(n))
}

func (c collection) create(r *request) (answer, error) {
	o, err := r.readObject(c.fields...)
	if err != nil {
		return answer{}, err
	}
	o.required("name", "a string")
	n := store.Named{Kind: c.kind}
	c.set(&n, &o)
	return r.change(func(tx *store.Tx) (outcome, error) {
		n, err := tx.CreateNamed(n)
		if err != nil {
			return outcome{}, err
		}
		changes := store.Named{Name: n.Name}.Changes(n)
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
func (c collection) change(r *request) (answer, error) {
	o, err := r.readObject(c.fields...)
	if err != nil {
		return answer{}, err
	}
	c.set(new(store.Named), &o) // finds the faults before the request waits for its turn to write
	return r.change(func(tx *store.Tx) (outcome, error) {
		before, err := tx.Named(c.kind, r.id)
		if err != nil {
			return outcome{}, err
		}
		after := before
		c.set(&after, &o)
		if changes := before.Changes(after); len(changes) > 0 {
			if err := tx.UpdateNamed(after); err != nil {
				return outcome{}, err
			}
			if err := r.record(tx, store.ActionChange, c.kind, r.id, after.Name, changes); err != nil {
				return outcome{}, err
			}
		}
		return outcome{status: http.StatusOK, value: namedOf(after)}, nil
	})
}

func (c collection) delete(r *request) (answer, error) {
	all, deletion := r.flag("cascade"), store.NewDeletion(c.kind, r.id, r.actor())
	if all {
		if err := c.deleteMost(r, deletion); err != nil {
			return answer{}, err
		}
	}
	return r.change(func(tx *store.Tx) (outcome, error) {
		if !all {
			if err := c.checkUnused(tx, r.id); err != nil {
				return outcome{}, err
			}
		}
		return outcome{status: http.StatusNoContent}, deletion.Delete(tx)
	})
}

// deleteMost deletes most of the transactions in batches, so that no commit deletes too many. It does nothing if the request
// was done before, with the same Idempotency-Key.
func (c collection) deleteMost(r *request, deletion *store.Deletion) error {
	key, err := r.key()
	if err != nil {
		return err
	}
	done := false
	err = r.api.store.View(r.Context(), func(tx *store.Tx) error {
		if key.Key != "" {
			_, err := tx.Answer(key)
			if done = err == nil; done || !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		_, err := tx.Named(c.kind, r.id)
		return err
	})
	if err != nil || done {
		return err
	}
	err = deletion.DeleteMost(r.update)
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
