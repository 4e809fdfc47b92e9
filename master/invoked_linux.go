package master

import (
	"os"
	"os/exec"
	"path/filepath"
)

// Invoked is the absolute path that this process was started by, from its name argv0. Links in it are left, so that it
// leads to the new program after one of them has been set anew. It must be called before the working directory changes.
//
// The name is what the parent says it is. If it does not lead to the program that runs here, the path is where that is.
func Invoked(argv0 string) (string, error) {
	path, err := exec.LookPath(argv0)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && runsHere(path) {
		return path, nil
	}
	return os.Executable()
}

func runsHere(path string) bool {
	running, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	found, err := os.Stat(path)
	return err == nil && os.SameFile(found, running)
}
