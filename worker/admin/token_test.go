package admin_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"multiproc/store"
)

func TestTokens(t *testing.T) {
	s := startSite(t)
	b := s.as("superuser")
	secretOf := func(r reply) string {
		_, after, _ := strings.Cut(r.body, `<pre class="secret" tabindex="0"><code>`)
		secret, _, _ := strings.Cut(after, "<")
		return secret
	}
	for _, name := range hostileNames {
		r := b.want(200, b.post("/admin/tokens/add", "name", name, "read_only", "yes", "days", "30"))
		list := b.want(200, b.get("/admin/tokens"))
		for _, r := range []reply{r, list} {
			if !r.shows(name) {
				t.Errorf("%q is not shown as it is, escaped:\n%s", name, r.body)
			}
		}
		var token store.Token
		s.view(func(tx *store.Tx) (err error) {
			token, err = tx.TokenBySecret(secretOf(r))
			return err
		})
		if token.Name != name || !token.ReadOnly || token.CreatedBy != "superuser" || token.Expires.Sub(token.Created).Hours() != 30*24 {
			t.Errorf("%q: %+v", name, token)
		}
		if strings.Contains(list.body, secretOf(r)) {
			t.Errorf("the secret is shown again:\n%s", list.body)
		}
		path := "/admin/tokens/" + strconv.FormatInt(token.ID, 10) + "/revoke"
		if page := b.want(200, b.get(path)); !page.shows(name) {
			t.Errorf("the page does not name the token:\n%s", page.body)
		}
		b.want(303, b.post(path))
		err := s.store.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.TokenBySecret(secretOf(r))
			return err
		})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the token still works: %v", err)
		}
		b.want(409, b.get(path))
		b.want(409, b.post(path))
	}
	r := b.want(200, b.post("/admin/tokens/add", "name", "till", "read_only", "no", "days", "0"))
	s.view(func(tx *store.Tx) error {
		token, err := tx.TokenBySecret(secretOf(r))
		if token.ReadOnly || !token.Expires.IsZero() {
			t.Errorf("%+v", token)
		}
		return err
	})
	for _, form := range [][]string{
		{"name", "till", "read_only", "yes", "days", "30"},
		{"name", "", "read_only", "yes", "days", "30"},
		{"name", "x", "read_only", "", "days", "30"},
		{"name", "x", "read_only", "yes", "days", "-1"},
		{"name", "x", "read_only", "yes", "days", "31"},
		{"name", "x\x00", "read_only", "yes", "days", "30"},
		{"name", "\xff", "read_only", "yes", "days", "30"},
		{},
	} {
		if r := b.want(422, b.post("/admin/tokens/add", form...)); !strings.Contains(r.body, "aria-invalid") {
			t.Errorf("%q: no field is marked as wrong:\n%s", form, r.body)
		}
	}
	want := []string{
		`superuser create token till {"read_only":["",false]}`,
		"superuser change token " + hostileNames[len(hostileNames)-1] + ` {"revoked":[false,true]}`,
	}
	if got := s.recorded()[:2]; !slices.Equal(got, want) {
		t.Errorf("recorded: %q, want %q", got, want)
	}
	for line := range strings.Lines(strings.Join(s.recorded(), "\n")) {
		if strings.Contains(line, "mp_") {
			t.Errorf("a secret was recorded: %s", line)
		}
	}
}
