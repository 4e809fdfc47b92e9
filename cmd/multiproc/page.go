package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"multiproc/mpmetrics"
)

// page is what a scrape gives: values by sample.
type page map[string]float64

func pageOf(families []*dto.MetricFamily) page {
	p := page{}
	for _, f := range families {
		mpmetrics.Lines(f, func(sample string, value float64) { p[sample] = value })
	}
	return p
}

// readPage reads the page of a directory, or one that was saved in a file, in text or OpenMetrics; - is stdin.
func readPage(path string) (page, error) {
	if path == "-" {
		return parsePage("stdin", os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, usageError{err}
	}
	if !info.IsDir() {
		return parsePage(path, file)
	}
	if err := checkReadable(path); err != nil {
		return nil, err
	}
	collector := mpmetrics.NewCollector(path, mpmetrics.CollectorOptions{Logger: newLogger("text", os.Stderr)})
	defer collector.Close()
	families, err := collector.Gather()
	return pageOf(families), err
}

func parsePage(name string, r io.Reader) (page, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("read metrics %s: %w", name, err)
	}
	return pageOf(slices.Collect(maps.Values(found))), nil
}
