#!/bin/sh
# uWSGI 2.0.21 (Debian 12's uwsgi-core 2.0.21-5.1; 2.0.28 and 2.0.31 do the same)
#
# To match a socket passed by systemd with an address in its ini file, uWSGI compares text, and its text for a socket on 0.0.0.0 has
# no host. So with "ListenStream=0.0.0.0:8000" and "http-socket = 0.0.0.0:8000" it attaches the passed socket, then binds the same
# address again, and exits; ":8000" in the ini file works. The same happens with a host name (localhost:8000), and with 0.0.0.0:8000
# and "ListenStream=8000", which is [::]:8000.
#
# Seen:
#
#     0.0.0.0: uwsgi socket 1 attached to INET address :18311 fd 3
#     0.0.0.0: bind(): Address already in use [core/socket.c line 769]
#     no host: uwsgi socket 1 attached to INET address :18311 fd 3
#
# The script needs Debian 12's package sources, and Python to pass a socket as systemd does.
set -eu

version=2.0.21-5.1
port=18311
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

cat >activate.py <<'P'
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1])))
s.listen(16)
if s.fileno() == 3:
    os.set_inheritable(3, True)
else:
    os.dup2(s.fileno(), 3, inheritable=True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
P
# Without a program to serve it ends by itself.
for host in 0.0.0.0 ''; do
	printf '%s\n' '[uwsgi]' "http-socket = $host:$port" 'need-app = true' >app.ini
	python3 activate.py $port root/usr/bin/uwsgi-core --ini app.ini >"log-$host" 2>&1 || true
	grep -E 'attached to INET address|^bind\(\)' "log-$host" | sed "s/^/${host:-no host}: /" || true
done
grep -q 'attached to INET address' log-0.0.0.0 && grep -q '^bind(): Address already in use' log-0.0.0.0 &&
	grep -q 'attached to INET address' log- && ! grep -q '^bind()' log- || {
	echo 'changed: uWSGI takes a socket on 0.0.0.0 for the address with and without the host, or for neither'
	exit 1
}
