package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/store"
)

// entry is an entry of the audit log.
type entry struct {
	Action  store.Action
	ID      int64
	Object  string
	Changes string
}

// audit returns the entries about a kind, the oldest first.
func (s *service) audit(kind store.Kind) (entries []entry) {
	s.tb.Helper()
	s.view(func(tx *store.Tx) error {
		slice, err := tx.Entries(store.EntryQuery{Kind: kind})
		for _, e := range slice.Items {
			if e.Actor != "token till" || e.Kind != kind {
				s.tb.Errorf("%s by %s", e.Kind, e.Actor)
			}
			entries = append([]entry{{e.Action, e.ObjectID, e.Object, string(e.Changes)}}, entries...)
		}
		return err
	})
	return entries
}

// TestAPIs creates, reads, changes and deletes an API.
func TestAPIs(t *testing.T) {
	s := startAPI(t)
	got := s.post("/api/v1/apis", `{"name": "Card", "description": "<any> card", "params": {"b": [1, 2.50], "a": "\u00e9"}}`)
	if text := `{"id":3,"name":"Card","description":"<any> card","params":{"b":[1,2.50],"a":"\u00e9"}}` + "\n"; string(got.body) != text {
		t.Errorf("%s, want %s", got.body, text)
	}
	if location := got.header.Get("Location"); location != "/api/v1/apis/3" {
		t.Errorf("Location: %s", location)
	}
	if read := s.get("/api/v1/apis/3"); string(read.body) != string(got.body) {
		t.Errorf("%s", read.body)
	}
	change := func(status int, body string) response {
		t.Helper()
		return s.want(status, call{method: "PATCH", path: "/api/v1/apis/3", body: body})
	}
	if same := change(200, `{}`); string(same.body) != string(got.body) {
		t.Errorf("%s", same.body)
	}
	change(200, `{"name": "Card", "description": "<any> card"}`)
	taken := decode[problem](t, change(409, `{"name": "Mpesa B2C", "description": ""}`))
	if diff := cmp.Diff([]fault{{"name", "#/name", "this name is already in use"}}, taken.Errors); diff != "" {
		t.Error(diff)
	}
	change(200, `{"description": ""}`)
	change(200, `{"name": "Cards", "params": {}}`)
	want := named{3, "Cards", "", json.RawMessage("{}")}
	if diff := cmp.Diff(want, decode[named](t, s.get("/api/v1/apis/3"))); diff != "" {
		t.Error(diff)
	}
	s.want(204, call{method: "DELETE", path: "/api/v1/apis/3?cascade=false"})
	s.want(404, call{method: "GET", path: "/api/v1/apis/3"})
	s.want(404, call{method: "DELETE", path: "/api/v1/apis/3"})
	change(404, `{"name": "x"}`)

	audit := []entry{
		{store.ActionCreate, 3, "Card", `{"description":["","<any> card"],"params":["","{\"b\": [1, 2.50], \"a\": \"\\u00e9\"}"]}`},
		{store.ActionChange, 3, "Card", `{"description":["<any> card",""]}`},
		{store.ActionChange, 3, "Cards", `{"name":["Card","Cards"],"params":["{\"b\": [1, 2.50], \"a\": \"\\u00e9\"}","{}"]}`},
		{store.ActionDelete, 3, "Cards", `{"params":["{}",null],"transactions":["0",null]}`},
	}
	if diff := cmp.Diff(audit, s.audit("api")); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// TestStatuses is TestAPIs for a status, which has no params.
func TestStatuses(t *testing.T) {
	s := startAPI(t)
	got := s.post("/api/v1/statuses", `{"name": "Failed"}`)
	if text := `{"id":3,"name":"Failed","description":""}` + "\n"; string(got.body) != text || got.header.Get("Location") != "/api/v1/statuses/3" {
		t.Errorf("%s at %s", got.body, got.header.Get("Location"))
	}
	s.want(409, call{method: "POST", path: "/api/v1/statuses", body: `{"name": "Failed"}`})
	s.want(200, call{method: "PATCH", path: "/api/v1/statuses/3", body: `{"description": "It has failed."}`})
	if text := `{"id":3,"name":"Failed","description":"It has failed."}` + "\n"; string(s.get("/api/v1/statuses/3").body) != text {
		t.Errorf("%s", s.get("/api/v1/statuses/3").body)
	}
	s.want(204, call{method: "DELETE", path: "/api/v1/statuses/3"})
	audit := []entry{
		{store.ActionCreate, 3, "Failed", "{}"},
		{store.ActionChange, 3, "Failed", `{"description":["","It has failed."]}`},
		{store.ActionDelete, 3, "Failed", `{"description":["It has failed.",null],"transactions":["0",null]}`},
	}
	if diff := cmp.Diff(audit, s.audit("status")); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// TestCascade: an API or a status with transactions is deleted only with cascade=true.
func TestCascade(t *testing.T) {
	for _, path := range []string{"/api/v1/apis/2", "/api/v1/statuses/1"} {
		s := startAPI(t)
		s.post("/api/v1/transactions", `{"api": "Mpesa B2C", "status": "Pending", "amount": 1}`)
		s.post("/api/v1/transactions", `{"api": "Mpesa Express", "status": "Processed", "amount": 1}`)
		for _, query := range []string{"", "?cascade=false"} {
			got := decode[problem](t, s.want(http.StatusConflict, call{method: "DELETE", path: path + query}))
			if !strings.Contains(got.Detail, "cascade=true") {
				t.Errorf("%s: %s", path, got.Detail)
			}
		}
		s.get(path)
		if n := s.transactions(); n != 2 {
			t.Errorf("%d transactions", n)
		}
		s.want(204, call{method: "DELETE", path: path + "?cascade=true"})
		s.want(404, call{method: "GET", path: path})
		s.want(404, call{method: "GET", path: "/api/v1/transactions/1"})
		s.get("/api/v1/transactions/2")
	}
}

// TestCascadeInBatches: many transactions are deleted in batches, so that others write in between, and only if the request is
// valid.
func TestCascadeInBatches(t *testing.T) {
	s := startAPI(t)
	const rest, n = 7, 2*store.DeletionBatch + 7
	s.update(func(tx *store.Tx) error {
		for range n {
			if _, err := tx.CreateTransaction(store.Transaction{API: "Mpesa B2C", Status: "Processed"}); err != nil {
				return err
			}
		}
		return nil
	})
	s.post("/api/v1/transactions", pending)
	deleting := func(status int, query, key, token string) response {
		t.Helper()
		return s.want(status, call{method: "DELETE", path: "/api/v1/apis/2?cascade=true" + query, header: withKey(key), token: token})
	}
	expect := func(want int64) {
		t.Helper()
		if got := s.transactions(); got != want {
			t.Errorf("%d transactions, want %d", got, want)
		}
	}
	s.post("/api/v1/apis", `{"name": "Card"}`)
	s.want(204, call{method: "DELETE", path: "/api/v1/apis/3", header: withKey("used")})
	deleting(422, "", "used", "")
	deleting(422, "&nonsense=1", "k", "")
	deleting(400, "", "bad key", "")
	deleting(403, "", "k", s.reader)
	deleting(401, "", "k", "nonsense")
	s.want(404, call{method: "DELETE", path: "/api/v1/apis/4711?cascade=true"})
	expect(n + 1)

	s.exec("CREATE TRIGGER held BEFORE DELETE ON apis BEGIN SELECT RAISE(ABORT, 'held'); END")
	deleting(500, "", "k", "")
	expect(rest + 1)
	// The deleted batches are recorded, although the API still exists.
	batches := []entry{
		{store.ActionChange, 2, "Mpesa B2C", fmt.Sprintf(`{"transactions":["%d","%d"]}`, n, n-store.DeletionBatch)},
		{store.ActionChange, 2, "Mpesa B2C", fmt.Sprintf(`{"transactions":["%d","%d"]}`, n-store.DeletionBatch, rest)},
	}
	if diff := cmp.Diff(batches, s.audit("api")[2:]); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	s.exec("DROP TRIGGER held")
	deleting(204, "", "k", "")
	expect(1)
	if again := deleting(204, "", "k", ""); again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%v", again.header)
	}
	deleted := append(batches, entry{store.ActionDelete, 2, "Mpesa B2C", `{"params":["{}",null],"transactions":["7",null]}`})
	if diff := cmp.Diff(deleted, s.audit("api")[2:]); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
}
