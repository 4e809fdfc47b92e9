package api

import "multiproc/store"

// actor is whose request it is, as the audit log has it.
func (r *request) actor() string { return "token " + r.token.Name }

// record says in the audit log what the request did to an object, which has this name.
func (r *request) record(tx *store.Tx, action store.Action, kind store.Kind, id int64, name string, changes store.Changes) error {
	return tx.Record(store.Entry{Actor: r.actor(), Action: action, Kind: kind, ObjectID: id, Object: name, Changes: changes.JSON()})
}
