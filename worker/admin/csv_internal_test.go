package admin

import "testing"

func TestCell(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := cell(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	f("", "")
	f("a=b", "a=b")
	f("=1+1", "'=1+1")
	f("  =1+1", "'  =1+1")
	f("\u00a0@x", "'\u00a0@x")
	f("＝1", "'＝1")
	f("\tx", "'\tx")
	f("\r=2", "'\r=2")
	f(" x", " x")
	f("\xff", "\xff")
}
