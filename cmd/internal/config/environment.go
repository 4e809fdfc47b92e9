package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Variable is one of the environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// String is "NAME=value".
func (v Variable) String() string { return v.Name + "=" + v.Value }

// variableList is any number of variables, each once: a second value replaces the first.
type variableList struct{ field *[]Variable }

func (l variableList) kind() string { return "NAME=VALUE" }

func (l variableList) texts() []string {
	texts := make([]string, len(*l.field))
	for i, v := range *l.field {
		texts[i] = v.String()
	}
	return texts
}

func (l variableList) set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%s has no value: want NAME=VALUE", quoted(text))
	}
	if err := checkVariableName(name); err != nil {
		return err
	}
	v := Variable{name, value}
	same := func(other Variable) bool { return other.Name == name }
	if i := slices.IndexFunc(*l.field, same); i >= 0 {
		(*l.field)[i] = v
	} else {
		*l.field = append(*l.field, v)
	}
	return nil
}

// variableNames is any number of names of variables.
type variableNames struct{ field *[]string }

func (l variableNames) kind() string    { return "name" }
func (l variableNames) texts() []string { return *l.field }

func (l variableNames) set(text string) error {
	if err := checkVariableName(text); err != nil {
		return err
	}
	*l.field = append(*l.field, text)
	return nil
}

func checkVariableName(name string) error {
	if name == "" {
		return errors.New("a variable needs a name")
	}
	if strings.ContainsAny(name, "= \t") {
		return fmt.Errorf("%s cannot be the name of a variable", quoted(name))
	}
	return nil
}
