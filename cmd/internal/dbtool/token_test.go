package dbtool

import "testing"

func TestLifetimeOf(t *testing.T) {
	for text, ok := range map[string]bool{"720h": true, "1m30s": true, "0": false, "-1h": false, "": false, "30": false, "ever": false} {
		if d, err := lifetimeOf(map[string]string{"expires": text}); (err == nil) != ok || ok != (d > 0) {
			t.Errorf("%q: %s, %v", text, d, err)
		}
	}
	if d, err := lifetimeOf(nil); d != 0 || err != nil {
		t.Error(d, err)
	}
}
