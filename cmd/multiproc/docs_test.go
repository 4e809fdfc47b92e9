package main

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"

	"multiproc/cmd/internal/config"
	"multiproc/internal/proctest"
)

// root is the repository.
const root = "../.."

// docBlock is a fenced block of README.md or of a page of docs.
type docBlock struct {
	page     string // path in the repository
	line     int    // of its fence
	section  string // the heading of the second level that it is under, or the title
	language string
	file     string // its name if the block is a file
	text     string
}

// docPages returns the texts of README.md and of the pages of docs, by their paths in the repository.
func docPages(tb testing.TB) map[string]string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("pages of docs: %q, %v", paths, err)
	}
	pages := map[string]string{}
	for _, path := range append(paths, filepath.Join(root, "README.md"), filepath.Join(root, "findings/README.md")) {
		text, err := os.ReadFile(path)
		check(tb, err)
		name, err := filepath.Rel(root, path)
		check(tb, err)
		pages[name] = string(text)
	}
	return pages
}

// docBlocks returns all fenced blocks. There must be no indented ones, which it would miss.
func docBlocks(tb testing.TB) []docBlock {
	tb.Helper()
	var all []docBlock
	for page, text := range docPages(tb) {
		var block *docBlock
		section, blank := "", true
		for i, line := range strings.Split(text, "\n") {
			fence, fenced := strings.CutPrefix(line, "```")
			switch {
			case fenced && block == nil:
				block = &docBlock{page: page, line: i + 1, section: section}
				block.language, block.file, _ = strings.Cut(fence, " ")
			case fenced:
				all = append(all, *block)
				block = nil
			case block != nil:
				block.text += line + "\n"
			case strings.HasPrefix(line, "# "), strings.HasPrefix(line, "## "):
				section = strings.TrimLeft(line, "# ")
			case blank && strings.HasPrefix(line, "    "):
				tb.Errorf("%s:%d: an indented block: fence it", page, i+1)
			}
			blank = line == ""
		}
		if block != nil {
			tb.Fatalf("%s:%d: a block without an end", page, block.line)
		}
	}
	return all
}

