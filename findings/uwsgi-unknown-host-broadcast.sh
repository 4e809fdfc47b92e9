#!/bin/sh
# uWSGI 2.0.21 (Debian 12's uwsgi-core 2.0.21-5.1; 2.0.28 and 2.0.31 do the same)
#
# A host in socket or http-socket that cannot be resolved is not an error: uWSGI binds the port on 255.255.255.255, the value that
# inet_addr() returns for an invalid address, logs "bound to TCP address NAME:PORT" and serves where no client can connect. So a name
# that is not in DNS yet, a typo, or an address in the form of nginx and gunicorn (unix:/run/app.sock) results in a server that is up
# but unreachable, and neither its log nor its exit code shows it.
#
# Seen, with http-socket = app.invalid:0 and exec-pre-app = cat /proc/net/tcp (the address is in hexadecimal, 0A is LISTEN):
#
#     uwsgi socket 0 bound to TCP address app.invalid:36305 (port auto-assigned) fd 3
#     1: FFFFFFFF:8DD1 00000000:0000 0A
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
printf '%s\n' '[uwsgi]' 'http-socket = app.invalid:0' 'need-app = true' 'exec-pre-app = cat /proc/net/tcp' >app.ini
root/usr/bin/uwsgi-core --ini app.ini >app.log 2>&1 || true
grep 'bound to TCP address' app.log || true
grep -o '[0-9]*: FFFFFFFF:[0-9A-F]* 00000000:0000 0A' app.log || {
	echo 'changed: a host that cannot be looked up is no longer 255.255.255.255'
	exit 1
}
