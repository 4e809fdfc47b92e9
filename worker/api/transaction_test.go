package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"

	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/api"
)

// TestTransaction creates, reads, changes and deletes a transaction.
func TestTransaction(t *testing.T) {
	s := startAPI(t)
	before := time.Now().Truncate(time.Microsecond)
	got := s.post("/api/v1/transactions", pending)
	created := decode[transaction](t, got)
	want := transaction{1, "Mpesa Express", "Pending", "10.50", created.Created, created.Created}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if created.Created.Before(before) || created.Created.After(time.Now()) || created.Created.Location() != time.UTC {
		t.Errorf("created at %v", created.Created)
	}
	if location := got.header.Get("Location"); location != "/api/v1/transactions/1" {
		t.Errorf("Location: %s", location)
	}
	if read := decode[transaction](t, s.get("/api/v1/transactions/1")); read != created {
		t.Errorf("read: %v", read)
	}

	change := call{method: "PATCH", path: "/api/v1/transactions/1", body: `{"status": "Processed"}`}
	changed := decode[transaction](t, s.want(200, change))
	want.Status, want.Modified = "Processed", changed.Modified
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if !changed.Modified.After(created.Modified) {
		t.Errorf("modified at %v, then at %v", created.Modified, changed.Modified)
	}
	if read := decode[transaction](t, s.get("/api/v1/transactions/1")); read != changed {
		t.Errorf("read: %v", read)
	}

	if gone := s.want(204, call{method: "DELETE", path: "/api/v1/transactions/1"}); len(gone.body) != 0 {
		t.Errorf("deleted: %s", gone.body)
	}
	s.want(404, call{method: "DELETE", path: "/api/v1/transactions/1"})
	s.want(404, call{method: "GET", path: "/api/v1/transactions/1"})
	s.want(404, change)
}

