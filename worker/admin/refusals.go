package admin

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// refusals tell the log of logins that are not tried. To be refused costs next to nothing, so that whoever is may be as often as
// they like: of each address the log has the first in a window, the tenth, the hundredth and so on.
type refusals struct {
	log *slog.Logger

	mu sync.Mutex // guards what follows
	of map[string]*refusal
}

// refusal is that of one address, or of all that there is no room for.
type refusal struct {
	until time.Time // the end of its window
	n     int
}

// maxRefusals is of how many addresses the log is told at a time. The others are one.
const maxRefusals = 1000

// tell counts one until whose end no login from there is tried, and says so now and then.
func (l *refusals) tell(from netip.Addr, until time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	where, now := network(from), time.Now()
	r := l.of[where]
	if r == nil && len(l.of) >= maxRefusals {
		where = "others"
		r = l.of[where]
	}
	if r == nil || now.After(r.until) {
		l.expire(now)
		if l.of == nil {
			l.of = map[string]*refusal{}
		}
		r = &refusal{until: until}
		l.of[where] = r
	}
	r.n++
	if powerOfTen(r.n) {
		l.log.Warn("logins are not tried", "remote", where, "times", r.n, "error", err)
	}
}

// expire forgets those whose window is over, where there is no room for others.
func (l *refusals) expire(now time.Time) {
	if len(l.of) < maxRefusals {
		return
	}
	for where, r := range l.of {
		if now.After(r.until) {
			delete(l.of, where)
		}
	}
}

func powerOfTen(n int) bool {
	for n%10 == 0 {
		n /= 10
	}
	return n == 1
}

// network is an address as logins are counted by; of IPv6, its network.
func network(addr netip.Addr) string {
	switch addr = addr.Unmap().WithZone(""); {
	case !addr.IsValid():
		return "a unix socket"
	case addr.Is6():
		return netip.PrefixFrom(addr, 64).Masked().String()
	}
	return addr.String()
}
