package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readmeBlock is a fenced block of README.md.
type readmeBlock struct {
	line     int    // of its fence
	section  string // the heading of the second level that it is under, or the title
	language string
	file     string // its name, where the block is the text of a file
	text     string
}

// readReadme is README.md.
func readReadme(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// readmeBlocks are all blocks of code. Blocks that are indented instead of fenced would not be among them: there must be
// none.
func readmeBlocks(tb testing.TB) []readmeBlock {
	tb.Helper()
	var all []readmeBlock
	var block *readmeBlock
	section, blank := "", true
	for i, line := range strings.Split(readReadme(tb), "\n") {
		fence, fenced := strings.CutPrefix(line, "```")
		switch {
		case fenced && block == nil:
			block = &readmeBlock{line: i + 1, section: section}
			block.language, block.file, _ = strings.Cut(fence, " ")
		case fenced:
			all = append(all, *block)
			block = nil
		case block != nil:
			block.text += line + "\n"
		case strings.HasPrefix(line, "# "), strings.HasPrefix(line, "## "):
			section = strings.TrimLeft(line, "# ")
		case blank && strings.HasPrefix(line, "    "):
			tb.Errorf("README.md:%d: an indented block: fence it", i+1)
		}
		blank = line == ""
	}
	if block != nil {
		tb.Fatalf("README.md:%d: a block without an end", block.line)
	}
	return all
}

// readmeTable are the rows of the tables whose first column has this heading.
func readmeTable(tb testing.TB, heading string) [][]string {
	tb.Helper()
	var rows [][]string
	inside := false
	for line := range strings.Lines(readReadme(tb)) {
		cells := tableCells(line)
		switch {
		case cells == nil:
			inside = false
		case cells[0] == heading:
			inside = true
		case inside && strings.Trim(cells[0], "-") != "":
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		tb.Fatalf("README.md has no table of %q", heading)
	}
	return rows
}

// tableCells are those of a line of a table, and nil for another line.
func tableCells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "|-") {
		return nil
	}
	line = strings.ReplaceAll(line, `\|`, "\x00")
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|"))
	}
	return cells
}

// TestReadmeLinks: what README.md links to is there, its own headings and files of the repository.
func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	text := readReadme(t)
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors["#"+strings.ReplaceAll(plain, " ", "-")] = true
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		_, err := os.Stat(filepath.Join("../..", link[1]))
		if !strings.HasPrefix(link[1], "https://") && !anchors[link[1]] && err != nil {
			t.Errorf("README.md links to %s, which is not there", link[1])
		}
	}
}

// quoted is what a text has in backticks.
func quoted(text string) []string {
	var all []string
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}
