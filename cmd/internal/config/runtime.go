package config

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// RuntimeDir returns the directory for the files of a running master: its control socket, and its metrics if no directory is set.
// It may not exist.
func RuntimeDir(uid int, getenv func(name string) string) string {
	if uid == 0 {
		return "/run/multiproc"
	}
	// The specification of the variable says to ignore a relative path.
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "multiproc")
	}
	return "/tmp/multiproc-" + strconv.Itoa(uid)
}

// controlName returns the file name of the control socket of an ini file: readable, and different for every file and section.
func controlName(ini, section string) string {
	spec := ini
	if section != "" {
		spec += ":" + section
	}
	const readable = 32 // bytes; the path of a socket must be short
	name := strings.TrimSuffix(filepath.Base(ini), filepath.Ext(ini))
	if len(name) > readable {
		name = strings.ToValidUTF8(name[:readable], "")
	}
	sum := sha256.Sum256([]byte(spec))
	return fmt.Sprintf("%s-%x.sock", name, sum[:4])
}

// PrivateMetricsDir returns the metrics directory of a server without the key metrics-dir: it is beside its control socket.
func PrivateMetricsDir(control string) string {
	return strings.TrimSuffix(control, ".sock") + ".metrics"
}
