package inspect

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/expfmt"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

// page is what a scrape gives: values by sample, which is a line up to its value, with its labels by name.
type samples map[string]float64

// maxLine bounds a line of a page, in bytes.
const maxLine = 1 << 20

// readPage reads the page of a directory, or one that was saved in a file; - is stdin.
func readPage(path string) (samples, error) {
	if path == "-" {
		return parsePage("stdin", os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, cli.Usage(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, cli.Usage(err)
	}
	if !info.IsDir() {
		return parsePage(path, file)
	}
	if err := checkReadable(path); err != nil {
		return nil, err
	}
	collector := mpmetrics.NewCollector(path, mpmetrics.CollectorOptions{Logger: cli.NewLogger("text", os.Stderr)})
	defer collector.Close()
	return collectPage(collector)
}

// collectPage is the page of a directory, in which numbers are as the files have them.
func collectPage(c *mpmetrics.Collector) (samples, error) {
	var text bytes.Buffer
	if err := c.Write(&text, expfmt.FmtText); err != nil {
		return nil, err
	}
	return parsePage("of the directory", &text)
}

// parsePage reads the lines of a page in the text format of Prometheus or in OpenMetrics. Of a line with a time or an
// exemplar only the sample and the value are of interest, and types are of none.
func parsePage(name string, r io.Reader) (samples, error) {
	p := samples{}
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
		p[sample] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read metrics %s: line %d: %w", name, n+1, err)
	}
	return p, nil
}

// errNoSample is told of a line that is none of a page.
var errNoSample = errors.New("want a sample and its value")

func parseLine(line string) (sample string, value float64, err error) {
	end := strings.IndexAny(line, "{ \t")
	if end < 0 {
		return "", 0, errNoSample
	}
	sample, rest := line[:end], strings.TrimLeft(line[end:], " \t")
	if labelText, ok := strings.CutPrefix(rest, "{"); ok {
		labels, after, err := parseLabels(labelText)
		if err != nil {
			return "", 0, err
		}
		if sample += "{" + strings.Join(labels, ",") + "}"; len(labels) == 0 {
			sample = line[:end]
		}
		rest = after
	}
	fields := strings.Fields(rest)
	if sample == "" || len(fields) == 0 {
		return "", 0, errNoSample
	}
	if value, err = strconv.ParseFloat(fields[0], 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return "", 0, fmt.Errorf("%w, not %q", errNoSample, fields[0])
	}
	return sample, value, nil
}

// parseLabels gives the labels up to the closing brace as they are written, by name. A name of the new kind, in quotes and
// without a value, is that of the metric, and stays the first.
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
			return nil, "", errors.New("want a closing brace")
		}
		labels = append(labels, strings.TrimRight(text[:end], " \t"))
		text = text[end:]
	}
	slices.SortStableFunc(labels, func(a, b string) int {
		return cmp.Or(cmp.Compare(placeOf(a), placeOf(b)), strings.Compare(a, b))
	})
	return labels, text[1:], nil
}

// placeOf says where a label stands on a page: first a name of the new kind, last what tells the samples of one series apart.
func placeOf(label string) int {
	switch name, _, labelled := strings.Cut(label, "="); {
	case strings.HasPrefix(label, `"`) && (!labelled || !strings.Contains(label, `"=`)):
		return 0
	case name == "le" || name == "quantile":
		return 2
	}
	return 1
}
