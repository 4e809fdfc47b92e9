package mpmetrics

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Write reads the directory and writes the page in a format. In text 0.0.4 and OpenMetrics, numbers are written as
// prometheus_client does (5.0, 1e+06, le="5.0"), so that a series keeps its identity whichever library exposes it. The
// protobuf formats go through expfmt. The same values always give the same bytes. If another Gatherer fails, the rest is
// written, and its error returned.
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

// appendPage appends the page. If there are names, it appends only the families with one of them; see wanted.
func (c *Collector) appendPage(dst []byte, format expfmt.Format, names []string) (page []byte, gatherErr, err error) {
	kind := format.FormatType()
	if kind != expfmt.TypeTextPlain && kind != expfmt.TypeOpenMetrics {
		return c.appendEncoded(dst, format, names)
	}
	openMetrics, scheme := kind == expfmt.TypeOpenMetrics, format.ToEscapingScheme()
	v := c.acquire()
	defer c.release(v)
	others, gatherErr := c.gatherOthers(v.layout)
	t := v.layout.template(scheme)
	escaped := v.layout.escapeOthers(others, scheme)
	dst = slices.Grow(dst, t.size())
	v.layout.eachFamily(others,
		func(i int) {
			f, h := v.layout.families[i], t.headers[i]
			if !wanted(names, f.name, dtoType(f.kind.Type)) {
				return
			}
			switch {
			case !openMetrics:
				dst = v.appendFamily(dst, t, i, h.text)
			case h.unknown != "" && hasFamily(others, strings.TrimSuffix(f.name, "_total")):
				dst = v.appendFamily(dst, t, i, h.unknown)
			default:
				dst = v.appendFamily(dst, t, i, h.openMetrics)
			}
		},
		func(f *dto.MetricFamily) {
			if !wanted(names, f.GetName(), f.GetType()) {
				return
			}
			if other := otherName(f); openMetrics && (v.layout.has(other) || hasFamily(others, other)) {
				f = asUnknown(f)
			}
			dst = appendFamilyText(dst, f, cmp.Or(escaped[f.GetName()], f.GetName()), openMetrics, scheme)
		})
	if openMetrics {
		dst = append(dst, "# EOF\n"...)
	}
	return dst, gatherErr, nil
}

// appendEncoded appends the page in one of the protobuf formats.
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

// wanted reports whether a family is among the requested names: by its own name, as in promhttp, or by that of a sample, as
// in prometheus_client.
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
