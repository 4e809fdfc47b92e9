package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Directives of Strict-Transport-Security.
const (
	includeSubDomains = "includeSubDomains"
	preload           = "preload"
)

// preloadAge is the shortest time that the preload lists of browsers accept.
const preloadAge = 365 * 24 * time.Hour

// hsts is the value of Strict-Transport-Security, with commas: a time in seconds, and directives.
func hsts(field *string) value {
	return scalar[string]{field: field, name: "duration and words", parse: parseHSTS, format: asIs, optional: true}
}

func parseHSTS(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	parts := strings.Split(text, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	age, err := parseDuration(parts[0])
	switch {
	case err != nil:
		return "", fmt.Errorf("%s is not a duration and words separated by commas, such as 31536000, %s", quoted(text), includeSubDomains)
	case age < 0 || age%time.Second != 0:
		return "", fmt.Errorf("%s is not a whole number of seconds", quoted(parts[0]))
	}
	words := []string{strconv.FormatInt(int64(age/time.Second), 10)}
	for _, known := range []string{includeSubDomains, preload} {
		if slices.ContainsFunc(parts[1:], func(word string) bool { return strings.EqualFold(word, known) }) {
			words = append(words, known)
		}
	}
	for i, word := range parts[1:] {
		same := func(other string) bool { return strings.EqualFold(other, word) }
		if !slices.ContainsFunc(words[1:], same) {
			return "", fmt.Errorf("%s is neither %s nor %s", quoted(word), includeSubDomains, preload)
		}
		if slices.ContainsFunc(parts[1:i+1], same) {
			return "", fmt.Errorf("%s is given twice", quoted(word))
		}
	}
	if slices.Contains(words, preload) && (age < preloadAge || !slices.Contains(words, includeSubDomains)) {
		return "", fmt.Errorf("%s needs %s and at least a year (%.0f)", preload, includeSubDomains, preloadAge.Seconds())
	}
	return strings.Join(words, ", "), nil
}
