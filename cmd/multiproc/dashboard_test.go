package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

// dashboard is the part of Grafana's JSON that the tests read.
type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name  string
			Query json.RawMessage // a string, or an object with text
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	GridPos     gridPos
	Datasource  struct{ Type, UID string }
	Targets     []struct {
		Expr         string
		LegendFormat string
		RefID        string
		Datasource   struct{ Type, UID string }
	}
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
}

type gridPos struct{ X, Y, W, H int }

func (a gridPos) overlaps(b gridPos) bool {
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(prometheusDir, "dashboard.json"))
	check(t, err)
	var d dashboard
	check(t, json.Unmarshal(data, &d))
	return d
}

// expressions returns the dashboard's queries with Grafana's variables replaced.
func (d dashboard) expressions() []string {
	variables := strings.NewReplacer("$job", "multiproc", "$instance", ".*", "$__rate_interval", "1m")
	var all []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, variables.Replace(target.Expr))
		}
	}
	return all
}

// TestDashboard checks what Grafana does not: panels that overlap, and numbers without a unit.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 42 {
		t.Errorf("uid %q, title %q, schema version %d", d.UID, d.Title, d.SchemaVersion)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
	}
	if !slices.Equal(variables, []string{"datasource", "job", "instance"}) {
		t.Errorf("variables are %q", variables)
	}
	ids := map[int]bool{}
	for i, p := range d.Panels {
		if p.ID <= 0 || ids[p.ID] {
			t.Errorf("%s: id %d is no id or another panel's", p.Title, p.ID)
		}
		ids[p.ID] = true
		if g := p.GridPos; g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("%s: is not on the page: %+v", p.Title, g)
		}
		for _, other := range d.Panels[:i] {
			if p.GridPos.overlaps(other.GridPos) {
				t.Errorf("%s lies over %s: %+v, %+v", p.Title, other.Title, p.GridPos, other.GridPos)
			}
		}
		if p.Type != "row" {
			p.check(t)
		}
	}
}

func (p panel) check(t *testing.T) {
	t.Helper()
	if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
		t.Errorf("panel %d: title %q, description %q, unit %q, %d expressions", p.ID, p.Title, p.Description,
			p.FieldConfig.Defaults.Unit, len(p.Targets))
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		if refs[target.RefID] || target.RefID == "" {
			t.Errorf("%s: expression %q is there twice", p.Title, target.RefID)
		}
		refs[target.RefID] = true
		if target.LegendFormat == "" {
			t.Errorf("%s: %s has no legend", p.Title, target.Expr)
		}
		for _, d := range []struct{ Type, UID string }{p.Datasource, target.Datasource} {
			if d.Type != "prometheus" || d.UID != "${datasource}" {
				t.Errorf("%s: is not of the datasource that was chosen: %+v", p.Title, d)
			}
		}
		for selector := range strings.SplitSeq(target.Expr, "{") {
			if inside, _, ok := strings.Cut(selector, "}"); ok && !strings.Contains(inside, `job="$job", instance=~"$instance"`) {
				t.Errorf("%s: %s is not of the servers that were chosen: {%s}", p.Title, target.Expr, inside)
			}
		}
	}
}

// TestDashboardExpressions has Prometheus parse the queries, as rules.
func TestDashboardExpressions(t *testing.T) {
	promtool := proctest.Tool(t, "promtool", "")
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, expr := range readDashboard(t).expressions() {
		if strings.Contains(expr, "$") {
			t.Errorf("%s: what is the variable?", expr)
		}
		fmt.Fprintf(&rules, "  - record: expression:%d\n    expr: %q\n", i, expr)
	}
	path := filepath.Join(t.TempDir(), "rules.yml")
	check(t, os.WriteFile(path, []byte(rules.String()), 0o600))
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
}
