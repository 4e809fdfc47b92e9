package config

import (
	"os"
	"os/user"
	"strconv"
)

// Privileges are the ids that a process continues with after it has given up those it was started with.
type Privileges struct {
	UID, GID int
	Groups   []int // supplementary, with GID
}

// Privileges returns the ids that the server runs with, or nil if the configuration names neither a user nor a group. It looks up
// the supplementary groups of a user given by name.
func (c *Config) Privileges() (*Privileges, error) {
	if c.UID == nil && c.GID == nil {
		return nil, nil //nolint:nilnil // documented above
	}
	p := &Privileges{UID: os.Getuid(), GID: os.Getgid()}
	if c.UID != nil {
		p.UID = *c.UID
	}
	if c.GID != nil {
		p.GID = *c.GID
	}
	p.Groups = []int{p.GID}
	if c.UserName == "" {
		return p, nil
	}
	u, err := user.Lookup(c.UserName)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if gid, err := strconv.Atoi(id); err == nil && gid != p.GID {
			p.Groups = append(p.Groups, gid)
		}
	}
	return p, nil
}
