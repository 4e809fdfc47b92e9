package admin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"multiproc/store"
)

const (
	apisPath     = home + "apis"
	statusesPath = home + "statuses"
)

// collection is the APIs or the statuses.
type collection struct {
	kind      store.Kind
	one, many string // as pages show them
	title     string
	path      string
}

func apis() collection {
	return collection{kind: store.KindAPI, one: "API", many: "APIs", title: "APIs", path: apisPath}
}

func statuses() collection {
	return collection{kind: store.KindStatus, one: "status", many: "statuses", title: "Statuses", path: statusesPath}
}

func (c collection) routes() []route {
	one := c.path + "/{id}"
	return []route{
		{method: "GET", path: c.path, least: viewers, handle: c.list, nav: c.title},
		{method: "GET", path: c.path + ".csv", least: viewers, handle: c.export},
		{method: "GET", path: c.path + "/add", least: staff, handle: c.showAdd},
		{method: "POST", path: c.path + "/add", least: staff, handle: c.add},
		{method: "GET", path: one, least: viewers, handle: c.show},
		{method: "POST", path: one, least: staff, handle: c.change},
		{method: "GET", path: one + "/delete", least: staff, handle: c.showDelete},
		{method: "POST", path: one + "/delete", least: staff, handle: c.delete},
	}
}

// filter returns the parameter by which transactions are filtered, and the name of fields that choose one.
func (c collection) filter() string { return string(c.kind) }

// transactionsOf returns the address of the transactions of one.
func (c collection) transactionsOf(id int64) string {
	return fmt.Sprintf("%s?%s=%d", transactionsPath, c.filter(), id)
}

func (c collection) crumbs() []crumb { return []crumb{{c.title, c.path}} }

// namedView is the page of one API or status.
type namedView struct {
	Item         store.Named
	Form         *form // nil: not for this role
	Transactions int64
	List         string // address of its transactions
	Delete       string // path of its deletion
	History      objectHistory
}

func (c collection) show(r *request) error { return c.renderOne(r, http.StatusOK, nil) }

// renderOne shows an API or status; f is the form as it was filled in, or nil.
func (c collection) renderOne(r *request, status int, f *form) error {
	return r.show(status, "named", func(tx *store.Tx) (page, error) {
		view := namedView{List: c.transactionsOf(r.id), Delete: pathOf(c.kind, r.id) + "/delete", Form: f}
		var err error
		if view.Item, err = tx.Named(c.kind, r.id); err != nil {
			return page{}, err
		}
		if view.Transactions, err = tx.CountTransactions(view.Item.Filter()); err != nil {
			return page{}, err
		}
		if f == nil && r.may(staff) {
			view.Form = c.form(view.Item).versioned()
		}
		view.History, err = historyOf(tx, c.kind, r.id)
		return page{Title: view.Item.Name, Crumbs: c.crumbs(), Data: view}, err
	})
}

func (c collection) renderDeleted(r *request) error {
	return r.renderDeleted(c.form(store.Named{}), c.path+"/add")
}

// form returns the form of n.
func (c collection) form(n store.Named) *form {
	f := &form{
		Fields: []*field{
			{Name: "name", Label: "Name", Value: n.Name, Required: true, Autocomplete: "off"},
			{Name: "description", Label: "Description", Kind: "textarea", Value: n.Description},
		},
		Submit: "Save",
		Cancel: c.path,
		title:  "Add " + c.one,
		crumbs: c.crumbs(),
	}
	if c.kind == store.KindAPI {
		params := string(n.Params)
		if params == "" {
			params = "{}"
		}
		f.Fields = append(f.Fields, &field{
			Name: "params", Label: "Params", Kind: "textarea", Value: params, Code: true, Required: true,
			Help: `A JSON object, for example {"timeout": 60}. It is stored as typed.`,
		})
	}
	return f
}