// docTable returns the rows of all tables whose first column has this heading.
func docTable(tb testing.TB, heading string) [][]string {
	tb.Helper()
	var rows [][]string
	for _, text := range docPages(tb) {
		inside := false
		for line := range strings.Lines(text) {
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
	}
	if len(rows) == 0 {
		tb.Fatalf("there is no table of %q", heading)
	}
	return rows
}

// tableCells returns the cells of a line of a table, and nil for any other line.
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

// quoted returns the parts of a text in backticks.
func quoted(text string) []string {
	var all []string
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

// unfenced returns a text without its blocks.
func unfenced(text string) string {
	return regexp.MustCompile("(?s)\n```.*?\n```").ReplaceAllString(text, "")
}

func TestDocLinks(t *testing.T) {
	t.Parallel()
	pages := docPages(t)
	anchors := map[string]bool{} // "page#heading"
	for page, text := range pages {
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(unfenced("\n"+text), -1) {
			plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
			anchors[page+"#"+strings.ReplaceAll(plain, " ", "-")] = true
		}
	}
	for page, text := range pages {
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(unfenced(text), -1) {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			path, anchor, anchored := strings.Cut(link[1], "#")
			to := filepath.Join(filepath.Dir(page), path)
			if path == "" {
				to = page
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil || anchored && !anchors[to+"#"+anchor] {
				t.Errorf("%s links to %s, which does not exist", page, link[1])
			}
		}
	}
	for page := range pages {
		if topic, ok := strings.CutPrefix(page, "docs/"); ok && !strings.Contains(pages["README.md"], "docs/"+topic) {
			t.Errorf("README.md does not link to %s", page)
		}
	}
	if lines := strings.Count(pages["README.md"], "\n"); lines > 250 {
		t.Errorf("README.md has %d lines, more than 250", lines)
	}
}

// TestDocBlocks checks the syntax of all blocks. Ini files must have no faults either.
func TestDocBlocks(t *testing.T) {
	t.Parallel()
	for _, block := range docBlocks(t) {
		var err error
		switch block.language {
		case "sh", "console":
			var script strings.Builder
			for _, command := range block.commands() {
				script.WriteString(command.text + "\n")
			}
			err = checkBy(t, script.String(), "bash", "-n")
		case "go":
			var formatted []byte
			if formatted, err = format.Source([]byte(block.text)); err == nil && string(formatted) != block.text {
				t.Errorf("%s:%d: not formatted by gofmt", block.page, block.line)
			}
		case "python":
			err = checkBy(t, block.text, "python3", "-c", "import sys; compile(sys.stdin.read(), 'x', 'exec')")
		case "yaml":
			err = yaml.UnmarshalStrict([]byte(block.text), new(any))
		case "dockerfile":
			for line := range strings.Lines(block.text) {
				if !regexp.MustCompile(`^(FROM|WORKDIR|COPY|RUN|VOLUME|EXPOSE|ENTRYPOINT) \S+|^\n$`).MatchString(line) {
					t.Errorf("%s:%d: %s", block.page, block.line, line)
				}
			}
		case "systemd":
			for line := range strings.Lines(block.text) {
				if !regexp.MustCompile(`^(\[\w+\]|\w+=\S+|)\n$`).MatchString(line) {
					t.Errorf("%s:%d: %s", block.page, block.line, line)
				}
			}
		case "ini":
			path := filepath.Join(t.TempDir(), block.file)
			check(t, os.WriteFile(path, []byte(block.text), 0o600))
			loaded, loadErr := config.Load(config.Arguments{Files: []string{path}})
			if err = loadErr; err != nil {
				break
			}
			for _, note := range loaded.Notes {
				if !regexp.MustCompile("is a placeholder$| is ignored: | use proxy_pass ").MatchString(note.Message) {
					t.Errorf("%s:%d: %s", block.page, block.line, note)
				}
			}
		default:
			t.Errorf("%s:%d: a block of %q, which no test checks", block.page, block.line, block.language)
		}
		if err != nil {
			t.Errorf("%s:%d: %v", block.page, block.line, err)
		}
	}
}

// checkBy gives a program a text. Without the program, which not every machine has, it checks nothing.
func checkBy(tb testing.TB, text, program string, args ...string) error {
	tb.Helper()
	if !installed(program) {
		tb.Logf("not checked without %s", program)
		return nil
	}
	cmd := exec.CommandContext(tb.Context(), program, args...)
	cmd.Stdin = strings.NewReader(text)
	output, err := cmd.CombinedOutput()
	if err != nil {
		tb.Logf("%s", output)
	}
	return err
}

// TestHelpTopics prints every page, and lists commands and topics.
func TestHelpTopics(t *testing.T) {
	t.Parallel()
	list := runApp(t, "help")
	for page, text := range docPages(t) {
		topic, ok := strings.CutPrefix(page, "docs/")
		if !ok {
			continue
		}
		topic = strings.TrimSuffix(topic, ".md")
		if got := runApp(t, "help", topic); got != text {
			t.Errorf("help %s prints another text than %s", topic, page)
		}
		if !regexp.MustCompile(`(?m)^   ` + topic + ` +\S`).MatchString(list) {
			t.Errorf("help does not list %s:\n%s", topic, list)
		}
	}
	if got := runApp(t, "--help"); !strings.HasPrefix(list, got) || got == "" {
		t.Errorf("--help prints %q, not the beginning of help", got)
	}
	if got := runApp(t, "help", "reload"); !strings.Contains(got, "multiproc reload - ") {
		t.Errorf("help reload: %s", got)
	}
	app := newApp()
	if err := app.Run([]string{"multiproc", "help", "operatin"}); err == nil || exitCodeOf(err) != exitUsage ||
		!strings.Contains(err.Error(), `"operatin"`) {
		t.Errorf("an unknown topic: %v", err)
	}
}

// runApp returns the output of a command that succeeds.
func runApp(tb testing.TB, args ...string) string {
	tb.Helper()
	var output strings.Builder
	app := newApp()
	app.Writer, app.ErrWriter = &output, &output
	if err := app.Run(append([]string{"multiproc"}, args...)); err != nil {
		tb.Fatalf("multiproc %s: %v", strings.Join(args, " "), err)
	}
	return output.String()
}

// testNames returns the tests and benchmarks of the packages in these folders and below them.
func testNames(tb testing.TB, dirs ...string) []string {
	tb.Helper()
	var names []string
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w*)\(`).FindAllStringSubmatch(readText(tb, path), -1) {
				names = append(names, found[1])
			}
			return nil
		})
		check(tb, err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// needsTools skips a test without programs that its commands or files use.
func needsTools(tb testing.TB, texts ...string) {
	tb.Helper()
	all := "bash " + strings.Join(texts, "\n")
	for _, tool := range []string{"bash", "go", "curl", "sqlite3", "python3"} {
		if !installed(tool) && regexp.MustCompile(`\b`+tool+` `).MatchString(all) {
			proctest.Missing(tb, "no "+tool+" in PATH")
		}
	}
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
