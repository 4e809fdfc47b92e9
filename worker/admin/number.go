package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// number returns a number as pages show it: 1,234,567.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// plural returns a number with a noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// transactionCount returns a number of transactions, in words.
func transactionCount(n int64) string { return plural(n, "transaction") }

// size returns bytes as pages show them, and the metrics commands.
func size(bytes int64) string {
	n := float64(bytes)
	if n < 1000 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	units := []string{"KiB", "MiB", "GiB"}
	for n /= 1024; n >= 1000 && len(units) > 1; units = units[1:] {
		n /= 1024
	}
	return fmt.Sprintf("%.1f %s", n, units[0])
}

// span returns a duration as pages show it, in its two largest units.
func span(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	days, hours, minutes, seconds := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	}
	return fmt.Sprintf("%d s", seconds)
}

// percent returns a part of a whole.
func percent(part, whole int64) string {
	switch {
	case whole == 0:
		return ""
	case part == whole:
		return "100%"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// capital returns a word with a capital letter.
func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
