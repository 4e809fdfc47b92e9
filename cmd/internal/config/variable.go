package config

import (
	"errors"
	"fmt"
	"strings"
)

// Variable is an environment variable.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// String returns "NAME=value".
func (v Variable) String() string { return v.Name + "=" + v.Value }

// variables is a list in which a second value of a variable replaces the first.
func variables(field *[]Variable) value {
	same := func(a, b Variable) bool { return a.Name == b.Name }
	return list[Variable]{field: field, name: "NAME=VALUE", parse: parseVariable, format: Variable.String, same: same}
}

func parseVariable(text string) (Variable, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return Variable{}, fmt.Errorf("%s has no value: use NAME=VALUE", quoted(text))
	}
	return Variable{name, value}, checkVariableName(name)
}

func variableNames(field *[]string) value {
	parse := func(text string) (string, error) { return text, checkVariableName(text) }
	return list[string]{field: field, name: "name", parse: parse, format: asIs}
}

func checkVariableName(name string) error {
	if name == "" {
		return errors.New("missing name of the variable")
	}
	if strings.ContainsAny(name, "= \t") {
		return fmt.Errorf("%s cannot be the name of a variable", quoted(name))
	}
	return nil
}
