package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPage compares docs/configuration.md, which ends with the table of keys, with the keys. -update rewrites the table.
func TestPage(t *testing.T) {
	const path = "../../../docs/configuration.md"
	const heading = "| key | values | default | by a reload | meaning |\n|---|---|---|---|---|\n"
	var want strings.Builder
	for _, k := range Keys() {
		names := append([]string{k.Name}, k.Aliases...)
		kind, value, reload := k.Kind, k.Default, ""
		if k.Repeatable {
			kind += " …"
		}
		if value != "" {
			value = "`" + value + "`"
		}
		if k.Unchangeable {
			reload = "no"
		}
		row := fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", strings.Join(names, "`, `"), kind, value, reload, k.Help)
		want.WriteString(strings.ReplaceAll(row, "  ", " "))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, got, found := strings.Cut(string(text), heading)
	if !found {
		t.Fatalf("%s has no table of keys", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+heading+want.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("-want +got, -update takes it:\n%s", diff)
	}
}
