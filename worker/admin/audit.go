package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"multiproc/store"
)

const historyPath = home + "history"

// dataKinds are the kinds whose history every user may read. Those of users and tokens are for superusers.
var dataKinds = [...]store.Kind{store.KindAPI, store.KindStatus, store.KindTransaction}

// historyView is the page of the audit log, the newest entry first.
type historyView struct {
	Fields  []*field // of the filter
	Hidden  []hidden // of the filter form
	Clear   string   // address without a filter; empty: none
	Entries []entryView
	Pager   pager
}

// showHistory shows the entries of everything, of a kind or of one object, which may be deleted; by an actor, in a time.
func showHistory(r *request) error {
	list := r.listURL(historyPath, "kind", "object", "actor", "from", "until")
	q, title, err := r.entryQuery(list)
	if err != nil {
		return err
	}
	by := &field{Name: "actor", Label: "User", Value: q.Actor, Autocomplete: "off"}
	from, until := timeField("from", "From (UTC)", list.query.Get("from")), timeField("until", "Until (UTC)", list.query.Get("until"))
	q.From, q.Until = from.time, until.time
	view := historyView{Fields: []*field{by, from, until}, Hidden: list.hiddenFields("actor", "from", "until")}
	if q.ObjectID == 0 {
		of := &field{Name: "kind", Label: "Objects", Kind: "select", Value: string(q.Kind), Options: []option{{"", "everything"}}}
		for _, kind := range r.kinds() {
			of.Options = append(of.Options, option{string(kind), kindNames[kind]})
		}
		view.Fields, view.Hidden = append([]*field{of}, view.Fields...), list.hiddenFields("actor", "from", "until", "kind")
	}
	if clear := list.with("actor", "", "from", "", "until", ""); clear != list.with() {
		view.Clear = clear
	}
	return r.show(http.StatusOK, "history", func(tx *store.Tx) (page, error) {
		if from.Problem != "" || until.Problem != "" {
			return page{Title: title, Data: view}, nil
		}
		entries, err := tx.Entries(q)
		if err != nil {
			return page{}, badAddress(err)
		}
		view.Entries, err = entryViews(tx, entries.Items)
		view.Pager = pagerOf(list, q.Page, entries)
		return page{Title: title, Data: view}, err
	})
}

// entryQuery returns the query of a list and its title.
func (r *request) entryQuery(list listURL) (q store.EntryQuery, title string, err error) {
	q = store.EntryQuery{Kind: store.Kind(list.query.Get("kind")), Actor: list.query.Get("actor"), Kinds: r.kinds(), Page: r.storePage()}
	if q.Kind != "" && !slices.Contains(q.Kinds, q.Kind) {
		return q, "", errNoPage
	}
	text := list.query.Get("object")
	if text == "" {
		return q, "History", nil
	}
	if q.ObjectID, err = strconv.ParseInt(text, 10, 64); err != nil || q.ObjectID <= 0 || q.Kind == "" {
		return q, "", errNoPage
	}
	return q, fmt.Sprintf("History of %s %d", q.Kind, q.ObjectID), nil
}

var kindNames = map[store.Kind]string{
	store.KindAPI: "APIs", store.KindStatus: "statuses", store.KindTransaction: "transactions", store.KindUser: "users", store.KindToken: "tokens",
}

// kinds returns the kinds whose history the user may read.
func (r *request) kinds() []store.Kind {
	kinds := slices.Clone(dataKinds[:])
	if r.may(superusers) {
		kinds = append(kinds, store.KindUser, store.KindToken)
	}
	return kinds
}

// entryView is an entry of the audit log on a page.
type entryView struct {
	store.Entry
	Did     string // such as "changed"
	Path    string // of the object; empty: it was deleted, or has no page
	Changed []changeView
}

type changeView struct{ Field, Before, After string }

var did = map[store.Action]string{
	store.ActionCreate: "added", store.ActionChange: "changed", store.ActionDelete: "deleted",
	store.ActionLogin: "logged in", store.ActionLogout: "logged out",
}

// entryViews returns entries as pages show them, with paths of the objects that exist.
func entryViews(tx *store.Tx, entries []store.Entry) ([]entryView, error) {
	views := make([]entryView, len(entries))
	for i, e := range entries {
		v := entryView{Entry: e, Did: cmp.Or(did[e.Action], string(e.Action)), Changed: changesOf(e.Changes)}
		there, err := exists(tx, e.Kind, e.ObjectID)
		if err != nil {
			return nil, err
		}
		if there {
			v.Path = pathOf(e.Kind, e.ObjectID)
		}
		views[i] = v
	}
	return views, nil
}

func exists(tx *store.Tx, kind store.Kind, id int64) (bool, error) {
	var err error
	switch kind {
	case store.KindAPI, store.KindStatus:
		_, err = tx.Named(kind, id)
	case store.KindTransaction:
		_, err = tx.Transaction(id)
	default:
		return false, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// pathOf returns the path of an object.
func pathOf(kind store.Kind, id int64) string {
	path := map[store.Kind]string{
		store.KindAPI: apisPath, store.KindStatus: statusesPath, store.KindTransaction: transactionsPath, store.KindUser: usersPath, store.KindToken: tokensPath,
	}[kind]
	return path + "/" + strconv.FormatInt(id, 10)
}

// changesOf reads what store.Changes wrote. It ignores anything else.
func changesOf(text json.RawMessage) []changeView {
	var fields map[string][]any
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	var views []changeView
	for field, values := range fields {
		if len(values) == 2 {
			views = append(views, changeView{field, shown(values[0]), shown(values[1])})
		}
	}
	slices.SortFunc(views, func(a, b changeView) int { return cmp.Compare(a.Field, b.Field) })
	return views
}

// shown returns a value as people read it, empty for null.
func shown(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// objectHistory is the latest of the history of one object.
type objectHistory struct {
	Entries []entryView
	All     string // address of all of it
	Note    string
}

// historyOf returns the latest of the history of an object.
func historyOf(tx *store.Tx, kind store.Kind, id int64) (objectHistory, error) {
	h := objectHistory{All: historyPath + "?kind=" + string(kind) + "&object=" + strconv.FormatInt(id, 10)}
	const latest = 20
	entries, err := tx.Entries(store.EntryQuery{Kind: kind, ObjectID: id, Page: store.Page{Limit: latest}})
	if err != nil {
		return h, err
	}
	h.Entries, err = entryViews(tx, entries.Items)
	return h, err
}
