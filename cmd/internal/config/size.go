package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Units of sizes, in bytes.
const (
	kib int64 = 1 << 10
	mib int64 = 1 << 20
	gib int64 = 1 << 30
)

// size is a number of bytes of at least least. A number without a suffix is in unit bytes.
func size(field *int64, least, unit int64) value {
	name := "size"
	if unit == mib {
		name = "size (MB)"
	}
	parse := func(text string) (int64, error) {
		v, err := parseSize(text, unit)
		if err == nil && v < least {
			err = fmt.Errorf("%s is less than %s", quoted(text), formatSize(least))
		}
		return v, err
	}
	return scalar[int64]{field: field, name: name, parse: parse, format: formatSize}
}

// parseSize parses a number with an optional suffix k, M or G, in either case.
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
		return 0, fmt.Errorf("%s is not a size: use a number, with k, M or G if you like", quoted(text))
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
