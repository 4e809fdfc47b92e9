package store

import (
	"encoding/json"
	"fmt"
)

// Kind is the kind of an object, as the audit log has it.
type Kind string

// Kinds of objects.
const (
	KindAPI         Kind = "api"
	KindStatus      Kind = "status"
	KindTransaction Kind = "transaction"
	KindUser        Kind = "user"
	KindToken       Kind = "token"
)

// Named is an API or a status, which transactions refer to by its name.
type Named struct {
	Kind        Kind // KindAPI or KindStatus; methods that take another one panic
	ID          int64
	Name        string          // unique among those of its kind, at most 200 characters, in NFC; its first and last characters are visible
	Description string          // at most 10,000 characters
	Params      json.RawMessage // of an API: a JSON object of at most 64 KiB, kept as given; nil: {}
}

// Filter returns the filter of the transactions that refer to n.
func (n Named) Filter() TransactionFilter {
	if n.Kind == KindAPI {
		return TransactionFilter{API: n.Name}
	}
	return TransactionFilter{Status: n.Name}
}

// namedTable is the table of a kind of Named.
type namedTable struct {
	kind    Kind
	table   string
	params  string // the expression of the params
	foreign string // the column that refers to it
}

func (k Kind) named() namedTable {
	switch k {
	case KindAPI:
		return namedTable{k, "apis", "params", "api_id"}
	case KindStatus:
		return namedTable{k, "transaction_statuses", "NULL", "status_id"}
	default:
		panic(fmt.Sprintf("BUG: %q is neither the kind of APIs nor that of statuses", k))
	}
}

func (t namedTable) columns() string { return "id, name, description, " + t.params }

func (t namedTable) query() string { return "SELECT " + t.columns() + " FROM " + t.table }

func (t namedTable) scan(r row) (Named, error) {
	n := Named{Kind: t.kind}
	err := r.Scan(&n.ID, &n.Name, &n.Description, (*[]byte)(&n.Params))
	return n, err
}

// valid checks an API or status. before is its stored name, or empty for a new one: an unchanged name is valid, since earlier rules
// may have allowed it. valid also sets the params of an API without any.
func (n *Named) valid(before string) error {
	var f faults
	if n.Name != before || n.Name == "" {
		f.name("name", n.Name)
	}
	f.text("description", n.Description, maxDescription)
	if n.Kind == KindAPI {
		if n.Params == nil {
			n.Params = json.RawMessage("{}")
		}
		f.params("params", n.Params)
	} else if n.Params != nil {
		f.add("params", "only APIs have them")
	}
	return f.err()
}

// CreateNamed adds an API or a status and returns it with its ID. The error may be an *InvalidError, or ErrExists for the name.
func (tx *Tx) CreateNamed(n Named) (Named, error) {
	t := n.Kind.named()
	if err := n.valid(""); err != nil {
		return Named{}, err
	}
	query, args := "INSERT INTO "+t.table+" (name, description) VALUES (?, ?)", []any{n.Name, n.Description}
	if n.Kind == KindAPI {
		query, args = "INSERT INTO apis (name, description, params) VALUES (?, ?, ?)", append(args, string(n.Params))
	}
	var err error
	n.ID, err = tx.insert(fmt.Sprintf("%s %q", n.Kind, n.Name), query, args...)
	if err != nil {
		return Named{}, err
	}
	return n, nil
}

// Named returns the API or status with this id, or ErrNotFound.
func (tx *Tx) Named(k Kind, id int64) (Named, error) {
	t := k.named()
	return found(tx.queryRow(t.query()+" WHERE id = ?", id), t.scan, "%s %d", k, id)
}

// NamedByName returns the API or status with this name, or ErrNotFound.
func (tx *Tx) NamedByName(k Kind, name string) (Named, error) {
	t := k.named()
	return found(tx.queryRow(t.query()+" WHERE name = ?", name), t.scan, "%s %q", k, name)
}

// UpdateNamed stores the name, description and params of the API or status with n's ID. The error may be ErrNotFound, an
// *InvalidError, or ErrExists for the name.
func (tx *Tx) UpdateNamed(n Named) error {
	t := n.Kind.named()
	before, err := tx.Named(n.Kind, n.ID)
	if invalid := n.valid(before.Name); invalid != nil {
		return invalid
	}
	if err != nil {
		return err
	}
	set, args := "name = ?, description = ?", []any{n.Name, n.Description}
	if n.Kind == KindAPI {
		set, args = set+", params = ?", append(args, string(n.Params))
	}
	return tx.change(fmt.Sprintf("%s %d", n.Kind, n.ID), "UPDATE "+t.table+" SET "+set+" WHERE id = ?", append(args, n.ID)...)
}

// deleteNamed deletes an API or a status and its transactions. The error may be ErrNotFound.
func (tx *Tx) deleteNamed(k Kind, id int64) error {
	return tx.change(fmt.Sprintf("%s %d", k, id), "DELETE FROM "+k.named().table+" WHERE id = ?", id)
}

// NamedQuery asks for a page of APIs or statuses, by SortName, SortID or SortTransactions. Numbers of transactions may change
// between two pages: an item that overtakes another one meanwhile may be missed, or come twice.
type NamedQuery struct {
	Kind   Kind
	Search string // part of the name, ASCII letters in either case; empty: any
	Sort   Sort
	Page
}

// ListNamed lists the APIs or statuses that a query asks for. The error may be an *InvalidError, for the cursor or the sort.
func (tx *Tx) ListNamed(q NamedQuery) (Slice[Named], error) {
	t := q.Kind.named()
	k, err := byName(q.Sort, q.Page, map[SortKey]string{SortID: "id", SortTransactions: "coalesce(n, 0)"})
	if err != nil {
		return Slice[Named]{}, err
	}
	joins := ""
	if q.Sort.By == SortTransactions {
		joins = "LEFT JOIN (SELECT " + t.foreign + " AS counted, SUM(n) AS n FROM counts_all GROUP BY counted) ON counted = id"
	}
	return nameTable[Named]{t.table, t.columns(), t.scan, func(n Named) string { return n.Name }}.list(tx, k, joins, nameSearch(q.Search))
}
