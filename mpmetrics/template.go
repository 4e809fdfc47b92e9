package mpmetrics

import (
	"slices"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
)

// template is the text of a page without its values: what comes before the first one, between two, and so on.
type template struct {
	headers []header // of each family
	lines   []byte   // of each cell, up to its value
	ends    []uint32 // where each cell's line ends in lines
}

// size is that of the whole page, or somewhat more.
func (t *template) size() int {
	size := len(t.lines) + len(t.ends)*len("1.2345678901234567e+100\n")
	for _, h := range t.headers {
		size += max(len(h.text), len(h.openMetrics))
	}
	return size
}

// header is what comes before a family's samples in each format.
type header struct {
	text, openMetrics string
}

// templates are made when they are first asked for: one for each way to write names that older scrapers cannot
// read, which mostly are none, so that one serves all.
type templates struct {
	mu   sync.Mutex
	made map[model.EscapingScheme]*template
}

func (p *plan) template(scheme model.EscapingScheme) *template {
	p.templates.mu.Lock()
	defer p.templates.mu.Unlock()
	if p.plain() {
		scheme = model.NoEscaping
	}
	t := p.templates.made[scheme]
	if t == nil {
		t = p.makeTemplate(scheme)
		if p.templates.made == nil {
			p.templates.made = map[model.EscapingScheme]*template{}
		}
		p.templates.made[scheme] = t
	}
	return t
}

// plain reports whether all names are of the old kind, which is written the same in every scheme.
func (p *plan) plain() bool {
	for _, f := range p.families {
		if !model.LegacyValidation.IsValidMetricName(f.name) {
			return false
		}
		for i := range f.series {
			for _, l := range f.series[i].labels {
				if !model.LegacyValidation.IsValidLabelName(l.name) {
					return false
				}
			}
		}
	}
	return true
}

func (p *plan) makeTemplate(scheme model.EscapingScheme) *template {
	t := &template{
		headers: make([]header, len(p.families)),
		ends:    make([]uint32, 0, len(p.initial)),
	}
	size := 0
	for _, f := range p.families {
		for i := range f.series {
			s := &f.series[i]
			size += f.cells(s) * (len(f.name) + len(s.text) + len(`_bucket{,le="0.0001"} `))
		}
	}
	t.lines = make([]byte, 0, size)
	for i, f := range p.families {
		name := model.EscapeName(f.name, scheme)
		t.headers[i] = headerOf(name, f.help, f.kind.typ.String())
		names := familyNames(name)
		for j := range f.series {
			t.addSeries(f, &f.series[j], names, scheme)
		}
	}
	return t
}

func (t *template) addSeries(f *mergedFamily, s *mergedSeries, names sampleNames, scheme model.EscapingScheme) {
	labels := s.text
	if scheme != model.NoEscaping {
		labels = string(appendLabels(nil, escapeLabels(s.labels, scheme)))
	}
	add := func(name sampleName, own string, v float64) {
		t.lines = name.append(t.lines, labels, own, v)
		t.ends = append(t.ends, uint32(len(t.lines)))
	}
	switch f.kind.typ {
	case histogramType:
		for _, b := range s.bounds {
			add(names.bucket, "le", b)
		}
		fallthrough
	case summaryType:
		add(names.sum, "", 0)
		add(names.count, "", 0)
	default:
		add(names.value, "", 0)
	}
}

func headerOf(name, help, typ string) header {
	return header{
		text:        string(appendHeadings(nil, name, help, typ, false)),
		openMetrics: string(appendHeadings(nil, name, help, typ, true)),
	}
}

// appendHeadings appends the lines HELP and TYPE. In OpenMetrics a counter's name is without _total.
func appendHeadings(dst []byte, name, help, typ string, openMetrics bool) []byte {
	escape := escapeHelp
	if openMetrics {
		escape = escapeQuoted
		if typ == "counter" {
			name = strings.TrimSuffix(name, "_total")
		}
	}
	dst = append(dst, "# HELP "...)
	dst = appendName(dst, name)
	dst = append(dst, ' ')
	dst = append(dst, escape.Replace(help)...)
	dst = append(dst, "\n# TYPE "...)
	dst = appendName(dst, name)
	dst = append(dst, ' ')
	dst = append(dst, typ...)
	return append(dst, '\n')
}

// sampleNames are the names of a family's samples.
type sampleNames struct {
	value, bucket, sum, count sampleName
}

func familyNames(family string) sampleNames {
	return sampleNames{
		newSampleName(family), newSampleName(family + "_bucket"), newSampleName(family + "_sum"), newSampleName(family + "_count"),
	}
}

// sampleName is a name as it begins a line: one of the new kind stands, quoted, among the labels.
type sampleName struct {
	text   string
	quoted bool
}

func newSampleName(name string) sampleName {
	return sampleName{string(appendName(nil, name)), !model.LegacyValidation.IsValidMetricName(name)}
}

// append appends a sample's name and labels, and the space before the value. own is the name of a label of the sample's
// own, le or quantile, whose value is a number, or nothing.
func (n sampleName) append(dst []byte, labels, own string, v float64) []byte {
	dst = append(dst, n.text...)
	open := byte('{')
	if n.quoted {
		dst = slices.Insert(dst, len(dst)-len(n.text), '{')
		open = ','
	}
	if labels != "" {
		dst = append(dst, open)
		dst = append(dst, labels...)
		open = ','
	}
	if own != "" {
		dst = append(dst, open)
		dst = append(dst, own...)
		dst = append(dst, `="`...)
		dst = append(appendFloat(dst, v), '"')
		open = ','
	}
	if open == ',' {
		dst = append(dst, '}')
	}
	return append(dst, ' ')
}

// appendLabels appends labels as they stand in braces.
func appendLabels(dst []byte, labels []label) []byte {
	for i, l := range labels {
		if i > 0 {
			dst = append(dst, ',')
		}
		if model.LegacyValidation.IsValidLabelName(l.name) {
			dst = append(dst, l.name...)
		} else {
			dst = appendName(dst, l.name)
		}
		dst = append(dst, `="`...)
		dst = appendEscaped(dst, l.value)
		dst = append(dst, '"')
	}
	return dst
}

// appendName appends the name of a metric, in quotes where it must be.
func appendName(dst []byte, name string) []byte {
	if model.LegacyValidation.IsValidMetricName(name) {
		return append(dst, name...)
	}
	dst = append(dst, '"')
	dst = appendEscaped(dst, name)
	return append(dst, '"')
}

// appendEscaped appends what stands in quotes.
func appendEscaped(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, "\\\n\"") {
		return append(dst, s...)
	}
	return append(dst, escapeQuoted.Replace(s)...)
}

var (
	escapeHelp   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeQuoted = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// escapeLabels writes names of labels that older scrapers cannot read in another way.
func escapeLabels(labels []label, scheme model.EscapingScheme) []label {
	escaped := make([]label, len(labels))
	for i, l := range labels {
		escaped[i] = label{model.EscapeName(l.name, scheme), l.value}
	}
	return escaped
}

// labelsOf are the labels of a metric of client_golang's.
func labelsOf(m *dto.Metric) []label {
	labels := make([]label, len(m.GetLabel()))
	for i, l := range m.GetLabel() {
		labels[i] = label{l.GetName(), l.GetValue()}
	}
	return labels
}
