package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"

	"multiproc/cmd/internal/config"
)

// secretFiles reads the files that secrets are in, for each generation anew.
//
// The first time it may do so as root. Once privileges are given up, a file that only root can read cannot be read again by
// any means: what is held open is the old file, also when a new one has its place. What is known of it holds as long as
// the file at the path is seen to be the same.
type secretFiles struct {
	log  *slog.Logger
	kept map[string]secretFile // by path
}

// secretFile is what a file has held.
type secretFile struct {
	content []byte
	is      fileState
}

// fileState is a file at a moment: whatever changes it changes its state.
type fileState struct {
	device, inode uint64
	size          int64
	changed       syscall.Timespec
}

// maxSecret bounds what is read of a file, in bytes: a certificate with a long chain has some 10 KiB.
const maxSecret = 1 << 20

func newSecretFiles(log *slog.Logger) *secretFiles {
	return &secretFiles{log: log, kept: map[string]secretFile{}}
}

// read reads and checks the secrets that the settings name. What is odd about them is logged.
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
	if cfg.MetricsTokenFile == "" {
		return s, nil
	}
	content, err := f.content("metrics-token-file", cfg.MetricsTokenFile)
	if err != nil {
		return nil, err
	}
	if s.MetricsToken, err = metricsToken(content); err != nil {
		return nil, fmt.Errorf("metrics-token-file %s: %w", cfg.MetricsTokenFile, err)
	}
	f.warnOpen("metrics-token-file", cfg.MetricsTokenFile)
	return s, nil
}

// warnUnreadable says which files a reload will not be able to read again.
func (f *secretFiles) warnUnreadable(cfg *config.Config) {
	for _, file := range [][2]string{
		{"tls-cert", cfg.TLSCert}, {"tls-key", cfg.TLSKey}, {"metrics-token-file", cfg.MetricsTokenFile},
	} {
		key, path := file[0], file[1]
		if path == "" {
			continue
		}
		if _, err := readSecret(path); errors.Is(err, fs.ErrPermission) {
			f.log.Warn("file cannot be read by the user that the server runs as: a new one needs a restart", "key", key, "path", path, "uid", os.Getuid())
		}
	}
}

// content is what a file holds; nil where there is none.
func (f *secretFiles) content(key, path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	file, err := readSecret(path)
	if errors.Is(err, fs.ErrPermission) {
		if kept, known := f.kept[path]; known {
			if now, failed := stateOf(os.Stat(path)); failed == nil && now == kept.is {
				return kept.content, nil
			}
			return nil, fmt.Errorf("%s: %w, for user %d, who cannot tell whether it has changed: let that user read it, or restart", key, err, os.Getuid())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	f.kept[path] = file
	return file.content, nil
}

func (f *secretFiles) checkTLS(cfg *config.Config, s *secrets) error {
	settings, err := s.tls()
	if err != nil {
		return fmt.Errorf("tls-cert %s, tls-key %s: %w", cfg.TLSCert, cfg.TLSKey, err)
	}
	if settings == nil {
		return nil
	}
	leaf, now := settings.Certificates[0].Leaf, time.Now()
	switch {
	case now.After(leaf.NotAfter):
		f.log.Warn("tls-cert has expired", "path", cfg.TLSCert, "expired", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		f.log.Warn("tls-cert is not valid yet", "path", cfg.TLSCert, "valid", leaf.NotBefore)
	}
	return nil
}

// warnOpen says that everybody on the machine can read a secret, or others than its owner replace it.
func (f *secretFiles) warnOpen(key, path string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o026 != 0 {
		f.log.Warn("secret can be read by everybody, or written by others", "key", key, "path", path, "mode", fmt.Sprintf("%#o", info.Mode().Perm()))
	}
}

// readSecret does not wait for the other end of a pipe.
func readSecret(path string) (secretFile, error) {
	fail := func(cause string) (secretFile, error) {
		return secretFile{}, &fs.PathError{Op: "read", Path: path, Err: errors.New(cause)}
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return secretFile{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return secretFile{}, err
	}
	if !info.Mode().IsRegular() {
		return fail("not a regular file")
	}
	is, err := stateOf(info, nil)
	if err != nil {
		return secretFile{}, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	switch {
	case err != nil:
		return secretFile{}, err
	case len(content) > maxSecret:
		return fail(fmt.Sprintf("more than %d bytes", maxSecret))
	case len(content) == 0:
		return fail("it is empty")
	}
	return secretFile{content, is}, nil
}

func stateOf(info fs.FileInfo, err error) (fileState, error) {
	if err != nil {
		return fileState{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileState{}, errors.New("no state of a file")
	}
	return fileState{stat.Dev, stat.Ino, stat.Size, stat.Ctim}, nil
}
