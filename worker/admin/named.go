package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

func (c collection) show(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return c.renderOne(r, http.StatusOK, id, nil)
}

// renderOne shows an API or status; f is the form as it was filled in, or nil.
func (c collection) renderOne(r *request, status int, id int64, f *form) error {
	view := namedView{List: c.transactionsOf(id), Delete: pathOf(c.kind, id) + "/delete", Form: f}
	err := r.view(func(tx *store.Tx) (err error) {
		if view.Item, err = tx.Named(c.kind, id); err != nil {
			return err
		}
		if view.Transactions, err = tx.CountTransactions(view.Item.Filter()); err != nil {
			return err
		}
		if f == nil && r.may(staff) {
			view.Form = c.form(view.Item).versioned()
		}
		view.History, err = historyOf(tx, c.kind, id)
		return err
	})
	if f != nil && errors.Is(err, store.ErrNotFound) {
		return c.renderDeleted(r)
	}
	if err != nil {
		return err
	}
	return r.render(status, "named", page{Title: view.Item.Name, Crumbs: c.crumbs(), Data: view})
}

func (c collection) renderDeleted(r *request) error {
	return r.renderDeleted(c.form(store.Named{}), c.path+"/add", c.crumbs())
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

// read returns n with what was typed. The form gets the faults of the params.
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
	return c.renderAdd(r, http.StatusOK, c.form(store.Named{}))
}

func (c collection) renderAdd(r *request, status int, f *form) error {
	title := "Add status"
	if c.kind == store.KindAPI {
		title = "Add API"
	}
	return r.render(status, "form", page{Title: title, Crumbs: c.crumbs(), Data: f})
}

func (c collection) add(r *request) error {
	f := c.form(store.Named{})
	n := c.read(r, f, store.Named{})
	if n.Name == "" {
		f.problem("name", "is empty") // at the same time as faults of the params
	}
	if f.Bad() {
		return c.renderAdd(r, http.StatusUnprocessableEntity, f)
	}
	err := r.change(func(ch *change) (err error) {
		if n, err = ch.CreateNamed(n); err != nil {
			return err
		}
		changes := store.Changes{}
		changes.Differ("description", "", n.Description)
		changes.Differ("params", "", string(n.Params))
		ch.say("The %s “%s” was added.", c.one, n.Name)
		return ch.record(store.ActionCreate, c.kind, n.ID, n.Name, changes)
	})
	return r.saved(err, f, "name", pathOf(c.kind, n.ID), func(status int) error { return c.renderAdd(r, status, f) }, nil)
}

func (c collection) change(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	var f *form
	err = r.change(func(ch *change) error {
		before, err := ch.Named(c.kind, id)
		if err != nil {
			return err
		}
		f = c.form(before).versioned()
		after := c.read(r, f, before)
		if f.Bad() {
			return nil
		}
		changes := store.Changes{}
		changes.Differ("name", before.Name, after.Name)
		changes.Differ("description", before.Description, after.Description)
		changes.Differ("params", string(before.Params), string(after.Params))
		if len(changes) == 0 {
			ch.say("Nothing was changed.")
			return nil
		}
		if err := f.checkVersion(); err != nil {
			return err
		}
		if err := ch.UpdateNamed(after); err != nil {
			return err
		}
		ch.say("The %s “%s” was changed.", c.one, after.Name)
		return ch.record(store.ActionChange, c.kind, id, after.Name, changes)
	})
	again := func(status int) error { return c.renderOne(r, status, id, f) }
	return r.saved(err, f, "name", pathOf(c.kind, id), again, func() error { return c.renderDeleted(r) })
}

func (c collection) showDelete(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	return c.renderDelete(r, http.StatusOK, id, "")
}

func (c collection) renderDelete(r *request, status int, id int64, fault string) error {
	return r.renderDeletion(status, fault, func(tx *store.Tx) (d deletion, err error) {
		n, err := tx.Named(c.kind, id)
		if err != nil {
			return d, err
		}
		d = deletion{One: c.one, Name: n.Name, Path: pathOf(c.kind, id), Crumbs: c.crumbs(), List: c.transactionsOf(id), stored: c.form(n).versioned()}
		d.Transactions, err = tx.CountTransactions(n.Filter())
		return d, err
	})
}

// delete deletes an API or status with its transactions. Most of these go in batches before; what was done before something
// fails stays done, and the page says how much.
func (c collection) delete(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	checked := func(f func(*change, store.Named) error) error {
		r.progress()
		return r.change(func(ch *change) error {
			n, err := ch.Named(c.kind, id)
			if err != nil {
				return err
			}
			if err := r.checkDeletion(c.form(n).versioned()); err != nil {
				return err
			}
			return f(ch, n)
		})
	}
	steps, deleted := store.NewDeletion(c.kind, id, r.session.User.Name), int64(0)
	err = steps.DeleteMost(func(deleteBatch func(*store.Tx) error) error {
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
			ch.say("The %s “%s” was deleted with its transactions.", c.one, n.Name)
			return steps.Delete(ch.Tx)
		})
	}
	done := "Already deleted: " + transactionCount(deleted) + "."
	switch {
	case err == nil:
		return r.redirect(c.path)
	case errors.Is(err, errStale) && deleted > 0:
		return c.renderDelete(r, http.StatusConflict, id, "This was changed meanwhile. Check it again. "+done)
	case errors.Is(err, errStale):
		return c.renderDelete(r, http.StatusConflict, id, changedBeforeDeletion)
	case deleted > 0:
		return &partlyError{done, err}
	}
	return err
}
