package config

import (
	"os"
	"os/user"
	"slices"
	"testing"

	"multiproc/internal/proctest"
)

func TestPrivileges(t *testing.T) {
	if p, err := new(Config).Privileges(); p != nil || err != nil {
		t.Errorf("without uid and gid: %v, %v", p, err)
	}
	gid := 77
	p, err := (&Config{GID: &gid}).Privileges()
	if err != nil || p.UID != os.Getuid() || p.GID != 77 || !slices.Equal(p.Groups, []int{77}) {
		t.Errorf("with a gid alone: %v, %v", p, err)
	}
	uid := 78
	p, err = (&Config{UID: &uid}).Privileges()
	if err != nil || p.UID != 78 || p.GID != os.Getgid() || !slices.Equal(p.Groups, []int{os.Getgid()}) {
		t.Errorf("with a uid alone: %v, %v", p, err)
	}
	me, err := user.Current()
	if err != nil {
		proctest.Missing(t, err.Error())
	}
	ids, err := me.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	p, err = (&Config{UID: &uid, GID: &gid, UserName: me.Username}).Privileges()
	if err != nil || p.UID != 78 || p.GID != 77 || p.Groups[0] != 77 || len(p.Groups) != 1+len(ids) {
		t.Errorf("by name: %v, %v; the user's groups are %v", p, err, ids)
	}
	if p, err := (&Config{UID: &uid, UserName: "no such user"}).Privileges(); err == nil {
		t.Errorf("of an unknown user: %v", p)
	}
}
