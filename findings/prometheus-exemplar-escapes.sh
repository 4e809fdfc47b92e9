#!/bin/bash
# Prometheus 3.16 (github.com/prometheus/prometheus v0.316.0; 2.53.3 does the same in a scrape)
#
# OpenMetrics escapes the label values of exemplars like those of samples. Prometheus unescapes the values of samples, but not those
# of exemplars: it stores the exemplar label {id="x\"y"} with the backslash, so /api/v1/query_exemplars returns an id that matches no
# trace. prometheus_client 0.21 parses x"y. Protobuf is not affected, since it has no escapes.
#
# Seen, with the same label on a sample and its exemplar:
#
#     sample x"y, exemplar x\"y
#
# The script needs Go and a module proxy.
set -euo pipefail
version=v0.316.0
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<END
module example
go 1.26
require github.com/prometheus/prometheus $version
END
cat > main.go <<'END'
package main

import (
	"fmt"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func main() {
	const page = `# TYPE a counter
a_total{id="x\"y"} 1 # {id="x\"y"} 1
# EOF
`
	p := textparse.NewOpenMetricsParser([]byte(page), labels.NewSymbolTable())
	for {
		entry, err := p.Next()
		if err != nil {
			return
		}
		if entry == textparse.EntrySeries {
			var sample labels.Labels
			var e exemplar.Exemplar
			p.Labels(&sample)
			p.Exemplar(&e)
			fmt.Printf("sample %s, exemplar %s\n", sample.Get("id"), e.Labels.Get("id"))
		}
	}
}
END
go mod tidy > log 2>&1 || { cat log >&2; exit 1; }
output=$(go run .)
echo "$output"
if [ "$output" != 'sample x"y, exemplar x\"y' ]; then
	echo 'changed: the label values of exemplars are no longer stored with their escapes'
	exit 1
fi
