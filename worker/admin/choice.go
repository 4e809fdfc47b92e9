package admin

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"multiproc/store"
)

// maxChoices is how many APIs or statuses a page offers to choose from. Where there are more, the name is typed.
const maxChoices = 300

// typedName is the parameter of what is typed into the field of a name, beside that of the id. A select has the id alone: there
// are names that a form cannot send.
func typedName(field string) string { return field + "_name" }

// choice is a field by which one of c is chosen: a select of all, or where they are too many an input for the name, with
// some of them to begin with. None is what the select says before one is chosen.
func (c catalog) choice(tx *store.Tx, name, label, none string) (*field, error) {
	f := &field{Name: name, Label: label}
	slice, err := tx.ListNamed(store.NamedQuery{Kind: c.kind, Page: store.Page{Limit: maxChoices}})
	if err != nil {
		return nil, err
	}
	if slice.Next != "" {
		f.Kind, f.Autocomplete, f.List = "name", "off", namesOf(slice.Items)
		return f, nil
	}
	f.Kind, f.Options = "select", []option{{"", none}}
	for _, n := range slice.Items {
		f.Options = append(f.Options, option{strconv.FormatInt(n.ID, 10), n.Name})
	}
	return f, nil
}

func namesOf(items []named) []string {
	names := make([]string, len(items))
	for i, n := range items {
		names[i] = n.Name
	}
	return names
}

// set chooses one in the field.
func (f *field) set(n named) { f.Value, f.Typed = strconv.FormatInt(n.ID, 10), n.Name }

// choose is the one of c that a form has chosen in the field, which says so then; without an id: none. What is wrong with
// that is the field's problem.
func (c catalog) choose(tx *store.Tx, f *field, values url.Values) (named, error) {
	f.Value, f.Typed = values.Get(f.Name), values.Get(typedName(f.Name))
	var chosen named
	if id, err := strconv.ParseInt(f.Value, 10, 64); err == nil {
		chosen, err = tx.Named(c.kind, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return named{}, err
		}
	}
	if values.Has(typedName(f.Name)) && sentLine(chosen.Name, f.Typed) != chosen.Name {
		chosen, f.Value = named{}, ""
		if f.Typed != "" {
			var err error
			chosen, err = tx.NamedByName(c.kind, f.Typed)
			if errors.Is(err, store.ErrNotFound) {
				return named{}, c.suggest(tx, f)
			}
			if err != nil {
				return named{}, err
			}
		}
	}
	switch {
	case chosen.ID != 0:
		f.set(chosen)
	case f.Value != "":
		f.Problem = "is none that there is"
	}
	return chosen, nil
}

// suggest says that what was typed is no name, and what names have it in them.
func (c catalog) suggest(tx *store.Tx, f *field) error {
	f.Problem = "there is none of this name"
	slice, err := tx.ListNamed(store.NamedQuery{Kind: c.kind, Search: strings.TrimSpace(f.Typed), Page: store.Page{Limit: maxChoices}})
	if err != nil || len(slice.Items) == 0 {
		return err
	}
	f.List = namesOf(slice.Items)
	const some = 5
	f.Problem += "; it is in “" + strings.Join(f.List[:min(some, len(f.List))], "”, “") + "”"
	if len(f.List) > some {
		f.Problem += " and others"
	}
	return nil
}
