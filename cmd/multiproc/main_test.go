package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this binary be run as the command, and as the application of the tests.
func TestMain(m *testing.M) {
	if err := proctest.SideBySide(5); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"multiproc": main, "testapp": testApp, "activate": activate})
}

// TestScript runs the scripts in testdata, one for each verb. Beside testscript's own commands they have
//
//	serve ARG...          multiproc metrics serve on a free port, in the background; sets $URL
//	signal NAME           ends it by TERM or INT and expects exit code 0
//	scrape [HEADER] URL   prints what an HTTP GET gives, head and body
//	exits CODE COMMAND...   exec that expects an exit code
//	poke FILE OFFSET BYTES  overwrites, BYTES in Go's syntax of strings
//	escape FILE           makes a metric file with a label that would colour a terminal
//	fraction FILE VALUE   makes a metric file of a histogram whose only bucket has this count
func TestScript(t *testing.T) {
	golden, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TESTDATA", golden)
			env.Values[serverKey{}] = new(*scraped)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve": serveDirectory, "signal": signalServer, "scrape": scrape, "exits": exits, "poke": poke, "escape": escape, "fraction": fraction,
		},
	})
}

// serverKey is where a script keeps the server that it started.
type serverKey struct{}

type scraped struct {
	cmd    *exec.Cmd
	stderr *bufio.Reader
}

func serveDirectory(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve cannot be negated: use exec")
	}
	path, err := exec.LookPath("multiproc")
	ts.Check(err)
	//nolint:noctx // the script's end kills it, see Defer
	cmd := exec.Command(path, append([]string{"metrics", "serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "PROMETHEUS_MULTIPROC_DIR="+ts.Getenv("PROMETHEUS_MULTIPROC_DIR"))
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s := &scraped{cmd, bufio.NewReader(stderr)}
	line, err := s.stderr.ReadString('\n')
	if err != nil {
		ts.Fatalf("serve: no address: %q, %v", line, err)
	}
	_, url, _ := strings.Cut(line, "url=")
	url, _, _ = strings.Cut(url, " ")
	ts.Setenv("URL", url)
	*ts.Value(serverKey{}).(**scraped) = s
}

func signalServer(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT}
	s := *ts.Value(serverKey{}).(**scraped)
	ts.Check(s.cmd.Process.Signal(signals[args[0]]))
	rest, err := io.ReadAll(s.stderr)
	ts.Check(err)
	fmt.Fprint(ts.Stderr(), string(rest))
	ts.Check(s.cmd.Wait())
}

func scrape(ts *testscript.TestScript, neg bool, args []string) {
	request, err := http.NewRequest(http.MethodGet, args[len(args)-1], nil) //nolint:noctx // the client has a timeout
	ts.Check(err)
	for _, header := range args[:len(args)-1] {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableCompression: true}}
	response, err := client.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	fmt.Fprintln(ts.Stdout(), response.Status)
	ts.Check(response.Header.Write(ts.Stdout()))
	_, err = io.Copy(ts.Stdout(), response.Body)
	ts.Check(err)
	if failed := response.StatusCode >= 400; failed != neg {
		ts.Fatalf("%s", response.Status)
	}
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func poke(ts *testscript.TestScript, _ bool, args []string) {
	var offset int64
	var text string
	_, err := fmt.Sscanf(args[1]+" \""+args[2]+"\"", "%d %q", &offset, &text)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte(text), offset)
	ts.Check(err)
	ts.Check(f.Close())
}

func escape(ts *testscript.TestScript, _ bool, args []string) {
	makeMetricFile(ts, args[0], `["evil", "evil_total", {"l": "\u001b[31m"}, "Help."]`, 1)
}

func fraction(ts *testscript.TestScript, _ bool, args []string) {
	value, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	makeMetricFile(ts, args[0], `["h", "h_bucket", {"le": "+Inf"}, "Help."]`, value)
}

func makeMetricFile(ts *testscript.TestScript, path, key string, value float64) {
	entry := append(binary.LittleEndian.AppendUint32(nil, uint32(len(key))), key...)
	entry = append(entry, strings.Repeat(" ", 8-len(entry)%8)...)
	entry = binary.LittleEndian.AppendUint64(entry, math.Float64bits(value))
	entry = append(entry, make([]byte, 8)...)
	file := append(binary.LittleEndian.AppendUint32(nil, uint32(8+len(entry))), 0, 0, 0, 0)
	ts.Check(os.WriteFile(ts.MkAbs(path), append(file, entry...), 0o600))
}
