package config

import (
	"fmt"
	"strconv"
)

// octal is the mode of a file, or a mask of modes, that may be absent.
type octal struct {
	field **uint32
	one   uint32 // what 1, and the key alone, stand for
}

func (o octal) kind() string { return "octal" }

func (o octal) texts() []string {
	if *o.field == nil {
		return nil
	}
	return []string{fmt.Sprintf("%03o", **o.field)}
}

func (o octal) set(text string) error {
	v, err := strconv.ParseUint(text, 8, 32)
	if err != nil || v > 0o777 {
		return fmt.Errorf("%s is no octal number up to 777", quoted(text))
	}
	mode := uint32(v)
	if mode == 1 && len(text) == 1 {
		mode = o.one
	}
	*o.field = &mode
	return nil
}
