package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"multiproc/store"
)

// edit is a form of a stored object, with two ways to fill it in.
type edit struct {
	path          string
	first, second []string
	now           string // what a page shows of the object after the first
	typed         string // of the second
}

func edits() []edit {
	return []edit{
		{
			"/admin/apis/1",
			[]string{"name", "a", "description", "of the first", "params", "{}"},
			[]string{"name", "a", "description", "of the second", "params", `{"a": 1}`},
			"of the first", "of the second",
		},
		{
			"/admin/statuses/1",
			[]string{"name", "first", "description", ""},
			[]string{"name", "second", "description", ""},
			"first", "second",
		},
		{
			"/admin/transactions/1",
			[]string{"api", "2", "status", "1", "amount", "2"},
			[]string{"api", "1", "status", "1", "amount", "77.7"},
			"2.00", "77.7",
		},
		{
			"/admin/users/1",
			[]string{"username", "viewer", "role", "staff", "active", "on"},
			[]string{"username", "reader", "role", "superuser", "active", "on"},
			"Staff: can also change transactions, APIs and statuses", "reader",
		},
	}
}

// startEdits starts a site with the objects of edits.
func startEdits(t *testing.T) *dataSite {
	t.Helper()
	s := startData(t)
	s.role = store.RoleSuperuser
	s.names("a", "b")
	s.create(store.Transaction{API: "a", Status: "a", Amount: 10_000})
	return s
}

// typed returns what the form of a page has in the fields of edits.
func (r reply) typed(t *testing.T) string {
	t.Helper()
	return r.input(t, "name") + r.input(t, "description") + r.input(t, "amount") + r.input(t, "username")
}

// TestLostEdits: of two people who save the same form, the second is shown what the first has saved, keeps what was typed, and
// can save it then.
func TestLostEdits(t *testing.T) {
	s := startEdits(t)
	for _, e := range edits() {
		t.Run(e.path, func(t *testing.T) {
			version := versionIn(s.want(http.StatusOK, e.path).body)
			s.want(http.StatusSeeOther, e.path, append(e.first, "version", version)...)
			recorded := len(s.recorded())

			s.want(http.StatusSeeOther, e.path, append(e.first, "version", version)...) // pressed twice
			asked := s.want(http.StatusConflict, e.path, append(e.second, "version", version)...)
			if faults := strings.Join(asked.texts(t, "p"), "\n"); !strings.Contains(faults, "Nothing was saved: this was changed meanwhile.") {
				t.Errorf("it says %s", faults)
			}
			if now := asked.texts(t, "ins"); !slices.Contains(now, e.now) {
				t.Errorf("it does not show %q beside what was typed: %q", e.now, now)
			}
			if !strings.Contains(asked.typed(t), e.typed) {
				t.Errorf("what was typed is %q now", asked.typed(t))
			}
			if got := len(s.recorded()); got != recorded {
				t.Errorf("%d entries were made by what was refused", got-recorded)
			}
			s.want(http.StatusConflict, e.path, append(e.second, "version", "")...)
			s.want(http.StatusConflict, e.path, append(e.second, "version", "x")...)
			s.want(http.StatusSeeOther, e.path, append(e.second, "version", versionIn(asked.body))...)
			if got := len(s.recorded()); got != recorded+1 {
				t.Errorf("%d entries were made by saving anyway, want 1", got-recorded)
			}
		})
	}
}

// TestLostEditAfterMistake: a page that shows a mistake is still about the version that the user saw.
func TestLostEditAfterMistake(t *testing.T) {
	s := startEdits(t)
	page := s.want(http.StatusOK, "/admin/transactions/1")
	s.update(func(tx *store.Tx) error { // as the API does
		_, _, err := tx.SetTransactionStatus(1, "b")
		return err
	})
	page = s.want(http.StatusUnprocessableEntity, "/admin/transactions/1", "api", "1", "status", "1", "amount", "1,5", "version", versionIn(page.body))
	page = s.want(http.StatusConflict, "/admin/transactions/1", "api", "1", "status", "1", "amount", "1.5", "version", versionIn(page.body))
	if now := page.texts(t, "ins"); page.input(t, "amount") != "1.5" || !slices.Contains(now, "b") || !slices.Contains(now, "1.00") {
		t.Errorf("it has the amount %q, and shows the current values %q", page.input(t, "amount"), now)
	}
}

