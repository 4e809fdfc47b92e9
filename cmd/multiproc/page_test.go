package main

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var pageLabel = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*")`)

// pageLine parses a sample on a page in the text format.
func pageLine(line string) (metric string, labels map[string]string, value string) {
	end := strings.LastIndexByte(line, ' ')
	metric, rest, _ := strings.Cut(line[:end], "{")
	labels = map[string]string{}
	for _, label := range pageLabel.FindAllStringSubmatch(rest, -1) {
		labels[label[1]], _ = strconv.Unquote(label[2])
	}
	return metric, labels, line[end+1:]
}

// seriesName returns a metric's name and its sorted labels. To Prometheus an empty label is none.
func seriesName(metric string, labels map[string]string) string {
	var parts []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if labels[label] != "" {
			parts = append(parts, fmt.Sprintf("%s=%q", label, labels[label]))
		}
	}
	if len(parts) == 0 {
		return metric
	}
	return metric + "{" + strings.Join(parts, ",") + "}"
}

// pageSeries returns the values on a page in the text format, by name and labels.
func pageSeries(page string) (map[string]float64, error) {
	found := map[string]float64{}
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		metric, labels, text := pageLine(line)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		found[seriesName(metric, labels)] = value
	}
	return found, nil
}

// countsOf returns the values of all counters on a page, by name and labels.
func countsOf(page string) (map[string]float64, error) {
	counts, err := pageSeries(page)
	types := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(page, -1) {
		types[line[1]] = line[2]
	}
	for series := range counts {
		metric, _, _ := strings.Cut(series, "{")
		kind := types[metric]
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if name, ok := strings.CutSuffix(metric, suffix); ok && (types[name] == "histogram" || types[name] == "summary") {
				kind = "counter"
			}
		}
		switch kind {
		case "counter":
		case "":
			return nil, fmt.Errorf("no type of %s", series)
		default:
			delete(counts, series)
		}
	}
	return counts, err
}

// seriesOf returns the values of a family on a page, by their labels.
func seriesOf(tb testing.TB, page, name string) map[string]float64 {
	tb.Helper()
	all, err := pageSeries(page)
	check(tb, err)
	return family(all, name)
}

func family(all map[string]float64, name string) map[string]float64 {
	found := map[string]float64{}
	for series, value := range all {
		if labels, ok := strings.CutPrefix(series, name+"{"); ok {
			found["{"+labels] = value
		}
	}
	return found
}

func sum(values map[string]float64) float64 {
	total := 0.0
	for _, value := range values {
		total += value
	}
	return total
}

// valueOf returns the value of a series, or NaN if it is absent.
func (s *testServer) valueOf(series string) float64 {
	s.tb.Helper()
	_, page := s.get("/metrics")
	all, err := pageSeries(page)
	check(s.tb, err)
	if value, ok := all[series]; ok {
		return value
	}
	return math.NaN()
}
