#!/bin/sh
# uWSGI 2.0.21 (Debian 12's uwsgi-core 2.0.21-5.1; 2.0.28 and 2.0.31 do the same)
#
# With uid and without gid, uWSGI gives up root's user, but not root's group: the workers run as that user with group 0 and the
# supplementary group 0, so files of root's that the group may read or write stay open to them. Nothing in the log says so. The
# user's own groups, which initgroups(3) would give, are used only when gid is set too. In systemd, User= alone has the groups
# of the user.
#
# Seen, with the ini file below and exec-as-user = id, on Debian 12 as root:
#
#     uid = nobody                    uid=65534(nobody) gid=0(root) groups=0(root)
#     uid = nobody, gid = nogroup     uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)
#
# It needs root and Debian 12's package sources.
set -eu

version=2.0.21-5.1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
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

# groups LINE... prints the ids of the processes of a uWSGI with these lines. Without a program to serve it ends by itself.
groups() {
	printf '%s\n' '[uwsgi]' 'http-socket = 127.0.0.1:0' 'need-app = true' 'exec-as-user = id' "$@" >app.ini
	root/usr/bin/uwsgi-core --ini app.ini 2>&1 | grep '^uid='
}

alone=$(groups 'uid = nobody')
both=$(groups 'uid = nobody' 'gid = nogroup')
printf 'uid:         %s\nuid and gid: %s\n' "$alone" "$both"
case $alone/$both in
'uid=65534(nobody) gid=0(root) groups=0(root)/uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)') ;;
*)
	echo 'changed: uid without gid no longer keeps group root'
	exit 1
	;;
esac
