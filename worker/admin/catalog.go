package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"multiproc/store"
)

// named is an API or a status: what transactions refer to by its name.
type named struct {
	ID          int64
	Name        string
	Description string
	Params      json.RawMessage // of an API
}

// catalog is all that there is of a kind, APIs or statuses, and what the store can do with them.
type catalog struct {
	kind           string // as the audit log has it
	one, several   string // as people call it
	path, nav      string
	params         bool   // it has some
	filter         string // the parameter by which transactions are filtered
	transactionsOf func(name string) store.TransactionFilter

	find    func(*store.Tx, store.NameQuery) (store.Slice[named], error)
	counts  func(*store.Tx) (map[int64]int64, error) // of transactions, by id
	get     func(tx *store.Tx, id int64) (named, error)
	byName  func(tx *store.Tx, name string) (named, error)
	create  func(*store.Tx, named) (named, error)
	update  func(*store.Tx, named) error
	cascade func(id int64, actor string) *store.Cascade
}

func (c catalog) routes() []route {
	one := c.path + "/{id}"
	return []route{
		{method: "GET", path: c.path, least: viewers, handle: c.showList, nav: c.nav},
		{method: "GET", path: c.path + ".csv", least: viewers, handle: c.export},
		{method: "GET", path: c.path + "/add", least: staff, handle: c.showAdd},
		{method: "POST", path: c.path + "/add", least: staff, handle: c.add},
		{method: "GET", path: one, least: viewers, handle: c.show},
		{method: "POST", path: one, least: staff, handle: c.change},
		{method: "GET", path: one + "/delete", least: staff, handle: c.showDelete},
		{method: "POST", path: one + "/delete", least: staff, handle: c.delete},
	}
}

// namedListView is a list of APIs or statuses.
type namedListView struct {
	Several, Path string
	Search        string
	Hidden        []hidden // what the form of the search sends along
	Columns       []column
	Rows          []namedRow
	Pager         pager
	CSV           string // address
	Add           string // address; empty: not for this role
}

type namedRow struct {
	named
	Path         string
	Transactions int64
	List         string // the address of its transactions
}

