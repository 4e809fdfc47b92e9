package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"multiproc/store"
)

// hostileNames are names with a meaning in HTML, SQL, URLs, spreadsheets or terminals.
var hostileNames = []string{
	`"><script>alert(1)</script>`, `'; DROP TABLE apis; --`, "</textarea><b>bold", `{{.Secret}}`, "&lt;&amp;", "😀𝔘𝔫𝔦", "read \u202eright to left",
	"=1+1", "+1", "-1", "@SUM(A1)", "\ttab", "\rreturn", "line\nbreak", "CR\r\nLF", "../../etc/passwd", `..\..\x`, "%2e%2e%2f", "a/b?c#d&e=f",
	`quo"te`, "back`tick", "javascript:alert(1)", " blanks ", "%_", `\`,
}

// TestHostileNames: names are stored as given and shown as stored, on every page.
func TestHostileNames(t *testing.T) {
	s := startData(t)
	s.names(hostileNames...)
	for _, name := range hostileNames {
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
	shows("/admin/apis", "th", hostileNames...)
	shows("/admin/statuses", "th", hostileNames...)
	shows("/admin/transactions", "td", hostileNames...)
	shows("/admin/transactions", "option", hostileNames...)
	shows("/admin/", "b", hostileNames[len(hostileNames)-10:]...)
	shows("/admin/history?kind=api", "b", hostileNames...)
	for i, name := range hostileNames {
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
