package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Proxy is one or some of those whose word counts for who a request's client is.
type Proxy struct {
	Network netip.Prefix // of one address, or more; the zero Prefix: whoever connects to a unix socket
}

const unixProxy = "unix"

// String is the proxy as it stands in an ini file.
func (p Proxy) String() string {
	switch {
	case !p.Network.IsValid():
		return unixProxy
	case p.Network.IsSingleIP():
		return p.Network.Addr().String()
	}
	return p.Network.String()
}

// MarshalText gives String.
func (p Proxy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what String gives.
func (p *Proxy) UnmarshalText(text []byte) error {
	parsed, err := parseProxy(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// proxyList is any number of proxies. One text may hold several, separated by commas.
type proxyList struct{ field *[]Proxy }

func (l proxyList) kind() string { return "proxy" }

func (l proxyList) texts() []string {
	texts := make([]string, len(*l.field))
	for i, p := range *l.field {
		texts[i] = p.String()
	}
	return texts
}

func (l proxyList) set(text string) error {
	if text == "" {
		return nil // none
	}
	var proxies []Proxy
	for one := range strings.SplitSeq(text, ",") {
		p, err := parseProxy(strings.TrimSpace(one))
		if err != nil {
			return err
		}
		proxies = append(proxies, p)
	}
	*l.field = append(*l.field, proxies...)
	return nil
}

// parseProxy takes no names, which somebody else resolves, and nothing that stands for everybody: then it would be the
// client's own word that counts.
func parseProxy(text string) (Proxy, error) {
	switch {
	case text == "":
		return Proxy{}, errEmpty
	case text == unixProxy:
		return Proxy{}, nil
	case text == "*":
		return Proxy{}, fmt.Errorf("%s would let each client say who it is: want the addresses of the proxies", quoted(text))
	case !strings.ContainsRune(text, '/'):
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return Proxy{}, fmt.Errorf("%s is no proxy: want an address, a network like 10.0.0.0/8, or unix", quoted(text))
		}
		addr = addr.Unmap()
		return Proxy{netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return Proxy{}, fmt.Errorf("%s is no network: want one like 10.0.0.0/8 or 2001:db8::/32", quoted(text))
	case network.Bits() == 0:
		return Proxy{}, fmt.Errorf("%s would let each client say who it is: want the addresses of the proxies", quoted(text))
	case network.Addr().Is4In6():
		return Proxy{}, fmt.Errorf("%s is IPv4 in IPv6: want it as IPv4", quoted(text))
	case network != network.Masked():
		return Proxy{}, fmt.Errorf("%s is an address in a network: want %s or %s", quoted(text), network.Masked(), network.Addr())
	}
	return Proxy{network}, nil
}
