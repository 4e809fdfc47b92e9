package admin

import "multiproc/store"

const apisPath = home + "apis"

func apis() catalog {
	return catalog{
		kind: kindAPI, one: "API", several: "APIs", path: apisPath, nav: "APIs", params: true, filter: "api",
		transactionsOf: func(name string) store.TransactionFilter { return store.TransactionFilter{API: name} },
		find: func(tx *store.Tx, q store.NameQuery) (store.Slice[named], error) {
			s, err := tx.FindAPIs(q)
			return store.MapSlice(s, func(a store.API) named { return named(a) }), err
		},
		counts: (*store.Tx).CountByAPI,
		get: func(tx *store.Tx, id int64) (named, error) {
			a, err := tx.API(id)
			return named(a), err
		},
		byName: func(tx *store.Tx, name string) (named, error) {
			a, err := tx.APIByName(name)
			return named(a), err
		},
		create: func(tx *store.Tx, n named) (named, error) {
			a, err := tx.CreateAPI(store.API(n))
			return named(a), err
		},
		update:  func(tx *store.Tx, n named) error { return tx.UpdateAPI(store.API(n)) },
		cascade: store.CascadeAPI,
	}
}