// TestTransactionHistory: the creation, change and deletion of a transaction are recorded once each, however often they are requested.
func TestTransactionHistory(t *testing.T) {
	s := startAPI(t)
	history := func(q store.EntryQuery) (entries []entry) {
		t.Helper()
		s.view(func(tx *store.Tx) error {
			slice, err := tx.Entries(q)
			for _, e := range slice.Items {
				if e.Actor != "token till" || e.Kind != "transaction" || time.Since(e.Time) > time.Minute {
					t.Errorf("%+v", e)
				}
				entries = append(entries, entry{e.Action, e.ObjectID, e.Object, string(e.Changes)})
			}
			return err
		})
		return entries
	}
	want := func(q store.EntryQuery, want ...entry) {
		t.Helper()
		if diff := cmp.Diff(want, history(q)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	s.post("/api/v1/transactions", "["+pending+","+pending+"]")
	one, all := store.EntryQuery{Kind: "transaction", ObjectID: 2}, store.EntryQuery{Kind: "transaction"}
	created := entry{store.ActionCreate, 2, "Mpesa Express", "{}"}
	want(one, created)
	want(all)
	change := call{method: "PATCH", path: "/api/v1/transactions/2", body: `{"status": "Processed"}`, header: withKey("k")}
	s.want(200, change)
	s.want(200, change) // a replay
	s.want(422, call{method: "PATCH", path: "/api/v1/transactions/2", body: `{"status": "no such"}`})
	changed := entry{store.ActionChange, 2, "Mpesa Express 10.50", `{"status":["Pending","Processed"]}`}
	want(one, changed, created)
	want(all, changed)
	s.want(204, call{method: "DELETE", path: "/api/v1/transactions/2"})
	s.want(404, call{method: "DELETE", path: "/api/v1/transactions/2"})
	deleted := entry{store.ActionDelete, 2, "Mpesa Express 10.50", `{"amount":["10.50",null],"api":["Mpesa Express",null],"status":["Processed",null]}`}
	want(one, deleted, changed)
	want(all, deleted, changed)
	want(store.EntryQuery{Kind: "transaction", ObjectID: 1}, entry{store.ActionCreate, 1, "Mpesa Express", "{}"})
}

// TestAmounts: amounts are exact.
func TestAmounts(t *testing.T) {
	s := startAPI(t)
	for given, want := range map[string]string{
		`0`: "0.00", `-0`: "0.00", `"-0.0"`: "0.00", `0.1`: "0.10", `"0.1"`: "0.10", `10.5000`: "10.50", `-0.0001`: "-0.0001",
		`99999999999999.9999`: "99999999999999.9999", `"-99999999999999.9999"`: "-99999999999999.9999",
		`9007199254740.9931`: "9007199254740.9931", `1e2`: "100.00", `"1E-4"`: "0.0001", `1.5e+3`: "1500.00",
		`0.10000000000000000`: "0.10", `"\u0031\u0030"`: "10.00",
	} {
		body := `{"api": "Mpesa Express", "status": "Pending", "amount": ` + given + `}`
		if strings.Contains(given, `\u`) {
			body = strings.ReplaceAll(body, "Pending", `\u0050ending`)
		}
		got := decode[transaction](t, s.post("/api/v1/transactions", body))
		if got.Amount != want {
			t.Errorf("%s: %s, want %s", given, got.Amount, want)
		}
		if read := decode[transaction](t, s.get(fmt.Sprintf("/api/v1/transactions/%d", got.ID))); read != got {
			t.Errorf("%s: %v, read %v", given, got, read)
		}
	}
}

// TestManyTransactions: an array of transactions is created completely or not at all, in its order, with one time.
func TestManyTransactions(t *testing.T) {
	s := startAPI(t)
	bodies := make([]string, api.MaxTransactions)
	for i := range bodies {
		bodies[i] = fmt.Sprintf(`{"api": "Mpesa B2C", "status": "Pending", "amount": %d}`, i)
	}
	got := s.post("/api/v1/transactions", "["+strings.Join(bodies, ",")+"]")
	list := decode[[]transaction](t, got)
	if got.header.Get("Location") != "" || len(list) != api.MaxTransactions || s.transactions() != api.MaxTransactions {
		t.Fatalf("%d transactions, Location %q", len(list), got.header.Get("Location"))
	}
	for i, one := range list {
		if one.ID != int64(i+1) || one.Amount != fmt.Sprintf("%d.00", i) || one.Created != list[0].Created {
			t.Fatalf("%d: %v", i, one)
		}
	}
	bodies[api.MaxTransactions-1] = `{"api": "no such", "status": "Pending", "amount": 1}`
	refused := decode[problem](t, s.want(422, call{method: "POST", path: "/api/v1/transactions", body: "[" + strings.Join(bodies, ",") + "]"}))
	if diff := cmp.Diff([]fault{{"api", "#/999/api", "no such name"}}, refused.Errors); diff != "" {
		t.Error(diff)
	}
	if n := s.transactions(); n != api.MaxTransactions {
		t.Errorf("%d transactions", n)
	}
	if one := decode[[]transaction](t, s.post("/api/v1/transactions", "["+pending+"]")); len(one) != 1 {
		t.Errorf("%v", one)
	}
}

// TestPages pages through lists with several limits, by the cursor and by the link.
func TestPages(t *testing.T) {
	s := startAPI(t)
	const n = 23
	body := strings.TrimSuffix(strings.Repeat(pending+",", n), ",")
	s.post("/api/v1/transactions", "["+body+"]")
	walk := func(path string, limit int) (ids []int64) {
		next := query(path, "limit", fmt.Sprint(limit), "api", "Mpesa Express", "until", "2999-01-01T00:00:00+03:00")
		for range n + 1 {
			got := s.get(next)
			part := decode[page[transaction]](t, got)
			for _, one := range part.Items {
				ids = append(ids, one.ID)
			}
			if part.Next == nil {
				if link := got.header.Get("Link"); link != "" {
					t.Errorf("Link at the end: %s", link)
				}
				return ids
			}
			if len(part.Items) != limit {
				t.Errorf("%d items, limit %d", len(part.Items), limit)
			}
			want := query(path, "limit", fmt.Sprint(limit), "api", "Mpesa Express", "until", "2999-01-01T00:00:00+03:00", "cursor", *part.Next)
			if link := got.header.Get("Link"); link != "<"+want+`>; rel="next"` {
				t.Errorf("Link: %s, want %s", link, want)
			}
			next = want
		}
		t.Fatal("no end")
		return nil
	}
	var want []int64
	for id := int64(n); id > 0; id-- {
		want = append(want, id)
	}
	for _, limit := range []int{1, 2, 7, 22, 23, 24, 500} {
		if diff := cmp.Diff(want, walk("/api/v1/transactions", limit)); diff != "" {
			t.Errorf("limit %d:\n%s", limit, diff)
		}
	}

	var names []string
	next := "/api/v1/apis?limit=1"
	for range 3 {
		part := decode[page[named]](t, s.get(next))
		names = append(names, part.Items[0].Name)
		if part.Next == nil {
			break
		}
		next = query("/api/v1/apis", "limit", "1", "cursor", *part.Next)
	}
	if diff := cmp.Diff([]string{"Mpesa B2C", "Mpesa Express"}, names); diff != "" {
		t.Error(diff)
	}

	// The default.
	s.post("/api/v1/transactions", "["+body+","+body+"]")
	if part := decode[page[transaction]](t, s.get("/api/v1/transactions")); len(part.Items) != 50 || part.Next == nil {
		t.Errorf("%d items", len(part.Items))
	}
}

// TestFilters filters by names and by the time of modification, to the microsecond.
func TestFilters(t *testing.T) {
	s := startAPI(t)
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	s.update(func(tx *store.Tx) error {
		for i, names := range [][2]string{{"Mpesa Express", "Pending"}, {"Mpesa Express", "Processed"}, {"Mpesa B2C", "Pending"}} {
			_, err := tx.CreateTransaction(store.Transaction{API: names[0], Status: names[1], Modified: at.Add(time.Duration(i) * time.Microsecond)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		parameters []string
		want       []int64
	}{
		{nil, []int64{3, 2, 1}},
		{[]string{"api", "Mpesa Express"}, []int64{2, 1}},
		{[]string{"status", "Pending"}, []int64{3, 1}},
		{[]string{"api", "Mpesa Express", "status", "Pending"}, []int64{1}},
		{[]string{"api", "no such"}, nil},
		{[]string{"api", "mpesa express"}, nil},
		{[]string{"from", "2026-03-04T05:06:07.123456Z"}, []int64{3, 2, 1}},
		{[]string{"from", "2026-03-04T05:06:07.123457Z"}, []int64{3, 2}},
		{[]string{"from", "2026-03-04T05:06:07.123456001Z"}, []int64{3, 2}},
		{[]string{"until", "2026-03-04T05:06:07.123457Z"}, []int64{1}},
		{[]string{"until", "2026-03-04T05:06:07.123456001Z"}, []int64{1}},
		{[]string{"until", "2026-03-04T05:06:07.123456Z"}, nil},
		{[]string{"from", "2026-03-04T08:06:07.123457+03:00", "until", "2026-03-03T21:06:07.123458-08:00"}, []int64{2}},
		{[]string{"from", "0001-01-02T00:00:00Z", "until", "9999-12-31T23:59:59Z"}, []int64{3, 2, 1}},
		{[]string{"from", "2027-01-01T00:00:00Z", "until", "2026-01-01T00:00:00Z"}, nil},
	} {
		var got []int64
		for _, one := range decode[page[transaction]](t, s.get(query("/api/v1/transactions", test.parameters...))).Items {
			got = append(got, one.ID)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.parameters, diff)
		}
	}
	if got := s.get("/api/v1/transactions?api=nobody"); string(got.body) != "{\"items\":[],\"next\":null}\n" {
		t.Errorf("%s", got.body)
	}
}

// TestOrder: lists with a time are ordered by the time of modification, others by id.
func TestOrder(t *testing.T) {
	s := startAPI(t)
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	s.update(func(tx *store.Tx) error {
		for i := range 4 {
			modified := at.Add(-time.Duration(i/2) * time.Second)
			if _, err := tx.CreateTransaction(store.Transaction{API: "Mpesa Express", Status: "Pending", Modified: modified}); err != nil {
				return err
			}
		}
		return nil
	})
	for next, want := range map[string][]int64{
		"/api/v1/transactions?limit=1":                            {4, 3, 2, 1},
		"/api/v1/transactions?limit=1&from=2026-01-01T00:00:00Z":  {2, 1, 4, 3},
		"/api/v1/transactions?limit=1&until=2027-01-01T00:00:00Z": {2, 1, 4, 3},
	} {
		path := next
		var got []int64
		for range want {
			part := s.get(next)
			got = append(got, decode[page[transaction]](t, part).Items[0].ID)
			next = strings.TrimSuffix(strings.TrimPrefix(part.header.Get("Link"), "<"), `>; rel="next"`)
			if next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || next != "" {
			t.Errorf("%s, at the end %q:\n%s", path, next, diff)
		}
	}
}

func TestBadQueries(t *testing.T) {
	s := startAPI(t)
	s.post("/api/v1/transactions", "["+pending+","+pending+"]")
	cursor := *decode[page[transaction]](t, s.get("/api/v1/transactions?limit=1")).Next
	const limit = "must be a number from 1 to 500"
	const date = "must be a time like 2006-01-02T15:04:05Z or 2006-01-02T15:04:05%2B03:00"
	for _, test := range []struct {
		query string
		want  []fault
	}{
		{"transactions?limit=0", []fault{{"limit", "", limit}}},
		{"transactions?limit=501", []fault{{"limit", "", limit}}},
		{"transactions?limit=-1", []fault{{"limit", "", limit}}},
		{"transactions?limit=1.5", []fault{{"limit", "", limit}}},
		{"transactions?limit=", []fault{{"limit", "", limit}}},
		{"transactions?limit=99999999999999999999", []fault{{"limit", "", limit}}},
		{"transactions?from=yesterday&until=2026-02-30T00:00:00Z", []fault{{"from", "", date}, {"until", "", date}}},
		{"transactions?from=2026-01-01T00:00:00+03:00", []fault{{"from", "", date}}}, // the plus is a space
		{"transactions?api=&status=", []fault{{"api", "", "is empty"}, {"status", "", "is empty"}}},
		{"transactions?api=x&api=y", []fault{{"api", "", "is given more than once"}}},
		{"transactions?cursor=nonsense", []fault{{"cursor", "", "is not a cursor of this list"}}},
		{"transactions?limit=x&cursor=nonsense&a=1&%3Cb%3E=2", []fault{
			{"<b>", "", "is unknown; known parameters are api, status, from, until, limit, cursor"},
			{"a", "", "is unknown; known parameters are api, status, from, until, limit, cursor"},
			{"limit", "", limit},
			{"cursor", "", "is not a cursor of this list"},
		}},
		{"apis?limit=x", []fault{{"limit", "", limit}}},
		{"apis?cursor=" + cursor, []fault{{"cursor", "", "is not a cursor of this list"}}},
		{"statuses?from=2026-01-01T00:00:00Z", []fault{{"from", "", "is unknown; known parameters are limit, cursor"}}},
	} {
		got := decode[problem](t, s.want(422, call{method: "GET", path: "/api/v1/" + test.query}))
		if diff := cmp.Diff(test.want, got.Errors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.query, diff)
		}
	}
	for _, query := range []string{"%zz", "a;b", "limit=1&%"} {
		s.want(400, call{method: "GET", path: "/api/v1/transactions?" + query})
	}
}

// hostileNames are names that a part of the system may misinterpret.
var hostileNames = []string{
	`"quoted"`, `back\slash`, "<script>alert(1)</script>", "a&b=c?d#e%41", "../../etc/passwd", "no\u00a0break", "two  blanks",
	"'; DROP TABLE apis; --", "ünïcödé", "\U0001F600 \U00010348", "❤\ufe0f love", "می\u200cخواهم", "\ufffd", "%s%n{{.}}${x}", "{", "null",
	strings.Repeat("\U0001F600", 200),
}

// TestHostileNames: names come back as they were stored.
func TestHostileNames(t *testing.T) {
	s := startAPI(t)
	quote := func(v any) string {
		text, err := json.Marshal(v)
		check(t, err)
		return string(text)
	}
	for _, name := range hostileNames {
		for _, path := range []string{"/api/v1/apis", "/api/v1/statuses"} {
			got := decode[named](t, s.post(path, `{"name": `+quote(name)+`, "description": `+quote(name)+`}`))
			if got.Name != name || got.Description != name {
				t.Errorf("%q: %q, %q", name, got.Name, got.Description)
			}
			s.want(http.StatusConflict, call{method: "POST", path: path, body: `{"name": ` + quote(name) + `}`})
		}
		created := decode[transaction](t, s.post("/api/v1/transactions", `{"api": `+quote(name)+`, "status": `+quote(name)+`, "amount": 1}`))
		list := decode[page[transaction]](t, s.get(query("/api/v1/transactions", "api", name, "status", name)))
		if len(list.Items) != 1 || list.Items[0] != created || created.API != name || created.Status != name {
			t.Errorf("%q: %v, %v", name, created, list.Items)
		}
	}
	next := query("/api/v1/apis", "limit", "1")
	var names []string
	for next != "" {
		part := decode[page[named]](t, s.get(next))
		names = append(names, part.Items[0].Name)
		next = ""
		if part.Next != nil {
			next = query("/api/v1/apis", "limit", "1", "cursor", *part.Next)
		}
	}
	if len(names) != len(hostileNames)+2 {
		t.Errorf("%q", names)
	}
}

// TestRefusedNames sends names that look like another one, as JSON can escape them. No object gets one, and none finds the other one.
func TestRefusedNames(t *testing.T) {
	s := startAPI(t)
	s.post("/api/v1/apis", `{"name": "Visa"}`)
	s.post("/api/v1/statuses", `{"name": "Visa"}`)
	for _, name := range []string{
		" Visa", "Visa ", `\u00a0Visa`, `Visa\u3000`, `Visa\u2028`, `\u0001Visa`, `Visa\u007f`, `\tVisa`, `Visa\r`, `\nVisa`, `\u200bVisa`, `Visa\ufeff`,
		`\u00adVisa`, `Visa\u3164`, `Visa\u2800`, `Visa\ufe0f`, `Visa\udb40\udc41`, `\u202eVisa`, `Vi\u200bsa`, `Vi\u200dsa`, `Vi\u2066sa`, `Vi\u0085sa`, "Visa\u00a0",
		"",
	} {
		body := `{"name": "` + name + `"}`
		for _, c := range []call{
			{method: "POST", path: "/api/v1/apis", body: body},
			{method: "PATCH", path: "/api/v1/apis/1", body: body},
			{method: "POST", path: "/api/v1/statuses", body: body},
			{method: "PATCH", path: "/api/v1/statuses/1", body: body},
			{method: "POST", path: "/api/v1/transactions", body: `{"api": "` + name + `", "status": "Visa", "amount": 1}`},
			{method: "POST", path: "/api/v1/transactions", body: `{"api": "Visa", "status": "` + name + `", "amount": 1}`},
		} {
			s.want(http.StatusUnprocessableEntity, c)
		}
	}
	s.want(http.StatusUnprocessableEntity, call{method: "POST", path: "/api/v1/apis", body: `{"name": "cafe\u0301"}`})
}

// TestOldNames: an API whose name is refused today is read and can be renamed.
func TestOldNames(t *testing.T) {
	s := startAPI(t)
	s.exec(`UPDATE apis SET name = ' ' || name || char(8203) WHERE id = 1`)
	const old = " Mpesa Express\u200b"
	if got := decode[named](t, s.get("/api/v1/apis/1")); got.Name != old {
		t.Errorf("%q", got.Name)
	}
	s.post("/api/v1/transactions", `{"api": " Mpesa Express\u200b", "status": "Pending", "amount": 1}`)
	s.want(http.StatusOK, call{method: "PATCH", path: "/api/v1/apis/1", body: `{"description": "old"}`})
	s.want(http.StatusOK, call{method: "PATCH", path: "/api/v1/apis/1", body: `{"name": "Mpesa Express", "description": ""}`})
	if list := decode[page[transaction]](t, s.get(query("/api/v1/transactions", "api", "Mpesa Express"))); len(list.Items) != 1 {
		t.Errorf("%v", list.Items)
	}
}

// page returns the lines of the worker's page of metrics that begin with prefix.
func (s *service) page(prefix string) string {
	s.tb.Helper()
	collector := mpmetrics.NewCollector(s.pages, mpmetrics.CollectorOptions{})
	defer collector.Close()
	var text bytes.Buffer
	check(s.tb, collector.Write(&text, expfmt.NewFormat(expfmt.TypeTextPlain)))
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
