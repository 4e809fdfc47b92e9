package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

// loadPair parses a certificate and its key, the contents of two PEM files. Its error names the faulty file, the kind of its content
// and the kind that is needed, and never quotes the content: the path may be that of another file.
func loadPair(certName string, cert []byte, keyName string, key []byte) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err == nil {
		return pair, nil
	}
	if fault := certificateFault(cert); fault != "" {
		return pair, fmt.Errorf("%s: %s", certName, fault)
	}
	if fault := keyFault(key); fault != "" {
		return pair, fmt.Errorf("%s: %s", keyName, fault)
	}
	if matchesLater(cert, key) {
		return pair, fmt.Errorf("%s: the server's certificate, which the key belongs to, must be the first one", certName)
	}
	return pair, fmt.Errorf("%s: the key belongs to another certificate than the one in %s", keyName, certName)
}

// matchesLater reports whether the key belongs to a certificate after the first one.
func matchesLater(cert, key []byte) bool {
	for {
		block, rest := pem.Decode(cert)
		if block == nil {
			return false
		}
		if cert = rest; block.Type == "CERTIFICATE" {
			if _, err := tls.X509KeyPair(pem.EncodeToMemory(block), key); err == nil {
				return true
			}
		}
	}
}

// certificateFault returns the reason why a file has no usable certificate, or "" if it has one.
func certificateFault(content []byte) string {
	const want = "a certificate in PEM is needed"
	types, _ := pemTypes(content)
	if slices.Contains(types, "CERTIFICATE") {
		for rest := content; ; {
			block, after := pem.Decode(rest)
			if block == nil {
				return ""
			}
			if rest = after; block.Type != "CERTIFICATE" {
				continue
			}
			if _, err := x509.ParseCertificate(block.Bytes); err != nil {
				return "a certificate in it cannot be parsed"
			}
		}
	}
	if what := kindOf(content); what != "" {
		return "it is " + what + ": " + want
	}
	return "it is not PEM: " + want
}

// keyFault returns the reason why a file has no usable key, or "" if it has one.
func keyFault(content []byte) string {
	const want = "a private key in PEM without a passphrase is needed"
	types, encrypted := pemTypes(content)
	i := slices.IndexFunc(types, isPrivate)
	switch {
	case i < 0:
	case types[i] == encryptedKey || encrypted[i]:
		return "the key is encrypted: " + want + "; openssl pkey removes the passphrase"
	default:
		return damagedKey(content)
	}
	if what := kindOf(content); what != "" {
		return "it is " + what + ": " + want
	}
	return "it is not PEM: " + want
}

const encryptedKey = "ENCRYPTED PRIVATE KEY"

// isPrivate reports whether blocks of a type are read as a private key, as crypto/tls does.
func isPrivate(typ string) bool {
	return typ == "PRIVATE KEY" || strings.HasSuffix(typ, " PRIVATE KEY")
}

// damagedKey returns the reason why the first private key cannot be parsed, or "" if it can.
func damagedKey(content []byte) string {
	for rest := content; ; {
		block, after := pem.Decode(rest)
		if block == nil {
			return ""
		}
		if rest = after; !isPrivate(block.Type) {
			continue
		}
		if block.Type == "OPENSSH PRIVATE KEY" {
			return "it is a key in OpenSSH's format: a private key in PKCS#8 is needed"
		}
		if isKey(block.Bytes) {
			return ""
		}
		return "the private key is damaged or of an unknown kind: RSA, ECDSA or Ed25519 is needed"
	}
}

// isKey reports whether DER is a private key.
func isKey(der []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	return pkcs8 == nil || pkcs1 == nil || ec == nil
}

// pemTypes returns the types of the blocks in a file, and whether each is encrypted in the old way, by a header.
func pemTypes(content []byte) (types []string, encrypted []bool) {
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			return types, encrypted
		}
		types = append(types, block.Type)
		encrypted = append(encrypted, strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"))
		content = rest
	}
}

// kindOf describes the content of a file of the wrong kind; empty: the kind is unknown.
func kindOf(content []byte) string {
	names := map[string]string{
		"CERTIFICATE":         "a certificate",
		"X509 CERTIFICATE":    "a certificate with an old header",
		"TRUSTED CERTIFICATE": "a certificate in OpenSSL's own format",
		"CERTIFICATE REQUEST": "a certificate request",
		"PUBLIC KEY":          "a public key",
		"RSA PUBLIC KEY":      "a public key",
		"PKCS7":               "a PKCS#7 bundle",
		"EC PARAMETERS":       "a file of parameters without a key",
		"DH PARAMETERS":       "a file of parameters without a key",
		"X509 CRL":            "a revocation list",
		encryptedKey:          "an encrypted private key",
	}
	types, _ := pemTypes(content)
	for _, typ := range types {
		if name, ok := names[typ]; ok {
			return name
		}
		if isPrivate(typ) {
			return "a private key"
		}
	}
	switch {
	case len(types) > 0:
		return "PEM of another kind"
	case bytes.Contains(content, []byte("-----BEGIN ")):
		return "PEM that is cut off or damaged"
	case bytes.HasPrefix(content, []byte("ssh-")):
		return "a public key in OpenSSH's format"
	}
	return kindOfDER(content)
}

// kindOfDER describes a binary file.
func kindOfDER(content []byte) string {
	if isKey(content) {
		return "a private key in DER"
	}
	if _, err := x509.ParseCertificate(content); err == nil {
		return "a certificate in DER"
	}
	if _, err := x509.ParsePKIXPublicKey(content); err == nil {
		return "a public key in DER"
	}
	var archive struct {
		Version int
		Content struct {
			Type asn1.ObjectIdentifier
			Data asn1.RawValue `asn1:"optional"`
		}
		MAC asn1.RawValue `asn1:"optional"`
	}
	const pkcs12Version = 3
	if _, err := asn1.Unmarshal(content, &archive); err == nil && archive.Version == pkcs12Version {
		return "a PKCS#12 archive"
	}
	var encrypted struct {
		Algorithm struct {
			Type       asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	if _, err := asn1.Unmarshal(content, &encrypted); err == nil {
		return "an encrypted private key in DER"
	}
	return ""
}
