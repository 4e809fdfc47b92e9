package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// description is the OpenAPI description of the API.
type description map[string]any

// described is the description in the file, which TestDescription compares with the one that is served.
var described = func() (d description) {
	text, err := os.ReadFile("openapi.json")
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		panic(err)
	}
	return d
}()

// resolve follows references.
func (d description) resolve(v any) map[string]any {
	node, _ := v.(map[string]any)
	for node["$ref"] != nil {
		path := strings.Split(strings.TrimPrefix(node["$ref"].(string), "#/"), "/")
		var at any = map[string]any(d)
		for _, name := range path {
			at = at.(map[string]any)[name]
		}
		if at == nil {
			panic(fmt.Sprintf("nothing at %v", node["$ref"]))
		}
		node = at.(map[string]any)
	}
	return node
}

// validJSON checks a text against a schema.
func (d description) validJSON(schema any, text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	return d.valid(schema, v)
}

// valid checks a value against a schema: as much of JSON Schema as the description uses.
func (d description) valid(schema, v any) error {
	s := d.resolve(schema)
	for keyword, want := range s {
		if err := d.keyword(s, keyword, want, v); err != nil {
			return err
		}
	}
	return nil
}

func (d description) keyword(s map[string]any, keyword string, want, v any) error {
	wrong := fmt.Errorf("%v: not %s %v", v, keyword, want)
	ok := true
	text, isText := v.(string)
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	number := 0.0
	n, isNumber := v.(json.Number)
	if isNumber {
		number, _ = n.Float64()
	}
	switch keyword {
	case "description", "default":
	case "type":
		types, several := want.([]any)
		if !several {
			types = []any{want}
		}
		ok = slices.ContainsFunc(types, func(t any) bool { return hasType(v, t.(string)) })
	case "const":
		ok = reflect.DeepEqual(v, want)
	case "oneOf":
		valid := 0
		for _, one := range want.([]any) {
			if d.valid(one, v) == nil {
				valid++
			}
		}
		ok = valid == 1
	case "pattern":
		ok = !isText || regexp.MustCompile(want.(string)).MatchString(text)
	case "format":
		_, err := time.Parse(time.RFC3339Nano, text)
		ok = !isText || want == "date-time" && err == nil
	case "minLength":
		ok = !isText || float64(utf8.RuneCountInString(text)) >= want.(float64)
	case "maxLength":
		ok = !isText || float64(utf8.RuneCountInString(text)) <= want.(float64)
	case "minimum":
		ok = !isNumber || number >= want.(float64)
	case "maximum":
		ok = !isNumber || number <= want.(float64)
	case "minItems":
		ok = !isList || float64(len(list)) >= want.(float64)
	case "maxItems":
		ok = !isList || float64(len(list)) <= want.(float64)
	case "items":
		for i, item := range list {
			if err := d.valid(want, item); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "required":
		for _, name := range want.([]any) {
			if _, given := object[name.(string)]; isObject && !given {
				return fmt.Errorf("%v: no %v", v, name)
			}
		}
	case "additionalProperties":
		properties, _ := s["properties"].(map[string]any)
		for name := range object {
			if properties[name] == nil {
				return fmt.Errorf("%v: %s is not described", v, name)
			}
		}
		ok = want == false
	case "properties":
		for name, property := range want.(map[string]any) {
			if member, given := object[name]; given {
				if err := d.valid(property, member); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	default:
		return fmt.Errorf("the test does not know %s", keyword)
	}
	if !ok {
		return wrong
	}
	return nil
}

func hasType(v any, name string) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case json.Number:
		return name == "number" || name == "integer" && !strings.ContainsAny(v.String(), ".eE")
	case []any:
		return name == "array"
	}
	return name == "object"
}
