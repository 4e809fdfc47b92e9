package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"multiproc/store"
)

func TestUsers(t *testing.T) {
	s := startSite(t)
	b := s.as("superuser")
	form := func(name, role, active string) []string {
		form := []string{"username", name, "role", role, "password", password, "again", password}
		if active != "" {
			form = append(form, "active", active)
		}
		return form
	}
	r := b.want(303, b.post("/admin/users/add", form("Ada.Lovelace+1@example.org", "staff", "on")...))
	if page := b.want(200, b.get(r.header.Get("Location"))); !page.shows("The user Ada.Lovelace+1@example.org was added.") {
		t.Errorf("there is no message:\n%s", page.body)
	}
	ada := s.user("ada.lovelace+1@example.org")
	if ada.Role != store.RoleStaff || !ada.Active {
		t.Errorf("added: %+v", ada)
	}
	path := "/admin/users/" + strconv.FormatInt(ada.ID, 10)
	login := func(status int, password string) *browser {
		t.Helper()
		visitor := s.visitor()
		visitor.want(status, visitor.post("/admin/login", "username", ada.Name, "password", password))
		return visitor
	}
	hers := login(303, password)

	b.want(303, b.save(path, "username", "ada", "role", "viewer"))
	if got := s.user("ada"); got.ID != ada.ID || got.Role != store.RoleViewer || got.Active {
		t.Errorf("changed: %+v", got)
	}
	ada.Name = "ada"
	if !hers.get("/admin/").toLogin() {
		t.Error("the session of an inactive user goes on")
	}
	login(401, password)
	b.want(303, b.save(path, "username", "ada", "role", "viewer", "active", "on"))
	hers = login(303, password)
	b.want(303, b.post(path+"/password", "password", "battery staple", "again", "battery staple"))
	if !hers.get("/admin/").toLogin() {
		t.Error("the session that was begun with the old password goes on")
	}
	hers = login(303, "battery staple")

	if page := b.want(200, b.get(path+"/delete")); !page.shows("All sessions of this user end.") {
		t.Errorf("the page does not say what is deleted:\n%s", page.body)
	}
	s.user("ada") // is still there
	b.want(303, b.save(path+"/delete"))
	if !hers.get("/admin/").toLogin() {
		t.Error("the session of a deleted user goes on")
	}
	b.want(404, b.get(path))
	b.want(404, b.post(path, "username", "ada", "role", "viewer"))
	b.want(404, b.post(path+"/password", "password", password, "again", password))
	b.want(404, b.post(path+"/delete"))

	got := slices.DeleteFunc(s.recorded(), func(line string) bool { return strings.Contains(line, " login ") })
	want := []string{
		`superuser delete user ada {}`,
		`superuser change user ada {"password":["",""]}`,
		`superuser change user ada {"active":[false,true]}`,
		`superuser change user ada {"active":[true,false],"name":["Ada.Lovelace+1@example.org","ada"],"role":["staff","viewer"]}`,
		`superuser create user Ada.Lovelace+1@example.org {"active":[false,true],"role":["","staff"]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("recorded:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestUserProblems: a fault is shown at its field with what was typed, except passwords.
func TestUserProblems(t *testing.T) {
	s := startSite(t)
	b := s.as("superuser")
	for _, test := range []struct{ name, role, password, again, problem string }{
		{"", "viewer", password, password, "is empty"},
		{"VIEWER", "viewer", password, password, "is already in use"},
		{strings.Repeat("x", 151), "viewer", password, password, "has more than 150 characters"},
		{"ada", "god", password, password, "must be viewer, staff or superuser"},
		{"ada", "viewer", "short", "short", "has fewer than 8 characters"},
		{"ada", "viewer", password, "correct hose", "Passwords do not match."},
	} {
		r := b.want(422, b.post("/admin/users/add", "username", test.name, "role", test.role, "password", test.password, "again", test.again))
		if !r.shows(test.problem) || !strings.Contains(r.body, `value="`+test.name+`"`) {
			t.Errorf("%+v:\n%s", test, r.body)
		}
		if strings.Contains(r.body, test.password) && test.password != "short" {
			t.Errorf("the page has the password:\n%s", r.body)
		}
	}
	for _, name := range hostileNames {
		r := b.want(422, b.post("/admin/users/add", "username", name, "role", "god", "password", password, "again", password))
		for _, r := range []reply{r, s.visitor().post("/admin/login", "username", name, "password", "x")} {
			if !r.shows(name) {
				t.Errorf("%q is not shown as it is, escaped:\n%s", name, r.body)
			}
		}
	}
	if n := len(s.recorded()); n != 0 {
		t.Errorf("%d changes were made", n)
	}
}

// TestLastSuperuser: the last active superuser stays one.
func TestLastSuperuser(t *testing.T) {
	s := startSite(t)
	b := s.as("superuser")
	path := "/admin/users/" + strconv.FormatInt(s.user("superuser").ID, 10)
	for _, try := range []func() reply{
		func() reply { return b.save(path, "username", "superuser", "role", "staff", "active", "on") },
		func() reply { return b.save(path, "username", "superuser", "role", "superuser") },
		func() reply { return b.save(path + "/delete") },
	} {
		if r := try(); r.status != 422 && r.status != 409 || !r.shows("this is the last active superuser") {
			t.Errorf("%d:\n%s", r.status, r.body)
		}
	}
	s.createUsers(store.User{Name: "idle", Role: store.RoleSuperuser}) // inactive, so not counted
	b.want(409, b.save(path+"/delete"))
	s.createUsers(store.User{Name: "second", Role: store.RoleSuperuser, Active: true})
	b.want(303, b.save(path, "username", "superuser", "role", "staff", "active", "on"))
	if !b.get("/admin/").toLogin() {
		t.Error("the session goes on with the old role")
	}
	second := s.as("second")
	second.want(409, second.save("/admin/users/"+strconv.FormatInt(s.user("second").ID, 10)+"/delete"))
}

// TestFindUsers searches users by name and role. A user that was made without the site has an empty history.
func TestFindUsers(t *testing.T) {
	s := startData(t)
	s.role = store.RoleSuperuser
	s.createUsers(store.User{Name: "grace", Role: store.RoleStaff, Active: true})
	for query, want := range map[string][]string{
		"q=GRAC": {"grace"}, "role=staff": {"grace", "staff"}, "role=staff&q=gra&sort=-role": {"grace"}, "q=none": nil,
	} {
		if got := s.want(http.StatusOK, "/admin/users?"+query).heads(t); !slices.Equal(got, want) {
			t.Errorf("%s: found are %q, want %q", query, got, want)
		}
	}
	page := s.want(http.StatusOK, fmt.Sprintf("/admin/users/%d", s.user("grace").ID))
	if !page.shows("History") || !page.shows("No actions have been recorded.") {
		t.Error("a user's page has no history")
	}
}

// TestInvalidCursors requests each list at invalid cursors.
func TestInvalidCursors(t *testing.T) {
	s := startSite(t)
	b := s.as("superuser")
	for _, list := range []string{"users", "tokens", "apis", "statuses", "transactions", "history"} {
		for _, query := range []string{"?after=x", "?before=%00", "?after=" + strings.Repeat("9", 5000)} {
			if r := b.get("/admin/" + list + query); r.status != http.StatusNotFound {
				t.Errorf("%s%.20s: %d", list, query, r.status)
			}
		}
	}
}
