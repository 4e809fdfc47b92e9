package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// httpsINI is the part of an ini with TLS. The files are beside it.
const httpsINI = "socket = 127.0.0.1:0\ntls-cert = cert.pem\ntls-key = key.pem\n"

// certificate is a self-signed certificate with its key.
type certificate struct {
	serial    int64
	cert, key []byte // PEM
}

func newCertificate(tb testing.TB, serial int64, until time.Time) certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(tb, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(tb, err)
	return certificate{
		serial: serial,
		cert:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

func valid(tb testing.TB, serial int64) certificate {
	tb.Helper()
	return newCertificate(tb, serial, time.Now().Add(time.Hour))
}

// put replaces the files in a directory one after the other, as a renewal does.
func (c certificate) put(tb testing.TB, dir string) {
	tb.Helper()
	for name, content := range map[string][]byte{"cert.pem": c.cert, "key.pem": c.key} {
		path := filepath.Join(dir, name)
		check(tb, os.WriteFile(path+".new", content, 0o600))
		check(tb, os.Rename(path+".new", path))
	}
}

// dialTLS connects and returns the certificate that the server presents.
func (s *testServer) dialTLS(tb testing.TB) (*tls.Conn, int64) {
	tb.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate is compared by the caller
	conn, err := dialer.DialContext(tb.Context(), "tcp", s.address)
	if err != nil {
		tb.Fatalf("%v\n%s", err, s.log)
	}
	over := conn.(*tls.Conn)
	return over, over.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func (s *testServer) mustShow(tb testing.TB, serial int64) {
	tb.Helper()
	for range 10 { // any worker may answer
		conn, shown := s.dialTLS(tb)
		_ = conn.Close()
		if shown != serial {
			tb.Errorf("the certificate is %d, want %d", shown, serial)
		}
	}
}

// TestCertificateIsRenewed reloads with one certificate after another while clients keep connections: none of them notices,
// and new connections get the new certificate. A certificate that does not match its key is refused, and the old one stays.
func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := valid(t, 1)
	first.put(t, dir)
	s := startServer(t, httpsINI+"processes = 2\ndrain-idle = 1\n", in(dir))
	s.mustShow(t, 1)

	l := startLoad(s, slices.Repeat([]client{{"tls", s.address, "/", true}}, 8)...)
	last := first
	for serial := int64(2); serial <= 6; serial++ {
		last = valid(t, serial)
		last.put(t, dir)
		before := s.workers()
		if serial%2 == 0 {
			s.signal(syscall.SIGHUP)
		} else {
			s.reload()
		}
		s.awaitReplaced(before...)
		s.mustShow(t, serial)
		l.await(100) // of the new workers
	}
	l.mustHaveLostNone()

	other := valid(t, 7)
	for name, broken := range map[string]certificate{
		"another key":    {cert: last.cert, key: other.key},
		"no certificate": {cert: []byte("nothing\n"), key: last.key},
		"empty":          {cert: last.cert, key: nil},
	} {
		broken.put(t, dir)
		s.mustRefuse("tls-")
		s.mustShow(t, last.serial)
		if s.log.Count(string(bytes.Split(other.key, []byte("\n"))[1])) > 0 {
			t.Errorf("%s: the log has the key", name)
		}
	}
	check(t, os.Remove(filepath.Join(dir, "key.pem")))
	s.mustRefuse("tls-key", "no such file")
	s.mustShow(t, last.serial)
	newCertificate(t, 8, time.Now().Add(-time.Hour)).put(t, dir)
	s.mustReload()
	s.log.Wait(t, s.done, "tls-cert has expired")
}

// TestKeyIsSecret looks for the key wherever others could see it: in arguments and environments, in the output of commands,
// in the log.
func TestKeyIsSecret(t *testing.T) {
	dir := t.TempDir()
	pair := valid(t, 1)
	pair.put(t, dir)
	s := startServer(t, httpsINI+"processes = 2\n", in(dir))
	s.reload()
	s.awaitNoneDraining()
	secret := string(bytes.Split(pair.key, []byte("\n"))[1])
	places := map[string]string{"the log": s.log.String()}
	for _, pid := range append(s.workers(), s.cmd.Process.Pid) {
		for _, name := range []string{"environ", "cmdline"} {
			path := fmt.Sprintf("/proc/%d/%s", pid, name)
			text, err := os.ReadFile(path)
			check(t, err)
			places[path] = string(text)
		}
	}
	for _, args := range [][]string{{"check"}, {"check", "--snapshot"}, {"status"}, {"status", "--json"}} {
		stdout, stderr, code := s.run(append(args, "--ini", s.ini)...)
		if code != 0 {
			t.Errorf("%s: exit code %d: %s", args, code, stderr)
		}
		places[strings.Join(args, " ")] = stdout + stderr
	}
	for place, text := range places {
		if text == "" || strings.Contains(text, secret) {
			t.Errorf("%s is empty or has the key", place)
		}
	}
	for _, pid := range s.workers() {
		for _, to := range proctest.Descriptors(pid) {
			if strings.Contains(to, "multiproc-secrets") {
				t.Errorf("worker %d still holds %s", pid, to)
			}
		}
	}
}

// TestCheckRefusesCertificate has check refuse a wrong certificate before anything starts with it.
func TestCheckRefusesCertificate(t *testing.T) {
	dir := t.TempDir()
	s := &testServer{tb: t, dir: dir}
	look := func() (string, exitCode) {
		_, stderr, code := s.run("check", "--socket=127.0.0.1:0", "--tls-cert=cert.pem", "--tls-key=key.pem")
		return stderr, code
	}
	if stderr, code := look(); code != exitUsage || !strings.Contains(stderr, "tls-cert: open "+dir) {
		t.Errorf("no files: %d %s", code, stderr)
	}
	valid(t, 1).put(t, dir)
	if stderr, code := look(); code != 0 || stderr != "" {
		t.Errorf("%d %s", code, stderr)
	}
	check(t, os.Chmod(filepath.Join(dir, "key.pem"), 0o644))
	if stderr, code := look(); code != 0 || !strings.Contains(stderr, "secret file is readable by everyone") {
		t.Errorf("%d %s", code, stderr)
	}
	check(t, errors.Join(os.Remove(filepath.Join(dir, "key.pem")), syscall.Mkfifo(filepath.Join(dir, "key.pem"), 0o600)))
	if stderr, code := look(); code != exitUsage || !strings.Contains(stderr, "not a regular file") {
		t.Errorf("a pipe: %d %s", code, stderr)
	}
}

// TestHTTPSWithoutMaster has a single process serve TLS as workers do.
func TestHTTPSWithoutMaster(t *testing.T) {
	dir := t.TempDir()
	valid(t, 1).put(t, dir)
	s := startAlone(t, "tls-cert = cert.pem\ntls-key = key.pem\n", in(dir))
	s.log.Wait(t, s.done, "ready for browsers", "url=https://"+s.address)
	conn, serial := s.dialTLS(t)
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /readyz HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || serial != 1 || !strings.Contains(string(answer), " 200 OK") {
		t.Errorf("certificate %d, %s, %v", serial, answer, err)
	}
}

// TestRootOnlyKey has a key that only root can read and a server that drops root's privileges: the key is read before. A
// reload goes on with it while the file is unchanged, and for a new one the error says what to do.
func TestRootOnlyKey(t *testing.T) {
	t.Parallel()
	proctest.Root(t)
	s, _ := startDropping(t, "socket = 127.0.0.1:0\nuid = nobody\ntls-cert = cert.pem\ntls-key = key.pem\n", func(dir string) {
		valid(t, 1).put(t, dir)
		check(t, os.Chmod(filepath.Join(dir, "cert.pem"), 0o644))
	})
	s.log.Wait(t, s.done, "file not readable after dropping privileges", "key=tls-key")
	all := func() []int { return append(s.workers(), s.cmd.Process.Pid) }
	mustRunAsNobody(t, all()...)
	s.mustReload()
	s.awaitNoneDraining()
	mustRunAsNobody(t, all()...)
	s.mustShow(t, 1)

	valid(t, 2).put(t, s.dir)
	check(t, os.Chmod(filepath.Join(s.dir, "cert.pem"), 0o644))
	s.mustRefuse("tls-key", "permission denied", "or restart")
	s.mustShow(t, 1)
	check(t, os.Chown(filepath.Join(s.dir, "key.pem"), 0, nobody))
	check(t, os.Chmod(filepath.Join(s.dir, "key.pem"), 0o640))
	before := s.workers()
	s.mustReload()
	s.awaitReplaced(before...)
	s.mustShow(t, 2)
}
