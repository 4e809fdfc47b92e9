package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// size is a number of bytes.
type size struct {
	field *int64
	min   int64
	unit  int64 // of a number without a suffix, in bytes
}

// Units of sizes, in bytes.
const (
	kib int64 = 1 << 10
	mib int64 = 1 << 20
	gib int64 = 1 << 30
)

func (s size) kind() string {
	if s.unit == mib {
		return "size (MB)"
	}
	return "size"
}

func (s size) texts() []string { return []string{formatSize(*s.field)} }

func (s size) set(text string) error {
	v, err := parseSize(text, s.unit)
	if err != nil {
		return err
	}
	if v < s.min {
		return fmt.Errorf("%s is less than %s", quoted(text), formatSize(s.min))
	}
	*s.field = v
	return nil
}

// parseSize reads a number that may have one of the suffixes k, M and G, in either case.
func parseSize(text string, unit int64) (int64, error) {
	digits := text
	if last := len(text) - 1; last > 0 {
		switch text[last] {
		case 'k', 'K':
			digits, unit = text[:last], kib
		case 'm', 'M':
			digits, unit = text[:last], mib
		case 'g', 'G':
			digits, unit = text[:last], gib
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, fmt.Errorf("%s is no size: want a number, or one with k, M or G", quoted(text))
	}
	if err != nil || n > uint64(math.MaxInt64/unit) {
		return 0, fmt.Errorf("%s is out of range", quoted(text))
	}
	return int64(n) * unit, nil
}

func formatSize(bytes int64) string {
	for _, u := range []struct {
		unit   int64
		suffix string
	}{{gib, "G"}, {mib, "M"}, {kib, "k"}} {
		if bytes != 0 && bytes%u.unit == 0 {
			return strconv.FormatInt(bytes/u.unit, 10) + u.suffix
		}
	}
	return strconv.FormatInt(bytes, 10)
}
