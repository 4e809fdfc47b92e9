package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"multiproc/cmd/internal/config"
	"multiproc/internal/proctest"
)

func TestParseMetricsToken(t *testing.T) {
	if token, err := parseMetricsToken([]byte(" a-token\r\n")); token != "a-token" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
	for _, text := range []string{"", " \n", "two words", "tökén", "a\x00b"} {
		if token, err := parseMetricsToken([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %q", text, token)
		}
	}
}

func TestRequireToken(t *testing.T) {
	metrics := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for header, want := range map[string]int{
		"Bearer a-token": http.StatusOK, "bearer a-token": http.StatusOK,
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer a-toke": 401, "Bearer a-token2": 401, "Basic a-token": 401, "a-token": 401, "Bearer  a-token": 401,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		requireToken("a-token", metrics).ServeHTTP(w, r)
		if w.Code != want || (w.Header().Get("WWW-Authenticate") == "") != (want == http.StatusOK) {
			t.Errorf("%q: %d %v, want %d", header, w.Code, w.Header(), want)
		}
	}
	w := httptest.NewRecorder()
	requireToken("", metrics).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusOK {
		t.Errorf("where no token is required: %d", w.Code)
	}
}

// authServer is a server behind metricsAuth with a client that keeps one connection.
type authServer struct {
	t      *testing.T
	path   string
	log    *proctest.Log
	url    string
	client *http.Client
}

func startAuth(t *testing.T, text string) *authServer {
	t.Helper()
	s := &authServer{t: t, path: filepath.Join(t.TempDir(), "web.yml"), log: new(proctest.Log)}
	writeCertificate(t, filepath.Dir(s.path))
	write(t, s.path, text)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	handler := slog.NewTextHandler(s.log, nil)
	auth := newMetricsAuth(s.path, metrics, slog.New(handler))
	server := httptest.NewUnstartedServer(auth)
	server.Config.ErrorLog = slog.NewLogLogger(handler, slog.LevelWarn)
	var err error
	server.TLS, err = auth.tlsConfig()
	check(t, err)
	if server.TLS != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // self-signed
	t.Cleanup(transport.CloseIdleConnections)
	s.url, s.client = server.URL, &http.Client{Transport: transport}
	return s
}

// want sends a request as the user, or without a user, and returns the header of the answer.
func (s *authServer) want(code int, user string) http.Header {
	s.t.Helper()
	return s.wantFor(code, user, "open sesame")
}

func (s *authServer) wantFor(code int, user, password string) http.Header {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url, nil)
	check(s.t, err)
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	response, err := s.client.Do(request)
	check(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != code || (string(body) == "metrics") != (code == http.StatusOK) {
		s.t.Errorf("%q: %d %q %v, want %d", user, response.StatusCode, body, err, code)
	}
	return response.Header
}

// presentCertificate makes the client present the server's certificate on new connections.
func (s *authServer) presentCertificate() {
	s.t.Helper()
	dir := filepath.Dir(s.path)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	check(s.t, err)
	s.client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{pair}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

// writeCertificate writes cert.pem and key.pem, signed by itself.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func usersYAML(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	check(t, err)
	return fmt.Sprintf("basic_auth_users:\n  prometheus: %s\n", hash)
}

const encryptedYAML = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"

// TestMetricsAuthUsers sends right and wrong credentials, each twice: the second time the right password is known already.
func TestMetricsAuthUsers(t *testing.T) {
	t.Parallel()
	s := startAuth(t, usersYAML(t)+"http_server_config:\n  headers:\n    X-Frame-Options: deny\n")
	for range 2 {
		s.wantFor(http.StatusUnauthorized, "prometheus", "open sesam")
		s.wantFor(http.StatusUnauthorized, "prometheus", "")
		s.wantFor(http.StatusUnauthorized, "somebody", "open sesame")
		s.wantFor(http.StatusUnauthorized, "somebody", "fakepassword")
		if header := s.want(http.StatusUnauthorized, ""); header.Get("WWW-Authenticate") != "Basic" {
			t.Errorf("%v", header)
		}
		if header := s.want(http.StatusOK, "prometheus"); header.Get("X-Frame-Options") != "deny" {
			t.Errorf("%v", header)
		}
	}
	write(t, s.path, strings.Replace(usersYAML(t), "prometheus", "other", 1))
	s.want(http.StatusUnauthorized, "prometheus")
	s.want(http.StatusOK, "other")
}

// TestMetricsAuthRate exhausts the rate limit, which wrong credentials count against.
func TestMetricsAuthRate(t *testing.T) {
	t.Parallel()
	s := startAuth(t, usersYAML(t)+"rate_limit:\n  interval: 1h\n  burst: 2\n")
	s.want(http.StatusUnauthorized, "")
	s.want(http.StatusOK, "prometheus")
	s.want(http.StatusTooManyRequests, "prometheus")
}

// TestMetricsAuthUnusable makes the file unusable, or one that requires nothing, while the server runs: all requests are
// refused until it is repaired.
func TestMetricsAuthUnusable(t *testing.T) {
	t.Parallel()
	users := usersYAML(t)
	s := startAuth(t, users)
	for text, says := range map[string]string{
		"":                                      "file is empty",
		"rate_limit:\n  burst: 5\n":             "requires no authentication",
		"rate_limit:\n  interval: 1s\n" + users: "without burst",
		"nonsense: true\n":                      "line 1: an unknown key",
		"basic_auth_users:\n  prometheus: plain\n":                           "1 of 1 passwords are not bcrypt hashes",
		"http_server_config:\n  headers:\n    X-Frame-Options: no\n" + users: "X-Frame-Options",
		"gone": "no such file",
	} {
		s.want(http.StatusOK, "prometheus")
		s.want(http.StatusUnauthorized, "")
		if text == "gone" {
			check(t, os.Remove(s.path))
		} else {
			write(t, s.path, text)
		}
		for range 3 {
			s.want(http.StatusServiceUnavailable, "")
			s.want(http.StatusServiceUnavailable, "prometheus")
		}
		s.log.Wait(t, nil, "metrics unavailable", says)
		if n := s.log.Count("metrics unavailable"); n != 1 {
			t.Errorf("%q is logged %d times\n%s", text, n, s.log)
		}
		s.log.Reset()
		write(t, s.path, users)
	}
	s.want(http.StatusOK, "prometheus")
}

// TestMetricsAuthUnusableAtStart makes the routes of a worker that starts while the file is broken. It must fail: with plain
// listeners it would never serve the TLS of the repaired file.
func TestMetricsAuthUnusableAtStart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "web.yml")
	writeCertificate(t, dir)
	write(t, path, usersYAML(t)+"tls_server_config:\n  cert_file: late.pem\n  key_file: key.pem\n")
	r := &routes{cfg: &config.Config{MetricsPath: "/metrics", MetricsAuthFile: path}, metrics: http.NotFoundHandler()}
	if _, _, err := r.named(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "late.pem") {
		t.Errorf("with a broken file: %v", err)
	}
	write(t, path, usersYAML(t)+encryptedYAML)
	_, settings, err := r.named(slog.New(slog.DiscardHandler))
	check(t, err)
	if settings[metricsListener] == nil {
		t.Error("with the repaired file: no TLS")
	}
}

