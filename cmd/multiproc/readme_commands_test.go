package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// readmeElsewhere names, for each command of README.md that cannot be run as it stands there, the tests that run it, or what
// it stands for.
func readmeElsewhere() map[string]string {
	return map[string]string{
		"go test ./...":              "TestReadmeCommands", // it is what runs this
		"go install ./cmd/multiproc": "TestReadmeCommands", // go run has built the same
		".ci/run":                    "TestReadmeCommands", // and this what runs that
		"cp /etc/multiproc/multiproc.service /etc/systemd/system/":               "TestUnitByTool TestUnitFitsINI",
		"systemctl daemon-reload":                                                "TestUnitByTool",
		"systemctl enable --now multiproc":                                       "TestUnitByTool TestNotifiesSystemd",
		"multiproc createsuperuser --ini multiproc.ini":                          "TestPasswordIsNotEchoed",
		"multiproc metrics serve --dir /run/app/metrics --listen 127.0.0.1:9394": "TestScript",
		"promtool test rules testdata/prometheus/rules_test.yml":                 "TestPromtool",
	}
}

// TestReadmeCommands runs the commands of README.md as somebody would who reads it from the top to the bottom: those of a
// section in one shell, beside the files that the section shows. What it says that they print, they print, but for numbers
// and for what is left out (…). Each of them is run, or is one of those that are run elsewhere.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	sessions := map[string]*readmeSession{}
	var order []string
	for _, block := range readmeBlocks(t) {
		s := sessions[block.section]
		if s == nil {
			s = &readmeSession{section: block.section}
			sessions[block.section] = s
			order = append(order, block.section)
		}
		s.add(t, block)
	}
	var first []string
	for _, section := range order {
		for _, command := range sessions[section].commands {
			first = append(first, command.text)
		}
	}
	if want := []string{"go run ./cmd/multiproc --ini multiproc.ini", "go test ./..."}; len(first) < 2 || !slices.Equal(first[:2], want) {
		t.Errorf("it begins with %q, want %q", first, want)
	}
	for command := range readmeElsewhere() {
		if !slices.Contains(first, command) {
			t.Errorf("README.md does not have the command %q any more", command)
		}
	}
	for _, section := range order {
		t.Run(section, func(t *testing.T) {
			t.Parallel()
			sessions[section].run(t)
		})
	}
}

// readmeSession is a section of README.md with commands and files.
type readmeSession struct {
	section  string
	commands []readmeCommand
	files    map[string]string // texts by name

	dir, root string
	ports     *strings.Replacer // other ones, which are free
}

type readmeCommand struct {
	line   int // of the block
	text   string
	output string // what it prints, where that is said
}

func (s *readmeSession) add(t *testing.T, block readmeBlock) {
	t.Helper()
	switch {
	case block.language == "sh" || block.language == "console":
		s.commands = append(s.commands, block.commands()...)
	case block.file != "" && (block.language == "go" || block.language == "ini"):
		if s.files == nil {
			s.files = map[string]string{}
		}
		s.files[block.file] = block.text
	default:
		t.Errorf("README.md:%d: a block of %q, which no test knows what to do with", block.line, block.language)
	}
}

// commands are those of a block: each line of one of sh, and of a console what is after a $ and goes before what it prints.
func (b readmeBlock) commands() []readmeCommand {
	var all []readmeCommand
	goesOn := false
	for line := range strings.Lines(b.text) {
		text, prompt := strings.CutPrefix(line, "$ ")
		switch {
		case goesOn:
			all[len(all)-1].text += line
		case strings.TrimSpace(line) == "":
		case prompt || b.language == "sh":
			all = append(all, readmeCommand{line: b.line, text: text})
		case len(all) > 0:
			all[len(all)-1].output += line
			continue
		}
		goesOn = strings.HasSuffix(line, "\\\n")
	}
	for i := range all {
		all[i].text = strings.TrimSpace(all[i].text)
	}
	return all
}

// run runs what can be run, and looks after the rest.
func (s *readmeSession) run(t *testing.T) {
	t.Helper()
	runnable := regexp.MustCompile(`^(multiproc|go|curl|sqlite3|cp \.\./multiproc/go\.sum|TOKEN=\$\(multiproc) `)
	var here []readmeCommand
	for _, command := range s.commands {
		switch tests := readmeElsewhere()[command.text]; {
		case tests != "":
			for name := range strings.FieldsSeq(tests) {
				if !slices.Contains(append(testNames(t, "."), testNames(t, "../internal/scaffold")...), name) {
					t.Errorf("%s: there is no %s that runs it", command.text, name)
				}
			}
		case strings.HasPrefix(command.text, "go test "):
			checkGoTest(t, command)
		case runnable.MatchString(command.text):
			here = append(here, command)
		default: // who knows what it would do to this machine
			t.Errorf("README.md:%d: no test runs %s", command.line, command.text)
		}
	}
	if len(here) == 0 || t.Failed() {
		return
	}
	for _, tool := range []string{"bash", "go", "curl", "sqlite3"} {
		needs := slices.ContainsFunc(here, func(c readmeCommand) bool { return strings.HasPrefix(c.text, tool+" ") })
		if _, err := exec.LookPath(tool); err != nil && (needs || tool == "bash") {
			proctest.Missing(t, "no "+tool+" in PATH")
		}
	}
	s.prepare(t)
	s.runScript(t, here)
}

