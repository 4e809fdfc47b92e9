package admin

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"multiproc/store"
)

// maxChoices is the largest number of APIs or statuses that a select offers. If there are more, the name is typed.
const maxChoices = 300

// typedName returns the parameter with the name that was typed, beside that with the id.
func typedName(field string) string { return field + "_name" }

// choice returns a field that chooses an API or status: a select or, if there are too many, an input for the name. The label none
// is shown before a choice.
func (c collection) choice(tx *store.Tx, name, label, none string) (*field, error) {
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

func namesOf(items []store.Named) []string {
	names := make([]string, len(items))
	for i, n := range items {
		names[i] = n.Name
	}
	return names
}

// set chooses n.
func (f *field) set(n store.Named) { f.Value, f.Typed = strconv.FormatInt(n.ID, 10), n.Name }

// choose returns the API or status that values choose in a field, and sets the field to it; without an id if there is none. If
// they name one that does not exist, that is the field's problem.
func (c collection) choose(tx *store.Tx, f *field, values url.Values) (store.Named, error) {
	f.Value, f.Typed = values.Get(f.Name), values.Get(typedName(f.Name))
	var chosen store.Named
	if id, err := strconv.ParseInt(f.Value, 10, 64); err == nil {
		chosen, err = tx.Named(c.kind, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return store.Named{}, err
		}
	}
	// A typed name beats the id, unless it is the name of the id as a browser sends it.
	if values.Has(typedName(f.Name)) && sentLine(chosen.Name, f.Typed) != chosen.Name {
		chosen, f.Value = store.Named{}, ""
		if f.Typed != "" {
			var err error
			chosen, err = tx.NamedByName(c.kind, f.Typed)
			if errors.Is(err, store.ErrNotFound) {
				return store.Named{}, c.suggest(tx, f)
			}
			if err != nil {
				return store.Named{}, err
			}
		}
	}
	switch {
	case chosen.ID != 0:
		f.set(chosen)
	case f.Value != "":
		f.Problem = "does not exist"
	}
	return chosen, nil
}

// suggest reports that no API or status has the typed name, and offers those that contain it.
func (c collection) suggest(tx *store.Tx, f *field) error {
	f.Problem = "no " + c.one + " has this name"
	slice, err := tx.ListNamed(store.NamedQuery{Kind: c.kind, Search: strings.TrimSpace(f.Typed), Page: store.Page{Limit: maxChoices}})
	if err != nil || len(slice.Items) == 0 {
		return err
	}
	f.List = namesOf(slice.Items)
	f.Problem += "; similar: “" + strings.Join(f.List[:min(5, len(f.List))], "”, “") + "”"
	return nil
}
