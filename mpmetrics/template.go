package mpmetrics

import (
	"strings"
	"sync"

	"github.com/prometheus/common/model"

	"multiproc/mpmetrics/internal/format"
)

// template is the text of a page without its values.
type template struct {
	headers []header // of each family
	lines   []byte   // of each number, up to its value
	ends    []uint32 // the end of each number's line in lines
}

// size returns the size of the whole page in bytes, or somewhat more.
func (t *template) size() int {
	size := len(t.lines) + len(t.ends)*len("1.2345678901234567e+100\n")
	for _, h := range t.headers {
		size += max(len(h.text), len(h.openMetrics))
	}
	return size
}

// header has the lines before a family's samples in each format. A counter has unknown in OpenMetrics if there is
// also a family of its name without _total: OpenMetrics would give both the same name.
type header struct {
	text, openMetrics, unknown string
}

// templates are made on first use, one per way to escape names that older scrapers cannot read. If there are no such names,
// one serves all.
type templates struct {
	mu       sync.Mutex
	byScheme map[model.EscapingScheme]*template
}

func (p *pageLayout) template(scheme model.EscapingScheme) *template {
	p.templates.mu.Lock()
	defer p.templates.mu.Unlock()
	if p.plainNames {
		scheme = model.NoEscaping
	}
	t := p.templates.byScheme[scheme]
	if t == nil {
		t = p.makeTemplate(scheme)
		if p.templates.byScheme == nil {
			p.templates.byScheme = map[model.EscapingScheme]*template{}
		}
		p.templates.byScheme[scheme] = t
	}
	return t
}

func (p *pageLayout) makeTemplate(scheme model.EscapingScheme) *template {
	t := &template{
		headers: make([]header, len(p.families)),
		ends:    make([]uint32, 0, len(p.initial)),
	}
	size := 0
	for _, f := range p.families {
		for i := range f.series {
			s := &f.series[i]
			size += f.width(s) * (len(f.name) + len(s.text) + len(`_bucket{,le="0.0001"} `))
		}
	}
	t.lines = make([]byte, 0, size)
	escaped := escapeNames(len(p.families), func(i int) string { return p.families[i].name }, scheme)
	for i, f := range p.families {
		name := escaped[i]
		h := headerOf(name, f.help, f.kind.Type.String())
		if f.kind.Type == format.Counter {
			h.unknown = string(appendHeadings(nil, name, f.help, "unknown", true))
			if p.has(strings.TrimSuffix(f.name, "_total")) {
				h.openMetrics = h.unknown
			}
		}
		t.headers[i] = h
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
	switch f.kind.Type {
	case format.Histogram:
		for _, b := range s.bounds {
			add(names.bucket, "le", b)
		}
		fallthrough
	case format.Summary:
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

// sample returns the line of the number at an index, up to the value.
func (t *template) sample(index uint32) string {
	start := uint32(0)
	if index > 0 {
		start = t.ends[index-1]
	}
	return strings.TrimSuffix(string(t.lines[start:t.ends[index]]), " ")
}
