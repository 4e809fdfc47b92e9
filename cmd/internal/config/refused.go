package config

import "strings"

// refusal says why a key of uWSGI's cannot be ignored: the server would do something else than its file says.
// Nothing is said of keys that are not refused.
func refusal(key string) (why string, refused bool) {
	for _, group := range []struct{ why, keys string }{
		{
			"workers speak HTTP: use socket, and proxy_pass in nginx",
			"uwsgi-socket suwsgi-socket puwsgi-socket fastcgi-socket fastcgi-nph-socket scgi-socket scgi-nph-socket raw-socket",
		},
		{"use socket, with tls-cert and tls-key", "https https-socket ssl-socket"},
		{"workers speak HTTP/1.1: use socket, with tls-cert and tls-key, or a proxy before it", "https2"},
		{"a server has one certificate, tls-cert; use a proxy before it", "sni sni-dir sni-regexp"},
		{"a proxy before it redirects", "http-to-https"},
		{"use socket = fd://N", "shared-socket undeferred-shared-socket"},
		{"use socket = @NAME", "abstract-socket"},
		{"use chmod-socket, and the directory's owner", "chown-socket"},
		{"multiproc stays in the foreground, for systemd or a container to start it; logto names the log", "daemonize daemonize2"},
		{"use pidfile, which is opened before the privileges are dropped", "pidfile2 safe-pidfile2"},
		{"use logto, which is opened before the privileges are dropped", "logto2"},
		{"use chdir", "chdir2 force-cwd"},
		{"use uid and gid", "immediate-uid immediate-gid"},
		{"systemd's RootDirectory= or a container does this", "chroot pivot-root pivot_root jail jail2 refork re-fork"},
		{"use include", "inherit inject-before inject-after fallback-config"},
		{"only ini files are read", "config xml xmlconfig yaml yml json js"},
		{
			"there are no conditions and loops: use $(VARIABLE:-default), or a section of its own by ini = FILE:SECTION",
			"if-env if-not-env ifenv if-opt if-not-opt if-exists if-not-exists ifexists if-file if-not-file if-dir if-not-dir " +
				"ifdir if-directory if-hostname if-not-hostname if-hostname-match if-not-hostname-match if-plugin if-not-plugin " +
				"ifplugin if-reload if-not-reload else endif end-if for for-glob for-times for-readline endfor end-for end",
		},
		{"use the verb: multiproc stop, multiproc reload", "stop reload pause suspend resume"},
	} {
		for name := range strings.FieldsSeq(group.keys) {
			if name == key {
				return group.why, true
			}
		}
	}
	return "", false
}
