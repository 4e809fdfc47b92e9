package worker

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// TrustedProxies are those whose word counts for who a request's client is: of them alone X-Forwarded-For gives the
// request's RemoteAddr, and X-Forwarded-Proto says whether it is Secure. What others say there is anybody's. The zero value
// trusts nobody. They must themselves append to X-Forwarded-For whom they are asked by, and set X-Forwarded-Proto.
type TrustedProxies struct {
	Networks []netip.Prefix // IPv4 as such, not as a part of IPv6
	Unix     bool           // also whoever connects to a unix socket
}

// Secure is whether the client asks over TLS: in this connection, or says a trusted proxy, in its own. Outside of a worker
// the connection alone counts.
func Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	c, ok := r.Context().Value(connKey{}).(*conn)
	return ok && c.proxied && forwardedHTTPS(r.Header.Values("X-Forwarded-Proto"))
}

// trusts is whether a connection comes from one of them.
func (p *TrustedProxies) trusts(nc net.Conn) bool {
	switch peer := nc.RemoteAddr().(type) {
	case *net.TCPAddr:
		return p.contains(peer.AddrPort().Addr())
	case *net.UnixAddr:
		return p.Unix
	}
	return false
}

func (p *TrustedProxies) contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// client is who asks, as RemoteAddr has it, by the lines of X-Forwarded-For that a trusted proxy sent: the last one who is
// not trusted, or the first of all where all are. Whatever stands before is what the client said. A port that nobody told
// is 0. It reports false where nobody is told, or something that is no address.
func (p *TrustedProxies) client(lines []string) (remote string, ok bool) {
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var hop string
			line, hop, more = cutLast(line)
			if hop == "" {
				continue // HTTP's lists may have such elements, which mean nothing
			}
			from, valid := parseHop(hop)
			if !valid {
				return "", false
			}
			if remote = from.String(); !p.contains(from.Addr()) {
				return remote, true
			}
		}
	}
	return remote, remote != ""
}

// cutLast takes the last element off a list.
func cutLast(list string) (before, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], strings.Trim(list[i+1:], " \t"), i >= 0
}

// parseHop reads an address, with or without a port: some proxies tell that, too. Of IPv6, brackets go with a port.
func parseHop(hop string) (netip.AddrPort, bool) {
	if from, err := netip.ParseAddrPort(hop); err == nil {
		return netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port()), true
	}
	if inner, ok := strings.CutPrefix(hop, "["); ok {
		hop, ok = strings.CutSuffix(inner, "]")
		if !ok || !strings.Contains(hop, ":") {
			return netip.AddrPort{}, false
		}
	}
	addr, err := netip.ParseAddr(hop)
	return netip.AddrPortFrom(addr.Unmap().WithZone(""), 0), err == nil
}

// forwardedHTTPS is whether all say so who said anything: each proxy may have added its own word.
func forwardedHTTPS(lines []string) bool {
	https := false
	for _, line := range lines {
		for word := range strings.SplitSeq(line, ",") {
			if https = strings.EqualFold(strings.Trim(word, " \t"), "https"); !https {
				return false
			}
		}
	}
	return https
}
