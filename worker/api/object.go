package api

import (
	"net/url"
	"slices"
	"strings"

	"multiproc/store"
)

// object is a JSON object that is read field by field. Faults are collected.
type object struct {
	at     string // the place in the body, as a URI fragment
	fields []string
	values [maxFields]value // in the order of fields; nil: not given
	faults *faults
}

// maxFields is the largest number of known fields of an object.
const maxFields = 3

// readObject reads an object that may have these fields. It is not ok if the value is not an object.
func readObject(v value, at string, faults *faults, fields ...string) (o object, ok bool) {
	o = object{at: at, fields: fields, faults: faults}
	if v[0] != '{' {
		faults.add(at, "", "is "+v.kind()+", not an object")
		return o, false
	}
	for name, member := range v.members() {
		if faults.full() {
			break
		}
		i := slices.Index(fields, name)
		switch {
		case i < 0:
			o.fault(name, "is unknown; known fields are "+strings.Join(fields, ", "))
		case o.values[i] != nil:
			o.fault(name, "is given more than once")
		default:
			o.values[i] = member
		}
	}
	return o, true
}

func (o *object) fault(field, detail string) {
	o.faults.add(o.at+"/"+pointerToken(field), field, detail)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointerToken returns a name as a token of a JSON pointer in a URI fragment.
func pointerToken(name string) string { return url.PathEscape(pointerEscapes.Replace(name)) }

// optional returns the value of a field, which must be of one of these kinds; nil if it is not, or is not given.
func (o *object) optional(field string, kinds ...string) value {
	v := o.values[slices.Index(o.fields, field)]
	if v != nil && !slices.Contains(kinds, v.kind()) {
		o.fault(field, "is "+v.kind()+", not "+strings.Join(kinds, " or "))
		return nil
	}
	return v
}

// required is optional for a field that must be given.
func (o *object) required(field string, kinds ...string) value {
	if o.values[slices.Index(o.fields, field)] == nil {
		o.fault(field, "is missing")
	}
	return o.optional(field, kinds...)
}

// text returns the text of a required field, empty if it is faulty.
func (o *object) text(field string) string {
	if v := o.required(field, "a string"); v != nil {
		return v.text()
	}
	return ""
}

// setText sets a text to that of an optional field, if it is given.
func (o *object) setText(text *string, field string) {
	if v := o.optional(field, "a string"); v != nil {
		*text = v.text()
	}
}

// amount returns the amount in a required field: a number, or a string with one.
func (o *object) amount(field string) store.Amount {
	v := o.required(field, "a number", "a string")
	if v == nil {
		return 0
	}
	text := string(v)
	if v[0] == '"' {
		text = v.text()
	}
	amount, err := store.ParseAmount(text)
	_ = o.faults.addInvalid(o.at, err) // ParseAmount returns no other error
	return amount
}