// read returns n with what was typed. Params that are no object become a problem of the form, and are left out of n.
func (c collection) read(r *request, f *form, n store.Named) store.Named {
	f.fill(r)
	n.Kind = c.kind
	n.Name = sentLine(n.Name, r.PostForm.Get("name"))
	n.Description = sentText(n.Description, r.PostForm.Get("description"))
	if c.kind != store.KindAPI {
		return n
	}
	params := sentText(string(n.Params), r.PostForm.Get("params"))
	if problem := objectProblem(params); problem != "" && (n.ID == 0 || params != string(n.Params)) {
		f.problem("params", problem)
		n.Params = nil
		return n
	}
	n.Params = json.RawMessage(params)
	return n
}

// objectProblem says why a text is not a JSON object, and where; empty: it is one.
func objectProblem(text string) string {
	var value json.RawMessage
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		syntax, ok := errors.AsType[*json.SyntaxError](err)
		if !ok {
			return "is not JSON: " + err.Error()
		}
		at, problem := max(0, int(syntax.Offset)-1), syntax.Error() // the offset points behind the byte
		if strings.HasPrefix(problem, "unexpected end") {
			at = len(text)
		} else if c, _ := utf8.DecodeRuneInString(text[at:]); c >= utf8.RuneSelf && c != utf8.RuneError {
			problem = fmt.Sprintf("the character %q (U+%04X) is not allowed outside strings", c, c)
		}
		before := text[:min(at, len(text))]
		line := strings.Count(before, "\n") + 1
		column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		return fmt.Sprintf("is not JSON: line %d, column %d: %s", line, column, problem)
	}
	if strings.TrimLeft(text, " \t\r\n")[0] != '{' {
		return "is not a JSON object: it must begin with { and end with }"
	}
	return ""
}

func (c collection) showAdd(r *request) error {
	return r.renderForm(http.StatusOK, c.form(store.Named{}))
}

func (c collection) add(r *request) error {
	f := c.form(store.Named{})
	n := c.read(r, f, store.Named{})
	err := r.change(func(ch *change) (err error) {
		if n, err = ch.CreateNamed(n); err != nil {
			return err
		}
		if f.Bad() {
			return errFaulty
		}
		ch.setMessage("The %s “%s” was added.", c.one, n.Name)
		return ch.record(store.ActionCreate, c.kind, n.ID, n.Name, store.Named{Name: n.Name}.Changes(n))
	})
	return r.saved(err, f, "name", pathOf(c.kind, n.ID), (*request).renderForm, nil)
}

func (c collection) change(r *request) error {
	var f *form
	err := r.change(func(ch *change) error {
		before, err := ch.Named(c.kind, r.id)
		if err != nil {
			return err
		}
		f = c.form(before).versioned()
		after := c.read(r, f, before)
		if f.Bad() {
			return cmp.Or(ch.UpdateNamed(after), errFaulty)
		}
		changes := before.Changes(after)
		if len(changes) == 0 {
			ch.setMessage("Nothing was changed.")
			return nil
		}
		if err := f.checkVersion(); err != nil {
			return err
		}
		if err := ch.UpdateNamed(after); err != nil {
			return err
		}
		ch.setMessage("The %s “%s” was changed.", c.one, after.Name)
		return ch.record(store.ActionChange, c.kind, r.id, after.Name, changes)
	})
	return r.saved(err, f, "name", pathOf(c.kind, r.id), c.renderOne, c.renderDeleted)
}

func (c collection) showDelete(r *request) error { return c.renderDelete(r, http.StatusOK, "") }

func (c collection) renderDelete(r *request, status int, fault string) error {
	return r.renderDeletion(status, fault, func(tx *store.Tx) (d deletion, err error) {
		n, err := tx.Named(c.kind, r.id)
		if err != nil {
			return d, err
		}
		d = deletion{One: c.one, Name: n.Name, Path: pathOf(c.kind, r.id), Crumbs: c.crumbs(), List: c.transactionsOf(r.id), stored: c.form(n).versioned()}
		d.Transactions, err = tx.CountTransactions(n.Filter())
		return d, err
	})
}

