package api

import (
	"encoding/json"

	"multiproc/store"
)

func apis() catalog {
	return catalog{
		kind:   "api",
		path:   "/api/v1/apis",
		fields: []string{"name", "description", "params"},
		set: func(o *object, n *named) {
			setDescribed(o, n)
			if params := o.optional("params", "an object"); params != nil {
				n.Params = json.RawMessage(params)
			}
		},
		list: func(tx *store.Tx, p store.Page) (store.Slice[named], error) {
			s, err := tx.APIs(p)
			return store.MapSlice(s, namedAPI), err
		},
		get: func(tx *store.Tx, id int64) (named, error) {
			api, err := tx.API(id)
			return namedAPI(api), err
		},
		create: func(tx *store.Tx, n named) (named, error) {
			api, err := tx.CreateAPI(n.api())
			return namedAPI(api), err
		},
		update:  func(tx *store.Tx, n named) error { return tx.UpdateAPI(n.api()) },
		cascade: store.CascadeAPI,
		usedBy:  func(name string) store.TransactionFilter { return store.TransactionFilter{API: name} },
	}
}

func namedAPI(a store.API) named { return named(a) }

func (n named) api() store.API { return store.API(n) }
