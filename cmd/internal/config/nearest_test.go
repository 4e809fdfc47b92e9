package config

import "testing"

func TestNearest(t *testing.T) {
	candidates := newTable().names
	for word, want := range map[string]string{
		"proceses": "processes", "porcesses": "processes", "max_requests": "max-requests", "MAX-REQUESTS": "max-requests",
		"harakiri-grateful-timeout": "harakiri-graceful-timeout", "sokcet": "socket", "nonsense": "", "": "", "x": "",
	} {
		if got := nearest(word, candidates); got != want {
			t.Errorf("%s: %s; want %s", word, got, want)
		}
	}
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "ab"}: 2, {"ab", ""}: 2, {"ab", "ba"}: 1, {"kitten", "sitting"}: 3, {"abcd", "acbd"}: 1, {"same", "same"}: 0,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%q: %d; want %d", pair, got, want)
		}
	}
}
