package admin

import "time"

// timeField is a field for a date and a time, which are UTC, with what was typed or stands in an address.
func timeField(name, label, text string) *field {
	f := &field{Name: name, Label: label, Kind: "datetime-local"}
	if text == "" {
		return f
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			f.time, f.Value = t.UTC(), inputTime(t.UTC())
			return f
		}
	}
	f.Value, f.Problem = text, "is not a date and time, as in 2026-03-01 12:30: “"+text+"”" // which the input does not show
	return f
}

// inputTime is a time as an input of dates and times has it: browsers show nothing of what is written otherwise.
func inputTime(t time.Time) string {
	switch {
	case t.Nanosecond() != 0:
		return t.Format("2006-01-02T15:04:05.000")
	case t.Second() != 0:
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04")
}
