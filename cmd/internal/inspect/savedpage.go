package inspect

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxLine bounds a line of a saved page, in bytes.
const maxLine = 1 << 20

// parsePage reads the samples of a page in the text format or in OpenMetrics. It ignores types, timestamps and exemplars. expfmt
// cannot do this: it does not read OpenMetrics, and truncates the fractional counts that prometheus_client can write.
func parsePage(name string, r io.Reader) (samples, error) {
	page := samples{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		sample, value, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("read metrics %s: line %d: %w", name, n, err)
		}
		page[sample] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read metrics %s: line %d: %w", name, n+1, err)
	}
	return page, nil
}

var errNotASample = errors.New("not a sample and its value")

func parseLine(line string) (sample string, value float64, err error) {
	end := strings.IndexAny(line, "{ \t")
	if end < 0 {
		return "", 0, errNotASample
	}
	sample, rest := line[:end], strings.TrimLeft(line[end:], " \t")
	if labelText, ok := strings.CutPrefix(rest, "{"); ok {
		labels, after, err := parseLabels(labelText)
		if err != nil {
			return "", 0, err
		}
		if len(labels) > 0 {
			sample += "{" + strings.Join(labels, ",") + "}"
		}
		rest = after
	}
	fields := strings.Fields(rest)
	if sample == "" || len(fields) == 0 {
		return "", 0, errNotASample
	}
	if value, err = strconv.ParseFloat(fields[0], 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return "", 0, fmt.Errorf("%q is not a number", fields[0])
	}
	return sample, value, nil
}

// parseLabels returns the labels up to the closing brace as they are written, in the order of an Inspection's samples. A quoted
// metric name, which has no value, is one of them.
func parseLabels(text string) (labels []string, after string, err error) {
	for {
		text = strings.TrimLeft(text, ", \t")
		if strings.HasPrefix(text, "}") {
			break
		}
		end := 0
		for quoted := false; end < len(text) && (quoted || text[end] != ',' && text[end] != '}'); end++ {
			switch {
			case text[end] == '"':
				quoted = !quoted
			case text[end] == '\\' && quoted:
				end++
			}
		}
		if end >= len(text) {
			return nil, "", errors.New("no closing brace")
		}
		labels = append(labels, strings.TrimRight(text[:end], " \t"))
		text = text[end:]
	}
	slices.SortStableFunc(labels, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	return labels, text[1:], nil
}

// rank orders labels: a quoted metric name first, le and quantile last.
func rank(label string) int {
	switch name, _, labelled := strings.Cut(label, "="); {
	case strings.HasPrefix(label, `"`) && (!labelled || !strings.Contains(label, `"=`)):
		return 0
	case name == "le" || name == "quantile":
		return 2
	}
	return 1
}
