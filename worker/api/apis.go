package api

import (
	"encoding/json"

	"multiproc/store"
)

func apis() catalog {
	return catalog{
		kind:   store.KindAPI,
		path:   "/api/v1/apis",
		fields: []string{"name", "description", "params"},
		set: func(o *object, n *named) {
			setDescribed(o, n)
			if params := o.optional("params", "an object"); params != nil {
				n.Params = json.RawMessage(params)
			}
		},
	}
}
