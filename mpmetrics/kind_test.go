package mpmetrics

import "testing"

func TestModes(t *testing.T) {
	for m := range gaugeMode(gaugeModes) {
		name := fileName{kind{gaugeType, m}, "1"}.String()
		if back, ok := parseFileName(name); !ok || back.mode != m {
			t.Errorf("mode %d is written %s and read as %+v, %v", m, name, back, ok)
		}
		if live := m.String()[:1] == "l"; live != m.live() || m.live() && m.base() != m-1 || !m.live() && m.base() != m {
			t.Errorf("%s: live %v, merged as %s", m, m.live(), m.base())
		}
	}
}
