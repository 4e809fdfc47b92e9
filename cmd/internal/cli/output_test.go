package cli

import "testing"

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                          "plain",
		"a b\x1b[31m\n\u202e\xffé\u00a0": `a b\x1b[31m\n\u202e\xffé\u00a0`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("Printable(%q) = %s, want %s", text, got, want)
		}
	}
}
