package mpmetrics

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Write reads the directory and writes the page in a format: text 0.0.4 and OpenMetrics with numbers as
// prometheus_client writes them (5.0, 1e+06, le="5.0"), so that a series keeps its identity whichever library
// exposes it, the protobuf formats through client_golang. The same values give the same bytes. An error of a
// further Gatherer is returned after the rest was written.
func (c *Collector) Write(w io.Writer, format expfmt.Format) error {
	page, gatherErr, err := c.appendPage(nil, format, nil)
	if err != nil {
		return err
	}
	if _, err := w.Write(page); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return gatherErr
}

// appendPage appends the page. With names, it is only of the families that have one of them, or a sample of it.
func (c *Collector) appendPage(dst []byte, format expfmt.Format, names []string) (page []byte, gatherErr, err error) {
	kind := format.FormatType()
	if kind != expfmt.TypeTextPlain && kind != expfmt.TypeOpenMetrics {
		return c.appendEncoded(dst, format, names)
	}
	openMetrics, scheme := kind == expfmt.TypeOpenMetrics, format.ToEscapingScheme()
	s := c.acquire()
	defer c.release(s)
	further, gatherErr := c.gatherOthers(s.layout)
	t := s.layout.template(scheme)
	dst = slices.Grow(dst, t.size())
	s.layout.eachFamily(further,
		func(i int) {
			if f := s.layout.families[i]; wanted(names, f.name, dtoType(f.kind.Type)) {
				dst = s.appendFamily(dst, t, i, openMetrics)
			}
		},
		func(f *dto.MetricFamily) {
			if wanted(names, f.GetName(), f.GetType()) {
				dst = appendFamilyText(dst, f, openMetrics, scheme)
			}
		})
	if openMetrics {
		dst = append(dst, "# EOF\n"...)
	}
	return dst, gatherErr, nil
}

// appendEncoded appends the page in one of the protobuf formats, which need nothing at the end.
func (c *Collector) appendEncoded(dst []byte, format expfmt.Format, names []string) (page []byte, gatherErr, err error) {
	families, gatherErr := c.Gather()
	out := bytes.NewBuffer(dst)
	encoder := expfmt.NewEncoder(out, format)
	for _, f := range families {
		if wanted(names, f.GetName(), f.GetType()) {
			if err := encoder.Encode(f); err != nil {
				return nil, gatherErr, fmt.Errorf("encode metrics: %w", err)
			}
		}
	}
	return out.Bytes(), gatherErr, nil
}

// wanted reports whether a family is among the names asked for: by its own, as promhttp has it, or by a sample's,
// as prometheus_client does.
func wanted(names []string, family string, t dto.MetricType) bool {
	if len(names) == 0 || slices.Contains(names, family) {
		return true
	}
	var suffixes []string
	switch t {
	case dto.MetricType_COUNTER:
		return slices.Contains(names, strings.TrimSuffix(family, "_total"))
	case dto.MetricType_SUMMARY:
		suffixes = []string{"_sum", "_count"}
	case dto.MetricType_HISTOGRAM:
		suffixes = []string{"_bucket", "_sum", "_count"}
	}
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return slices.Contains(names, family+suffix) })
}
