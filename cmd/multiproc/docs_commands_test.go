package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"multiproc/cmd/internal/config"
	"multiproc/internal/proctest"
)

// docCommandsElsewhere lists the commands that cannot be run as they stand, with the tests that run them or what they stand for.
func docCommandsElsewhere() map[string]string {
	return map[string]string{
		"go test ./...":              "TestDocCommands", // which it runs
		"go install ./cmd/multiproc": "TestDocCommands", // go run builds the same
		"cp /etc/multiproc/multiproc.service /etc/systemd/system/":               "TestUnitByTool TestUnitFitsINI",
		"systemctl daemon-reload":                                                "TestUnitByTool",
		"systemctl enable --now multiproc":                                       "TestUnitByTool TestNotifiesSystemd",
		"multiproc metrics serve --dir /run/app/metrics --listen 127.0.0.1:9394": "TestScript",
		"promtool test rules testdata/prometheus/rules_test.yml":                 "TestPromtool",
	}
}

// TestDocCommands runs the commands of README.md and docs as a reader would, from the top of a section to its end in one shell,
// beside the files that the section shows. They must print what the text shows, except for numbers and omissions (…).
// Every command must be run, here or elsewhere. The first tier runs README.md only.
func TestDocCommands(t *testing.T) {
	t.Parallel()
	sessions := map[string]*docSession{}
	for _, block := range docBlocks(t) {
		name := block.page + ": " + block.section
		s := sessions[name]
		if s == nil {
			s = &docSession{page: block.page, files: map[string]string{}}
			sessions[name] = s
		}
		switch {
		case block.language == "sh" || block.language == "console":
			s.commands = append(s.commands, block.commands()...)
		case block.file != "":
			s.files[block.file] = block.text
		}
	}
	var all []string
	for _, s := range sessions {
		for _, command := range s.commands {
			all = append(all, command.text)
		}
	}
	var first []string
	for _, command := range sessions["README.md: multiproc"].commands {
		first = append(first, command.text)
	}
	if want := []string{"go run ./cmd/multiproc --ini multiproc.ini", "go test ./..."}; !slices.Equal(first, want) {
		t.Errorf("README.md begins with %q, want %q", first, want)
	}
	for command := range docCommandsElsewhere() {
		if !slices.Contains(all, command) {
			t.Errorf("no page has the command %q any more", command)
		}
	}
	for name, s := range sessions {
		if len(s.commands) > 0 {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s.run(t)
			})
		}
	}
}

// docSession is a section with commands and files.
type docSession struct {
	page     string
	commands []docCommand
	files    map[string]string // texts by name

	dir   string
	top   string            // of the repository
	ports *strings.Replacer // by free ones
}

type docCommand struct {
	line   int // of the block
	text   string
	output string // as shown, if it is
}

// commands returns the commands of a block: every line of sh; in a console the lines after a $, each with the output below it.
func (b docBlock) commands() []docCommand {
	var all []docCommand
	continued := false
	for line := range strings.Lines(b.text) {
		text, prompt := strings.CutPrefix(line, "$ ")
		switch {
		case continued:
			all[len(all)-1].text += line
		case strings.TrimSpace(line) == "":
		case prompt || b.language == "sh":
			all = append(all, docCommand{line: b.line, text: text})
		case len(all) > 0:
			all[len(all)-1].output += line
			continue
		}
		continued = strings.HasSuffix(line, "\\\n")
	}
	for i := range all {
		all[i].text = strings.TrimSpace(all[i].text)
	}
	return all
}

// run runs the commands that can be run here, and checks that the others are run elsewhere.
func (s *docSession) run(t *testing.T) {
	t.Helper()
	runnable := regexp.MustCompile(`^(multiproc|go|curl|sqlite3|cp \.\./multiproc/go\.sum|TOKEN=\$\(multiproc|kill -9 \$\(multiproc status) `)
	var here []docCommand
	texts := slices.Collect(maps.Values(s.files))
	for _, command := range s.commands {
		switch tests := docCommandsElsewhere()[command.text]; {
		case tests != "":
			for name := range strings.FieldsSeq(tests) {
				if !slices.Contains(testNames(t, "cmd"), name) {
					t.Errorf("%s: there is no %s that runs it", command.text, name)
				}
			}
		case strings.HasPrefix(command.text, "go test "):
			checkGoTest(t, command)
		case runnable.MatchString(command.text):
			here = append(here, command)
			texts = append(texts, command.text)
		default: // it could do anything to this machine
			t.Errorf("%s:%d: no test runs %s", s.page, command.line, command.text)
		}
	}
	if len(here) == 0 || t.Failed() {
		return
	}
	if s.page != "README.md" {
		proctest.Long(t)
	}
	needsTools(t, texts...)
	s.prepare(t)
	s.runScript(t, here)
}

