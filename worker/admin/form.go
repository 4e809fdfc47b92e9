package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"multiproc/store"
)

// form is a form as the template part "form" shows it. Without fields it is a question to confirm.
type form struct {
	Text   []string // paragraphs before the fields
	Fields []*field
	Submit string // label of the button
	Action string // path that it is sent to; empty: that of the page
	Cancel string // path of the link "Cancel"; empty: none
	Danger bool   // what it does cannot be undone
	Fault  string // what is wrong with the form as a whole

	title  string // of its page; see renderForm
	crumbs []crumb

	Version string  // of the object that the user saw; empty: the form is not about a stored object
	current string  // version of the object now
	stored  []field // fields of the object now
}

// field is a field of a form.
type field struct {
	Name, Label  string
	Kind         string   // text (the default), password, datetime-local, textarea, checkbox, select, name
	Value        string   // of a select or a name: the chosen id
	Typed        string   // of a name: the name
	Checked      bool     // of a checkbox
	Options      []option // of a select
	List         []string // suggested names
	Help         string
	Problem      string // what is wrong with the value
	Required     bool
	Autocomplete string
	Fixed        bool // read-only
	Code         bool // in a monospaced font
	Focus        bool // focused when the page opens

	Differs bool   // the stored object has another value
	Now     string // that value

	time time.Time // of a datetime-local
}

// option is an option of a select.
type option struct{ Value, Label string }

// field returns the field with this name, or nil.
func (f *form) field(name string) *field {
	for _, field := range f.Fields {
		if field.Name == name {
			return field
		}
	}
	return nil
}

// fill sets the fields to the values that a request has for them, except passwords, which must be typed again.
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

// errStale reports that an object has changed since the user saw it.
var errStale = errors.New("changed meanwhile")

// errFaulty reports that a form has faults.
var errFaulty = errors.New("the form has faults")

// versioned makes the form one of a stored object, whose values it has. A change or deletion is accepted only for the version that
// the form was sent with, so that no change of another user is overwritten unseen.
func (f *form) versioned() *form {
	hash := sha256.New()
	for _, field := range f.Fields {
		f.stored = append(f.stored, *field)
		hash.Write([]byte(field.Name + "\x00" + field.sent() + "\x00"))
	}
	f.current = hex.EncodeToString(hash.Sum(nil)[:16])
	f.Version = f.current
	return f
}

// checkVersion fails with errStale unless the form was sent for the current version of the object. Then the form keeps what was
// typed, shows the current values beside it, and overwrites them if it is sent again.
func (f *form) checkVersion() error {
	if f.Version == f.current {
		return nil
	}
	f.Version = f.current
	f.Fault = "Nothing was saved: this was changed meanwhile. Your input is kept, with the current value below each field that differs. " +
		"Save again to replace the current values."
	for i, stored := range f.stored {
		if field := f.Fields[i]; field.sent() != stored.sent() {
			field.Differs, field.Now = true, stored.shown()
		}
	}
	return errStale
}

// sent returns the value as a browser sends it.
func (f *field) sent() string {
	switch f.Kind {
	case "checkbox":
		return strconv.FormatBool(f.Checked)
	case "textarea":
		return unixLines(f.Value)
	}
	return oneLine(f.Value)
}

// shown returns the value as people read it.
func (f *field) shown() string {
	switch f.Kind {
	case "checkbox":
		if f.Checked {
			return "yes"
		}
		return "no"
	case "name":
		return f.Typed
	case "select":
		for _, o := range f.Options {
			if o.Value == f.Value && o.Value != "" {
				return o.Label
			}
		}
	}
	return f.Value
}

// saved answers a form after the transaction that saves it: by a redirect, by the form with its faults, or by the form that adds a
// deleted object again (nil for a form that adds one). The form is nil if the object was not found. The field unique is the one that
// must be unique.
func (r *request) saved(err error, f *form, unique, path string, render func(*request, int, *form) error, deleted func(*request) error) error {
	switch {
	case f == nil:
	case errors.Is(err, errStale):
		err = render(r, http.StatusConflict, f)
	case err != nil && !errors.Is(err, errFaulty) && !f.blame(err, unique):
	case f.Bad():
		err = render(r, http.StatusUnprocessableEntity, f)
	default:
		return r.redirect(path)
	}
	if deleted != nil && errors.Is(err, store.ErrNotFound) {
		return deleted(r)
	}
	return err
}

// deleted answers a deletion after its transaction: by a redirect, or by asking again.
func (r *request) deleted(err error, path string, ask func(r *request, status int, fault string) error) error {
	switch {
	case errors.Is(err, errStale):
		return ask(r, http.StatusConflict, "Nothing was deleted: this was changed meanwhile. Check it again.")
	case errors.Is(err, errLastSuperuser):
		return ask(r, http.StatusConflict, lastSuperuser)
	case err != nil:
		return err
	}
	return r.redirect(path)
}

