package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
)

// secrets are what workers need and nobody else is to see. They are not in the settings, which are printed, nor in the
// environment or an argument, which others can read, but in a file in memory of their own.
type secrets struct {
	Certificate []byte `json:"certificate,omitempty"` // PEM, with its chain; none: no TLS
	Key         []byte `json:"key,omitempty"`         // PEM

	MetricsToken string `json:"metrics-token,omitempty"` // what a scrape has to bring; empty: nothing
}

// unpackSecrets reads what pack has made.
func unpackSecrets(data []byte) (*secrets, error) {
	s := new(secrets)
	if len(data) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	return s, nil
}

// pack is the secrets as a worker gets them; nil where there are none.
func (s *secrets) pack() ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil || string(data) == "{}" {
		return nil, err
	}
	return data, nil
}

// tls is how the main listeners speak it; nil where they do not. Versions and ciphers are Go's own choice: TLS 1.2 and 1.3.
func (s *secrets) tls() (*tls.Config, error) {
	if len(s.Certificate) == 0 {
		return nil, nil //nolint:nilnil // see above
	}
	pair, err := tls.X509KeyPair(s.Certificate, s.Key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}