// delete deletes an API or status with its transactions. Most of these go in batches before; what was done before something
// fails stays done, and the page says how much.
func (c collection) delete(r *request) error {
	checked := func(f func(*change, store.Named) error) error {
		r.progress()
		return r.change(func(ch *change) error {
			n, err := ch.Named(c.kind, r.id)
			if err != nil {
				return err
			}
			if err := r.checkDeletion(c.form(n).versioned()); err != nil {
				return err
			}
			return f(ch, n)
		})
	}
	steps, deleted := store.NewDeletion(c.kind, r.id, r.session.User.Name), int64(0)
	err := steps.DeleteMost(func(deleteBatch func(*store.Tx) error) error {
		batch := int64(0)
		err := checked(func(ch *change, n store.Named) error {
			before, err := ch.CountTransactions(n.Filter())
			if err != nil {
				return err
			}
			if err := deleteBatch(ch.Tx); err != nil {
				return err
			}
			left, err := ch.CountTransactions(n.Filter())
			batch = before - left
			return err
		})
		if err == nil {
			deleted += batch
		}
		return err
	})
	if err == nil {
		err = checked(func(ch *change, n store.Named) error {
			ch.setMessage("The %s “%s” was deleted with its transactions.", c.one, n.Name)
			return steps.Delete(ch.Tx)
		})
	}
	done := "Already deleted: " + transactionCount(deleted) + "."
	switch {
	case errors.Is(err, errStale) && deleted > 0:
		return c.renderDelete(r, http.StatusConflict, "This was changed meanwhile. Check it again. "+done)
	case err != nil && deleted > 0:
		return &partlyError{done, err}
	}
	return r.deleted(err, c.path, c.renderDelete)
}

// namedListView is the page of a list of APIs or statuses.
type namedListView struct {
	Title, Path string
	Search      string
	Hidden      []hidden // of the search form
	Columns     []column
	Rows        []namedRow
	Pager       pager
	CSV         string // address
	Add         string // address; empty: not for this role
}

type namedRow struct {
	store.Named
	Path         string
	Transactions int64
	List         string // address of its transactions
}

func (c collection) list(r *request) error {
	list := r.listURL(c.path, "q")
	view := namedListView{
		Title: c.title, Path: c.path, Search: list.query.Get("q"), Hidden: list.hiddenFields("q"),
		CSV: listURL{c.path + ".csv", list.query}.without("rows", "sort"),
	}
	if r.may(staff) {
		view.Add = c.path + "/add"
	}
	sort := list.sort(store.Sort{By: store.SortName})
	q := store.NamedQuery{Kind: c.kind, Search: view.Search, Sort: sort, Page: r.storePage()}
	view.Columns = []column{
		list.column("Name", store.SortName, "", sort), {Label: "Description"}, list.column("Transactions", store.SortTransactions, "number", sort),
	}
	return r.show(http.StatusOK, "named_list", func(tx *store.Tx) (page, error) {
		slice, err := tx.ListNamed(q)
		if err != nil {
			return page{}, badAddress(err)
		}
		view.Pager = pagerOf(list, q.Page, slice)
		counts, err := tx.CountBy(c.kind)
		for _, n := range slice.Items {
			view.Rows = append(view.Rows, namedRow{n, pathOf(c.kind, n.ID), counts[n.ID], c.transactionsOf(n.ID)})
		}
		return page{Title: c.title, Data: view}, err
	})
}

// export exports the list by id, so that an item that is renamed meanwhile is exported once.
func (c collection) export(r *request) error {
	header := []string{"id", "name", "description"}
	if c.kind == store.KindAPI {
		header = append(header, "params")
	}
	search := r.URL.Query().Get("q")
	return r.export(c.many, append(header, "transactions"), func(tx *store.Tx, p store.Page) ([][]string, store.Cursor, error) {
		slice, err := tx.ListNamed(store.NamedQuery{Kind: c.kind, Search: search, Sort: store.Sort{By: store.SortID}, Page: p})
		if err != nil {
			return nil, "", err
		}
		counts, err := tx.CountBy(c.kind)
		if err != nil {
			return nil, "", err
		}
		rows := make([][]string, len(slice.Items))
		for i, n := range slice.Items {
			rows[i] = []string{strconv.FormatInt(n.ID, 10), cell(n.Name), cell(n.Description)}
			if c.kind == store.KindAPI {
				rows[i] = append(rows[i], cell(string(n.Params)))
			}
			rows[i] = append(rows[i], strconv.FormatInt(counts[n.ID], 10))
		}
		return rows, slice.Next, nil
	})
}