// TestMetricsAuthFaultRecheck has a file that names a missing certificate, which appears later. The unchanged file is not read for
// every request, but at most once a second.
func TestMetricsAuthFaultRecheck(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "web.yml")
	writeCertificate(t, dir)
	write(t, path, usersYAML(t)+"tls_server_config:\n  cert_file: late.pem\n  key_file: key.pem\n")
	synctest.Test(t, func(t *testing.T) {
		auth := newMetricsAuth(path, nil, slog.New(slog.DiscardHandler))
		if _, err := auth.current(); err == nil || !strings.Contains(err.Error(), "late.pem") {
			t.Errorf("without the certificate: %v", err)
		}
		check(t, os.Rename(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "late.pem")))
		time.Sleep(faultRecheck - 1) //nolint:forbidigo // the bubble's clock
		if _, err := auth.current(); err == nil {
			t.Error("the file was read again at once")
		}
		time.Sleep(time.Nanosecond) //nolint:forbidigo // the same
		_, err := auth.current()
		check(t, err)
	})
}

// TestMetricsAuthOldConnection keeps a connection from before the file required certificates: it has none.
func TestMetricsAuthOldConnection(t *testing.T) {
	t.Parallel()
	s := startAuth(t, usersYAML(t)+encryptedYAML)
	s.want(http.StatusOK, "prometheus")
	for _, kind := range []string{"RequireAnyClientCert", "RequireAndVerifyClientCert\n  client_ca_file: cert.pem"} {
		write(t, s.path, encryptedYAML+"  client_auth_type: "+kind+"\n")
		s.want(http.StatusServiceUnavailable, "")
		write(t, s.path, encryptedYAML+"  client_auth_type: "+kind+"\n"+usersYAML(t))
		s.want(http.StatusServiceUnavailable, "prometheus")
	}
	write(t, s.path, usersYAML(t)+encryptedYAML)
	s.want(http.StatusOK, "prometheus")
}

