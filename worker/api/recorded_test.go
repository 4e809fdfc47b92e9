package api_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"

	"multiproc/mpmetrics"
)

// page returns the lines of the worker's page of metrics that begin with prefix.
func (s *service) page(prefix string) string {
	s.tb.Helper()
	collector := mpmetrics.NewCollector(s.pages, mpmetrics.CollectorOptions{})
	defer collector.Close()
	var text bytes.Buffer
	if err := collector.Write(&text, expfmt.NewFormat(expfmt.TypeTextPlain)); err != nil {
		s.tb.Fatal(err)
	}
	var lines strings.Builder
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, prefix) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// TestRecorded shows that api_transactions_recorded_total counts each creation once, and nothing else.
func TestRecorded(t *testing.T) {
	s := startAPI(t)
	keyed := call{method: "POST", path: "/api/v1/transactions", body: pending, header: withKey("k")}
	s.want(201, keyed)
	s.want(201, keyed)
	s.post("/api/v1/transactions", "["+pending+`, {"api": "Mpesa B2C", "status": "Pending", "amount": 1}]`)
	s.want(422, call{method: "POST", path: "/api/v1/transactions", body: "[" + pending + `, {"api": "Mpesa B2C", "status": "Pending"}]`})
	s.want(200, call{method: "PATCH", path: "/api/v1/transactions/1", body: `{"status": "Processed"}`})
	s.want(204, call{method: "DELETE", path: "/api/v1/transactions/1"})
	want := `api_transactions_recorded_total{api="Mpesa B2C",status="Pending"} 1.0
api_transactions_recorded_total{api="Mpesa Express",status="Pending"} 2.0
`
	if page := s.page("api_transactions_recorded_total{"); page != want {
		t.Errorf("got:\n%s\nwant:\n%s", page, want)
	}
}
