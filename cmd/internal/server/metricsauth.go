package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/osfile"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/time/rate"
)

// parseMetricsToken returns the bearer token in a file: all but the white space around it, as Prometheus reads the same file.
func parseMetricsToken(content []byte) (string, error) {
	token := bytes.TrimSpace(content)
	if len(token) == 0 {
		return "", errors.New("no token in the file")
	}
	if bytes.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the token is not one word of ASCII")
	}
	return string(token), nil
}

// requireToken lets requests with the bearer token through. Without a token it lets all through.
func requireToken(token string, metrics http.Handler) http.Handler {
	if token == "" {
		return metrics
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given)) // of constant length, so that the comparison does not reveal the token's
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "missing or invalid bearer token", http.StatusUnauthorized)
			return
		}
		metrics.ServeHTTP(w, r)
	})
}

// metricsAuth authenticates requests by the web configuration of Prometheus's exporter-toolkit in a file: TLS, client
// certificates, users with passwords, headers, a rate limit. HTTP/2 is never served, even if the file enables it.
//
// The file is read again when it has changed, so the user that the server runs as must be able to read it. Users, headers and
// the rate take effect at once, certificates for new connections. All requests are refused while the file cannot be used or
// does not require authentication, as may be the case while it is being written, and so are those on a connection that does
// not meet the requirements of the file.
type metricsAuth struct {
	path string
	next http.Handler
	log  *slog.Logger

	mu     sync.Mutex // guards what follows
	state  fileState  // of the file when it was read last
	read   time.Time  // when that was
	policy *authPolicy
	fault  error // if policy is nil
	faults cli.FaultLog
}

// faultRecheck is the time after which a faulty file is read again although it has not changed: the fault may be in a
// certificate that it names.
const faultRecheck = time.Second

func newMetricsAuth(path string, next http.Handler, log *slog.Logger) *metricsAuth {
	return &metricsAuth{path: path, next: next, log: log}
}

// tlsConfig returns the TLS settings of the listeners, or nil if the file has none now. While the file cannot be used, it is
// unknown whether they serve TLS.
func (a *metricsAuth) tlsConfig() (*tls.Config, error) {
	policy, err := a.current()
	if err != nil || !policy.config.TLSConfig.IsEnabled() {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		policy, err := a.current()
		if err != nil {
			return nil, err
		}
		settings, err := web.ConfigToTLSConfig(&policy.config.TLSConfig)
		if err != nil {
			_, err = authTLS(&policy.config.TLSConfig)
			return nil, cmp.Or(err, errors.New("the certificate is being replaced"))
		}
		get := settings.GetCertificate
		settings.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := get(hello)
			if err != nil {
				err = errors.New("the certificate is being replaced")
			}
			return pair, err
		}
		if verify := settings.VerifyPeerCertificate; verify != nil {
			settings.VerifyPeerCertificate = func(certificates [][]byte, chains [][]*x509.Certificate) error {
				if len(certificates) == 0 { // the toolkit's function expects one
					return errors.New("no client certificate")
				}
				if verify(certificates, chains) != nil {
					return errors.New("the client certificate has none of client_allowed_sans")
				}
				return nil
			}
		}
		settings.NextProtos = []string{"http/1.1"}
		settings.SessionTicketsDisabled = true // a resumed session is not checked against allowed names
		return settings, nil
	}}, nil
}

func (a *metricsAuth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	policy, err := a.current()
	if err != nil || !policy.allowsConnection(r.TLS) {
		http.Error(w, "metrics unavailable", http.StatusServiceUnavailable)
		return
	}
	if policy.limiter != nil && !policy.limiter.Allow() {
		http.Error(w, "too many requests", http.StatusTooManyRequests)
		return
	}
	for name, value := range policy.config.HTTPConfig.Header {
		w.Header().Set(name, value)
	}
	if !policy.allowsUser(r) {
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, "missing or invalid user name and password", http.StatusUnauthorized)
		return
	}
	a.next.ServeHTTP(w, r)
}

