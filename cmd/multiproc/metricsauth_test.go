package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiproc/internal/proctest"

	"github.com/prometheus/common/config"
	"golang.org/x/crypto/bcrypt"
)

// scrapeOnce scrapes with Prometheus' own HTTP client.
func scrapeOnce(tb testing.TB, url string, settings config.HTTPClientConfig) (int, string, error) {
	tb.Helper()
	client, err := config.NewClientFromConfig(settings, "test")
	check(tb, err)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(tb.Context(), proctest.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	check(tb, err)
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func withCredentials(file string) config.HTTPClientConfig {
	return config.HTTPClientConfig{Authorization: &config.Authorization{Type: "Bearer", CredentialsFile: file}}
}

func writeFile(tb testing.TB, path, text string) {
	tb.Helper()
	check(tb, os.WriteFile(path, []byte(text), 0o600))
}

// TestMetricsToken protects the metrics on the shared listener: a scrape needs the token, and nothing else does. After a
// reload the new token counts.
func TestMetricsToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	writeFile(t, file, "first-token\n")
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nmetrics-token-file = token\n", in(dir))
	code, body, err := scrapeOnce(t, s.url("/metrics"), withCredentials(file))
	if err != nil || code != http.StatusOK || !strings.Contains(body, "multiproc_workers") {
		t.Errorf("with the token: %d %.100q %v", code, body, err)
	}
	if code, body := s.get("/metrics"); code != http.StatusUnauthorized || strings.Contains(body, "multiproc_") {
		t.Errorf("without a token: %d %.100q", code, body)
	}
	for _, path := range []string{"/", "/livez", "/readyz"} {
		s.wantVisit(http.StatusOK, path, "")
	}

	writeFile(t, file, "second-token")
	before := s.workers()
	s.mustReload()
	s.awaitReplaced(before...)
	if code, _, err := scrapeOnce(t, s.url("/metrics"), withCredentials(file)); err != nil || code != http.StatusOK {
		t.Errorf("with the new token: %d %v", code, err)
	}
	old := filepath.Join(dir, "old")
	writeFile(t, old, "first-token")
	if code, _, err := scrapeOnce(t, s.url("/metrics"), withCredentials(old)); err != nil || code != http.StatusUnauthorized {
		t.Errorf("with the old token: %d %v", code, err)
	}
	writeFile(t, file, "")
	s.mustRefuse("metrics-token-file", "file is empty")
	writeFile(t, file, "third-token")
	check(t, os.Chmod(file, 0o644))
	s.mustReload()
	s.log.Wait(t, s.done, "secret file is readable by everyone", "key=metrics-token-file")
	stdout, _, _ := s.run("check", "--snapshot", "--ini", s.ini)
	if text := stdout + s.log.String(); strings.Contains(text, "third-token") || strings.Contains(text, "second-token") {
		t.Errorf("a token is shown:\n%s", text)
	}
}

// TestMetricsTokenAtItsOwnSocket asks for the token wherever the metrics are.
func TestMetricsTokenAtItsOwnSocket(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "token"), "a-token")
	side := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nmetrics-socket = "+side+"\nmetrics-token-file = token\n", in(dir))
	s.wantVisit(http.StatusNotFound, "/metrics", "")
	if code, _, err := scrapeOnce(t, "http://"+side+"/metrics", withCredentials(filepath.Join(dir, "token"))); err != nil || code != http.StatusOK {
		t.Errorf("with the token: %d %v", code, err)
	}
	mustAnswer(t, "tcp", side, "/metrics", http.StatusUnauthorized)
}

