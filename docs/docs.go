// Package docs holds the manual, so that the command can print it.
package docs

import (
	"embed"
	"strings"
)

//go:embed *.md
var pages embed.FS

// Topics returns the names of the pages, sorted.
func Topics() []string {
	entries, err := pages.ReadDir(".")
	if err != nil {
		panic("BUG: embedded pages: " + err.Error())
	}
	topics := make([]string, len(entries))
	for i, entry := range entries {
		topics[i] = strings.TrimSuffix(entry.Name(), ".md")
	}
	return topics
}

// Page returns the text of a page, in Markdown, and whether there is one.
func Page(topic string) (string, bool) {
	text, err := pages.ReadFile(topic + ".md")
	return string(text), err == nil
}

// Title returns the heading of a page.
func Title(topic string) string {
	text, _ := Page(topic)
	heading, _, _ := strings.Cut(text, "\n")
	return strings.TrimPrefix(heading, "# ")
}
