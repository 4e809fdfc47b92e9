package admin_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/admin"
)

// dataSite is a site with metrics and a browser of each role.
type dataSite struct {
	*site
	metrics  string // directory
	browsers map[store.Role]*browser
	role     store.Role // of the requests that the test makes
}

func startData(tb testing.TB) *dataSite {
	tb.Helper()
	metrics := tb.TempDir()
	s := &dataSite{
		site:    startSite(tb, func(c *admin.Config) { c.MetricsDir = metrics }),
		metrics: metrics, browsers: map[store.Role]*browser{}, role: store.RoleStaff,
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("log:\n%s", s.log)
		}
	})
	for _, role := range []store.Role{store.RoleViewer, store.RoleStaff, store.RoleSuperuser} {
		s.browsers[role] = s.as(string(role))
	}
	return s
}

// at returns the same sessions at another worker of the database.
func (s *dataSite) at(other *site) *dataSite {
	there := &dataSite{site: other, metrics: s.metrics, browsers: map[store.Role]*browser{}, role: s.role}
	for role, b := range s.browsers {
		there.browsers[role] = other.visitor()
		there.browsers[role].secret = b.secret
	}
	return there
}

// writer returns a writer of metrics in the directory of the site.
func (s *dataSite) writer(id string, options mpmetrics.WriterOptions) *mpmetrics.Writer {
	s.tb.Helper()
	w, err := mpmetrics.NewWriter(s.metrics, id, options)
	check(s.tb, err)
	s.tb.Cleanup(func() {
		if err := w.Close(); err != nil {
			s.tb.Error(err)
		}
	})
	return w
}

// names creates an API and a status with each name.
func (s *dataSite) names(names ...string) {
	s.tb.Helper()
	s.update(func(tx *store.Tx) error {
		for _, name := range names {
			if _, err := tx.CreateNamed(store.Named{Kind: store.KindAPI, Name: name}); err != nil {
				return err
			}
			if _, err := tx.CreateNamed(store.Named{Kind: store.KindStatus, Name: name}); err != nil {
				return err
			}
		}
		return nil
	})
}

// send sends a request of the test's role: a POST if there are fields, names and values by turns, else a GET.
func (s *dataSite) send(path string, fields ...string) reply {
	s.tb.Helper()
	if len(fields) > 0 {
		return s.browsers[s.role].post(path, fields...)
	}
	return s.browsers[s.role].get(path)
}

// want sends a request whose reply must have this status.
func (s *dataSite) want(status int, path string, fields ...string) reply {
	s.tb.Helper()
	got := s.send(path, fields...)
	if got.status != status {
		s.tb.Fatalf("%s %q: %d, want %d\n%s", path, fields, got.status, status, got.body)
	}
	return got
}

// save sends the form of a page as it is now with these fields. The reply must have this status.
func (s *dataSite) save(status int, path string, fields ...string) reply {
	s.tb.Helper()
	return s.want(status, path, append(fields, "version", versionIn(s.send(path).body))...)
}

// element is an element of a page, with all the text that is in it.
type element struct {
	tag        string
	attributes map[string]string
	text       string
}

// elements returns the elements of a page with this tag. The page must be well formed.
func (r reply) elements(tb testing.TB, tag string) (found []element) {
	tb.Helper()
	d := xml.NewDecoder(strings.NewReader(r.body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []int // the elements that have begun, by their place among those that are found
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			tb.Fatalf("%v in\n%s", err, r.body)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Local != tag {
				continue
			}
			e := element{tag, map[string]string{}, ""}
			for _, a := range t.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			open, found = append(open, len(found)), append(found, e)
		case xml.EndElement:
			if t.Name.Local == tag {
				open = open[:len(open)-1]
			}
		case xml.CharData:
			for _, at := range open {
				found[at].text += string(t)
			}
		}
	}
}

// texts returns the texts of the elements with this tag.
func (r reply) texts(tb testing.TB, tag string) (texts []string) {
	tb.Helper()
	for _, e := range r.elements(tb, tag) {
		texts = append(texts, strings.TrimSpace(e.text))
	}
	return texts
}

// link returns the address of the link with this text, empty if there is none.
func (r reply) link(tb testing.TB, text string) string {
	tb.Helper()
	for _, e := range r.elements(tb, "a") {
		if strings.TrimSpace(e.text) == text {
			return e.attributes["href"]
		}
	}
	return ""
}

// input returns the value of a field of a form.
func (r reply) input(tb testing.TB, name string) string {
	tb.Helper()
	for _, e := range r.elements(tb, "input") {
		if e.attributes["name"] == name {
			return e.attributes["value"]
		}
	}
	for _, e := range r.elements(tb, "textarea") {
		if e.attributes["name"] == name {
			return strings.TrimPrefix(e.text, "\n")
		}
	}
	return ""
}

func TestDataPages(t *testing.T) {
	s := startData(t)
	s.names("Mpesa", "Card")
	s.create(store.Transaction{API: "Mpesa", Status: "Card", Amount: 105_000})
	for _, path := range []string{
		"/admin/", "/admin/apis", "/admin/apis?q=x", "/admin/apis/add", "/admin/apis/1", "/admin/apis/1/delete", "/admin/apis.csv",
		"/admin/statuses", "/admin/statuses/add", "/admin/statuses/1", "/admin/statuses/1/delete", "/admin/statuses.csv",
		"/admin/transactions", "/admin/transactions?q=10.50&last=1h&sort=amount", "/admin/transactions/add", "/admin/transactions/1",
		"/admin/transactions/1/delete", "/admin/transactions.csv", "/admin/history", "/admin/history?kind=api&object=1",
		"/admin/workers",
	} {
		if got := s.want(http.StatusOK, path); strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			got.elements(t, "main")
		}
	}
}