// prepare writes the files, with free ports.
func (s *docSession) prepare(t *testing.T) {
	t.Helper()
	s.dir = t.TempDir()
	var err error
	if s.top, err = filepath.Abs(root); err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile(filepath.Join(s.top, "multiproc.ini"))
	check(t, err)
	files := map[string]string{
		// With fewer workers, and with the database in the temporary folder.
		"multiproc.ini": strings.Replace(string(sample), "\nprocesses = 4\n", "\nprocesses = 2\nchdir = "+s.dir+"\n", 1),
	}
	maps.Copy(files, s.files)
	var ports []string
	for _, text := range files {
		for _, address := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(text, -1) {
			if !slices.Contains(ports, address) {
				ports = append(ports, address, freeAddress(t))
			}
		}
	}
	s.ports = strings.NewReplacer(ports...)
	for name, text := range files {
		check(t, os.WriteFile(filepath.Join(s.dir, name), []byte(s.ports.Replace(text)), 0o600))
	}
}

// runScript runs the commands, one after the other until one fails.
func (s *docSession) runScript(t *testing.T, commands []docCommand) {
	t.Helper()
	out := t.TempDir()
	var script strings.Builder
	script.WriteString("trap 'for ini in $started; do multiproc stop --fast --ini $ini; done 2>/dev/null; wait' EXIT\n")
	for i, command := range commands {
		fmt.Fprintf(&script, "echo %d >%s/at\n{\n%s\n} >%s/%[1]d.out 2>%[2]s/%[1]d.err || exit 1\n", i, out, s.shell(command.text), out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*proctest.Patience) // some compile programs
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(),
		"GOPROXY=off", "GOFLAGS=-buildvcs=false -ldflags=-w", // no network, and no debug information
		config.MetricsDirVariable+"="+filepath.Join(s.dir, "metrics"), "XDG_RUNTIME_DIR="+s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // with its children
	cmd.WaitDelay = proctest.Patience
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		at := strings.TrimSpace(readText(t, filepath.Join(out, "at")))
		var i int
		if _, err := fmt.Sscan(at, &i); err != nil {
			t.Fatalf("%v: %s", err, &said)
		}
		t.Fatalf("%s:%d: %s\n%v: %s%s%s", s.page, commands[i].line, commands[i].text, err, &said,
			readText(t, filepath.Join(out, at+".out")), readText(t, filepath.Join(out, at+".err")))
	}
	for i, command := range commands {
		if got := readText(t, fmt.Sprintf("%s/%d.out", out, i)); command.output != "" && !looksLike(got, command.output) {
			t.Errorf("%s:%d: %s\nprints\n%snot\n%s", s.page, command.line, command.text, got, command.output)
		}
	}
}

// shell returns a command for the script. A server in the foreground is awaited and stopped before the next command. For one in
// the background the page has to wait itself, since its readers must.
func (s *docSession) shell(command string) string {
	command = strings.NewReplacer("../multiproc", s.top, "multiproc.ini", filepath.Join(s.dir, "multiproc.ini"),
		"/etc/multiproc", filepath.Join(s.dir, "etc"), "/usr/local/bin", s.dir).Replace(s.ports.Replace(command))
	server := regexp.MustCompile(`^(?:go run \./cmd/multiproc|multiproc) --ini (\S+)( &)?$`).FindStringSubmatch(command)
	foreground := server != nil && server[2] == ""
	if foreground {
		command += " &"
	}
	if regexp.MustCompile(`^go \w+ (?:-o \S+ )?\./`).MatchString(command) { // where the module is
		command = "cd " + s.top + "\n" + command + "\ncd " + s.dir
	}
	if server == nil {
		return command
	}
	command = fmt.Sprintf("started=\"$started %s\"\n", server[1]) + command
	if foreground {
		command += fmt.Sprintf(`
until multiproc status --ini %[1]s 2>/dev/null | grep -Eq '([0-9]+) of \1 workers ready'; do
	kill -0 $! || exit 1
	sleep 0.05
done
multiproc stop --ini %[1]s && wait
`, server[1])
	}
	return command
}