func (c catalog) showList(r *request) error {
	list := r.listURL(c.path, "q", "order", "down")
	view := namedListView{
		Several: c.several, Path: c.path, Search: list.query.Get("q"),
		CSV: listURL{c.path + ".csv", list.query}.with("rows", "", "order", "", "down", ""),
	}
	if r.may(staff) {
		view.Add = c.path + "/add"
	}
	sorting := sortingOf(list)
	q := store.NameQuery{Search: view.Search, Descending: sorting.down, Page: r.storePage()}
	if sorting.order == "transactions" {
		q.Order = store.NamesByTransactions
	}
	view.Hidden = list.hiddenFields("q")
	view.Columns = []column{sorting.column("Name", "", ""), {Label: "Description"}, sorting.column("Transactions", "transactions", "number")}
	err := r.view(func(tx *store.Tx) error {
		slice, err := c.find(tx, q)
		if err != nil {
			return badCursor(err)
		}
		view.Pager = pagerOf(list, q.Page, slice)
		counts, err := c.counts(tx)
		if err != nil {
			return err
		}
		for _, n := range slice.Items {
			view.Rows = append(view.Rows, namedRow{n, pathOf(c.kind, n.ID), counts[n.ID], c.listOf(n.ID)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "named_list", page{Title: c.nav, Data: view})
}

// listOf is the address of the transactions of one.
func (c catalog) listOf(id int64) string {
	return fmt.Sprintf("%s?%s=%d", transactionsPath, c.filter, id)
}

// namedView is one API or status.
type namedView struct {
	Item         named
	Params       bool
	Form         *form // nil: not for this role
	Transactions int64
	List         string // the address of its transactions
	Delete       string // the path of its deletion
	History      objectHistory
}

// objectHistory is what was done to an object.
type objectHistory struct {
	Entries []entryView
	All     string // the address of all of it
	Note    string
}

func objectHistoryOf(kind string, id int64, entries []entryView) objectHistory {
	return objectHistory{Entries: entries, All: historyPath + "?kind=" + kind + "&object=" + strconv.FormatInt(id, 10)}
}

func (c catalog) form(n named) *form {
	f := &form{
		Fields: []*field{
			{Name: "name", Label: "Name", Value: n.Name, Required: true, Autocomplete: "off"},
			{Name: "description", Label: "Description", Kind: "textarea", Value: n.Description},
		},
		Submit: "Save",
		Cancel: c.path,
	}
	if c.params {
		params := string(n.Params)
		if params == "" {
			params = "{}"
		}
		f.Fields = append(f.Fields, &field{
			Name: "params", Label: "Params", Kind: "textarea", Value: params, Code: true, Required: true,
			Help: `A JSON object, as in {"timeout": 60}. It is kept as it is typed.`,
		})
	}
	return f
}

// formOf is the form of one that is there.
func (c catalog) formOf(tx *store.Tx, n named) (*form, error) {
	f := c.form(n)
	return f, f.versioned(tx, c.kind, n.ID)
}

// read is what somebody has typed about n. What is wrong with it by itself it says in the form.
func (c catalog) read(r *request, f *form, n named) named {
	f.fill(r)
	n.Name = sentLine(n.Name, r.PostForm.Get("name"))
	n.Description = sentText(n.Description, r.PostForm.Get("description"))
	if !c.params {
		return n
	}
	params := sentText(string(n.Params), r.PostForm.Get("params"))
	if problem := objectProblem(params); problem != "" && (n.ID == 0 || params != string(n.Params)) {
		f.problem("params", problem)
	}
	n.Params = json.RawMessage(params)
	return n
}

func (c catalog) crumbs(more ...crumb) []crumb {
	return append([]crumb{{c.nav, c.path}}, more...)
}

func (c catalog) showAdd(r *request) error { return c.renderAdd(r, http.StatusOK, c.form(named{})) }

func (c catalog) renderAdd(r *request, status int, f *form) error {
	return r.render(status, "form", page{Title: "Add " + article(c.one), Crumbs: c.crumbs(), Data: f})
}

func article(noun string) string {
	switch noun[0] {
	case 'A', 'E', 'I', 'O', 'U', 'a', 'e', 'i', 'o', 'u':
		return "an " + noun
	}
	return "a " + noun
}

func (c catalog) add(r *request) error {
	f := c.form(named{})
	asked := c.read(r, f, named{})
	if f.Bad() {
		return c.renderAdd(r, http.StatusUnprocessableEntity, c.blameAll(f, asked))
	}
	var made named
	err := r.change(func(ch *change) (err error) {
		if made, err = c.create(ch.Tx, asked); err != nil {
			return err
		}
		changes := store.Changes{}
		changes.Differ("description", "", made.Description)
		changes.Differ("params", "", string(made.Params))
		if err := ch.record(store.ActionCreate, c.kind, made.ID, made.Name, changes); err != nil {
			return err
		}
		return ch.say("The %s “%s” was added.", c.one, made.Name)
	})
	if err != nil {
		if f.blame(err, "name") {
			return c.renderAdd(r, http.StatusUnprocessableEntity, f)
		}
		return err
	}
	return r.redirect(pathOf(c.kind, made.ID))
}

// blameAll adds to what is wrong with a form by itself what the store would say.
func (c catalog) blameAll(f *form, n named) *form {
	if n.Name == "" {
		f.problem("name", "is empty")
	}
	return f
}

func (c catalog) show(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return c.renderOne(r, http.StatusOK, id, nil)
}

// renderOne shows one; f is the form as it was filled in, or nil.
func (c catalog) renderOne(r *request, status int, id int64, f *form) error {
	view := namedView{Params: c.params, List: c.listOf(id), Delete: pathOf(c.kind, id) + "/delete"}
	err := r.view(func(tx *store.Tx) (err error) {
		if view.Item, err = c.get(tx, id); err != nil {
			return err
		}
		if view.Transactions, err = tx.CountTransactions(c.transactionsOf(view.Item.Name)); err != nil {
			return err
		}
		if f == nil && r.may(staff) {
			if f, err = c.formOf(tx, view.Item); err != nil {
				return err
			}
		}
		entries, err := historyOf(tx, c.kind, id)
		view.History = objectHistoryOf(c.kind, id, entries)
		return err
	})
	if err != nil {
		return err
	}
	view.Form = f
	return r.render(status, "named", page{Title: view.Item.Name, Crumbs: c.crumbs(), Data: view})
}

func (c catalog) change(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	var f *form
	err = r.change(func(ch *change) error {
		before, err := c.get(ch.Tx, id)
		if err != nil {
			return err
		}
		if f, err = c.formOf(ch.Tx, before); err != nil {
			return err
		}
		after := c.read(r, f, before)
		if f.Bad() {
			return nil
		}
		changes := store.Changes{}
		changes.Differ("name", before.Name, after.Name)
		changes.Differ("description", before.Description, after.Description)
		changes.Differ("params", string(before.Params), string(after.Params))
		if len(changes) == 0 {
			return ch.say("Nothing was changed.")
		}
		if err := f.checkVersion(ch.Tx, c.kind, id); err != nil {
			return err
		}
		if err := c.update(ch.Tx, after); err != nil {
			return err
		}
		if err := ch.record(store.ActionChange, c.kind, id, after.Name, changes); err != nil {
			return err
		}
		return ch.say("The %s “%s” was changed.", c.one, after.Name)
	})
	switch {
	case errors.Is(err, errStale):
		return c.renderOne(r, http.StatusConflict, id, f)
	case err != nil && (f == nil || !f.blame(err, "name")):
		return err
	case f.Bad():
		return c.renderOne(r, http.StatusUnprocessableEntity, id, f)
	}
	return r.redirect(pathOf(c.kind, id))
}

// deleteView asks whether something is really to be deleted, and says what goes along.
type deleteView struct {
	One, Name    string
	Transactions int64
	List         string
	Form         *form
}

func (c catalog) showDelete(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return c.renderDelete(r, http.StatusOK, id, &form{})
}

// renderDelete asks; f has what is wrong with the answer that there was.
func (c catalog) renderDelete(r *request, status int, id int64, f *form) error {
	view := deleteView{One: c.one, List: c.listOf(id), Form: f}
	err := r.view(func(tx *store.Tx) error {
		n, err := c.get(tx, id)
		if err != nil {
			return err
		}
		view.Name = n.Name
		if view.Transactions, err = tx.CountTransactions(c.transactionsOf(n.Name)); err != nil {
			return err
		}
		version, err := versionOf(tx, c.kind, id, c.form(n))
		f.Version = version.String()
		return err
	})
	if err != nil {
		return err
	}
	f.Submit, f.Danger, f.Cancel = "Yes, delete it", true, pathOf(c.kind, id)
	if view.Transactions > 0 {
		view.Form.Submit = "Yes, delete it and " + transactionCount(view.Transactions)
	}
	return r.render(status, "delete", page{
		Title: "Delete " + view.Name + "?", Crumbs: c.crumbs(crumb{view.Name, pathOf(c.kind, id)}), Data: view,
	})
}

// delete deletes one with its transactions: most of these in portions, before each of which it must still be what was asked about.
func (c catalog) delete(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	ask := &form{} // again, if need be
	check := func(ch *change) (named, error) {
		n, err := c.get(ch.Tx, id)
		if err != nil {
			return n, err
		}
		return n, ask.checkDeletion(ch, c.kind, id, c.form(n))
	}
	cascade, gone := c.cascade(id, r.session.User.Name), int64(0)
	err = cascade.DeleteMost(func(deletePortion func(*store.Tx) error) error {
		r.goOn()
		portion := int64(0)
		err := r.change(func(ch *change) error {
			n, err := check(ch)
			if err != nil {
				return err
			}
			before, err := ch.CountTransactions(c.transactionsOf(n.Name))
			if err != nil {
				return err
			}
			if err := deletePortion(ch.Tx); err != nil {
				return err
			}
			left, err := ch.CountTransactions(c.transactionsOf(n.Name))
			portion = before - left
			return err
		})
		if err == nil {
			gone += portion
		}
		return err
	})
	if err == nil {
		err = r.change(func(ch *change) error {
			n, err := check(ch)
			if err != nil {
				return err
			}
			if err := cascade.Delete(ch.Tx); err != nil {
				return err
			}
			return ch.say("The %s “%s” was deleted with its transactions.", c.one, n.Name)
		})
	}
	done := "Deleted before, and it stays so: " + transactionCount(gone) + "."
	switch {
	case err == nil:
		return r.redirect(c.path)
	case errors.Is(err, errStale):
		if gone > 0 {
			ask.Fault += " " + done
		}
		return c.renderDelete(r, http.StatusConflict, id, ask)
	case gone > 0:
		return &partlyError{done, err}
	}
	return err
}

// capital is a noun as a label begins with it.
func capital(noun string) string { return strings.ToUpper(noun[:1]) + noun[1:] }
