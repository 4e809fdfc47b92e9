package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

const (
	adminPassword = "correct horse"
	sessionCookie = "multiproc_session"
)

// startAdmin starts a server with a database and these superusers.
func startAdmin(tb testing.TB, ini string, names ...string) *testServer {
	tb.Helper()
	s := startServer(tb, "socket = 127.0.0.1:0\ndatabase = transactions.db\n"+ini)
	for _, name := range names {
		s.newSuperuser(name)
	}
	return s
}

// newSuperuser creates a superuser as an operator does.
func (s *testServer) newSuperuser(name string) {
	s.tb.Helper()
	runIn(s.tb, s.dir, adminPassword+"\n", "createsuperuser", "--ini", s.ini, "--username", name, "--password-stdin")
}

// login logs in and returns the session. To a server that trusts loopback, the client is 10.0.0.1.
func (s *testServer) login(name, password string) (code int, session string, err error) {
	r, err := s.visit("/admin/login", "", url.Values{"username": {name}, "password": {password}}, "X-Forwarded-For: 10.0.0.1")
	return r.code, r.cookie(sessionCookie).Value, err
}

// wantVisit fails the test if the page has another status code.
func (s *testServer) wantVisit(code int, path, session string) {
	s.tb.Helper()
	r, err := s.visit(path, session, nil)
	if err != nil || r.code != code {
		s.tb.Errorf("%s: %v, %v, want %d\n%s", path, r, err, code, s.log)
	}
}

// mostAnonymous returns the highest anonymous memory of any worker. The kernel keeps a peak for all memory only; the
// file-backed part is assumed to be what it is now.
func (s *testServer) mostAnonymous() (kib uint64) {
	s.tb.Helper()
	status, err := s.status()
	check(s.tb, err)
	for _, w := range status.Workers {
		of, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID))
		check(s.tb, err)
		value := func(name string) (n uint64) {
			_, rest, _ := strings.Cut(string(of), "\n"+name+":")
			if _, err := fmt.Sscanf(rest, "%d kB", &n); err != nil {
				s.tb.Fatalf("%s: %v\n%s", name, err, of)
			}
			return n
		}
		kib = max(kib, value("VmHWM")-value("RssFile")-value("RssShmem"))
	}
	return kib
}

// anonymous returns the private anonymous memory of each worker in KiB.
func (s *testServer) anonymous() (kib []uint64) {
	s.tb.Helper()
	status, err := s.status()
	check(s.tb, err)
	for _, w := range status.Workers {
		usage, err := master.ReadUsage(w.PID)
		check(s.tb, err)
		kib = append(kib, usage.AnonBytes>>10)
	}
	return kib
}

