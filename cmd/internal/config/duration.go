package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// duration is a span of time of at least least. A number without a unit is in seconds.
func duration(field *time.Duration, least time.Duration) scalar[time.Duration] {
	parse := func(text string) (time.Duration, error) {
		v, err := parseDuration(text)
		if err == nil && v < least {
			err = fmt.Errorf("%s is less than %s", quoted(text), formatDuration(least))
		}
		return v, err
	}
	return scalar[time.Duration]{field: field, name: "duration", parse: parse, format: formatDuration}
}

func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		if seconds > int64(math.MaxInt64/time.Second) || seconds < int64(math.MinInt64/time.Second) {
			return 0, fmt.Errorf("%s is out of range", quoted(text))
		}
		return time.Duration(seconds) * time.Second, nil
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s is not a duration: use seconds, or a unit as in 1m30s or 500ms", quoted(text))
	}
	return v, nil
}

// formatDuration formats like Duration.String, but without zero units: 1m, not 1m0s.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
