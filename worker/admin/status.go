package admin

import "multiproc/store"

const statusesPath = home + "statuses"

func statuses() catalog {
	return catalog{
		kind: kindStatus, one: "status", several: "statuses", path: statusesPath, nav: "Statuses", filter: "status",
		transactionsOf: func(name string) store.TransactionFilter { return store.TransactionFilter{Status: name} },
		find: func(tx *store.Tx, q store.NameQuery) (store.Slice[named], error) {
			s, err := tx.FindStatuses(q)
			return store.MapSlice(s, namedStatus), err
		},
		counts: (*store.Tx).CountByStatus,
		get: func(tx *store.Tx, id int64) (named, error) {
			s, err := tx.Status(id)
			return namedStatus(s), err
		},
		byName: func(tx *store.Tx, name string) (named, error) {
			s, err := tx.StatusByName(name)
			return namedStatus(s), err
		},
		create: func(tx *store.Tx, n named) (named, error) {
			s, err := tx.CreateStatus(n.status())
			return namedStatus(s), err
		},
		update:  func(tx *store.Tx, n named) error { return tx.UpdateStatus(n.status()) },
		cascade: store.CascadeStatus,
	}
}

func namedStatus(s store.Status) named {
	return named{ID: s.ID, Name: s.Name, Description: s.Description}
}

func (n named) status() store.Status {
	return store.Status{ID: n.ID, Name: n.Name, Description: n.Description}
}
