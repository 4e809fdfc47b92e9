package config

import (
	"strings"
	"testing"
)

// TestSystem loads with the real machine.
func TestSystem(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("LEVEL", "high")
	loaded, err := Load(Arguments{Settings: []Setting{
		{Key: "socket", Value: ":1"},
		{Key: "pidfile", Value: "%v/%h.%k.%u.%g.%t.$(LEVEL)"},
		{Key: "uid", Value: "root"},
		{Key: "gid", Value: "root"},
		{Key: "processes", Value: "auto"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := loaded.Config
	if !strings.HasPrefix(c.Pidfile, dir+"/") || !strings.HasSuffix(c.Pidfile, ".high") {
		t.Errorf("pidfile = %s", c.Pidfile)
	}
	if *c.UID != 0 || *c.GID != 0 || c.UserName != "root" || c.Processes < 1 {
		t.Errorf("%+v", c)
	}
	if _, err := Load(Arguments{Files: []string{dir + "/none.ini"}}); err == nil ||
		err.Error() != dir+"/none.ini: cannot be opened: no such file or directory" {
		t.Errorf("no file: %v", err)
	}
	if _, err := Load(Arguments{Files: []string{dir}}); err == nil || err.Error() != dir+": cannot be read: is a directory" {
		t.Errorf("a directory: %v", err)
	}
}
