package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/store"
)

// TestAPIForm: a fault is shown at its field, and what was typed is kept.
func TestAPIForm(t *testing.T) {
	s := startData(t)
	s.names("a")
	for _, test := range []struct{ name, params, problem string }{
		{"b", "{\n  \"é\": 1,\n  \"ü\" 2\n}", "is not JSON: line 3, column 7: invalid character '2' after object key"},
		{"b", `{"a": `, "is not JSON: line 1, column 7: unexpected end of JSON input"},
		{"b", "", "is not JSON: line 1, column 1: unexpected end of JSON input"},
		{"b", "{\"a\":\u00a01}", `is not JSON: line 1, column 6: the character '\u00a0' (U+00A0) is not allowed outside strings`},
		{"b", "{“a”: 1}", "is not JSON: line 1, column 2: the character '“' (U+201C) is not allowed outside strings"},
		{"b", "[1]", "is not a JSON object: it must begin with { and end with }"},
		{"b", strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), "has more than 100 nested levels"},
		{"", "{}", "is empty"},
		{"a", "{}", "is already in use"},
		{" a", "{}", "begins with a space"},
		{"a\u00a0", "{}", "ends with U+00A0, which is invisible"},
		{strings.Repeat("x", 201), "{}", "has more than 200 characters"},
	} {
		got := s.want(http.StatusUnprocessableEntity, "/admin/apis/add", "name", test.name, "description", "\r\n what it is ", "params", strings.ReplaceAll(test.params, "\n", "\r\n"))
		if texts := got.texts(t, "p"); !slices.Contains(texts, test.problem) {
			t.Errorf("%.20q, %.20q: it says %q, want %q", test.name, test.params, texts, test.problem)
		}
		if got.input(t, "name") != test.name || got.input(t, "description") != "\n what it is " || got.input(t, "params") != test.params {
			t.Errorf("what was typed is %q, %q, %.60q now", got.input(t, "name"), got.input(t, "description"), got.input(t, "params"))
		}
	}
	for i, params := range []string{
		`{ "a":  1 }`, `{"a": 1e400, "b": 0.10000000000000000000000000000000001, "c": -0, "d": 123456789012345678901234567890}`,
		`{"a": {"a": [{"a": 1}, {"a": "a"}, "a", "a"]}, "b": {"a": null}, "": "\ufeff"}`,
	} {
		name := fmt.Sprint("good ", i)
		s.want(http.StatusSeeOther, "/admin/apis/add", "name", name, "description", "\r\n\r\n what ", "params", params)
		s.view(func(tx *store.Tx) error {
			api, err := tx.NamedByName(store.KindAPI, name)
			if string(api.Params) != params || api.Description != "\n\n what " {
				t.Errorf("%q, %s", api.Description, api.Params)
			}
			return err
		})
	}
}

// TestAllFaultsAtOnce: a form that adds or changes an API names what is wrong with each of its fields.
func TestAllFaultsAtOnce(t *testing.T) {
	s := startData(t)
	s.names("a", "b")
	for path, fields := range map[string][]string{
		"/admin/apis/add": nil,
		"/admin/apis/1":   {"version", versionIn(s.want(http.StatusOK, "/admin/apis/1").body)},
	} {
		for name, problem := range map[string]string{" x": "begins with a space", "b": "is already in use", "": "is empty"} {
			got := s.want(http.StatusUnprocessableEntity, path, append(fields, "name", name, "description", "", "params", "{")...)
			for _, want := range []string{problem, "is not JSON: line 1, column 2: unexpected end of JSON input"} {
				if texts := got.texts(t, "p"); !slices.Contains(texts, want) {
					t.Errorf("%s, %q: it says %q, without %q", path, name, texts, want)
				}
			}
			if got.input(t, "name") != name || got.input(t, "params") != "{" {
				t.Errorf("%s, %q: what was typed is %q, %q now", path, name, got.input(t, "name"), got.input(t, "params"))
			}
		}
	}
}

// TestNamesThatBrowsersChange: a name that a browser cannot send is kept by a change of something else.
func TestNamesThatBrowsersChange(t *testing.T) {
	s := startData(t)
	s.names("a")
	for stored, sent := range map[string]string{
		"old\x00name": "old\ufffdname", "old\xffname": "old\ufffdname", "old\xe2\x82name\r\n": "old\ufffdname", "\xed\xa0\x80": "\ufffd\ufffd\ufffd",
	} {
		s.exec("UPDATE apis SET name = ? WHERE id = 1", stored)
		s.save(http.StatusSeeOther, "/admin/apis/1", "name", sent, "description", "", "params", `{"changed": 1}`)
		s.view(func(tx *store.Tx) error {
			api, err := tx.Named(store.KindAPI, 1)
			if api.Name != stored || string(api.Params) != `{"changed": 1}` {
				t.Errorf("%q was sent for %q, stored are %q, %s", sent, stored, api.Name, api.Params)
			}
			return err
		})
		s.exec("UPDATE apis SET params = '{}' WHERE id = 1")
	}
}

