package admin_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"multiproc/store"
)

// hostileNames are names with a meaning in HTML, SQL, URLs, spreadsheets or terminals.
var hostileNames = []string{
	`"><script>alert(1)</script>`, `'; DROP TABLE apis; --`, "</textarea><b>bold", `{{.Secret}}`, "&lt;&amp;", "😀𝔘𝔫𝔦", "=1+1", "+1", "-1", "@SUM(A1)",
	"＝1", "a;=1", `"=1"`, "../../etc/passwd", `..\..\x`, "%2e%2e%2f", "a/b?c#d&e=f", `quo"te`, "back`tick", "javascript:alert(1)", "two  blanks", "%_", `\`,
}

// refusedNames are names that look like others. Earlier rules allowed them, so the database may have some.
var refusedNames = []string{
	" blanks ", " Visa", "Visa ", "\u00a0Visa", "Visa\u3000", "\tVisa", "Visa\r", "\nVisa", "\u200bVisa", "Visa\ufeff", "Visa\u00ad", "\u3164Visa", "Visa\u2800",
	"Visa\ufe0f", "Visa\U000e0041", "Vi\u200bsa", "Vi\u200dsa", "read \u202eright to left", "line\nbreak", "CR\r\nLF", "tab\t=1", "cafe\u0301",
}

// oldNames creates an API and a status with each name, which the store would refuse.
func (s *dataSite) oldNames(names ...string) {
	s.tb.Helper()
	for _, name := range names {
		s.names("old")
		for _, table := range []string{"apis", "transaction_statuses"} {
			s.exec("UPDATE "+table+" SET name = ? WHERE name = 'old'", name)
		}
	}
}

// TestHostileNames: names are stored as given and shown as stored, on every page.
func TestHostileNames(t *testing.T) {
	s := startData(t)
	s.names(hostileNames...)
	s.oldNames(refusedNames...)
	names := slices.Concat(hostileNames, refusedNames)
	for _, name := range names {
		s.update(func(tx *store.Tx) error {
			if _, err := tx.CreateTransaction(store.Transaction{API: name, Status: name, Amount: 10_000}); err != nil {
				return err
			}
			return tx.Record(store.Entry{Actor: name, Action: store.Action(name), Kind: "api", ObjectID: 999, Object: name, Changes: []byte(`{"name":["<i>", "=1"]}`)})
		})
	}
	shows := func(path, tag string, names ...string) {
		t.Helper()
		got := s.want(http.StatusOK, path)
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<b>bold") {
			t.Errorf("%s: a name has become a part of the page", path)
		}
		texts := got.texts(t, tag)
		for _, name := range names {
			if !slices.Contains(texts, strings.TrimSpace(oneBreak(name))) {
				t.Errorf("%s: no %s has %q: %q", path, tag, name, texts)
			}
		}
	}
	shows("/admin/apis", "th", names...)
	shows("/admin/statuses", "th", names...)
	shows("/admin/transactions", "td", names...)
	shows("/admin/transactions", "option", names...)
	shows("/admin/", "b", names[len(names)-10:]...)
	shows("/admin/history?kind=api", "b", names...)
	for i, name := range names {
		id := decimal(i + 1)
		shows("/admin/apis/"+id, "h1", name)
		shows("/admin/apis/"+id+"/delete", "b", name)
		shows("/admin/transactions/"+id, "a", name)

		// An unchanged form, as a browser sends it, changes nothing.
		form := s.want(http.StatusOK, "/admin/apis/"+id)
		sent := strings.NewReplacer("\r", "", "\n", "").Replace(form.input(t, "name"))
		s.save(http.StatusSeeOther, "/admin/apis/"+id, "name", sent, "description", "", "params", "{}")
		s.view(func(tx *store.Tx) error {
			api, err := tx.Named(store.KindAPI, int64(i+1))
			if api.Name != name {
				t.Errorf("API %s is %q, want %q", id, api.Name, name)
			}
			return err
		})
		s.save(http.StatusSeeOther, "/admin/apis/"+id, "name", "renamed "+id, "description", "", "params", "{}")
		search := s.want(http.StatusOK, "/admin/transactions?api="+id+"&status="+id)
		if got := search.texts(t, "p"); !slices.Contains(got, "1 transaction") {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// oneBreak returns a text with line breaks as a parser of HTML or XML reads them.
func oneBreak(text string) string { return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text) }

// TestHostileInput: names are stored as a form sends them.
func TestHostileInput(t *testing.T) {
	s := startData(t)
	for _, name := range hostileNames {
		got := s.want(http.StatusSeeOther, "/admin/statuses/add", "name", name, "description", name)
		page := s.want(http.StatusOK, got.header.Get("Location"))
		if heads := page.texts(t, "h1"); !slices.Contains(heads, strings.TrimSpace(oneBreak(name))) {
			t.Errorf("%q is shown as %q", name, heads)
		}
	}
	s.view(func(tx *store.Tx) error {
		for _, name := range hostileNames {
			if _, err := tx.NamedByName(store.KindStatus, name); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		return nil
	})
}

// TestRefusedInput: no form accepts a name that looks like another one, or finds the other one by it.
func TestRefusedInput(t *testing.T) {
	s := startData(t)
	s.names("Visa", "other")
	s.create(store.Transaction{API: "Visa", Status: "Visa"})
	s.role = store.RoleSuperuser
	for _, name := range refusedNames {
		for path, fields := range map[string][]string{
			"/admin/apis/add":       {"name", name, "description", "", "params", "{}"},
			"/admin/apis/2":         {"name", name, "description", "", "params", "{}"},
			"/admin/statuses/add":   {"name", name, "description", ""},
			"/admin/statuses/2":     {"name", name, "description", ""},
			"/admin/tokens/add":     {"name", name, "read_only", "yes", "days", "30"},
			"/admin/users/add":      {"username", name, "role", "viewer", "password", password, "again", password},
			"/admin/users/1":        {"username", name, "role", "viewer"},
			"/admin/transactions/1": {"api", "", "api_name", name, "status", "1", "amount", "1"},
			"/admin/transactions":   {"action", "status", "to", "", "to_name", name, "id", "1"},
		} {
			got := s.want(http.StatusUnprocessableEntity, path, append(fields, "version", versionIn(s.send(path).body))...)
			for _, p := range got.elements(t, "p") {
				if p.attributes["class"] == "problem" && p.text == "is already in use" {
					t.Errorf("%s: %+q was changed into a name that exists", path, name)
				}
			}
		}
		page := s.want(http.StatusOK, "/admin/transactions?"+url.Values{"api_name": {name}}.Encode())
		if texts := page.texts(t, "p"); !slices.Contains(texts, "0 transactions") {
			t.Errorf("the filter finds another API by %+q: %q", name, texts)
		}
	}
	if changed := s.recorded(); len(changed) > 0 {
		t.Errorf("%q", changed)
	}
}

// TestUnknownObjects requests files and objects by paths that do not name any.
func TestUnknownObjects(t *testing.T) {
	s := startData(t)
	for _, path := range []string{
		"/admin/workers/files/..%2f..%2fetc%2fpasswd", "/admin/workers/files/%2e%2e", "/admin/workers/files/counter_w9.db",
		"/admin/workers/files/.mpm", "/admin/assets/x/..%2fadmin.go", "/admin/apis/..%2f1", "/admin/apis/0", "/admin/apis/-1",
		"/admin/apis/01", "/admin/apis/1e0", "/admin/apis/99999999999999999999", "/admin/transactions/bulk",
		"/admin/transactions?after=x", "/admin/apis?before=%00", "/admin/history?kind=x", "/admin/history?kind=user", "/admin/history?object=1",
	} {
		s.want(http.StatusNotFound, path)
	}
}
