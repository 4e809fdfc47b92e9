package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

// prometheusDir holds the files for Prometheus and Grafana: links to the templates of multiproc init, with the tests of the
// rules.
const prometheusDir = "../../testdata/prometheus"

// initDir runs multiproc init and returns the directory that it made.
func initDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	runIn(t, filepath.Dir(dir), "", "init", dir)
	return dir
}

// TestPromtool has promtool check the files of multiproc init and run the tests of the rules.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := proctest.Tool(t, "promtool", prometheusVersion)
	dir := initDir(t)
	tests, err := os.ReadFile(filepath.Join(prometheusDir, "rules_test.yml"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "rules_test.yml"), tests, 0o600))
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		{"check", "rules", "--lint=all", "--lint-fatal", "rules.yml"},
		{"test", "rules", "rules_test.yml"},
	} {
		cmd := commandIn(t, dir, append([]string{promtool}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestAlertsAreTested checks that a test makes each alert fire.
func TestAlertsAreTested(t *testing.T) {
	tests, err := os.ReadFile(filepath.Join(prometheusDir, "rules_test.yml"))
	check(t, err)
	alerts := regexp.MustCompile(`(?m)^ *- alert: (\w+)$`).FindAllStringSubmatch(readRules(t), -1)
	if len(alerts) < 6 {
		t.Errorf("alerts are %q", alerts)
	}
	for _, alert := range alerts {
		fires := regexp.MustCompile(`- alertname: ` + alert[1] + `\n.*\n +exp_alerts:.*\n +- exp_labels: {`)
		silent := regexp.MustCompile(`- alertname: ` + alert[1] + `\n.*\n +exp_alerts: \[\]`)
		if !fires.Match(tests) || !silent.Match(tests) {
			t.Errorf("%s is not tested both firing and not", alert[1])
		}
	}
}

func readRules(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(prometheusDir, "rules.yml"))
	check(t, err)
	return string(data)
}

// TestCommandsOfAlerts runs the commands in the alerts' texts against a server of the test.
func TestCommandsOfAlerts(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	s.get("/nowhere")
	here := strings.NewReplacer("/run/multiproc/metrics", s.metricsDir(), "/run/multiproc/control.sock", s.control(),
		"multiproc.ini", s.ini, "metrics top", "metrics top --once") // it would wait for keys
	rules := regexp.MustCompile(`\n {12,}`).ReplaceAllString(readRules(t), " ")
	done := map[string]bool{}
	for _, text := range regexp.MustCompile(`[:;.] |\n`).Split(rules, -1) {
		command, ok := strings.CutPrefix(text, "multiproc ")
		if !ok || done[command] {
			continue
		}
		done[command] = true
		stdout, stderr, code := s.run(strings.Fields(here.Replace(command))...)
		if code != exitOK || stdout == "" && !strings.HasPrefix(command, "metrics verify") {
			t.Errorf("multiproc %s: exit code %d: %s%s", command, code, stdout, stderr)
		}
	}
	commands := slices.Sorted(maps.Keys(done))
	for _, name := range []string{"check", "metrics ls", "metrics show", "metrics top", "metrics verify", "status"} {
		if !slices.ContainsFunc(commands, func(command string) bool { return strings.HasPrefix(command, name+" ") }) {
			t.Errorf("multiproc %s is not among %q", name, commands)
		}
	}
}

// ruleExpressions returns the expressions of the rules.
func ruleExpressions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, found := range regexp.MustCompile(`(?m)^( +)expr: (.*\n(?:^ {10,}.*\n)*)`).FindAllStringSubmatch(readRules(t), -1) {
		all = append(all, strings.TrimPrefix(found[2], "|"))
	}
	return all
}

// metricNames returns the names of metrics in an expression.
func metricNames(expr string) []string {
	for _, other := range []string{`"[^"]*"`, `\{[^}]*\}`, `\[[^]]*\]`, `\b(by|on|without|ignoring) *\([^)]*\)`, `\b(or|and|unless)\b`} {
		expr = regexp.MustCompile(other).ReplaceAllString(expr, " ")
	}
	var names []string
	for _, word := range regexp.MustCompile(`([a-zA-Z_:][\w:]*)\s*(\(?)`).FindAllStringSubmatch(expr, -1) {
		if word[2] == "" {
			names = append(names, word[1])
		}
	}
	return names
}

func TestMetricNames(t *testing.T) {
	got := metricNames(`sum by (job) (rate(a_total{b="c", d=~"e {f"}[5m])) / on (g) (h:i:j > 0) unless time() - k * 0 or l_bucket[$m]`)
	if want := "a_total h:i:j k l_bucket"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %s", got, want)
	}
}
