package config

import (
	"strings"
	"testing"
)

func TestHSTS(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"0":                               "0",
		"31536000":                        "31536000",
		"24h":                             "86400",
		"0, includeSubDomains":            "0, includeSubDomains",
		"300,includesubdomains":           "300, includeSubDomains",
		"8760h,preload,includeSubDomains": "31536000, includeSubDomains, preload",
	} {
		var field string
		v := hsts(&field)
		if err := v.set(text); err != nil || field != want {
			t.Errorf("%q is %q, want %q: %v", text, field, want, err)
		}
		if err := v.set(strings.Join(v.texts(), "")); err != nil || field != want {
			t.Errorf("%q is %q when it is read again: %v", want, field, err)
		}
	}
	for text, hint := range map[string]string{
		"true":                                "a duration and words separated by commas, such as 31536000, includeSubDomains",
		"max-age=31536000; includeSubDomains": "a duration and words separated by commas, such as 31536000, includeSubDomains",
		"31536000; includeSubDomains":         "a duration and words separated by commas, such as 31536000, includeSubDomains",
		"includeSubDomains":                   "a duration and words separated by commas, such as 31536000, includeSubDomains",
		"1y":                                  "a duration and words separated by commas, such as 31536000, includeSubDomains",
		",":                                   "a duration and words separated by commas, such as 31536000, includeSubDomains",
		"-1":                                  "not a whole number of seconds",
		"1500ms":                              "not a whole number of seconds",
		"99999999999999999999":                "such as",
		"300, always":                         `"always" is neither includeSubDomains nor preload`,
		"300,":                                "is neither",
		"300, 300":                            "is neither",
		"300, includeSubDomains, includesubdomains": "given twice",
		"300, includeSubDomains includeSubDomains":  "is neither",
		"31536000, preload":                         "preload needs includeSubDomains",
		"31535999, includeSubDomains, preload":      "at least a year (31536000)",
		"31536000, includeSubDomains\r\nX: y":       "is neither",
	} {
		field := "before"
		if err := hsts(&field).set(text); err == nil || !strings.Contains(err.Error(), hint) || field != "before" {
			t.Errorf("%q: %q, %v, want an error with %q", text, field, err, hint)
		}
	}
}
