package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Proxy is a trusted proxy, or a network of them: what it reports about a request's client is believed.
type Proxy struct {
	Network netip.Prefix // the zero Prefix stands for every client of a unix socket
}

const unixProxy = "unix"

// String returns the proxy as an ini file has it.
func (p Proxy) String() string {
	switch {
	case !p.Network.IsValid():
		return unixProxy
	case p.Network.IsSingleIP():
		return p.Network.Addr().String()
	}
	return p.Network.String()
}

// MarshalText returns String.
func (p Proxy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText parses the result of String.
func (p *Proxy) UnmarshalText(text []byte) error {
	parsed, err := parseProxy(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

func proxies(field *[]Proxy) value {
	return list[Proxy]{field: field, name: "proxy", parse: parseProxy, format: Proxy.String, commas: true}
}

// parseProxy refuses names, since their resolution is outside the server, and networks that contain every address, since then
// clients could claim any address.
func parseProxy(text string) (Proxy, error) {
	switch {
	case text == "":
		return Proxy{}, errEmpty
	case text == unixProxy:
		return Proxy{}, nil
	case text == "*":
		return Proxy{}, fmt.Errorf("%s would let every client claim any address: use the addresses of the proxies", quoted(text))
	case !strings.ContainsRune(text, '/'):
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return Proxy{}, fmt.Errorf("%s is not a proxy: use an address, a network such as 10.0.0.0/8, or unix", quoted(text))
		}
		addr = addr.Unmap()
		return Proxy{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return Proxy{}, fmt.Errorf("%s is not a network: use one such as 10.0.0.0/8 or 2001:db8::/32", quoted(text))
	case network.Bits() == 0:
		return Proxy{}, fmt.Errorf("%s would let every client claim any address: use the addresses of the proxies", quoted(text))
	case network.Addr().Is4In6():
		return Proxy{}, fmt.Errorf("%s is IPv4 mapped into IPv6: write it as IPv4", quoted(text))
	case network != network.Masked():
		return Proxy{}, fmt.Errorf("%s is an address with a network's length: use %s or %s", quoted(text), network.Masked(), network.Addr())
	}
	return Proxy{network}, nil
}
