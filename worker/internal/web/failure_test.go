package web

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestThrottle: of many failures the first in an interval is logged, with the number since the last one.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle Throttle
		for i, want := range []int{1, 0, 0, 3, 0} {
			if i == 3 {
				time.Sleep(throttleInterval) //nolint:forbidigo // the bubble's clock
			}
			if n, ok := throttle.Next(); n != want || ok != (want > 0) {
				t.Errorf("failure %d: %d, %t, want %d", i, n, ok, want)
			}
		}
	})
}
