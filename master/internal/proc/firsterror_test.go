package proc

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestFirstError(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		if got := FirstError([]byte(strings.Join(lines, "\n"))); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("")
	f("", "", " ", "\r")
	f("bye", "hello", "bye", "", "  ")
	f("open /x: permission denied", "hello", "open /x: permission denied\r", "bye")
	f("Error: first", "Error: first", "FATAL: second")
	f("panic: runtime error: index out of range [5] with length 3", "panic: runtime error: index out of range [5] with length 3",
		"", "goroutine 1 [running]:", "main.main()", "\t/src/fail/main.go:7 +0x1d", "exit status 2")
	for _, line := range []string{
		"fatal error: all goroutines are asleep - deadlock!", "it FAILED", "Exception in thread main", "cannot bind", "can't open",
		"unable to fork", "no such table: users",
	} {
		f(line, "before", line, "after")
	}

	// Python reports the cause at the end of a traceback.
	f("ModuleNotFoundError: No module named 'django'",
		"[7] [ERROR] Exception in worker process", "Traceback (most recent call last):", `  File "/srv/fail.py", line 1, in error`,
		"    import django", "    ~~~~~~^^^^^^^", "ModuleNotFoundError: No module named 'django'", "[7] [INFO] Worker exiting")
	f("RuntimeError: second", "Traceback (most recent call last):", `  File "a.py", line 1`, "KeyError: 'first'", "",
		"During handling of the above exception, another exception occurred:", "", "ERROR:    Traceback (most recent call last):",
		`  File "a.py", line 3`, "RuntimeError: second", "Error: something else")
	f("something failed", "something failed", "Traceback (most recent call last):", `  File "cut.py"`) // cut off

	// Lines of log/slog.
	f("", `time=2026-11-22T19:00:00Z level=INFO msg="no error yet"`, `{"time":"x","level":"DEBUG","msg":"failed, tried again"}`)
	f("bind: address already in use", `level=INFO msg=failed error=none`, "bind: address already in use")
	f(`open "x": it failed`, `time=2026-11-22T19:00:00Z level=WARN msg=slow`, `time=2026-11-22T19:00:01Z level=ERROR msg="open \"x\"" pid=7 error="it failed"`)
	f("giving up", `time=x level=WARN msg=slow`, `time=x level=ERROR msg="giving up"`, "error: later")
	f("worse: worst", `{"time":"x","level":"INFO","msg":"error"}`, `{"time":"x","level":"ERROR+2","msg":"worse","n":1,"err":"worst"}`)
	f("slow", `level=INFO+2 msg=error`, `level=WARN msg=slow`)
	// Lines that only look similar.
	f(`{"level":"INFO","error":"no message"}`, `{"level":"INFO","error":"no message"}`)
	f(`{"level":"ERR`, `{"level":"ERR`)
	f(`{"level":7,"msg":"error"}`, `{"level":7,"msg":"error"}`)
	f(`level=LOUD msg=error`, `level=LOUD msg=error`)
	f(`time=error`, `time=error`)
	f(`time="unfinished error`, `time="unfinished error`)

	// One short line of printable text.
	f("a b \uFFFD[31mred\uFFFD error", "a\tb \x1b[31mred\xff error")
	f("error \uFFFD1202", "error \u202e1202") // reverses the direction of the text
	long := "error " + strings.Repeat("x", 400)
	f(long[:297]+"…", long)
	f("error "+strings.Repeat("é", 145)+"…", "error "+strings.Repeat("é", 400))
}

// Everything that log/slog writes can be parsed.
func TestFirstErrorOfLog(t *testing.T) {
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		out.Reset()
		log := slog.New(handler)
		log.Info("error=one")
		log.Warn("two")
		log.With("group", slog.GroupValue(slog.Int("n", 1))).Error(`a "quoted" = \ message`, "list", []string{"a b"}, "error", "bad\nthing")
		if got, want := FirstError(out.Bytes()), `a "quoted" = \ message: bad thing`; got != want {
			t.Errorf("%q, want %q\n%s", got, want, &out)
		}
	}
}

func FuzzFirstError(f *testing.F) {
	f.Add([]byte("hello\nerror \x1b[31m\xff"))
	f.Add([]byte("Traceback (most recent call last):\n  File\nError: x"))
	f.Add([]byte(`time=x level=ERROR msg="a \"b\"" error=c`))
	f.Add([]byte(`{"level":"INFO","msg":"x"}`))
	f.Fuzz(func(t *testing.T, output []byte) {
		line := FirstError(output)
		if len(line) > maxErrorLine || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", line)
		}
	})
}
