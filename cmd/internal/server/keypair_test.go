package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// TestPairFaults checks that errors name the kind of a wrong file and do not show its content.
func TestPairFaults(t *testing.T) {
	cert, key := newPair(t, 1)
	otherCert, otherKey := newPair(t, 2)
	certDER, keyDER := decode(t, cert), decode(t, key)
	in := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	old := pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: []byte("hunter2"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
	})
	parsed, err := x509.ParsePKCS8PrivateKey(keyDER)
	check(t, err)
	public, err := x509.MarshalPKIXPublicKey(parsed.(*ecdsa.PrivateKey).Public())
	check(t, err)
	type algorithm struct{ Type asn1.ObjectIdentifier }
	encryptedDER, err := asn1.Marshal(struct {
		Algorithm algorithm
		Data      []byte
	}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, []byte("hunter2")})
	check(t, err)
	archive, err := asn1.Marshal(struct {
		Version int
		Content algorithm
	}{3, algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}})
	check(t, err)

	for name, row := range map[string]struct {
		cert, key []byte
		want      string
	}{
		"encrypted key":             {cert, in(encryptedKey, []byte("hunter2")), "key: the key is encrypted: a private key in PEM without a passphrase is needed"},
		"encrypted in the old way":  {cert, old, "key: the key is encrypted: "},
		"encrypted with parameters": {cert, append(in("EC PARAMETERS", nil), in(encryptedKey, nil)...), "key: the key is encrypted: "},
		"encrypted in DER":          {cert, encryptedDER, "key: it is an encrypted private key in DER: "},
		"key in DER":                {cert, keyDER, "key: it is a private key in DER: "},
		"archive":                   {cert, archive, "key: it is a PKCS#12 archive: "},
		"certificate as key":        {cert, cert, "key: it is a certificate: a private key in PEM without a passphrase is needed"},
		"public key":                {cert, in("PUBLIC KEY", public), "key: it is a public key: "},
		"public key in DER":         {cert, public, "key: it is a public key in DER: "},
		"request as key":            {cert, in("CERTIFICATE REQUEST", nil), "key: it is a certificate request: "},
		"parameters":                {cert, in("EC PARAMETERS", nil), "key: it is a file of parameters without a key: "},
		"key of OpenSSH":            {cert, in("OPENSSH PRIVATE KEY", []byte("hunter2")), "key: it is a key in OpenSSH's format"},
		"public key of OpenSSH":     {cert, []byte("ssh-ed25519 hunter2 user@host\n"), "key: it is a public key in OpenSSH's format: "},
		"damaged key":               {cert, in("PRIVATE KEY", []byte("hunter2")), "key: the private key is damaged"},
		"cut off":                   {cert, key[:len(key)/2], "key: it is PEM that is cut off or damaged: "},
		"text as key":               {cert, []byte("root:hunter2:20000:0:99999:7:::\n"), "key: it is not PEM: "},
		"nothing as key":            {cert, nil, "key: it is not PEM: "},
		"another kind":              {cert, in("hunter2", nil), "key: it is PEM of another kind: "},
		"another key":               {cert, otherKey, "key: the key belongs to another certificate than the one in cert"},
		"another order":             {append(bytes.Clone(otherCert), cert...), key, "cert: the server's certificate, which the key belongs to, must be the first one"},
		"swapped":                   {key, cert, "cert: it is a private key: a certificate in PEM is needed"},
		"certificate in DER":        {certDER, key, "cert: it is a certificate in DER: "},
		"request as certificate":    {in("CERTIFICATE REQUEST", nil), key, "cert: it is a certificate request: "},
		"bundle":                    {in("PKCS7", nil), key, "cert: it is a PKCS#7 bundle: "},
		"damaged certificate":       {in("CERTIFICATE", []byte("hunter2")), key, "cert: a certificate in it cannot be parsed"},
		"text as certificate":       {[]byte("hunter2"), key, "cert: it is not PEM: "},
		"other PEM as certificate":  {in("hunter2", nil), key, "cert: it is PEM of another kind: "},
	} {
		_, err := loadPair("cert", row.cert, "key", row.key)
		if err == nil || !strings.HasPrefix(err.Error(), row.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
	both := append(bytes.Clone(cert), key...)
	for _, ok := range [][2][]byte{{cert, key}, {both, both}, {cert, append(in("EC PARAMETERS", nil), key...)}} {
		if pair, err := loadPair("cert", ok[0], "key", ok[1]); err != nil || pair.Leaf == nil {
			t.Errorf("a valid pair: %v", err)
		}
	}
}

// newPair returns a self-signed certificate and its key, as PEM.
func newPair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a.example"}}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	check(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func decode(t *testing.T, content []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(content)
	if block == nil {
		t.Fatal("no PEM")
	}
	return block.Bytes
}