// looksLike reports whether a text is as shown, except for numbers, widths and omissions. An omission of everything stands for at
// least something.
func looksLike(got, shown string) bool {
	if strings.TrimSpace(got) == "" {
		return strings.TrimSpace(shown) == ""
	}
	normal := func(text string) string {
		text = regexp.MustCompile(`[0-9][0-9.]*`).ReplaceAllString(text, "0")
		return strings.TrimSpace(regexp.MustCompile(`[ -]*(\s)`).ReplaceAllString(text, "$1"))
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(normal(shown)), "…", ".*")
	return regexp.MustCompile(`^(?s:` + pattern + `)$`).MatchString(normal(got))
}

// checkGoTest checks that every part of the patterns of a go test matches a test of its packages. Running them would take too long.
func checkGoTest(t *testing.T, command docCommand) {
	t.Helper()
	var names, patterns []string
	words := strings.Fields(strings.ReplaceAll(command.text, "'", ""))[2:]
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case strings.HasPrefix(word, "./"):
			names = append(names, testNames(t, word)...)
		case word == "-run" || word == "-bench":
			i++
			if words[i] != "^$" {
				patterns = append(patterns, map[string]string{"-run": "^Test.*", "-bench": "^Benchmark.*"}[word]+"("+words[i]+")")
			}
		case word == "-benchtime" || word == "-count":
			i++
		case word != "-v":
			t.Errorf("line %d: %s: what is %s?", command.line, command.text, word)
		}
	}
	for _, pattern := range patterns {
		head, alternatives, _ := strings.Cut(strings.TrimSuffix(pattern, ")"), "(")
		for part := range strings.SplitSeq(alternatives, "|") {
			part = strings.TrimPrefix(part, "Test")
			if !slices.ContainsFunc(names, regexp.MustCompile(head+part).MatchString) {
				t.Errorf("line %d: %s: there is no %s", command.line, command.text, part)
			}
		}
	}
	if len(patterns) == 0 {
		t.Errorf("line %d: %s: it does not say what", command.line, command.text)
	}
}

func readText(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
	return string(text)
}

// TestDocSpans checks the commands within the text: each must exist with its flags, and none may be missing.
func TestDocSpans(t *testing.T) {
	t.Parallel()
	var text string
	for page, all := range docPages(t) {
		if page != "docs/changes.md" { // which has old commands
			text += unfenced(all) + "\n"
		}
	}
	text = strings.ReplaceAll(text, `\|`, "|")
	helps := commandHelps(t)
	mentioned := map[string]bool{}
	for _, span := range quoted(text) {
		words := strings.FieldsFunc(span, func(r rune) bool { return strings.ContainsRune(" []", r) })
		if words[0] != "multiproc" {
			continue
		}
		verb := ""
		for len(words) > 1 && helps[strings.TrimSpace(verb+" "+words[1])] != "" {
			verb = strings.TrimSpace(verb + " " + words[1])
			words = words[1:]
		}
		mentioned[verb] = true
		for _, word := range words[1:] {
			flag, ok := strings.CutPrefix(word, "--")
			has := regexp.MustCompile(regexp.QuoteMeta(word) + `\b`).MatchString(helps[verb])
			if ok && flag != "KEY" && flag != "ini" && !has && !isKey(flag) {
				t.Errorf("`%s`: multiproc %s has no %s", span, verb, word)
			}
		}
	}
	for verb := range helps {
		if group := verb == "metrics" || verb == "token"; !mentioned[verb] && !group {
			t.Errorf("no page describes multiproc %s", verb)
		}
	}
}

// commandHelps returns the help of every command.
func commandHelps(t *testing.T) map[string]string {
	t.Helper()
	helps := map[string]string{}
	for _, command := range newApp().VisibleCommands() {
		verbs := []string{command.Name}
		for _, sub := range command.VisibleCommands() {
			verbs = append(verbs, command.Name+" "+sub.Name)
		}
		for _, verb := range verbs {
			var help bytes.Buffer
			app := newApp()
			app.Writer, app.ErrWriter = &help, &help
			if err := app.Run(append(append([]string{"multiproc"}, strings.Fields(verb)...), "--help")); err != nil {
				t.Fatalf("multiproc %s --help: %v", verb, err)
			}
			helps[verb] = help.String()
		}
	}
	return helps
}

func isKey(name string) bool {
	return slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return k.Name == name || slices.Contains(k.Aliases, name) })
}
