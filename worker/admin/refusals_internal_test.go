package admin

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestRefusalsAreToldNowAndThen refuses many logins: the log grows with neither their number nor that of their addresses.
func TestRefusalsAreToldNowAndThen(t *testing.T) {
	var log bytes.Buffer
	l := refusals{log: slog.New(slog.NewTextHandler(&log, nil))}
	lines := func() []string {
		defer log.Reset()
		return strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	}
	locked, later := errors.New("locked"), time.Now().Add(time.Hour)

	for range 1234 {
		l.tell(netip.MustParseAddr("203.0.113.7"), later, locked)
	}
	got := lines()
	for i, want := range []string{"times=1 ", "times=10 ", "times=100 ", "times=1000 "} {
		if len(got) != 4 || !strings.Contains(got[i], want) || !strings.Contains(got[i], "remote=203.0.113.7 ") {
			t.Fatalf("%q, want 4 lines, with %s", got, want)
		}
	}

	// A new window; a network of IPv6; nowhere.
	l.of["203.0.113.7"].until = time.Now().Add(-time.Second)
	for _, from := range []string{"203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"} {
		l.tell(netip.MustParseAddr(from), later, locked)
	}
	l.tell(netip.Addr{}, later, locked)
	if got := lines(); len(got) != 4 || !strings.Contains(strings.Join(got, ""), `remote=2001:db8::/64`) {
		t.Errorf("%q", got)
	}

	// More addresses than there is room for, and room again.
	addr := netip.MustParseAddr("198.18.0.0")
	for range 3 * maxRefusals {
		l.tell(addr, later, locked)
		addr = addr.Next()
	}
	if got := len(lines()); got > maxRefusals+5 || len(l.of) > maxRefusals+1 {
		t.Errorf("%d lines, %d addresses", got, len(l.of))
	}
	for _, r := range l.of {
		r.until = time.Now().Add(-time.Second)
	}
	l.tell(addr, later, locked)
	l.tell(addr, later, locked)
	if len(l.of) > 2 {
		t.Errorf("%d are kept", len(l.of))
	}
}
