package admin

import (
	"encoding/json"
	"net/http"

	"multiproc/store"
)

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

func (c catalog) showAdd(r *request) error { return c.renderAdd(r, http.StatusOK, c.form(named{})) }

func (c catalog) renderAdd(r *request, status int, f *form) error {
	return r.render(status, "form", page{Title: "Add " + article(c.one), Crumbs: c.crumbs(), Data: f})
}

func (c catalog) add(r *request) error {
	f := c.form(named{})
	asked := c.read(r, f, named{Kind: c.kind})
	if f.Bad() {
		return c.renderAdd(r, http.StatusUnprocessableEntity, c.blameAll(f, asked))
	}
	var made named
	err := r.change(func(ch *change) (err error) {
		if made, err = ch.CreateNamed(asked); err != nil {
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