// TestMetricsAuthFile protects the metrics by a web configuration file of Prometheus's exporters: TLS, client certificates
// and users, checked with Prometheus' own client. The main listener is not affected.
func TestMetricsAuthFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	valid(t, 1).put(t, dir)
	client := valid(t, 2)
	writeFile(t, filepath.Join(dir, "client.pem"), string(client.cert))
	writeFile(t, filepath.Join(dir, "client-key.pem"), string(client.key))
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	check(t, err)
	users := fmt.Sprintf("basic_auth_users:\n  prometheus: %s\n", hash)
	encrypted := "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
	file := filepath.Join(dir, "web.yml")
	writeFile(t, file, users+encrypted+"  client_auth_type: RequireAnyClientCert\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n")
	side := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndrain-idle = 1\nmetrics-socket = "+side+"\nmetrics-auth-file = web.yml\n", in(dir))

	good := config.HTTPClientConfig{
		BasicAuth: &config.BasicAuth{Username: "prometheus", Password: "open sesame"},
		TLSConfig: config.TLSConfig{
			CAFile: filepath.Join(dir, "cert.pem"), CertFile: filepath.Join(dir, "client.pem"), KeyFile: filepath.Join(dir, "client-key.pem"),
		},
		EnableHTTP2: true, // it is not spoken
	}
	if code, body, err := scrapeOnce(t, "https://"+side+"/metrics", good); err != nil || code != http.StatusOK || !strings.Contains(body, "multiproc_workers") {
		t.Errorf("%d %.100q %v", code, body, err)
	}
	wrong := good
	wrong.BasicAuth = &config.BasicAuth{Username: "prometheus", Password: "wrong"}
	for _, path := range []string{"/metrics", "/livez"} {
		if code, body, err := scrapeOnce(t, "https://"+side+path, wrong); err != nil || code != http.StatusUnauthorized || strings.Contains(body, "multiproc_") {
			t.Errorf("%s with a wrong password: %d %.100q %v", path, code, body, err)
		}
	}
	unknown := good
	unknown.TLSConfig.CertFile, unknown.TLSConfig.KeyFile = "", ""
	if code, _, err := scrapeOnce(t, "https://"+side+"/metrics", unknown); err == nil {
		t.Errorf("without a client's certificate: %d", code)
	}
	if code, _, err := scrapeOnce(t, "http://"+side+"/metrics", config.HTTPClientConfig{}); err != nil || code != http.StatusBadRequest {
		t.Errorf("without TLS: %d %v", code, err)
	}
	s.wantVisit(http.StatusNotFound, "/metrics", "")

	// Reloads lose no scrape on a kept-alive connection.
	client2, err := config.NewClientFromConfig(good, "test")
	check(t, err)
	defer client2.CloseIdleConnections()
	for range 3 {
		before := s.workers()
		s.mustReload()
		for range 5 {
			response, err := client2.Get("https://" + side + "/metrics") //nolint:noctx // the test's context has a deadline
			check(t, err)
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK || response.ProtoMajor != 1 ||
				response.Header.Get("X-Frame-Options") != "deny" {
				t.Errorf("%s %s, %v, %v", response.Proto, response.Status, response.Header, err)
			}
			_ = response.Body.Close()
		}
		s.awaitReplaced(before...)
	}

	// A file that does not hold is refused by a reload and by check.
	writeFile(t, file, "")
	s.mustRefuse("metrics-auth-file", "file is empty")
	if _, stderr, code := s.run("check", "--ini", s.ini); code != exitUsage || !strings.Contains(stderr, "file is empty") {
		t.Errorf("check: %d %s", code, stderr)
	}
	writeFile(t, file, users)
	s.mustReload()
	s.awaitNoneDraining()
	if code, _, err := scrapeOnce(t, "http://"+side+"/metrics", config.HTTPClientConfig{BasicAuth: good.BasicAuth}); err != nil || code != http.StatusOK {
		t.Errorf("users without TLS: %d %v", code, err)
	}
}

// TestMetricsAuthFileIsForTheServersUser has a file that only root can read. The workers read it, so the start fails at once.
func TestMetricsAuthFileIsForTheServersUser(t *testing.T) {
	proctest.Root(t)
	dir := t.TempDir()
	openTo(t, dir)
	check(t, os.Chown(dir, nobody, nobody))
	program := filepath.Join(dir, "multiproc")
	copyOf(t, lookPath(t, "multiproc"), program)
	writeFile(t, filepath.Join(dir, "web.yml"), "http_server_config:\n  http2: false\n")
	s := startServer(t, "socket = 127.0.0.1:0\nmetrics-socket = 127.0.0.1:0\nuid = nobody\nmetrics-auth-file = web.yml\n", failing, in(dir), withProgram(program))
	if code := s.exitCode(); code != exitUsage || s.log.Count("metrics-auth-file", "permission denied") == 0 {
		t.Errorf("exit code %d\n%s", code, s.log)
	}
}
