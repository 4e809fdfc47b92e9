package format

import "testing"

func TestModes(t *testing.T) {
	for m := range Mode(Modes) {
		name := FileName{Kind{Gauge, m}, "1"}.String()
		if back, ok := ParseFileName(name); !ok || back.Mode != m {
			t.Errorf("mode %d is written %s and read as %+v, %v", m, name, back, ok)
		}
		if live := m.String()[:1] == "l"; live != m.Live() || m.Live() && m.Base() != m-1 || !m.Live() && m.Base() != m {
			t.Errorf("%s: live %v, merged as %s", m, m.Live(), m.Base())
		}
	}
}
