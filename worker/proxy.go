package worker

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// TrustedProxies are the reverse proxies whose headers are believed: only from them, X-Forwarded-For sets the RemoteAddr of a
// request, and X-Forwarded-Proto makes it Secure. Anyone can send these headers, so a trusted proxy must append the address of its
// own client to X-Forwarded-For, and must set X-Forwarded-Proto. The zero value trusts no peer.
type TrustedProxies struct {
	Networks []netip.Prefix // of IPv4 in its own form, not mapped into IPv6
	Unix     bool           // every peer on a unix socket
}

// Secure reports whether the client uses TLS: on this connection or, according to a trusted proxy, on its connection to the
// proxy. Outside a worker only this connection counts.
func Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	c, ok := r.Context().Value(connKey{}).(*clientConn)
	return ok && c.proxied && forwardedHTTPS(r.Header.Values("X-Forwarded-Proto"))
}

// trusts reports whether a connection comes from a trusted proxy.
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

// client returns the address of the client, in the form of RemoteAddr, from the X-Forwarded-For lines that a trusted proxy sent: the
// last one that is not trusted, or the first one if all are. The elements before it are the client's own claims. The port is 0 if
// it is not given. ok is false if there is no address, or if an element is not one.
func (p *TrustedProxies) client(lines []string) (remote string, ok bool) {
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var hop string
			line, hop, more = cutLast(line)
			if hop == "" {
				continue // lists in HTTP may have empty elements
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

// cutLast splits the last element off a list.
func cutLast(list string) (before, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], strings.Trim(list[i+1:], " \t"), i >= 0
}

// parseHop parses an address with or without a port, which some proxies add. An IPv6 address with a port is in brackets.
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

// forwardedHTTPS reports whether all elements are https. Each proxy may have added one.
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
