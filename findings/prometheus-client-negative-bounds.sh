#!/bin/sh
# prometheus_client for Python 0.16.0 (Debian 12's python3-prometheus-client 0.16.0-0.1; Debian 13's 0.21.1 does the same)
#
# The library's OpenMetrics parser rejects the library's own output for a histogram with a negative bucket bound. Without multiprocess
# mode, the library omits _sum, which could decrease, but writes _count, and the parser requires both or neither. In multiprocess mode
# it writes both, and the parser rejects _sum beside negative buckets. Prometheus reads both pages.
#
# Seen:
#
#     alone:        _sum/_gsum must be present if _count is present: t
#     multiprocess: Cannot have _sum with negative buckets: t
#
# The script needs Python 3 and Debian 12's package sources.
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
cat >parse.py <<'END'
import os, sys
if sys.argv[1] == 'multiprocess':
    os.environ['PROMETHEUS_MULTIPROC_DIR'] = os.mkdir('metrics') or 'metrics'
from prometheus_client import CollectorRegistry, Histogram, multiprocess
from prometheus_client.openmetrics import exposition, parser
registry = CollectorRegistry()
if sys.argv[1] == 'multiprocess':
    histogram = Histogram('t', 'T', buckets=[-1, 1])
    multiprocess.MultiProcessCollector(registry)
else:
    histogram = Histogram('t', 'T', buckets=[-1, 1], registry=registry)
histogram.observe(0)
try:
    list(parser.text_string_to_metric_families(exposition.generate_latest(registry).decode()))
    print('accepted')
except ValueError as e:
    print(e)
END
export PYTHONPATH="$dir/root/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1
alone=$(python3 parse.py alone)
multiprocess=$(python3 parse.py multiprocess)
printf 'alone:        %s\nmultiprocess: %s\n' "$alone" "$multiprocess"
case $alone/$multiprocess in
'_sum/_gsum must be present if _count is present: t/Cannot have _sum with negative buckets: t') ;;
*)
	echo 'changed: the parser accepts a page with a negative bound'
	exit 1
	;;
esac