// TestMetricsAuthUnverifiedConnection keeps a connection whose certificate was not verified, since the file did not require that
// yet. The same certificate is verified on a new connection.
func TestMetricsAuthUnverifiedConnection(t *testing.T) {
	t.Parallel()
	s := startAuth(t, encryptedYAML+"  client_auth_type: RequireAnyClientCert\n")
	s.presentCertificate()
	s.want(http.StatusOK, "")
	write(t, s.path, encryptedYAML+"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: cert.pem\n")
	s.want(http.StatusServiceUnavailable, "")
	s.client.CloseIdleConnections()
	s.want(http.StatusOK, "")
}

// TestMetricsAuthResumption connects twice with a cache of sessions: a resumed one would not be checked against the file.
func TestMetricsAuthResumption(t *testing.T) {
	t.Parallel()
	s := startAuth(t, usersYAML(t)+encryptedYAML)
	resumed := 0
	settings := s.client.Transport.(*http.Transport).TLSClientConfig
	settings.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	settings.VerifyConnection = func(state tls.ConnectionState) error {
		if state.DidResume {
			resumed++
		}
		return nil
	}
	for range 2 {
		s.want(http.StatusOK, "prometheus")
		s.client.CloseIdleConnections()
	}
	if resumed > 0 {
		t.Error("a session was resumed")
	}
}

// TestMetricsAuthAllowedNames has clients with and without a certificate of an allowed name, and the names change.
func TestMetricsAuthAllowedNames(t *testing.T) {
	t.Parallel()
	text := usersYAML(t) + encryptedYAML + "  client_auth_type: RequestClientCert\n  client_allowed_sans: [%s]\n"
	s := startAuth(t, fmt.Sprintf(text, "a.example"))
	if response, err := s.client.Get(s.url); err == nil { //nolint:noctx // it fails at once
		_ = response.Body.Close()
		t.Errorf("without a certificate: %s", response.Status)
	}
	s.log.Wait(t, nil, "TLS handshake error", "no client certificate")
	s.presentCertificate()
	s.want(http.StatusOK, "prometheus")
	write(t, s.path, fmt.Sprintf(text, "b.example"))
	s.want(http.StatusServiceUnavailable, "prometheus")
	write(t, s.path, fmt.Sprintf(text, "b.example, a.example"))
	s.want(http.StatusOK, "prometheus")
}

