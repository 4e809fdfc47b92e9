#!/bin/sh
# uWSGI 2.0.21 (Debian 12's uwsgi-core 2.0.21-5.1; 2.0.28 and 2.0.31 do the same)
#
# uWSGI trims the spaces around the first equals sign of a line ("harakiri = 30"), but not around the second one, which set,
# set-placeholder and set-ph need: "set = harakiri = 30" sets an option named "harakiri " to " 30". No such option exists, so the line
# has no effect, and a placeholder set in this way is not replaced. "strict = true" reports the option; nothing reports the placeholder.
#
# Seen:
#
#     env = A=%(with)
#     env = B=/srv
#
# The script needs Debian 12's package sources.
set -eu

version=2.0.21-5.1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q -o APT::Sandbox::User= download "uwsgi-core=$version" libpcre3 libyajl2 >download.log 2>&1 || {
	cat download.log
	exit 1
}
for package in *.deb; do
	dpkg-deb -x "$package" root
done
LD_LIBRARY_PATH=$(echo "$dir"/root/usr/lib/*-linux-gnu | tr ' ' :):$(echo "$dir"/root/lib/*-linux-gnu | tr ' ' :)
export LD_LIBRARY_PATH

printf '%s\n' '[uwsgi]' 'set-placeholder = with = /srv' 'set-placeholder = without=/srv' 'env = A=%(with)' 'env = B=%(without)' \
	'http-socket = 127.0.0.1:0' 'need-app = true' >app.ini
# Without a program to serve it ends by itself.
root/usr/bin/uwsgi-core --ini app.ini --show-config >log 2>&1 || true
grep '^env' log
grep -qx 'env = A=%(with)' log && grep -qx 'env = B=/srv' log || {
	echo 'changed: set-placeholder strips the spaces around its equals sign'
	exit 1
}
