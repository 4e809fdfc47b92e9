package config

import (
	"os"
	"strings"
	"testing"
)

// uwsgiOptions returns uWSGI's long options, and whether each needs a value.
func uwsgiOptions(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("testdata/uwsgi.txt")
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] != "#" {
			options[fields[0]] = len(fields) > 1
		}
	}
	return options
}

// TestUWSGIOptions checks that every option of uWSGI's is accepted, ignored or refused, and that the command line knows which
// ones take the next argument.
func TestUWSGIOptions(t *testing.T) {
	keys := newTable()
	options := uwsgiOptions(t)
	directives := "ini include set set-ph set-placeholder"
	for name, valued := range options {
		if _, ok := keys.find(name); ok || matches(directives, name) {
			continue
		}
		if row, ok := keys.theirs(name); !ok {
			t.Errorf("%s is unknown", name)
		} else if !row.Refused && row.alone == valued {
			t.Errorf("%s needs a value: %t", name, valued)
		}
	}
	for _, row := range keys.prefixes {
		for _, other := range keys.prefixes {
			if row != other && strings.HasPrefix(row.Name, other.Name) {
				t.Errorf("%s* and %s* overlap", row.Name, other.Name)
			}
		}
		used := false
		for name := range options {
			used = used || strings.HasPrefix(name, row.Name)
		}
		if !used {
			t.Errorf("uWSGI has nothing like %s*", row.Name)
		}
	}
}

// TestUWSGIGuards checks that keys that guard something are refused, and the likes of them that guard nothing ignored.
func TestUWSGIGuards(t *testing.T) {
	keys := newTable()
	const refused = `
		route = ^/admin basicauth:Staff,user:secret
		route = ^/admin  basicauth-next:Staff,user:secret
		route-remote-addr = ^10\. break:403 Forbidden
		route-host = ^intern break:
		route-uri = ^/a break-with-status:404
		route-qs = debug return:403
		route-user-agent = curl access:deny=all
		route-remote-user = ^$ ldapauth:Staff,url=ldap://x
		route-referer = evil radius:realm=x
		route-if = equal:${HTTPS};off redirect-permanent:https://${HTTP_HOST}${REQUEST_URI}
		route-if-not = ipv4in:${REMOTE_ADDR};10.0.0.0/8 break:403 Forbidden
		route-run = spnego:x
		route-run = rpcret:allowed ${REMOTE_ADDR}
		route = ^/a %(nonsense basicauth:x
		route = ^/a newaction:x
		route = ^/a
		error-route-status = 404 redirect:/
		final-route = ^/a break:403
		response-route-if = empty:${REMOTE_USER} break:401
		hook-as-root = mount:tmpfs none /tmp
		hook-post-jail = umount:/host
		http-to-https = 0.0.0.0:80
		ssl-verify-depth = 2
		ssl-option = 1
		enable-proxy-protocol
		enable-proxy-protocol = true
		enable-proxy-protocol = nonsense
		ssl-verify-depth = 0
		http-enable-proxy-protocol
		chroot = /srv
		cap = net_bind_service
		unshare = pid
		ns = /srv
		setns = /run/ns
		limit-as = 512
		limit-nproc = 10
		cgroup = /sys/fs/cgroup/a
		drop-after-init
		drop-after-apps
		no-initgroups
		immediate-uid = www
		http-uid = www
		emperor = /etc/uwsgi/vassals
		emperor-tyrant
		flock = /run/lock
		blacklist = socket
		logfile-chmod = 600
		static-skip-ext = .key
		shared-socket = :80
		sni = a cert key
		envdir = /etc/app/env
		protocol = fastcgi
		socket-protocol = https
		protocol = nonsense`
	const ignored = `
		route = ^/a addheader:X-A: b
		route = ^/static static:/srv/static
		route = ^/old rewrite:/new
		route-if = equal:${REQUEST_METHOD};POST log:posted
		route-run = donotlog:
		route-run = harakiri:30
		route-run = goto:end
		route-label = break:
		error-route-status = 500 alarm:ops
		response-route-run = remheader:Server
		final-route = .* log:done
		hook-as-root = chown:/run/app www www
		master-as-root
		enable-proxy-protocol = false
		no-initgroups = off
		drop-after-init = 0
		protocol = http
		socket-protocol = uwsgi
		static-map = /s=/srv/s
		static-safe = /srv/s
		snmp-community = public
		pcre-jit
		notify-socket = /run/n
		propagate-touch
		vassals-include = /etc/uwsgi/common.ini
		reload-on-fd = 8 app
		log-alarm = ops fatal`
	for lines, refused := range map[string]bool{refused: true, ignored: false} {
		for line := range strings.FieldsFuncSeq(lines, func(r rune) bool { return r == '\n' || r == '\t' }) {
			key, value, _ := strings.Cut(line, " = ")
			if row, ok := keys.verdict(key, value); !ok || row.Refused != refused {
				t.Errorf("%s: known: %t, refused: %t, %s", line, ok, row.Refused, row.Reason)
			}
		}
	}
}
