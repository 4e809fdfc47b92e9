package handoff

import (
	"strings"
	"testing"
)

func TestParseNotice(t *testing.T) {
	for message, want := range map[string]Notice{
		"":                          {},
		"READY=1":                   {Ready: true},
		"READY=1\nSTATUS=fine\n":    {Ready: true, Status: "fine"},
		"READY=0":                   {},
		"READY=1 ":                  {},
		"WATCHDOG=1":                {Alive: true},
		"WATCHDOG=trigger":          {Stuck: true},
		"STOPPING=1\nWATCHDOG=1":    {Stopping: true, Alive: true},
		"STATUS=a=b":                {Status: "a=b"},
		"STATUS=one\nSTATUS=two":    {Status: "two"},
		"STATUS=bad \xff":           {Status: "bad \uFFFD"},
		"MAINPID=1\nFDSTORE=1\nX=":  {},
		"\n\n\nREADY=1\n\n":         {Ready: true},
		"READY=1\x00":               {},
		"EXTEND_TIMEOUT_USEC=1\r\n": {},
	} {
		if got := parseNotice([]byte(message)); got != want {
			t.Errorf("%q: %+v, want %+v", message, got, want)
		}
	}
}

// A notice that was parsed can be sent again and means the same.
func FuzzParseNotice(f *testing.F) {
	for _, seed := range []string{
		"", "READY=1", "READY=1\nSTATUS=serving\n", "WATCHDOG=trigger\nSTOPPING=1\nWATCHDOG=1", "STATUS=\xff\xfe", "STATUS=\r",
		"=\n=", strings.Repeat("\n", 100),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		notice := parseNotice(message)
		again := parseNotice([]byte(strings.Join(notice.lines(), "\n")))
		if again != notice {
			t.Errorf("%q means %+v, which is sent as %q", message, notice, notice.lines())
		}
	})
}
