#!/bin/sh
# uWSGI 2.0.21 (Debian 12's uwsgi-core 2.0.21-5.1; 2.0.28 and 2.0.31 do the same)
#
# A value that ends in a percent sign swallows the next line of the ini file: uWSGI expands % and the byte after it in the whole file
# before it splits the file into lines, and drops both if the byte has no meaning, such as a newline. The option on the next line is
# silently not set. A literal percent sign must be written as %%.
#
# Seen, with --show-config:
#
#     limit = 50%                  limit = 50processes = 4
#     processes = 4
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

# Without a program to serve it ends by itself.
printf '%s\n' '[uwsgi]' 'http-socket = 127.0.0.1:0' 'need-app = true' 'limit = 50%' 'processes = 4' >app.ini
root/usr/bin/uwsgi-core --ini app.ini --show-config >app.log 2>&1 || true
grep -E '^(limit|processes) = ' app.log || true
if ! grep -q '^limit = 50processes = 4$' app.log || grep -q '^processes = ' app.log; then
	echo 'changed: a percent sign no longer joins two lines'
	exit 1
fi
