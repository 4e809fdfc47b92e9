package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiproc/internal/proctest"

	"golang.org/x/crypto/bcrypt"
)

// doorServer is a server behind metricsAuth's door, and asks it in one connection that is kept.
type doorServer struct {
	t      *testing.T
	file   string
	log    *proctest.Log
	url    string
	client *http.Client
}

func startDoor(t *testing.T, text string) *doorServer {
	t.Helper()
	d := &doorServer{t: t, file: filepath.Join(t.TempDir(), "web.yml"), log: new(proctest.Log)}
	valid(t, 1).put(t, filepath.Dir(d.file))
	writeFile(t, d.file, text)
	log, lines := io.Pipe()
	go func() { _, _ = io.Copy(d.log, log) }()
	t.Cleanup(func() { _ = lines.Close() })
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	handler, settings, err := metricsAuth(d.file, metrics, slog.New(slog.NewTextHandler(lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	if server.TLS = settings; settings != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // nobody has signed it
	t.Cleanup(transport.CloseIdleConnections)
	d.url, d.client = server.URL, &http.Client{Transport: transport}
	return d
}

// want asks as a user, or as nobody.
func (d *doorServer) want(code int, user string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if user != "" {
		request.SetBasicAuth(user, "open sesame")
	}
	response, err := d.client.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != code || (string(body) == "metrics") != (code == http.StatusOK) {
		d.t.Errorf("%q: %d %q %v, want %d", user, response.StatusCode, body, err, code)
	}
}

func usersYAML(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("basic_auth_users:\n  prometheus: %s\n", hash)
}

// TestMetricsDoorWithoutALock: a file that comes to lock nothing, or to be none, while the server runs, shuts the door, until
// it is mended.
func TestMetricsDoorWithoutALock(t *testing.T) {
	t.Parallel()
	users := usersYAML(t)
	d := startDoor(t, users)
	for text, says := range map[string]string{
		"":                                      "locks nothing",
		"rate_limit:\n  burst: 5\n":             "locks nothing",
		"rate_limit:\n  interval: 1s\n":         "has no burst",
		"rate_limit:\n  interval: 1s\n" + users: "has no burst",
		"nonsense: true\n":                      "nonsense",
		"basic_auth_users:\n  prometheus: plain\n": "too short",
		"gone": "no such file",
	} {
		d.want(http.StatusOK, "prometheus")
		d.want(http.StatusUnauthorized, "")
		if text == "gone" {
			if err := os.Remove(d.file); err != nil {
				t.Fatal(err)
			}
		} else {
			writeFile(t, d.file, text)
		}
		for range 3 {
			d.want(http.StatusServiceUnavailable, "")
			d.want(http.StatusServiceUnavailable, "prometheus")
		}
		d.log.Wait(t, nil, "the metrics are shut", says)
		if n := d.log.Count("the metrics are shut"); n != 1 {
			t.Errorf("%q is told %d times\n%s", text, n, d.log)
		}
		d.log.Reset()
		writeFile(t, d.file, users)
	}
	d.want(http.StatusOK, "prometheus")
}

// TestMetricsDoorForOldConnections: a connection from before the file asked for certificates has none to show.
func TestMetricsDoorForOldConnections(t *testing.T) {
	t.Parallel()
	encrypted := "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
	d := startDoor(t, usersYAML(t)+encrypted)
	d.want(http.StatusOK, "prometheus")
	for _, kind := range []string{"RequireAnyClientCert", "RequireAndVerifyClientCert\n  client_ca_file: cert.pem"} {
		writeFile(t, d.file, encrypted+"  client_auth_type: "+kind+"\n")
		d.want(http.StatusServiceUnavailable, "")
		writeFile(t, d.file, encrypted+"  client_auth_type: "+kind+"\n"+usersYAML(t))
		d.want(http.StatusServiceUnavailable, "prometheus")
	}
	writeFile(t, d.file, usersYAML(t)+encrypted)
	d.want(http.StatusOK, "prometheus")
}

// TestMetricsDoorForPlainConnections: passwords are neither asked for nor taken in plain where the file has come to ask for TLS.
func TestMetricsDoorForPlainConnections(t *testing.T) {
	t.Parallel()
	users := usersYAML(t)
	d := startDoor(t, users)
	d.want(http.StatusOK, "prometheus")
	writeFile(t, d.file, users+"tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n")
	d.want(http.StatusServiceUnavailable, "prometheus")
	d.want(http.StatusServiceUnavailable, "")
	writeFile(t, d.file, users)
	d.want(http.StatusOK, "prometheus")
}

// TestMetricsDoorWhileItChanges: who was let in by a file without a lock is not, although there is a lock before and after.
func TestMetricsDoorWhileItChanges(t *testing.T) {
	t.Parallel()
	users := usersYAML(t)
	d := &metricsDoor{file: filepath.Join(t.TempDir(), "web.yml"), log: slog.New(slog.DiscardHandler)}
	writeFile(t, d.file, users)
	inside, entered := d.inside(http.NotFoundHandler()), false
	toolkit, err := openDoor(d.file, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered = true
		writeFile(t, d.file, "# As it was.\n"+users)
		inside.ServeHTTP(w, r)
	}), d.log)
	if err != nil {
		t.Fatal(err)
	}
	d.toolkit = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeFile(t, d.file, "")
		toolkit.Handler.ServeHTTP(w, r)
	})
	answer := httptest.NewRecorder()
	d.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if !entered || answer.Code != http.StatusServiceUnavailable {
		t.Errorf("%d, and the toolkit let it in: %v; want 503, and that it did", answer.Code, entered)
	}
}

// TestMetricsDoorWithoutACertificate: a file that cannot be used is not read for each request, but again after a while.
func TestMetricsDoorWithoutACertificate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "web.yml")
	writeFile(t, file, usersYAML(t)+"tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n")
	synctest.Test(t, func(t *testing.T) {
		d := &metricsDoor{file: file, log: slog.New(slog.DiscardHandler)}
		_, first := d.lock()
		valid(t, 1).put(t, filepath.Dir(file))
		if _, err := d.lock(); first == nil || !errors.Is(err, first) {
			t.Errorf("%v, and at once: %v", first, err)
		}
		<-time.After(faultKept) // that of the bubble
		if lock, err := d.lock(); err != nil || !lock.locks() {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestMetricsDoorForCertificatesIfGiven: users get in who have none, and without users it is no lock.
func TestMetricsDoorForCertificatesIfGiven(t *testing.T) {
	t.Parallel()
	text := "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: cert.pem\n  client_auth_type: VerifyClientCertIfGiven\n"
	d := startDoor(t, usersYAML(t)+text)
	d.want(http.StatusOK, "prometheus")
	d.want(http.StatusUnauthorized, "")
	writeFile(t, d.file, text)
	d.want(http.StatusServiceUnavailable, "")
	if err := checkMetricsAuth(d.file); err == nil || !strings.Contains(err.Error(), "locks nothing") {
		t.Errorf("without users: %v", err)
	}
}
