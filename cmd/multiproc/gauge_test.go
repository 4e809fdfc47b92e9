package main

import (
	"bytes"
	"maps"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

// TestGauge reads api_transactions from the page of metrics of a server.
func TestGauge(t *testing.T) {
	t.Parallel()
	k := startTracker(t, "processes = 3\n")
	if found := k.gauge(); len(found) > 0 {
		t.Errorf("api_transactions is %v without transactions", found)
	}
	for i := range int64(5) {
		k.post(4 * i)
	}
	_, page := k.get("/metrics")
	const want = "\n# HELP api_transactions API Transactions\n# TYPE api_transactions gauge\n" +
		"api_transactions{api=\"Mpesa Express\",status=\"Pending\"} 5.0\n#"
	if !strings.Contains("\n"+page, want) {
		t.Errorf("the page has not %q:\n%s", want, page)
	}

	k.post(1)
	made := k.must(http.StatusOK, "PATCH", transactionsPath+"/1", `{"status":"Processed"}`)
	if !strings.Contains(made.body, `"Processed"`) {
		t.Errorf("%s", made)
	}
	k.must(http.StatusNoContent, "DELETE", transactionsPath+"/2", "")
	const name = `"a\"b\\c d {é} \ud83d\ude42"` // in JSON's notation
	k.must(http.StatusCreated, "POST", "/api/v1/apis", `{"name":`+name+`}`)
	k.must(http.StatusCreated, "POST", transactionsPath, `{"api":`+name+`,"status":"Pending","amount":1}`)
	k.mustShow(map[string]float64{
		`{api="Mpesa Express",status="Pending"}`:                    3,
		`{api="Mpesa Express",status="Processed"}`:                  1,
		`{api="Mpesa B2C",status="Pending"}`:                        1,
		`{api="a\"b\\c d {é} ` + "\U0001F642\",status=\"Pending\"}": 1,
	})
	_, page = k.get("/metrics")
	k.mustBeLinted(page)

	runIn(t, k.dir, "", "populate", "--ini", k.ini, "--transactions", "1000", "--seed", "7")
	// The oldest of them leave the window meanwhile.
	after := sum(k.counted())
	wires := k.toEach(k.workers())
	for _, w := range wires {
		before := after
		r, err := w.ask(k.request("GET", "/metrics", ""))
		check(t, err)
		got := sum(seriesOf(t, r.body, "api_transactions"))
		after = sum(k.counted())
		if before < got || got < after || after < 900 || before > 1006 {
			t.Errorf("%g transactions on the page, between %g and %g in the database", got, before, after)
		}
	}

	hangUp(wires)

	// Deleting an API deletes its transactions and their series.
	k.must(http.StatusConflict, "DELETE", "/api/v1/apis/1", "")
	k.must(http.StatusNoContent, "DELETE", "/api/v1/apis/1?cascade=true", "")
	for series := range k.gauge() {
		if strings.Contains(series, `"Mpesa Express"`) {
			t.Errorf("there is still %s", series)
		}
	}
	runIn(t, k.dir, "", "migrate", "--ini", k.ini, "--recount")
	k.stop()
}

// mustShow fails the test unless every worker has these values.
func (k *tracker) mustShow(want map[string]float64) {
	k.tb.Helper()
	wires := k.toEach(k.workers())
	defer hangUp(wires)
	for _, w := range wires {
		r, err := w.ask(k.request("GET", "/metrics", ""))
		check(k.tb, err)
		if got := seriesOf(k.tb, r.body, "api_transactions"); !maps.Equal(got, want) {
			k.tb.Errorf("api_transactions is %v, want %v", got, want)
		}
	}
}

// mustBeLinted lints the whole page with promtool.
func (k *tracker) mustBeLinted(page string) {
	k.tb.Helper()
	promtool := proctest.Tool(k.tb, "promtool", "")
	check := exec.CommandContext(k.tb.Context(), promtool, "check", "metrics")
	check.Stdin = bytes.NewReader([]byte(page))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		k.tb.Errorf("promtool check metrics: %v\n%s\nof the page:\n%s", err, out, page)
	}
}
