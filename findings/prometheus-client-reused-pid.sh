#!/bin/sh
# prometheus_client for Python 0.16.0 (Debian 12's python3-prometheus-client 0.16.0-0.1; Debian 13's 0.21.1 does the same)
#
# In multiprocess mode a new process that has the pid of a dead one goes on with its files, live gauges included: a gauge that was
# at 2 when the first process was killed is 3 after the first inc() of the second, though nothing else is in progress. The modes
# live… leave out dead processes only if somebody calls mark_process_dead; here nobody can tell any more that one has died. In
# containers the same pids come back at each start, so a metrics directory that outlives the container must be wiped before.
#
# Seen:
#
#     livesum after one inc() of the new process: busy 3.0
#
# It needs Python 3 and Debian 12's package sources. The number 7 stands for the pid, which is the same in each container.
set -eu

version=0.16.0-0.1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"
apt-get -q -o APT::Sandbox::User= download "python3-prometheus-client=$version" >download.log 2>&1 || {
	cat download.log
	exit 1
}
dpkg-deb -x ./*.deb root
mkdir metrics
cat >work.py <<'END'
import os, signal, sys
from prometheus_client import values
values.ValueClass = values.MultiProcessValue(lambda: 7)
from prometheus_client import CollectorRegistry, Gauge, generate_latest, multiprocess
busy = Gauge('busy', 'Requests in progress.', multiprocess_mode='livesum')
for _ in range(int(sys.argv[1])):
    busy.inc()
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
if sys.argv[2] == 'print':
    print(generate_latest(registry).decode().splitlines()[-1])
os.kill(os.getpid(), signal.SIGKILL if sys.argv[2] == 'die' else 0)
END
export PYTHONPATH="$dir/root/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1 PROMETHEUS_MULTIPROC_DIR="$dir/metrics"
python3 work.py 2 die 2>/dev/null || true
seen=$(python3 work.py 1 print)
printf 'livesum after one inc() of the new process: %s\n' "$seen"
case $seen in
'busy 3.0') ;;
*)
	echo 'changed: a new process begins with live gauges of its own'
	exit 1
	;;
esac
