package config

import (
	"path/filepath"
	"strings"
)

// noteDifference reports a key or a value in uWSGI's section that has another meaning in uWSGI.
func (b *binder) noteDifference(k Key, a assignment) {
	switch {
	case !a.uwsgi:
	case k.differs != "":
		b.note(a.Origin, "%s %s", a.Key, k.differs)
	case k.Name == "logto" && strings.Contains(a.Value, ":"):
		b.fault(a.Origin, "logto: uWSGI sends the log to a UDP address when there is a colon in %s: use a path without one", quoted(a.Value))
	case k.Name == "listen" && b.config.Listen == 0:
		b.note(a.Origin, "listen = 0 is as much as the kernel allows here, in uWSGI nothing")
	}
}

// noteLate reports keys of uWSGI's section whose meaning depends on others.
func (b *binder) noteLate(files []assignment) {
	for _, a := range files {
		k, ok := b.table.find(a.Key)
		switch {
		case !ok || !a.uwsgi:
		case k.afterChdir && b.config.Chdir != "" && isRelative(k, a.Value, b.sys):
			b.note(a.Origin, "%s: %s is relative to the working directory here, in uWSGI to chdir (%s): use an absolute path",
				a.Key, quoted(a.Value), b.origin("chdir"))
		case k.Name == "uid" && !b.tried["gid"] && b.config.UID != nil:
			b.note(a.Origin, "uid has the groups of that user here, in uWSGI those of root: set gid for another group")
		}
	}
}

// isRelative reports whether a value is a relative path.
func isRelative(k Key, value string, sys *system) bool {
	v := k.bind(target{new(Config), sys})
	if v.set(value) != nil {
		return false
	}
	path := v.texts()[0]
	return filepath.IsAbs(path) && !filepath.IsAbs(value)
}
