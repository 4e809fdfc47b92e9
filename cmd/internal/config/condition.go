package config

import "strings"

// condition follows uWSGI's conditions and loops, which are not supported, through a section. They do not nest there.
type condition struct{ open bool }

// enter takes the key of the next line. It reports whether the line is within a condition, and whether it begins or ends a part of
// one that is reported already.
func (c *condition) enter(key string) (within, reported bool) {
	switch {
	case strings.HasPrefix(key, "if-"), strings.HasPrefix(key, "for-"):
		c.open = true
		return false, false
	}
	switch key {
	case "for", "ifenv", "ifexists", "ifdir", "ifplugin":
		c.open = true
		return false, false
	case "else":
		return c.open, c.open
	case "end", "endif", "end-if", "endfor", "end-for":
		within = c.open
		c.open = false
		return within, within
	}
	return c.open, false
}
