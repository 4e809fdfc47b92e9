package config

import (
	"fmt"
	"strconv"
)

// userID returns the value of a user, given by name or number. The name stays empty if a number is given; see setGroup.
func userID(field **int, name *string, sys *system) value {
	parse := func(text string) (*int, error) {
		if id, ok := parseID(text); ok {
			*name = ""
			return &id, nil
		}
		found, err := sys.LookupUser(text)
		if err != nil {
			return nil, fmt.Errorf("cannot look up %s: %w", quoted(text), err)
		}
		id, ok := parseID(found.Uid)
		if !ok {
			return nil, fmt.Errorf("the id of user %s is %s, which is not a number", quoted(text), quoted(found.Uid))
		}
		*name = text
		return &id, nil
	}
	return scalar[*int]{field: field, name: "user", parse: parse, format: formatID, optional: true}
}

// groupID is the number of a group, which may be given by name.
func groupID(field **int, sys *system) value {
	parse := func(text string) (*int, error) {
		id, ok := parseID(text)
		if !ok {
			found, err := sys.LookupGroup(text)
			if err != nil {
				return nil, fmt.Errorf("cannot look up %s: %w", quoted(text), err)
			}
			if id, ok = parseID(found.Gid); !ok {
				return nil, fmt.Errorf("the id of group %s is %s, which is not a number", quoted(text), quoted(found.Gid))
			}
		}
		return &id, nil
	}
	return scalar[*int]{field: field, name: "group", parse: parse, format: formatID, optional: true}
}

// parseID accepts numbers that fit an int on every machine. That excludes 2^32-1, which the kernel takes for "no change".
func parseID(text string) (int, bool) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int(id), err == nil
}

func formatID(id *int) string {
	if id == nil {
		return ""
	}
	return strconv.Itoa(*id)
}
