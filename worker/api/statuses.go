package api

import "multiproc/store"

func statuses() catalog {
	return catalog{
		kind:   "status",
		path:   "/api/v1/statuses",
		fields: []string{"name", "description"},
		set:    setDescribed,
		list: func(tx *store.Tx, p store.Page) (store.Slice[named], error) {
			s, err := tx.Statuses(p)
			return store.MapSlice(s, namedStatus), err
		},
		get: func(tx *store.Tx, id int64) (named, error) {
			status, err := tx.Status(id)
			return namedStatus(status), err
		},
		create: func(tx *store.Tx, n named) (named, error) {
			status, err := tx.CreateStatus(n.status())
			return namedStatus(status), err
		},
		update:  func(tx *store.Tx, n named) error { return tx.UpdateStatus(n.status()) },
		cascade: store.CascadeStatus,
		usedBy:  func(name string) store.TransactionFilter { return store.TransactionFilter{Status: name} },
	}
}

func namedStatus(s store.Status) named {
	return named{ID: s.ID, Name: s.Name, Description: s.Description}
}

func (n named) status() store.Status {
	return store.Status{ID: n.ID, Name: n.Name, Description: n.Description}
}