// current returns the policy of the file as it is now. A fault is logged once.
func (a *metricsAuth) current() (*authPolicy, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	state, err := stateAt(a.path)
	switch {
	case err != nil:
		a.state, a.policy, a.fault = fileState{}, nil, fmt.Errorf("metrics-auth-file: %w", err)
	case state != a.state || a.policy == nil && time.Since(a.read) >= faultRecheck:
		a.policy, a.fault = readAuthPolicy(a.path)
		a.state, a.read = state, time.Now()
	}
	a.faults.Log(a.log, slog.LevelError, "metrics unavailable", a.fault)
	return a.policy, a.fault
}

// authPolicy is the content of the file. Exactly one policy decides on a request.
type authPolicy struct {
	config     web.Config
	clientAuth tls.ClientAuthType
	limiter    *rate.Limiter // nil: no limit

	hashing  sync.Mutex                   // held while a password is hashed, which takes a core for a while
	mu       sync.Mutex                   // guards verified
	verified map[string][sha256.Size]byte // by user: the digest of the last right password
}

// checkMetricsAuth checks the file, and those that it names. An empty path is fine.
func checkMetricsAuth(path string) error {
	if path == "" {
		return nil
	}
	_, err := readAuthPolicy(path)
	return err
}

// readAuthPolicy reads and checks the file. It must require authentication: a file that does not is probably a mistake.
func readAuthPolicy(path string) (*authPolicy, error) {
	policy, err := parseAuthPolicy(path)
	if err != nil {
		return nil, fmt.Errorf("metrics-auth-file %s: %w", path, err)
	}
	return policy, nil
}

// parseAuthPolicy returns errors that do not quote the content: it contains secrets, and the path may be that of another file.
func parseAuthPolicy(path string) (*authPolicy, error) {
	file, err := readSecret(path)
	if err != nil {
		return nil, osfile.Cause(err)
	}
	p := &authPolicy{verified: map[string][sha256.Size]byte{}}
	p.config.TLSConfig.MinVersion, p.config.TLSConfig.MaxVersion = tls.VersionTLS12, tls.VersionTLS13 // the toolkit's defaults
	if err := yaml.UnmarshalStrict(file.content, &p.config); err != nil {
		return nil, yamlError(err)
	}
	p.config.TLSConfig.SetDirectory(filepath.Dir(path))
	if err := checkHashes(p.config.Users); err != nil {
		return nil, err
	}
	if p.config.TLSConfig.IsEnabled() {
		settings, err := authTLS(&p.config.TLSConfig)
		if err != nil {
			return nil, fmt.Errorf("tls_server_config: %w", err)
		}
		p.clientAuth = settings.ClientAuth
	}
	if err := web.Validate(path); err != nil { // the rest
		return nil, errors.New("headers: use only Strict-Transport-Security, X-Content-Type-Options: nosniff, " +
			"X-Frame-Options: deny or sameorigin, X-XSS-Protection and Content-Security-Policy")
	}
	if limit := p.config.RateLimiterConfig; limit.Interval != 0 {
		if limit.Burst <= 0 {
			return nil, errors.New("rate_limit without burst allows no request")
		}
		p.limiter = rate.NewLimiter(rate.Every(limit.Interval), limit.Burst)
	}
	if len(p.config.Users) == 0 && p.clientAuth != tls.RequireAnyClientCert && p.clientAuth != tls.RequireAndVerifyClientCert {
		return nil, errors.New("requires no authentication: set basic_auth_users, or a client_auth_type that requires a certificate")
	}
	return p, nil
}

