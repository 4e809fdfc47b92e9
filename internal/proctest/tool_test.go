package proctest

import "testing"

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		version, than string
		want          bool
	}{
		{"2.42.0", "2.49", true},
		{"2.49.0", "2.49", false},
		{"2.49", "2.49", false},
		{"3.5.3", "2.49", false},
		{"252", "250", false},
		{"249", "250", true},
		{"2.9", "2.10", true},
		{"", "1", true},
	} {
		if got := Older(c.version, c.than); got != c.want {
			t.Errorf("%q is older than %q: %t, want %t", c.version, c.than, got, c.want)
		}
	}
}
