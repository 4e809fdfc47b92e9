package main

import (
	"os"
	"os/user"
	"strconv"

	"multiproc/master"
)

// give makes a file the property of the user that the server is to run as.
func (c *claim) give(path string) error {
	p, ok := c.privileges()
	if !ok {
		return nil
	}
	return os.Lchown(path, p.UID, p.GID)
}

// privileges are those to go on with, where they are other ones than those at the start.
func (c *claim) privileges() (master.Privileges, bool) {
	if c.cfg.UID == nil && c.cfg.GID == nil {
		return master.Privileges{}, false
	}
	p := master.Privileges{UID: os.Getuid(), GID: os.Getgid()}
	if c.cfg.UID != nil {
		p.UID = *c.cfg.UID
	}
	if c.cfg.GID != nil {
		p.GID = *c.cfg.GID
	}
	return p, true
}

// drop gives up the privileges of the start, for good.
func (c *claim) drop(p master.Privileges) error {
	p.Groups = []int{p.GID}
	if c.cfg.UserName != "" {
		u, err := user.Lookup(c.cfg.UserName)
		if err != nil {
			return err
		}
		ids, err := u.GroupIds()
		if err != nil {
			return err
		}
		for _, id := range ids {
			if gid, err := strconv.Atoi(id); err == nil && gid != p.GID {
				p.Groups = append(p.Groups, gid)
			}
		}
	}
	return master.Drop(p)
}
