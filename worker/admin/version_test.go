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

// edit is a form of an object that is there: two ways to fill it in, and what a page then shows of each.
type edit struct {
	path          string
	first, second []string
	has           string // of the object, when it is as the first has saved it
	wants         string // the second, on the page that asks again
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
			"Staff: also changes transactions, APIs and statuses", "reader",
		},
	}
}

// startEdits is a site with all that is edited.
func startEdits(t *testing.T) *dataSite {
	t.Helper()
	s := startData(t)
	s.role = store.RoleSuperuser
	s.names("a", "b")
	s.update(func(tx *store.Tx) error {
		_, err := tx.CreateTransaction(store.Transaction{API: "a", Status: "a", Amount: 10_000})
		return err
	})
	return s
}

// TestLostEdits has two people open a form and save it: the second is shown what the first has saved, and can save anyway.
func TestLostEdits(t *testing.T) {
	s := startEdits(t)
	for _, e := range edits() {
		t.Run(e.path, func(t *testing.T) {
			version := versionIn(s.want(http.StatusOK, e.path).body)
			s.want(http.StatusSeeOther, e.path, append(e.first, "version", version)...)
			recorded := len(s.recorded())

			s.want(http.StatusSeeOther, e.path, append(e.first, "version", version)...) // the button was pressed twice
			asked := s.want(http.StatusConflict, e.path, append(e.second, "version", version)...)
			faults := strings.Join(asked.texts(t, "p"), "\n")
			if !strings.Contains(faults, "It was changed meanwhile by superuser (at ") {
				t.Errorf("it does not say who: %s", faults)
			}
			if now := asked.texts(t, "ins"); !slices.Contains(now, e.has) {
				t.Errorf("it does not show %q beside what was typed: %q", e.has, now)
			}
			if typed := asked.input(t, "name") + asked.input(t, "description") + asked.input(t, "amount") + asked.input(t, "username"); !strings.Contains(typed, e.wants) {
				t.Errorf("what was typed is %q now", typed)
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

// TestLostEditAfterMistake makes a mistake between: the page that says so is still about the version that was looked at.
func TestLostEditAfterMistake(t *testing.T) {
	s := startEdits(t)
	page := s.want(http.StatusOK, "/admin/transactions/1")
	s.update(func(tx *store.Tx) error { // as the API does
		_, _, err := tx.SetTransactionStatus(1, "b")
		return err
	})
	page = s.want(http.StatusUnprocessableEntity, "/admin/transactions/1", "api", "1", "status", "1", "amount", "1,5", "version", versionIn(page.body))
	page = s.want(http.StatusConflict, "/admin/transactions/1", "api", "1", "status", "1", "amount", "1.5", "version", versionIn(page.body))
	if texts := strings.Join(page.texts(t, "p"), "\n"); !strings.Contains(texts, "by something that the history does not tell of") {
		t.Errorf("it says %s", texts)
	}
	if page.input(t, "amount") != "1.5" || !strings.Contains(page.body, `<option value="2" selected>b`) {
		t.Errorf("it has not the amount that was typed, or not the status that there is now:\n%s", page.body)
	}
}

// TestEditsOfOtherFields: what somebody else did to a field that one has not touched is kept by saving again.
func TestEditsOfOtherFields(t *testing.T) {
	s := startEdits(t)
	const path = "/admin/apis/1"
	s.save(http.StatusSeeOther, path, "name", "a", "description", "one\r\ntwo", "params", "{}")
	version := versionIn(s.want(http.StatusOK, path).body)
	s.want(http.StatusSeeOther, path, "name", "a", "description", "of the first", "params", "{}", "version", version)
	asked := s.want(http.StatusConflict, path, "name", "A", "description", "one\r\ntwo", "params", "{}", "version", version)
	if name, description := asked.input(t, "name"), asked.input(t, "description"); name != "A" || description != "of the first" {
		t.Errorf("the form has %q and %q", name, description)
	}
	if strings.Contains(asked.body, "There is now") {
		t.Errorf("it asks about a field that only one has changed:\n%s", asked.body)
	}

	version = versionIn(s.want(http.StatusOK, "/admin/users/1").body)
	s.want(http.StatusSeeOther, "/admin/users/1", "username", "viewer", "role", "staff", "active", "", "version", version)
	asked = s.want(http.StatusConflict, "/admin/users/1", "username", "reader", "role", "viewer", "active", "on", "version", version)
	for _, e := range asked.elements(t, "input") {
		if _, checked := e.attributes["checked"]; e.attributes["name"] == "active" && checked {
			t.Error("who was made inactive is active in the form")
		}
	}
	if !strings.Contains(asked.body, `<option value="staff" selected>`) {
		t.Error("the role is not the one that there is")
	}
}

// TestLostEditsAtOnce has several people save at the same time, at two workers: one of them does, the others are asked.
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
			for at := range fields {
				if fields[at] == e.wants {
					fields[at] = fmt.Sprintf("9%d", i)
				}
			}
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

// TestDeletionOfWhatChanged asks again before something is deleted that is not what was asked about.
func TestDeletionOfWhatChanged(t *testing.T) {
	s := startEdits(t)
	es := edits()
	slices.Reverse(es) // with an API its transactions go
	for _, e := range es {
		path := e.path + "/delete"
		version := versionIn(s.want(http.StatusOK, path).body)
		s.save(http.StatusSeeOther, e.path, e.first...)
		asked := s.want(http.StatusConflict, path, "version", version)
		if texts := strings.Join(asked.texts(t, "p"), "\n"); !strings.Contains(texts, "It was changed meanwhile by superuser") {
			t.Errorf("%s: it says %s", path, texts)
		}
		s.want(http.StatusConflict, path, "x", "")
		s.want(http.StatusOK, e.path)
		s.want(http.StatusSeeOther, path, "version", versionIn(asked.body))
		s.want(http.StatusNotFound, e.path)
	}
}

// TestEditOfWhatIsGone saves forms of what somebody else has deleted: it says who, keeps what was typed, and adds it anew.
func TestEditOfWhatIsGone(t *testing.T) {
	s := startEdits(t)
	es := edits()
	slices.Reverse(es) // with an API its transactions go
	for _, e := range es {
		version := versionIn(s.want(http.StatusOK, e.path).body)
		s.save(http.StatusSeeOther, e.path+"/delete")
		answer := s.want(http.StatusNotFound, e.path, append(e.second, "version", version)...)
		if texts := strings.Join(answer.texts(t, "p"), "\n"); !strings.Contains(texts, "Nothing was saved. It was deleted meanwhile by superuser (at ") {
			t.Errorf("%s: it says %s", e.path, texts)
		}
		typed := answer.input(t, "name") + answer.input(t, "description") + answer.input(t, "amount") + answer.input(t, "username")
		if !strings.Contains(typed, e.wants) {
			t.Errorf("%s: what was typed is %q now", e.path, typed)
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
		t.Errorf("%d were added anew, want %d", added, len(es))
	}
}
