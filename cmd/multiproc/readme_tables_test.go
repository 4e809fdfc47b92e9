package main

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/cmd/internal/config"
)

var updateReadme = flag.Bool("update", false, "write the table of keys in README.md anew")

// keysHeading begins the table of keys.
const keysHeading = "| key | values | default | by a reload | meaning |\n|---|---|---|---|---|\n"

// TestReadmeKeys: README.md has all keys, as the program has them. With -update they are written anew.
func TestReadmeKeys(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	for _, k := range config.Keys() {
		name := "`" + k.Name + "`"
		for _, alias := range k.Aliases {
			name += ", `" + alias + "`"
		}
		kind, by, value := k.Kind, "", k.Default
		if k.Repeatable {
			kind += " …"
		}
		if k.Unchangeable {
			by = "no"
		}
		if value != "" {
			value = "`" + value + "`"
		}
		want.WriteString(strings.ReplaceAll(fmt.Sprintf("| %s | %s | %s | %s | %s |\n", name, kind, value, by, k.Help), "  ", " "))
	}
	text := readReadme(t)
	before, rest, found := strings.Cut(text, keysHeading)
	got, after, ended := strings.Cut(rest, "\n</details>")
	if !found || !ended {
		t.Fatal("README.md has no table of keys")
	}
	if *updateReadme {
		if err := os.WriteFile("../../README.md", []byte(before+keysHeading+want.String()+"\n</details>"+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("keys of README.md; go test -run %s -update writes them. -want +got:\n%s", t.Name(), diff)
	}
}

// TestReadmeMetrics: README.md has all metrics, with their types and labels, of a server to which all has happened that they
// tell of, and no others.
func TestReadmeMetrics(t *testing.T) {
	t.Parallel()
	s := startEventful(t)
	_, page := s.get("/metrics")
	want := exposed(page)
	got := map[string]string{}
	for _, row := range readmeTable(t, "metric") {
		labels := quoted(row[2])
		slices.Sort(labels)
		for _, name := range quoted(row[0]) {
			got[name] = strings.TrimSpace(row[1] + " " + strings.Join(labels, " "))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics of README.md: -server +README:\n%s", diff)
	}
	for _, row := range readmeTable(t, "route") {
		for _, path := range quoted(row[0]) {
			if code, body := s.get(path); code != http.StatusOK && !strings.HasPrefix(path, "/api/") {
				t.Errorf("%s of README.md: %d %s", path, code, body)
			}
		}
	}
}

// exposed are the type of each family of a page and its labels, in order.
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

// TestReadmeForeignKeys: what README.md says of keys of uWSGI's and of gunicorn's options leads to keys that there are, and
// each key of uWSGI's is one that the program knows: as one of its own, or to be ignored, or to be refused.
func TestReadmeForeignKeys(t *testing.T) {
	t.Parallel()
	for _, row := range readmeTable(t, "uWSGI's key") {
		for _, name := range quoted(row[0]) {
			refused := !isKey(name) && !isIgnored(name)
			if refused != strings.HasPrefix(row[2], "refused") || refused && !isRefused(t, name) {
				t.Errorf("%s of uWSGI's: %q, but key: %t, ignored: %t", name, row[2], isKey(name), isIgnored(name))
			}
		}
		mustBeKeys(t, row[1])
	}
	for _, row := range readmeTable(t, "gunicorn's option") {
		mustBeKeys(t, row[1])
	}
	for _, row := range readmeTable(t, "file") {
		mustBeKeys(t, row[0])
	}
}

// mustBeKeys expects that the words in backticks are keys, but for signals and commands.
func mustBeKeys(t *testing.T, text string) {
	t.Helper()
	for _, word := range quoted(text) {
		if word == strings.ToLower(word) && !strings.Contains(word, " ") && !isKey(word) {
			t.Errorf("`%s` in README.md is no key", word)
		}
	}
}

func isIgnored(name string) bool {
	return slices.ContainsFunc(config.Ignored(), func(k config.IgnoredKey) bool {
		prefix, some := strings.CutSuffix(k.Name, "*")
		return k.Name == name || some && strings.HasPrefix(name, prefix)
	})
}

// isRefused reports whether the program refuses a key because of what uWSGI means by it.
func isRefused(t *testing.T, name string) bool {
	t.Helper()
	_, err := config.Load(config.Arguments{Settings: []config.Setting{{Key: name, Value: "x"}}, Activated: true}, config.System{})
	return err != nil && !strings.Contains(err.Error(), "unknown")
}

// TestReadmeConfigurations: what README.md shows as an ini file has no fault.
func TestReadmeConfigurations(t *testing.T) {
	t.Parallel()
	for _, block := range readmeBlocks(t) {
		if block.language != "ini" {
			continue
		}
		path := filepath.Join(t.TempDir(), block.file)
		if err := os.WriteFile(path, []byte(block.text), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(config.Arguments{Files: []string{path}}, config.System{})
		if err != nil || len(loaded.Notes) > 0 {
			t.Errorf("README.md:%d: %v %v", block.line, err, loaded)
		}
	}
}
