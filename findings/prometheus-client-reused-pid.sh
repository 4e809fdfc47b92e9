#!/bin/sh
# prometheus_client for Python 0.16.0 (Debian 12's python3-prometheus-client 0.16.0-0.1; Debian 13's 0.21.1 does the same)
#
# In multiprocess mode, a new process with the pid of a dead one continues that process's files, live gauges included: a gauge that
# was 2 when the first process was killed is 3 after the first inc() of the second, though only one request is in progress. The live…
# modes leave out a dead process only after a call of mark_process_dead, and once its pid is reused, that would remove the values of
# the new process. Containers get the same pids at every start, so a metrics directory that outlives them must be wiped at the start.
#
# Seen:
#
#     livesum after one inc() of the new process: busy 3.0
#
# The script needs Python 3 and Debian 12's package sources. It uses 7 as the pid of both processes.
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
