package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// duration is a span of time. A number without a unit is in seconds.
type duration struct {
	field *time.Duration
	min   time.Duration
}

func (d duration) kind() string    { return "duration" }
func (d duration) texts() []string { return []string{formatDuration(*d.field)} }

func (d duration) set(text string) error {
	v, err := parseDuration(text)
	if err != nil {
		return err
	}
	if v < d.min {
		return fmt.Errorf("%s is less than %s", quoted(text), formatDuration(d.min))
	}
	*d.field = v
	return nil
}

// autoDuration is a duration that may be computed instead.
type autoDuration struct{ duration }

func (d autoDuration) kind() string { return "duration or auto" }

func (d autoDuration) texts() []string {
	if *d.field == auto {
		return []string{autoText}
	}
	return d.duration.texts()
}

func (d autoDuration) set(text string) error {
	if text == autoText {
		*d.field = auto
		return nil
	}
	return d.duration.set(text)
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
		return 0, fmt.Errorf("%s is no duration: want seconds, or one like 1m30s or 500ms", quoted(text))
	}
	return v, nil
}

// formatDuration is Duration.String without what is zero: 1m, not 1m0s.
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