// TestMetricsAuthPlainConnection makes the file require TLS while a plain connection is open: passwords are neither requested
// nor accepted in plain text.
func TestMetricsAuthPlainConnection(t *testing.T) {
	t.Parallel()
	users := usersYAML(t)
	s := startAuth(t, users)
	s.want(http.StatusOK, "prometheus")
	write(t, s.path, users+encryptedYAML)
	s.want(http.StatusServiceUnavailable, "prometheus")
	s.want(http.StatusServiceUnavailable, "")
	write(t, s.path, users)
	s.want(http.StatusOK, "prometheus")
}

// TestMetricsAuthOptionalCertificate has a file that verifies certificates but does not require them: it needs users.
func TestMetricsAuthOptionalCertificate(t *testing.T) {
	t.Parallel()
	text := encryptedYAML + "  client_ca_file: cert.pem\n  client_auth_type: VerifyClientCertIfGiven\n"
	s := startAuth(t, usersYAML(t)+text)
	s.want(http.StatusOK, "prometheus")
	s.want(http.StatusUnauthorized, "")
	write(t, s.path, text)
	s.want(http.StatusServiceUnavailable, "")
	if err := checkMetricsAuth(s.path); err == nil || !strings.Contains(err.Error(), "requires no authentication") {
		t.Errorf("without users: %v", err)
	}
}

// TestMetricsAuthFaultsAreNotQuoted reads files that are something else, and others with a secret where it does not belong.
func TestMetricsAuthFaultsAreNotQuoted(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir)
	write(t, filepath.Join(dir, "other.pem"), "-----BEGIN hunter2-----\nAAAA\n-----END hunter2-----\n")
	users := usersYAML(t)
	for text, says := range map[string]string{
		"hunter2": "line 1: a value of the wrong kind",
		"root:hunter2:20000:0:99999:7:::\nbin:hunter2::\n": "an unknown key",
		"hunter2: 1\n":                                              "line 1: an unknown key",
		"- hunter2\n":                                               "line 1: a value of the wrong kind",
		"a: *hunter2\n":                                             "not valid YAML",
		"a: &hunter2 [*hunter2]\n":                                  "an unknown key",
		"\thunter2\n":                                               "not valid YAML",
		"{hunter2: {}: 1}\n":                                        "not valid YAML",
		"hunter2: 1\nhunter2: 2\n":                                  "an unknown key",
		"rate_limit:\n  burst: hunter2\n":                           "line 2: a value of the wrong kind",
		"rate_limit:\n  interval: hunter2\n":                        "line 2: a value of the wrong kind",
		"basic_auth_users:\n  u: hunter2\n":                         "passwords are not bcrypt hashes",
		"basic_auth_users:\n  u: $2b$hunter2\n":                     "passwords are not bcrypt hashes",
		"basic_auth_users:\n  hunter2: 1\n  hunter2: 2\n":           "given twice",
		users + "http_server_config:\n  headers:\n    hunter2: 1\n": "headers: use only",
		users + "http_server_config:\n  headers:\n    X-Frame-Options: hunter2\n":                               "headers: use only",
		users + "tls_server_config:\n  min_version: hunter2\n":                                                  "unknown TLS version",
		users + "tls_server_config:\n  cipher_suites: [hunter2]\n":                                              "unknown cipher",
		users + "tls_server_config:\n  curve_preferences: [hunter2]\n":                                          "unknown curve",
		users + "tls_server_config:\n  cert_file: cert.pem\n":                                                   "key_file or key is missing",
		users + "tls_server_config:\n  cert_file: other.pem\n  key_file: key.pem\n":                             "cert_file: it is PEM of another kind",
		users + "tls_server_config:\n  cert_file: cert.pem\n  key_file: other.pem\n":                            "key_file: it is PEM of another kind",
		users + "tls_server_config:\n  cert_file: cert.pem\n  key: hunter2\n":                                   "key_file: it is not PEM",
		users + "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_auth_type: hunter2\n": "client_auth_type is unknown",
	} {
		path := filepath.Join(dir, "web.yml")
		write(t, path, text)
		err := checkMetricsAuth(path)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %s", text, err, says)
		}
	}
}
