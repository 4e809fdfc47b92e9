package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"multiproc/store"
)

// errStale is what a change fails with that was asked for on a page that shows its object as it is no more.
var errStale = errors.New("it was changed meanwhile")

// version is what a page has shown of an object. It goes along with the page's form and comes back with it, so that nobody
// undoes, without having seen it, what somebody else did meanwhile.
type version struct {
	entry  int64  // the last of the audit log about the object
	fields string // fingerprints of what the fields had, in their order
}

// versionOf is the version of an object that the form of it shows, before it is filled in.
func versionOf(tx *store.Tx, kind store.Kind, id int64, f *form) (version, error) {
	entries, err := tx.Entries(store.EntryQuery{Kind: kind, ObjectID: id, Page: store.Page{Limit: 1}})
	if err != nil {
		return version{}, err
	}
	v := version{fields: f.fingerprints()}
	if len(entries.Items) > 0 {
		v.entry = entries.Items[0].ID
	}
	return v, nil
}

// readVersion reads what String wrote. Of anything else it is a version that no object has.
func readVersion(text string) version {
	entry, fields, _ := strings.Cut(text, "-")
	id, err := strconv.ParseInt(entry, 10, 64)
	if err != nil {
		return version{}
	}
	return version{id, fields}
}

// String is the version as forms send it.
func (v version) String() string { return strconv.FormatInt(v.entry, 10) + "-" + v.fields }

// fingerprints are those of all fields.
func (f *form) fingerprints() string {
	prints := make([]string, len(f.Fields))
	for i, field := range f.Fields {
		prints[i] = field.fingerprint()
	}
	return strings.Join(prints, ".")
}

// fingerprint is that of what the field has, as a browser sends it.
func (f *field) fingerprint() string {
	sum := sha256.Sum256([]byte(f.Name + "\n" + f.sent() + strconv.FormatBool(f.Checked)))
	return hex.EncodeToString(sum[:12])
}

// sent is what a browser sends of the value.
func (f *field) sent() string {
	if f.Kind == "textarea" {
		return oneBreak(f.Value)
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(f.Value)
}

// content is what a field holds, in the words of a person.
func (f *field) content() string {
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

// versioned says in the form of an object, before it is filled in, what it shows.
func (f *form) versioned(tx *store.Tx, kind store.Kind, id int64) error {
	v, err := versionOf(tx, kind, id, f)
	f.Version, f.now = v.String(), v
	for _, field := range f.Fields {
		stored := *field
		field.stored = &stored
	}
	return err
}

// checkVersion fails with errStale if the form was sent of another version of its object than there is. Then it shows what there
// is now: beside what was typed, or where that is what was there before, in its place. Who sends that again means it.
func (f *form) checkVersion(tx *store.Tx, kind store.Kind, id int64) error {
	sent := readVersion(f.Version)
	if sent.fields == f.now.fields {
		return nil
	}
	who, err := changedSince(tx, kind, id, sent)
	if err != nil {
		return err
	}
	f.Version = f.now.String()
	if len(f.Fields) == 0 {
		f.Fault = "It is still there. " + who + " Look at it again before you say yes."
		return errStale
	}
	f.Fault = "Nothing was saved yet. " + who + " What you typed is still here, and beside it what is there now; where you had typed nothing else, that has taken its place. " +
		"Save again if that is how it is to be."
	before := strings.Split(sent.fields, ".")
	for i, field := range f.Fields {
		typed, stored := field.fingerprint(), field.stored.fingerprint()
		switch known := i < len(before); {
		case typed == stored, known && stored == before[i]:
		case known && typed == before[i]:
			field.Value, field.Typed, field.Checked = field.stored.Value, field.stored.Typed, field.stored.Checked
		default:
			field.Differs, field.Now = true, field.stored.content()
		}
	}
	return errStale
}

// checkDeletion is checkVersion of a form that asks whether an object is to be deleted, which has another form that shows it.
func (f *form) checkDeletion(c *change, kind store.Kind, id int64, shown *form) (err error) {
	f.fill(c.request)
	if f.now, err = versionOf(c.Tx, kind, id, shown); err != nil {
		return err
	}
	return f.checkVersion(c.Tx, kind, id)
}

// changedSince says who has changed an object since that version of it. To delete transactions of an API or a status changes none.
func changedSince(tx *store.Tx, kind store.Kind, id int64, v version) (string, error) {
	if v.fields == "" {
		return "It may have been changed since you looked at it.", nil
	}
	const latest = 20
	entries, err := tx.Entries(store.EntryQuery{Kind: kind, ObjectID: id, Page: store.Page{Limit: latest}})
	if err != nil {
		return "", err
	}
	var actors, told []string
	for _, e := range entries.Items {
		if e.ID > v.entry && e.Action == store.ActionChange && !e.OfDeletion() && !slices.Contains(actors, e.Actor) {
			actors = append(actors, e.Actor)
			told = append(told, fmt.Sprintf("%s (at %s UTC)", e.Actor, moment(e.Time)))
		}
	}
	if len(told) == 0 {
		return "It was changed meanwhile, by something that the history does not tell of.", nil
	}
	return "It was changed meanwhile by " + strings.Join(told, ", ") + ".", nil
}