// TestLostEditsAtOnce: of several people who save at the same time, at two workers, one succeeds and the others are asked.
func TestLostEditsAtOnce(t *testing.T) {
	s := startEdits(t)
	other := s.at(serveSite(t, s.database))
	for _, e := range edits() {
		version := versionIn(s.want(http.StatusOK, e.path).body)
		var mu sync.Mutex
		answers := map[int]int{}
		var all sync.WaitGroup
		for i := range 6 {
			site := []*dataSite{s, other}[i%2]
			fields := slices.Clone(e.second)
			fields[slices.Index(fields, e.typed)] = fmt.Sprintf("9%d", i)
			all.Go(func() {
				got := site.send(e.path, append(fields, "version", version)...)
				mu.Lock()
				defer mu.Unlock()
				answers[got.status]++
			})
		}
		all.Wait()
		if answers[http.StatusSeeOther] != 1 || answers[http.StatusConflict] != 5 {
			t.Errorf("%s: %v, want one to save and five to be asked", e.path, answers)
		}
	}
}

// TestDeletionOfWhatChanged: an object that has changed since the question is not deleted before the user is asked again.
func TestDeletionOfWhatChanged(t *testing.T) {
	s := startEdits(t)
	es := edits()
	slices.Reverse(es) // an API is deleted with its transactions
	for _, e := range es {
		path := e.path + "/delete"
		version := versionIn(s.want(http.StatusOK, path).body)
		s.save(http.StatusSeeOther, e.path, e.first...)
		asked := s.want(http.StatusConflict, path, "version", version)
		if texts := strings.Join(asked.texts(t, "p"), "\n"); !strings.Contains(texts, "Nothing was deleted: this was changed meanwhile.") {
			t.Errorf("%s: it says %s", path, texts)
		}
		s.want(http.StatusConflict, path, "x", "")
		s.want(http.StatusOK, e.path)
		s.want(http.StatusSeeOther, path, "version", versionIn(asked.body))
		s.want(http.StatusNotFound, e.path)
	}
}

// TestEditOfDeleted: a form of an object that was deleted meanwhile keeps what was typed, which can be added again.
func TestEditOfDeleted(t *testing.T) {
	s := startEdits(t)
	es := edits()
	slices.Reverse(es) // an API is deleted with its transactions
	for _, e := range es {
		version := versionIn(s.want(http.StatusOK, e.path).body)
		s.save(http.StatusSeeOther, e.path+"/delete")
		answer := s.want(http.StatusNotFound, e.path, append(e.second, "version", version)...)
		if texts := strings.Join(answer.texts(t, "p"), "\n"); !strings.Contains(texts, "Nothing was saved: this was deleted meanwhile.") {
			t.Errorf("%s: it says %s", e.path, texts)
		}
		if !strings.Contains(answer.typed(t), e.typed) {
			t.Errorf("%s: what was typed is %q now", e.path, answer.typed(t))
		}
		for _, form := range answer.elements(t, "form") {
			if action := form.attributes["action"]; action != "" && action != "/admin/logout" {
				again := append(e.second, "version", versionIn(answer.body), "password", password, "again", password)
				s.want(http.StatusSeeOther, action, again...)
			}
		}
		s.want(http.StatusNotFound, e.path)
	}
	if added := len(slices.DeleteFunc(s.recorded(), func(line string) bool { return !strings.Contains(line, " create ") })); added != len(es) {
		t.Errorf("%d were added again, want %d", added, len(es))
	}
}
