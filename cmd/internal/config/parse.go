package config

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxFile is the maximum size of a file in bytes. A larger one is not an ini file.
const maxFile = 1 << 20

// file is a parsed ini file.
type file struct {
	name     string
	sections []section // in order; names may repeat
	lost     bool      // a key before any section was reported
}

type section struct {
	name    string
	line    int
	entries []entry
}

// entry is a line that sets a key, not yet expanded.
type entry struct {
	key   string
	value string
	alone bool // without an equals sign
	line  int
}

// find returns all entries of a section, which may be spread over the file, and the line where it begins first.
func (f *file) find(name string) (entries []entry, line int, found bool) {
	for _, s := range f.sections {
		if s.name != name {
			continue
		}
		if !found {
			line, found = s.line, true
		}
		entries = append(entries, s.entries...)
	}
	return entries, line, found
}

// inventory lists the sections for a fault.
func (f *file) inventory() string {
	var names []string
	for _, s := range f.sections {
		if name := printable("[" + s.name + "]"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return "there are no sections"
	}
	return "the sections are " + strings.Join(names, ", ")
}

// parse reads an ini file, which faults call name. It returns the lines that could be read and the faults of the others, or no
// file if nothing could be read.
//
// Lines end in LF or CRLF; the last one need not. A byte order mark at the start is skipped. Spaces and tabs around sections,
// keys and values are stripped. Invalid UTF-8 and control characters are faults.
func parse(name string, r io.Reader) (*file, []Remark) {
	p := parser{file: &file{name: name}}
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		p.fault(0, "cannot be read: %v", cause(err))
		return nil, p.faults
	case len(data) > maxFile:
		p.fault(0, "has more than %d bytes, which is too large for an ini file", maxFile)
		return nil, p.faults
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	line := 0
	for text := range bytes.SplitSeq(data, []byte("\n")) {
		line++
		p.line(line, string(bytes.TrimSuffix(text, []byte("\r"))))
	}
	return p.file, p.faults
}

type parser struct {
	file   *file
	faults []Remark
}

func (p *parser) fault(line int, format string, args ...any) {
	p.faults = append(p.faults, Remark{Origin{p.file.name, line}, fmt.Sprintf(format, args...)})
}

func (p *parser) line(line int, text string) {
	if what := unprintable(text, "\t"); what != "" {
		p.fault(line, "has %s", what)
		return
	}
	text = strings.Trim(text, " \t")
	switch {
	case text == "" || text[0] == ';' || text[0] == '#':
	case text[0] == '[':
		p.section(line, text)
	default:
		p.entry(line, text)
	}
}

func (p *parser) section(line int, text string) {
	name, closed := strings.CutSuffix(text[1:], "]")
	name = strings.Trim(name, " \t")
	switch {
	case !closed || strings.ContainsAny(name, "[]"):
		p.fault(line, "%s is not a section: use [name] and nothing after it", quoted(text))
	case name == "":
		p.fault(line, "missing name of the section")
	}
	// A faulty section counts too: the lines that follow were not meant for the one before.
	p.file.sections = append(p.file.sections, section{name: name, line: line})
}

func (p *parser) entry(line int, text string) {
	key, value, ok := strings.Cut(text, "=")
	key, value = strings.TrimRight(key, " \t"), strings.TrimLeft(value, " \t")
	if key == "" {
		p.fault(line, "missing key")
		return
	}
	if len(p.file.sections) == 0 {
		// Messages do not have the text: it may be another file.
		switch {
		case p.file.lost:
		case text[0] == '<' || text[0] == '{' || text == "---" || strings.HasSuffix(text, ":"):
			p.fault(line, "XML, JSON and YAML are not supported: write an ini file, with lines such as socket = 127.0.0.1:8000")
		default:
			p.fault(line, "a key is before any section: begin the file with [multiproc]")
		}
		p.file.lost = true
		return
	}
	last := &p.file.sections[len(p.file.sections)-1]
	last.entries = append(last.entries, entry{key: key, value: value, alone: !ok, line: line})
}
