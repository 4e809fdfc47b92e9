package config

import (
	"fmt"
	"strconv"
)

// userID is the number of a user, who may be given by name.
type userID struct {
	field **int
	name  *string // stays empty where the number is given; see deriveGroup
	sys   *System
}

func (u userID) kind() string    { return "user" }
func (u userID) texts() []string { return optionalID(*u.field) }

func (u userID) set(text string) error {
	if id, ok := parseID(text); ok {
		*u.field, *u.name = &id, ""
		return nil
	}
	found, err := u.sys.LookupUser(text)
	if err != nil {
		return fmt.Errorf("%s cannot be looked up: %w", quoted(text), err)
	}
	id, ok := parseID(found.Uid)
	if !ok {
		return fmt.Errorf("user %s has the id %s, which is no number", quoted(text), quoted(found.Uid))
	}
	*u.field, *u.name = &id, text
	return nil
}

// groupID is the number of a group, which may be given by name.
type groupID struct {
	field **int
	sys   *System
}

func (g groupID) kind() string    { return "group" }
func (g groupID) texts() []string { return optionalID(*g.field) }

func (g groupID) set(text string) error {
	id, ok := parseID(text)
	if !ok {
		found, err := g.sys.LookupGroup(text)
		if err != nil {
			return fmt.Errorf("%s cannot be looked up: %w", quoted(text), err)
		}
		if id, ok = parseID(found.Gid); !ok {
			return fmt.Errorf("group %s has the id %s, which is no number", quoted(text), quoted(found.Gid))
		}
	}
	*g.field = &id
	return nil
}

// parseID takes numbers that fit an int everywhere. So it leaves out 2^32-1, which the kernel takes for "as it is".
func parseID(text string) (int, bool) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int(id), err == nil
}

func optionalID(id *int) []string {
	if id == nil {
		return nil
	}
	return []string{strconv.Itoa(*id)}
}