// renderForm answers with a page that has only a form.
func (r *request) renderForm(status int, f *form) error {
	return r.render(status, "form", page{Title: f.title, Crumbs: f.crumbs, Data: f})
}

// renderDeleted answers a change of an object that was deleted meanwhile: with the form that adds one, filled in with what was
// typed.
func (r *request) renderDeleted(add *form, path string) error {
	add.fill(r)
	add.title, add.Version, add.Action, add.Submit = "Deleted", "", path, "Add again"
	add.Fault = "Nothing was saved: this was deleted meanwhile. Your input is kept and can be added again."
	return r.renderForm(http.StatusNotFound, add)
}

// blame shows the faults of an error at the fields and reports whether the error has any. The field unique is the one that must
// be unique.
func (f *form) blame(err error, unique string) bool {
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok {
		for _, e := range invalid.Fields {
			f.problem(e.Field, e.Problem)
		}
		return true
	}
	if errors.Is(err, store.ErrExists) {
		f.problem(unique, "is already in use")
		return true
	}
	return false
}

// problem adds what is wrong with a field; with the form, if it has no such field.
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

// Bad reports whether something is wrong with the form.
func (f *form) Bad() bool {
	return f.Fault != "" || slices.ContainsFunc(f.Fields, func(field *field) bool { return field.Problem != "" })
}

// Described returns the ids of the elements that describe the field.
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

// hasOption reports whether the value of a select is one of its options.
func (f *field) hasOption() bool {
	return slices.ContainsFunc(f.Options, func(o option) bool { return o.Value == f.Value })
}

// deletion is an object on the page that asks whether to delete it.
type deletion struct {
	One, Name    string // the kind and the name of the object
	Path         string
	Crumbs       []crumb
	Transactions int64  // that are deleted with it
	List         string // address of these; empty: the kind has none
	Note         string
	Form         *form

	stored *form // the form of the object, for its version
}

// renderDeletion asks whether to delete an object, after a fault if there is one.
func (r *request) renderDeletion(status int, fault string, load func(*store.Tx) (deletion, error)) error {
	return r.show(status, "delete", func(tx *store.Tx) (page, error) {
		d, err := load(tx)
		if err != nil {
			return page{}, err
		}
		submit := "Yes, delete it"
		if d.Transactions > 0 {
			submit += " and its " + transactionCount(d.Transactions)
		}
		d.Form = &form{Submit: submit, Danger: true, Cancel: d.Path, Fault: fault, Version: d.stored.current}
		return page{Title: "Delete " + d.One + " " + d.Name + "?", Crumbs: append(d.Crumbs, crumb{d.Name, d.Path}), Data: d}, nil
	})
}

// checkDeletion fails with errStale unless the deletion was confirmed for the current version of an object, given by its form.
func (r *request) checkDeletion(stored *form) error {
	if r.PostForm.Get("version") != stored.current {
		return errStale
	}
	return nil
}

// Browsers cannot send every text: the value of an input has no line breaks, and those of a textarea become CR LF. A text that
// differs only in these is unchanged.

// sentLine returns the text of an input, which had a text before. Browsers also send U+FFFD for NUL and for bytes that are not UTF-8,
// which earlier rules allowed in names.
func sentLine(before, sent string) string {
	if rendered(oneLine(before)) == rendered(sent) {
		return before
	}
	return sent
}

// sentText returns the text of a textarea, which had a text before.
func sentText(before, sent string) string {
	sent = unixLines(sent)
	if unixLines(before) == sent {
		return before
	}
	return sent
}

// rendered returns a text as a browser takes it from a page. Browsers and Go differ in the number of U+FFFD for bytes that are not
// UTF-8, so one stands for several.
func rendered(text string) string {
	runes := []rune(strings.ReplaceAll(text, "\x00", "\ufffd"))
	return string(slices.CompactFunc(runes, func(a, b rune) bool { return a == utf8.RuneError && b == utf8.RuneError }))
}

func oneLine(text string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(text) }

func unixLines(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// timeField returns a field for a UTC date and time with a text, as typed or from an address.
func timeField(name, label, text string) *field {
	f := &field{Name: name, Label: label, Kind: "datetime-local"}
	if text == "" {
		return f
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			f.time, f.Value = t.UTC(), inputTime(t.UTC())
			return f
		}
	}
	// The problem has the text, which browsers do not show in such an input.
	f.Value, f.Problem = text, "is not a date and time like 2026-03-01 12:30: “"+text+"”"
	return f
}

// inputTime returns a time in the format that browsers require for such an input.
func inputTime(t time.Time) string {
	switch {
	case t.Nanosecond() != 0:
		return t.Format("2006-01-02T15:04:05.000")
	case t.Second() != 0:
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04")
}
