package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"multiproc/store"
)

// fault is what is wrong with one part of a request.
type fault struct {
	Field   string `json:"field,omitempty"`   // or the parameter of the query, or the header
	Pointer string `json:"pointer,omitempty"` // to where in the body, as a URI's fragment
	Detail  string `json:"detail"`
}

// faults are what is wrong with a request.
type faults struct {
	told  []fault // one for a place
	found int     // with those at a place that has one already
}

// maxFaults bounds how many faults of a request are told, and looked for.
const maxFaults = 100

// any reports whether something is wrong.
func (f *faults) any() bool { return f.found > 0 }

// full reports whether so many were found that no others need be looked for.
func (f *faults) full() bool { return f.found > maxFaults }

// add adds a fault, which is told unless its place has one already.
func (f *faults) add(pointer, field, detail string) {
	f.found++
	same := func(other fault) bool { return other.Pointer == pointer && other.Field == field }
	if len(f.told) < maxFaults && !slices.ContainsFunc(f.told, same) {
		f.told = append(f.told, fault{Field: field, Pointer: pointer, Detail: detail})
	}
}

// addInvalid adds what the store says about what it was given, which is there in the body, or in the query where the pointer
// is empty. It returns other errors.
func (f *faults) addInvalid(at string, err error) error {
	invalid, ok := errors.AsType[*store.InvalidError](err)
	if !ok {
		return err
	}
	for _, fault := range invalid.Fields {
		pointer := ""
		if at != "" {
			pointer = at + "/" + fault.Field
		}
		f.add(pointer, fault.Field, fault.Problem)
	}
	return nil
}

// judge is what the request fails for, if it does: err, or its faults and those that err tells of.
func (f *faults) judge(at string, err error) error {
	if err = f.addInvalid(at, err); err != nil || !f.any() {
		return err
	}
	return f.problem()
}

func (f *faults) problem() *problemError {
	first := f.told[0]
	detail := first.Field
	if detail == "" {
		detail = "body at " + first.Pointer
	}
	detail += ": " + first.Detail
	switch {
	case f.full():
		detail += ", and more: not all are told"
	case len(f.told) > 1:
		detail += fmt.Sprintf(", and %d more", len(f.told)-1)
	}
	return &problemError{Status: http.StatusUnprocessableEntity, Detail: detail, Errors: f.told}
}
