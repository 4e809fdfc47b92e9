package server

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/config"
	"multiproc/internal/osfile"
)

// secrets are passed to workers in a file in memory of their own: the settings are printed, and others can read the environment
// and the arguments of a process.
type secrets struct {
	Certificate []byte `json:"certificate,omitempty"` // PEM, with its chain; none: no TLS
	Key         []byte `json:"key,omitempty"`         // PEM

	MetricsToken string `json:"metrics-token,omitempty"` // bearer token of scrapes; empty: none
}

// unpackSecrets is the reverse of pack.
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

// pack returns the secrets as workers get them; nil if there are none.
func (s *secrets) pack() ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil || string(data) == "{}" {
		return nil, err
	}
	return data, nil
}

// tls returns the settings of the main listeners; nil without a certificate. Versions and ciphers are Go's defaults: TLS 1.2 and
// 1.3.
func (s *secrets) tls() (*tls.Config, error) {
	if len(s.Certificate) == 0 {
		return nil, nil //nolint:nilnil // documented above
	}
	pair, err := loadPair("tls-cert", s.Certificate, "tls-key", s.Key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

// secretFiles reads the files of secrets for each generation.
//
// The first time it may do so as root. Once privileges are dropped, a file that only root can read cannot be read again: a
// descriptor kept open would be of the old file even when the path has a new one. The old content is used as long as the file at
// the path is seen to be the same.
type secretFiles struct {
	log  *slog.Logger
	kept map[string]secretFile // by path
}

// secretFile is a version of a file.
type secretFile struct {
	content []byte
	state   fileState
}

// fileState identifies a version of a file: every change of a file changes its state.
type fileState struct {
	id      osfile.ID
	size    int64
	changed unix.Timespec
}

// maxSecret is the maximum size of a file, in bytes: a certificate with a long chain has some 10 KiB.
const maxSecret = 1 << 20

func newSecretFiles(log *slog.Logger) *secretFiles {
	return &secretFiles{log: log, kept: map[string]secretFile{}}
}

// read reads and checks the secret files that the settings name. Expired certificates and loose permissions are logged.
func (f *secretFiles) read(cfg *config.Config) (*secrets, error) {
	s := new(secrets)
	var err error
	if s.Certificate, err = f.content("tls-cert", cfg.TLSCert); err != nil {
		return nil, err
	}
	if s.Key, err = f.content("tls-key", cfg.TLSKey); err != nil {
		return nil, err
	}
	if err := f.checkTLS(cfg, s); err != nil {
		return nil, err
	}
	f.warnOpen("tls-key", cfg.TLSKey)
	if cfg.MetricsTokenFile == "" || !ownProcess(cfg) {
		return s, nil
	}
	content, err := f.content("metrics-token-file", cfg.MetricsTokenFile)
	if err != nil {
		return nil, err
	}
	if s.MetricsToken, err = parseMetricsToken(content); err != nil {
		return nil, fmt.Errorf("metrics-token-file %s: %w", cfg.MetricsTokenFile, err)
	}
	f.warnOpen("metrics-token-file", cfg.MetricsTokenFile)
	return s, nil
}

// warnUnreadable logs the files that a reload will not be able to read.
func (f *secretFiles) warnUnreadable(cfg *config.Config) {
	for _, file := range [][2]string{
		{"tls-cert", cfg.TLSCert}, {"tls-key", cfg.TLSKey}, {"metrics-token-file", cfg.MetricsTokenFile},
	} {
		key, path := file[0], file[1]
		if path == "" {
			continue
		}
		if _, err := readSecret(path); errors.Is(err, fs.ErrPermission) {
			f.log.Warn("file not readable after dropping privileges: changing it needs a restart", "key", key, "path", path, "uid", os.Getuid())
		}
	}
}

// content returns the content of a file; nil for an empty path.
func (f *secretFiles) content(key, path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	file, err := readSecret(path)
	if errors.Is(err, fs.ErrPermission) {
		if kept, known := f.kept[path]; known {
			if now, failed := stateAt(path); failed == nil && now == kept.state {
				return kept.content, nil
			}
			return nil, fmt.Errorf("%s: %w: user %d cannot see whether the file has changed: make it readable for that user, or restart the server", key, err, os.Getuid())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	f.kept[path] = file
	return file.content, nil
}

func (f *secretFiles) checkTLS(cfg *config.Config, s *secrets) error {
	if len(s.Certificate) == 0 {
		return nil
	}
	pair, err := loadPair("tls-cert "+cfg.TLSCert, s.Certificate, "tls-key "+cfg.TLSKey, s.Key)
	if err != nil {
		return err
	}
	leaf, now := pair.Leaf, time.Now()
	switch {
	case now.After(leaf.NotAfter):
		f.log.Warn("tls-cert has expired", "path", cfg.TLSCert, "expired", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		f.log.Warn("tls-cert is not valid yet", "path", cfg.TLSCert, "valid", leaf.NotBefore)
	}
	return nil
}

// warnOpen logs that all users of the machine can read a secret, or that users other than its owner can change it.
func (f *secretFiles) warnOpen(key, path string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o026 != 0 {
		f.log.Warn("secret file is readable by everyone or writable by others", "key", key, "path", path, "mode", fmt.Sprintf("%#o", info.Mode().Perm()))
	}
}

// readSecret reads a regular file. It does not wait for the other end of a pipe.
func readSecret(path string) (secretFile, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return secretFile{}, err
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(osfile.FD(file)), &st); err != nil {
		return secretFile{}, os.NewSyscallError("fstat", err)
	}
	if !osfile.IsRegular(&st) {
		return secretFile{}, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	switch {
	case err != nil:
	case len(content) == 0: // without a certificate there is no TLS
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("file is empty")}
	case len(content) > maxSecret:
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("larger than 1 MiB")}
	}
	return secretFile{content, newFileState(&st)}, err
}

func newFileState(st *unix.Stat_t) fileState {
	return fileState{osfile.IDFromStat(st), st.Size, st.Ctim}
}

func stateAt(path string) (fileState, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return fileState{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return newFileState(&st), nil
}

// CheckFiles reads and checks the files that the settings name. Files that only the server's user may read are not faults: their
// errors are in unchecked.
func CheckFiles(cfg *config.Config, log *slog.Logger) (unchecked []error, err error) {
	_, err = newSecretFiles(log).read(cfg)
	for _, err := range []error{err, checkMetricsAuth(cfg.MetricsAuthFile)} {
		switch {
		case errors.Is(err, fs.ErrPermission):
			unchecked = append(unchecked, err)
		case err != nil:
			return unchecked, err
		}
	}
	return unchecked, nil
}