// TestListsCount: each row has the number of its transactions.
func TestListsCount(t *testing.T) {
	s := startData(t)
	s.names("a", "b", "c")
	var all []store.Transaction
	for _, status := range []string{"a", "b", "b"} {
		all = append(all, store.Transaction{API: "c", Status: status})
	}
	s.create(all...)
	for path, want := range map[string][]string{"/admin/apis": {"0", "0", "3"}, "/admin/statuses": {"1", "2", "0"}} {
		var got []string
		for _, td := range s.want(http.StatusOK, path).elements(t, "td") {
			if td.attributes["class"] == "number" {
				got = append(got, td.text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
		lines := strings.Split(strings.TrimSpace(s.want(http.StatusOK, path+".csv").body), "\n")[1:]
		if len(lines) != len(want) {
			t.Fatalf("%s.csv has %q", path, lines)
		}
		for i, line := range lines {
			if !strings.HasSuffix(line, ","+want[i]) {
				t.Errorf("%s.csv has %q, want %s", path, line, want[i])
			}
		}
	}
}

// TestDeleteWithTransactions: the transactions are announced and deleted, also if they are more than one commit deletes.
func TestDeleteWithTransactions(t *testing.T) {
	s := startData(t)
	s.names("a", "b")
	s.save(http.StatusSeeOther, "/admin/apis/1", "name", "a", "description", "what it is", "params", `{"timeout": 60}`)
	var all []store.Transaction
	for i := range 5100 {
		all = append(all, store.Transaction{API: []string{"a", "b"}[i/5050], Status: "a"})
	}
	s.create(all...)
	page := s.want(http.StatusOK, "/admin/apis/1/delete")
	if !strings.Contains(strings.Join(page.texts(t, "p"), " "), "5,050 transactions") {
		t.Errorf("it does not announce them: %q", page.texts(t, "p"))
	}
	s.save(http.StatusSeeOther, "/admin/apis/1/delete")
	if n := s.transactions(); n != 50 {
		t.Errorf("%d transactions are left, want 50", n)
	}
	s.want(http.StatusNotFound, "/admin/apis/1/delete", "x", "")
	want := []string{
		`staff delete api a {"description":["what it is",null],"params":["{\"timeout\": 60}",null],"transactions":["5050",null]}`,
		`staff change api a {"transactions":["5050","50"]}`,
	}
	if diff := cmp.Diff(want, s.recorded()[:2]); diff != "" {
		t.Errorf("what is recorded (-want +got):\n%s", diff)
	}
	deleted := s.want(http.StatusOK, "/admin/history?kind=api").texts(t, "del")
	for _, text := range []string{"what it is", `{"timeout": 60}`, "5050"} {
		if !slices.Contains(deleted, text) {
			t.Errorf("the history does not show %q: %q", text, deleted)
		}
	}
}

// TestCreationsRecorded: the history has and shows the first values of an object.
func TestCreationsRecorded(t *testing.T) {
	s := startData(t)
	s.want(http.StatusSeeOther, "/admin/apis/add", "name", "Mpesa", "description", "mobile", "params", `{"timeout": 60}`)
	s.want(http.StatusSeeOther, "/admin/statuses/add", "name", "Failed", "description", "for good")
	s.want(http.StatusSeeOther, "/admin/statuses/add", "name", "Done", "description", "")
	s.want(http.StatusSeeOther, "/admin/transactions/add", "api", "1", "status", "1", "amount", "1.5")
	want := []string{
		`staff create transaction Mpesa 1.50 {"amount":["","1.50"],"api":["","Mpesa"],"status":["","Failed"]}`,
		`staff create status Done {}`,
		`staff create status Failed {"description":["","for good"]}`,
		`staff create api Mpesa {"description":["","mobile"],"params":["","{\"timeout\": 60}"]}`,
	}
	if diff := cmp.Diff(want, s.recorded()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for path, texts := range map[string][]string{
		"/admin/apis/1":         {"mobile", `{"timeout": 60}`},
		"/admin/statuses/1":     {"for good"},
		"/admin/transactions/1": {"1.50", "Mpesa", "Failed"},
	} {
		if shown := s.want(http.StatusOK, path).texts(t, "ins"); !slices.Equal(shown, texts) {
			t.Errorf("%s shows %q, want %q", path, shown, texts)
		}
	}
}

// TestViewerSeesNoForms: a viewer is not shown what viewers may not do.
func TestViewerSeesNoForms(t *testing.T) {
	s := startData(t)
	s.many(3)
	s.role = store.RoleViewer
	for _, path := range []string{"/admin/apis", "/admin/apis/1", "/admin/statuses/1", "/admin/transactions", "/admin/transactions/1", "/admin/"} {
		page := s.want(http.StatusOK, path)
		for _, form := range page.elements(t, "form") {
			if form.attributes["method"] == "post" && form.attributes["action"] != "/admin/logout" {
				t.Errorf("%s has a form to %q", path, form.attributes["action"])
			}
		}
		for _, text := range []string{"Add", "Delete…", "Add transaction"} {
			if page.link(t, text) != "" {
				t.Errorf("%s has a link %q", path, text)
			}
		}
	}
	s.want(http.StatusForbidden, "/admin/workers")
	if page := s.want(http.StatusOK, "/admin/history"); strings.Contains(page.body, "superuser</b>") {
		t.Error("a viewer sees the history of users")
	}
}