// TestLoginsAtFourWorkers attacks: 1,000 logins as one user and as unknown users, on four workers. Another user at the same
// address logs in meanwhile.
func TestLoginsAtFourWorkers(t *testing.T) {
	t.Parallel()
	proctest.Long(t) // it tries a thousand logins
	const (
		attempts    = 1000
		ofOthers    = attempts / 10
		budget      = 20 << 10 // KiB
		hash        = 19 << 10
		concurrency = 32
	)
	s := startAdmin(t, "processes = 4\ndisable-logging = true\ntrusted-proxies = 127.0.0.1\n", "root", "other")
	var mu sync.Mutex
	codes := map[string]map[int]int{"root": {}, "others": {}}
	next := make(chan int)
	var all sync.WaitGroup
	for range concurrency {
		all.Go(func() {
			for i := range next {
				name, kind := "root", "root"
				if i%10 == 9 {
					name, kind = fmt.Sprint("nobody", i), "others"
				}
				code, _, err := s.login(name, "wrong horse")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				codes[kind][code]++
				mu.Unlock()
			}
		})
	}
	over := make(chan struct{})
	right := map[int]int{}
	var other sync.WaitGroup
	other.Go(func() {
		for {
			code, _, err := s.login("other", adminPassword)
			if err != nil {
				t.Error(err)
				return
			}
			right[code]++
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for i := range attempts {
		next <- i
	}
	close(next)
	all.Wait()
	close(over)
	other.Wait()
	most := s.mostAnonymous()
	t.Logf("answers: %v, another user: %v, most memory of a worker: %d KiB", codes, right, most)
	root, others := codes["root"], codes["others"]
	if root[http.StatusUnauthorized] != 5 || root[http.StatusTooManyRequests] != attempts-ofOthers-5 {
		t.Errorf("root: %v, want 5 to be tried, and the others 429", root)
	}
	if others[http.StatusUnauthorized] == 0 || others[http.StatusUnauthorized]+others[http.StatusTooManyRequests] != ofOthers {
		t.Errorf("others: %v, want all to be tried or 429", others)
	}
	if right[http.StatusSeeOther] == 0 || len(right) > 2 || len(right) == 2 && right[http.StatusTooManyRequests] == 0 {
		t.Errorf("another user: %v, want 303 and at most some 429", right)
	}
	if most > budget+hash {
		t.Errorf("a worker took %d KiB, want at most the budget and one hash, %d", most, budget+hash)
	}
	if code, _, err := s.login("root", adminPassword); code != http.StatusTooManyRequests || err != nil {
		t.Errorf("root with the right password: %d, %v", code, err)
	}
	code, session, err := s.login("other", adminPassword)
	if code != http.StatusSeeOther || err != nil {
		t.Fatalf("another user: %d, %v", code, err)
	}
	s.wantVisit(http.StatusOK, "/admin/", session)
	for _, kib := range s.anonymous() {
		if kib > budget {
			t.Errorf("a worker keeps %d KiB, want at most %d", kib, budget)
		}
	}
}

// TestSessionOutlivesWorkers keeps a session across the death of every worker: it is in the database.
func TestSessionOutlivesWorkers(t *testing.T) {
	t.Parallel()
	s := startAdmin(t, "processes = 2\ndebug\n", "root")
	code, session, err := s.login("root", adminPassword)
	if code != http.StatusSeeOther || err != nil {
		t.Fatalf("login: %d, %v", code, err)
	}
	s.wantVisit(http.StatusOK, "/admin/users", session)
	s.killWorkers()
	s.wantVisit(http.StatusOK, "/admin/users", session)
	s.reload()
	s.wantVisit(http.StatusOK, "/admin/users", session)
	r, err := s.visit("/admin/logout", session, url.Values{})
	if err != nil || r.code != http.StatusSeeOther {
		t.Fatalf("logout: %v, %v", r, err)
	}
	s.wantVisit(http.StatusSeeOther, "/admin/users", session)

	// Requests are counted by route, and every worker warns that debug is on.
	_, page := s.get("/metrics")
	for _, sample := range []string{
		`http_requests_total{code="200",method="GET",route="/admin/users"} 3.0`,
		`http_requests_total{code="303",method="POST",route="/admin/login"} 1.0`,
	} {
		if !strings.Contains(page, sample) {
			t.Errorf("the metrics lack %s:\n%s", sample, page)
		}
	}
	if n := s.log.Count("debug is on"); n < 2 {
		t.Errorf("%d workers warn of debug, want every one", n)
	}
}

// TestIndexRedirect redirects browsers to the admin site if there is one.
func TestIndexRedirect(t *testing.T) {
	const browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	s := startServer(t, "socket = 127.0.0.1:0\ndatabase = transactions.db\n")
	for accept, code := range map[string]int{browser: http.StatusFound, "Accept: */*": http.StatusOK} {
		r, err := s.visit("/", "", nil, accept)
		if err != nil || r.code != code || code == http.StatusFound && r.header.Get("Location") != "/admin/" {
			t.Errorf("%s: %v, %v", accept, r, err)
		}
	}
	if n := s.log.Count("debug is on"); n != 0 {
		t.Error("debug is logged, but off")
	}
	s.stop()
}
