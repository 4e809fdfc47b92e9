package handoff

import "testing"

func TestIdentityFromEnviron(t *testing.T) {
	for _, c := range []struct {
		slot, id, generation string
		want                 Identity
		ok                   bool
	}{
		{"", "", "", Identity{}, true},
		{"3", "", "4", Identity{}, true},
		{"3", "w3-1", "4", Identity{3, "w3-1", 4}, true},
		{"", "w3", "4", Identity{}, false},
		{"3", "w3", "new", Identity{}, false},
	} {
		t.Setenv("MULTIPROC_SLOT", c.slot)
		t.Setenv("MULTIPROC_ID", c.id)
		t.Setenv("MULTIPROC_GENERATION", c.generation)
		got, err := identityFromEnviron()
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q %q %q: %+v, %v", c.slot, c.id, c.generation, got, err)
		}
	}
}
