package admin

import (
	"errors"
	"slices"
	"strings"
	"time"

	"multiproc/store"
)

// form is the fields of a page, as the part "form" of the templates shows them, or without any a question whether something
// is to be done.
type form struct {
	Text   []string // what is to be known before, in paragraphs
	Fields []*field
	Submit string // what the button says
	Action string // the path that it is sent to; empty: that of the page
	Cancel string // the path that leads away from it; empty: none
	Danger bool   // what it does cannot be undone
	Fault  string // what is wrong with it as a whole

	Version string  // of the object that it is about, as it was sent or is to be sent; empty: it is about none that is there
	now     version // of that object
}

// field is a field of a form.
type field struct {
	Name, Label  string
	Kind         string   // text (the default), password, number, datetime-local, textarea, checkbox, select, name
	Value        string   // of a select and of a name, the id of what is chosen
	Typed        string   // of a name: the name itself
	Checked      bool     // of a checkbox
	Options      []option // of a select
	List         []string // some names to begin with
	Help         string
	Problem      string // what is wrong with the value
	Required     bool
	Autocomplete string
	Fixed        bool // it cannot be changed
	Code         bool // it is in a monospaced font
	Focus        bool // the page begins there

	time    time.Time // of a datetime-local
	stored  *field    // as the object has it
	Now     string    // what the object has now, where that Differs from what was typed
	Differs bool
}

// option is a choice of a select.
type option struct{ Value, Label string }

// field is the one with this name, or nil.
func (f *form) field(name string) *field {
	for _, field := range f.Fields {
		if field.Name == name {
			return field
		}
	}
	return nil
}

// fill gives the fields the values that a request has for them; but not secrets, which are typed anew.
func (f *form) fill(r *request) {
	f.Version = r.PostForm.Get("version")
	for _, field := range f.Fields {
		switch field.Kind {
		case "password":
		case "name":
			field.Value, field.Typed = r.PostForm.Get(field.Name), r.PostForm.Get(typedName(field.Name))
		case "checkbox":
			field.Checked = r.PostForm.Get(field.Name) != ""
		default:
			field.Value = r.PostForm.Get(field.Name)
		}
	}
}

// blame shows at the fields what the store finds wrong with them, and reports whether it is that: else the error is
// something else, and nobody's who fills in forms. The field unique has what only one thing may have.
func (f *form) blame(err error, unique string) bool {
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok {
		for _, e := range invalid.Fields {
			f.problem(e.Field, e.Problem)
		}
		return true
	}
	if errors.Is(err, store.ErrExists) {
		f.problem(unique, "exists already")
		return true
	}
	return false
}

// problem says what is wrong with a field, or with the form where there is no such field.
func (f *form) problem(name, what string) {
	field := f.field(name)
	switch {
	case field == nil:
		f.Fault = name + " " + what
	case field.Problem == "":
		field.Problem = what
	default:
		field.Problem += "; " + what
	}
}

// Bad is whether something is wrong with the form.
func (f *form) Bad() bool {
	for _, field := range f.Fields {
		if field.Problem != "" {
			return true
		}
	}
	return f.Fault != ""
}

// Described are the ids of what a page says of the field.
func (f *field) Described() string {
	var ids []string
	for _, part := range []struct {
		name  string
		there bool
	}{{"problem", f.Problem != ""}, {"now", f.Differs}, {"help", f.Help != ""}} {
		if part.there {
			ids = append(ids, part.name+"-"+f.Name)
		}
	}
	return strings.Join(ids, " ")
}

// hasOption is whether the value of a select is one that it offers.
func (f *field) hasOption() bool {
	return slices.ContainsFunc(f.Options, func(o option) bool { return o.Value == f.Value })
}