// allowsConnection reports whether the connection has what the file requires of it. It may be older than the file.
func (p *authPolicy) allowsConnection(state *tls.ConnectionState) bool {
	settings := &p.config.TLSConfig
	if !settings.IsEnabled() {
		return true
	}
	if state == nil {
		return false
	}
	certificates := state.PeerCertificates
	if settings.ClientAllowedSans != nil &&
		(len(certificates) == 0 || settings.VerifyPeerCertificate([][]byte{certificates[0].Raw}, nil) != nil) {
		return false
	}
	switch p.clientAuth {
	case tls.RequireAnyClientCert:
		return len(certificates) > 0
	case tls.RequireAndVerifyClientCert:
		return len(state.VerifiedChains) > 0
	}
	return true
}

// allowsUser reports whether the request has the password of a user, if the file has users.
func (p *authPolicy) allowsUser(r *http.Request) bool {
	if len(p.config.Users) == 0 {
		return true
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	digest := sha256.Sum256([]byte(password))
	p.mu.Lock()
	verified, seen := p.verified[user]
	p.mu.Unlock()
	if seen && subtle.ConstantTimeCompare(digest[:], verified[:]) == 1 {
		return true
	}
	hash, known := p.config.Users[user]
	if !known {
		for _, hash = range p.config.Users { // any: the answer must take as long as for a known user
			break
		}
	}
	p.hashing.Lock()
	err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
	p.hashing.Unlock()
	if err != nil || !known {
		return false
	}
	p.mu.Lock()
	p.verified[user] = digest
	p.mu.Unlock()
	return true
}

// checkHashes checks the hashes of passwords.
func checkHashes[Hash ~string](users map[string]Hash) error {
	wrong := 0
	for _, hash := range users {
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("basic_auth_users: %d of %d passwords are not bcrypt hashes", wrong, len(users))
	}
	return nil
}

// authTLS checks the settings for TLS and returns them.
func authTLS(c *web.TLSConfig) (*tls.Config, error) {
	missing := func(inline, path string) bool { return inline == "" && path == "" }
	switch {
	case missing(c.TLSCert, c.TLSCertPath):
		return nil, errors.New("cert_file or cert is missing")
	case missing(string(c.TLSKey), c.TLSKeyPath):
		return nil, errors.New("key_file or key is missing")
	}
	cert, key := []byte(c.TLSCert), []byte(c.TLSKey)
	for _, file := range []struct {
		name, path string
		content    *[]byte
	}{{"cert_file", c.TLSCertPath, &cert}, {"key_file", c.TLSKeyPath, &key}, {"client_ca_file", c.ClientCAs, new([]byte)}} {
		if file.path == "" {
			continue
		}
		read, err := readSecret(file.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
		*file.content = read.content
	}
	if _, err := loadPair("cert_file", cert, "key_file", key); err != nil {
		return nil, err
	}
	settings, err := web.ConfigToTLSConfig(c)
	if err != nil { // everything else has been checked
		return nil, errors.New("client_auth_type is unknown, or missing beside a client CA")
	}
	return settings, nil
}

// yamlError returns the lines and kinds of the faults in a YAML file, without its content.
func yamlError(err error) error {
	faults := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if list, ok := errors.AsType[*yaml.TypeError](err); ok {
		faults = list.Errors
	}
	for i, fault := range faults {
		line, rest := "", fault
		if found := regexp.MustCompile(`^(line \d+): `).FindStringSubmatch(fault); found != nil {
			line, rest = found[0], fault[len(found[0]):]
		}
		switch {
		case strings.HasPrefix(rest, "unknown TLS version: "), strings.HasPrefix(rest, "unknown cipher: "), strings.HasPrefix(rest, "unknown curve: "):
			rest, _, _ = strings.Cut(rest, ": ")
		case strings.HasPrefix(rest, "cannot unmarshal "):
			rest = "a value of the wrong kind"
		case strings.HasPrefix(rest, "field "):
			rest = "an unknown key"
		case strings.HasPrefix(rest, "key "):
			rest = "a key that is given twice"
		default:
			rest = "not valid YAML"
		}
		faults[i] = line + rest
	}
	return errors.New(strings.Join(faults, ", "))
}
