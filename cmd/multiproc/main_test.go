package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"multiproc/internal/proctest"
)

// TestMain lets this binary run as the command and as the application of the tests.
func TestMain(m *testing.M) {
	if err := proctest.SideBySide(5); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"multiproc": main, "testapp": testApp, "activate": activate})
}

// TestScript runs the scripts in testdata, one for each verb. They have these commands besides those of testscript:
//
//	exits CODE COMMAND...    run the command and expect its exit code
//	poke FILE OFFSET BYTES   overwrite a part of the file; BYTES is the content of a Go string
//	escape FILE              create a metric file with a control sequence in a label
//	gitlab FILE              create a metric file with a histogram as GitLab's library does
//	fraction FILE VALUE      create a metric file with a histogram whose only bucket has this value
func TestScript(t *testing.T) {
	golden, err := filepath.Abs("../../testdata")
	check(t, err)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TESTDATA", golden)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "poke": poke, "escape": escape, "fraction": fraction, "gitlab": gitlab,
		},
	})
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

func gitlab(ts *testscript.TestScript, _ bool, args []string) {
	var entries []byte
	for _, key := range []string{
		`["h","h_sum",[],[]]`, `["h","h_count",[],[]]`, `["h","h_bucket",["le"],["+Inf"]]`, `["h","h_bucket",["le"],["1"]]`,
	} {
		entries = appendSample(entries, key, 1)
		entries = entries[:len(entries)-8] // there is no time
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), metricFile(entries), 0o600))
}

func makeMetricFile(ts *testscript.TestScript, path, key string, value float64) {
	ts.Check(os.WriteFile(ts.MkAbs(path), metricFile(appendSample(nil, key, value)), 0o600))
}

// appendSample appends an entry of a metric file.
func appendSample(entries []byte, key string, value float64) []byte {
	entries = append(binary.LittleEndian.AppendUint32(entries, uint32(len(key))), key...)
	entries = append(entries, strings.Repeat(" ", 8-len(entries)%8)...)
	return append(binary.LittleEndian.AppendUint64(entries, math.Float64bits(value)), make([]byte, 8)...)
}

// metricFile returns the content of a metric file with these entries.
func metricFile(entries []byte) []byte {
	return append(append(binary.LittleEndian.AppendUint32(nil, uint32(8+len(entries))), 0, 0, 0, 0), entries...)
}
