package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"multiproc/store"
)

const historyPath = home + "history"

// Kinds of objects in the audit log.
const (
	kindAPI         = "api"
	kindStatus      = "status"
	kindTransaction = "transaction"
	kindUser        = "user"
	kindToken       = "token"
)

// dataKinds are what everybody may read of who did what; users and tokens are the superusers' business.
var dataKinds = [...]string{kindAPI, kindStatus, kindTransaction}

func (a *Admin) historyRoutes() []route {
	return []route{{method: "GET", path: historyPath, least: viewers, handle: showHistory, nav: "History"}}
}

// historyView is what was done, the newest first.
type historyView struct {
	Kind    string // empty: any
	Object  int64  // 0: any
	Kinds   []option
	Entries []entryView
	Pager   pager
}

// showHistory shows what was done: of all, of a kind, or of one object, which may be gone.
func showHistory(r *request) error {
	list := r.listURL(historyPath, "kind", "object")
	view := historyView{Kind: list.query.Get("kind"), Kinds: []option{{"", "everything"}}}
	title := "History"
	for _, kind := range r.kinds() {
		view.Kinds = append(view.Kinds, option{kind, kindNames[kind]})
	}
	if view.Kind != "" && !slices.Contains(r.kinds(), view.Kind) {
		return errNoPage
	}
	if text := list.query.Get("object"); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 || view.Kind == "" {
			return errNoPage
		}
		view.Object = id
		title = fmt.Sprintf("History of %s %d", view.Kind, id)
	}
	q := store.EntryQuery{Kind: view.Kind, ObjectID: view.Object, Kinds: r.kinds(), Page: r.storePage()}
	err := r.view(func(tx *store.Tx) error {
		entries, err := tx.Entries(q)
		if err != nil {
			return badCursor(err)
		}
		view.Entries, err = entryViews(tx, entries.Items)
		view.Pager = pagerOf(list, q.Page, entries)
		return err
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "history", page{Title: title, Data: view})
}

var kindNames = map[string]string{
	kindAPI: "APIs", kindStatus: "statuses", kindTransaction: "transactions", kindUser: "users", kindToken: "tokens",
}

// kinds are those that whose request it is may see.
func (r *request) kinds() []string {
	kinds := slices.Clone(dataKinds[:])
	if r.may(superusers) {
		kinds = append(kinds, kindUser, kindToken)
	}
	return kinds
}

// entryView is an entry of the audit log as pages show it.
type entryView struct {
	store.Entry
	Did     string // what was done, as in: changed
	Path    string // of the object; empty: it is gone, or has no page
	Changed []changeView
}

type changeView struct{ Field, Before, After string }

var did = map[store.Action]string{
	store.ActionCreate: "added", store.ActionChange: "changed", store.ActionDelete: "deleted",
	store.ActionLogin: "logged in", store.ActionLogout: "logged out",
}

// entryViews makes entries readable. Paths lead to what is still there.
func entryViews(tx *store.Tx, entries []store.Entry) ([]entryView, error) {
	views := make([]entryView, len(entries))
	for i, e := range entries {
		v := entryView{Entry: e, Did: did[e.Action], Changed: changesOf(e.Changes)}
		if v.Did == "" {
			v.Did = string(e.Action)
		}
		there, err := isThere(tx, e.Kind, e.ObjectID)
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

func isThere(tx *store.Tx, kind string, id int64) (bool, error) {
	var err error
	switch kind {
	case kindAPI:
		_, err = tx.API(id)
	case kindStatus:
		_, err = tx.Status(id)
	case kindTransaction:
		_, err = tx.Transaction(id)
	default:
		return false, nil
	}
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// pathOf is the path of an object of a kind that has pages here.
func pathOf(kind string, id int64) string {
	path := map[string]string{kindAPI: apisPath, kindStatus: statusesPath, kindTransaction: transactionsPath}[kind]
	return path + "/" + strconv.FormatInt(id, 10)
}

// changesOf reads what became of fields, as changes has written it. Whoever else writes there may write anything.
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
	slices.SortFunc(views, func(a, b changeView) int {
		if a.Field < b.Field {
			return -1
		}
		return 1
	})
	return views
}

// shown is a value in the words of a person; nothing is said of none.
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

// historyOf is the latest of what was done to an object.
func historyOf(tx *store.Tx, kind string, id int64) ([]entryView, error) {
	const latest = 20
	entries, err := tx.Entries(store.EntryQuery{Kind: kind, ObjectID: id, Page: store.Page{Limit: latest}})
	if err != nil {
		return nil, err
	}
	return entryViews(tx, entries.Items)
}
