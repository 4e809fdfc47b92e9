package inspect

import (
	"testing"
)

func TestFormats(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(formatAge(0), "0s")
	f(formatAge(59.9), "59s")
	f(formatAge(61), "1m01s")
	f(formatAge(3600), "1h00m")
	f(formatAge(90000), "1d01h")
	f(formatLatency(0.0000125), "12µs")
	f(formatLatency(0.0125), "12.5ms")
	f(formatLatency(2), "2.00s")
	f(formatBytes(0), "0 B")
	f(formatBytes(999), "999 B")
	f(formatBytes(1000), "1.0 KiB")
	f(formatBytes(1<<20), "1.0 MiB")
	f(formatBytes(1<<40), "1024.0 GiB")
}
