package config

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// RuntimeDir is the directory for what lives as long as a master: control sockets, and metrics where nobody named
// a directory for them. It may not exist.
func RuntimeDir(uid int, getenv func(name string) string) string {
	if uid == 0 {
		return "/run/multiproc"
	}
	// Its specification says that a relative one is to be ignored.
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "multiproc")
	}
	return "/tmp/multiproc-" + strconv.Itoa(uid)
}

// controlName is the file name of the control socket for an ini file: readable, and another one for each file and
// section.
func controlName(ini, section string) string {
	spec := ini
	if section != "" {
		spec += ":" + section
	}
	const readable = 32 // bytes: the path of a socket has little room
	name := strings.TrimSuffix(filepath.Base(ini), filepath.Ext(ini))
	if len(name) > readable {
		name = strings.ToValidUTF8(name[:readable], "")
	}
	sum := sha256.Sum256([]byte(spec))
	return fmt.Sprintf("%s-%x.sock", name, sum[:4])
}

// PrivateMetricsDir is the metrics directory of a server that was told none, beside its control socket.
func PrivateMetricsDir(control string) string {
	return strings.TrimSuffix(control, ".sock") + ".metrics"
}