// prepare writes the files, with other ports.
func (s *readmeSession) prepare(t *testing.T) {
	t.Helper()
	s.dir = t.TempDir()
	var err error
	if s.root, err = filepath.Abs("../.."); err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile(filepath.Join(s.root, "multiproc.ini"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		// With fewer workers, and its database not where the command is started.
		"multiproc.ini": strings.Replace(string(sample), "\nprocesses = 4\n", "\nprocesses = 2\nchdir = "+s.dir+"\n", 1),
	}
	var texts strings.Builder
	texts.Write(sample)
	for name, text := range s.files {
		files[name] = text
		texts.WriteString(text)
	}
	var ports []string
	for _, address := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(texts.String(), -1) {
		ports = append(ports, address, freeAddress(t))
	}
	s.ports = strings.NewReplacer(ports...)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(s.ports.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runScript runs the commands, one after the other until one fails.
func (s *readmeSession) runScript(t *testing.T, commands []readmeCommand) {
	t.Helper()
	out := t.TempDir()
	var script strings.Builder
	script.WriteString("trap 'for ini in $started; do multiproc stop --fast --ini $ini; done 2>/dev/null; wait' EXIT\n")
	for i, command := range commands {
		fmt.Fprintf(&script, "echo %d >%s/at\n{\n%s\n} >%s/%[1]d.out 2>%[2]s/%[1]d.err || exit 1\n", i, out, s.shell(command.text), out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*proctest.Patience) // some of them compile programs
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(),
		"GOPROXY=off", "GOFLAGS=-buildvcs=false -ldflags=-w", // no network, and no time for what nobody looks at
		metricsDirVariable+"="+filepath.Join(s.dir, "metrics"), "XDG_RUNTIME_DIR="+s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // with all that it has started
	cmd.WaitDelay = proctest.Patience
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		at := strings.TrimSpace(readText(t, filepath.Join(out, "at")))
		var i int
		if _, err := fmt.Sscan(at, &i); err != nil {
			t.Fatalf("%v: %s", err, &said)
		}
		t.Fatalf("README.md:%d: %s\n%v: %s%s%s", commands[i].line, commands[i].text, err, &said,
			readText(t, filepath.Join(out, at+".out")), readText(t, filepath.Join(out, at+".err")))
	}
	for i, command := range commands {
		if got := readText(t, fmt.Sprintf("%s/%d.out", out, i)); command.output != "" && !looksLike(got, command.output) {
			t.Errorf("README.md:%d: %s\nprints\n%snot\n%s", command.line, command.text, got, command.output)
		}
	}
}

// shell is a command as the script has it. A server that has the terminal for itself is looked at and stopped before the
// next command. Where one is started in the background, README.md itself has to wait for it, as whoever pastes it.
func (s *readmeSession) shell(command string) string {
	command = strings.NewReplacer("../multiproc", s.root, "multiproc.ini", filepath.Join(s.dir, "multiproc.ini"),
		"/etc/multiproc", filepath.Join(s.dir, "etc"), "/usr/local/bin", s.dir).Replace(s.ports.Replace(command))
	server := regexp.MustCompile(`^(?:go run \./cmd/multiproc|multiproc) --ini (\S+)( &)?$`).FindStringSubmatch(command)
	foreground := server != nil && server[2] == ""
	if foreground {
		command += " &"
	}
	if regexp.MustCompile(`^go \w+ (?:-o \S+ )?\./`).MatchString(command) { // where the module is
		command = "cd " + s.root + "\n" + command + "\ncd " + s.dir
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

// looksLike reports whether a text is what README.md shows: the same but for numbers and widths, and for what is left out.
// Where all is left out, there is something at least.
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

// checkGoTest expects that each part of the patterns of a go test has something to run in the packages. What it measures
// would take too long here.
func checkGoTest(t *testing.T, command readmeCommand) {
	t.Helper()
	var names, patterns []string
	words := strings.Fields(strings.ReplaceAll(command.text, "'", ""))[2:]
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case strings.HasPrefix(word, "./"):
			names = append(names, testNames(t, filepath.Join("../..", word))...)
		case word == "-run" || word == "-bench":
			i++
			if words[i] != "^$" {
				patterns = append(patterns, map[string]string{"-run": "^Test.*", "-bench": "^Benchmark.*"}[word]+"("+words[i]+")")
			}
		case word == "-benchtime" || word == "-count":
			i++
		case word != "-v":
			t.Errorf("README.md:%d: %s: what is %s?", command.line, command.text, word)
		}
	}
	for _, pattern := range patterns {
		head, alternatives, _ := strings.Cut(strings.TrimSuffix(pattern, ")"), "(")
		for part := range strings.SplitSeq(alternatives, "|") {
			part = strings.TrimPrefix(part, "Test")
			if !slices.ContainsFunc(names, regexp.MustCompile(head+part).MatchString) {
				t.Errorf("README.md:%d: %s: there is no %s", command.line, command.text, part)
			}
		}
	}
	if len(patterns) == 0 {
		t.Errorf("README.md:%d: %s: it does not say what", command.line, command.text)
	}
}

// testNames are the tests and benchmarks of the package in a directory.
func testNames(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("tests of %s: %v, %v", dir, files, err)
	}
	var names []string
	for _, file := range files {
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w*)\(`).FindAllStringSubmatch(readText(t, file), -1) {
			names = append(names, found[1])
		}
	}
	return names
}

func readText(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
	return string(text)
}

// TestReadmeSpans looks at the commands in the text of README.md: each is one, with flags that it has, and none is missing.
func TestReadmeSpans(t *testing.T) {
	t.Parallel()
	text := regexp.MustCompile("(?s)\n```.*?\n```").ReplaceAllString(readReadme(t), "")
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
			t.Errorf("README.md does not say what multiproc %s does", verb)
		}
	}
}

// commandHelps is what each command prints when it is asked for help.
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
