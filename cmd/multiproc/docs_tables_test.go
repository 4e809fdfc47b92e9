package main

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/cmd/internal/config"
)

// TestDocMetrics compares the tables of metrics and routes with a server on which every kind of event has happened.
func TestDocMetrics(t *testing.T) {
	t.Parallel()
	s := startEventful(t)
	_, page := s.get("/metrics")
	want := exposed(page)
	got := map[string]string{}
	for _, row := range docTable(t, "metric") {
		labels := quoted(row[2])
		slices.Sort(labels)
		for _, name := range quoted(row[0]) {
			got[name] = strings.TrimSpace(row[1] + " " + strings.Join(labels, " "))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics: -server +docs:\n%s", diff)
	}
	for _, row := range docTable(t, "route") {
		for _, path := range quoted(row[0]) {
			if code, body := s.get(path); code >= http.StatusBadRequest && !strings.HasPrefix(path, "/api/") {
				t.Errorf("%s: %d %s", path, code, body)
			}
		}
	}
}

// exposed returns the type and the sorted labels of every family of a page.
func exposed(page string) map[string]string {
	families := map[string]string{}
	labels := map[string]map[string]bool{}
	family := ""
	for line := range strings.Lines(page) {
		if head, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(strings.TrimSpace(head), " ")
			family, families[name], labels[name] = name, kind, map[string]bool{}
			continue
		}
		for _, label := range regexp.MustCompile(`[{,](\w+)="`).FindAllStringSubmatch(line, -1) {
			if label[1] != "le" && !strings.HasPrefix(line, "#") {
				labels[family][label[1]] = true
			}
		}
	}
	for name := range families {
		for _, label := range slices.Sorted(maps.Keys(labels[name])) {
			families[name] += " " + label
		}
	}
	return families
}

// TestDocForeignKeys checks the tables of other servers' options: they must lead to existing keys, and every key of uWSGI's must be
// known, ignored or refused, as the table says.
func TestDocForeignKeys(t *testing.T) {
	t.Parallel()
	for _, row := range docTable(t, "uWSGI's key") {
		for _, name := range quoted(row[0]) {
			refused := !isKey(name) && !isIgnored(name)
			if refused != strings.HasPrefix(row[2], "refused") || refused && !isRefused(t, name) {
				t.Errorf("uWSGI's %s: %q, but key: %t, ignored: %t", name, row[2], isKey(name), isIgnored(name))
			}
		}
		mustBeKeys(t, row[1])
	}
	for _, row := range docTable(t, "gunicorn's option") {
		mustBeKeys(t, row[1])
	}
	for _, row := range docTable(t, "file") {
		mustBeKeys(t, row[0])
	}
}

// mustBeKeys checks that the words in backticks are keys, except for signals and commands.
func mustBeKeys(t *testing.T, text string) {
	t.Helper()
	for _, word := range quoted(text) {
		if word == strings.ToLower(word) && !strings.Contains(word, " ") && !isKey(word) {
			t.Errorf("`%s` is not a key", word)
		}
	}
}

// isIgnored reports whether the program ignores a key because it is uWSGI's.
func isIgnored(name string) bool {
	loaded, err := config.Load(config.Arguments{Settings: []config.Setting{{Key: name, Value: "x"}}, Activated: true})
	return err == nil && slices.ContainsFunc(loaded.Notes, func(note config.Remark) bool {
		return strings.HasPrefix(note.Message, name+" is ignored: ")
	})
}

// isRefused reports whether the program refuses a key because of its meaning in uWSGI.
func isRefused(t *testing.T, name string) bool {
	t.Helper()
	_, err := config.Load(config.Arguments{Settings: []config.Setting{{Key: name, Value: "x"}}, Activated: true})
	return err != nil && !strings.Contains(err.Error(), "unknown")
}
