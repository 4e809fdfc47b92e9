package api

import "multiproc/store"

func statuses() catalog {
	return catalog{
		kind:   store.KindStatus,
		path:   "/api/v1/statuses",
		fields: []string{"name", "description"},
		set:    setDescribed,
	}
}
