package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// hosts are hosts that requests may name: "example.org", ".example.org" for it and everything below it, an IP address, IPv6
// in brackets, or "*" for all.
func hosts(field *[]string) value {
	parse := func(text string) (string, error) {
		host := strings.ToLower(text)
		return host, checkHost(host)
	}
	return list[string]{field: field, name: "host", parse: parse, format: asIs, commas: true}
}

func checkHost(host string) error {
	switch {
	case host == "":
		return errEmpty
	case host == "*":
		return nil
	case strings.HasPrefix(host, "["):
		if !isBracketedIPv6(host) {
			return fmt.Errorf("%s must have an IPv6 address in its brackets, and nothing after them", quoted(host))
		}
		return nil
	case strings.HasPrefix(host, "*."):
		return fmt.Errorf("%s is not a host: use %s for it and everything below it", quoted(host), quoted(host[1:]))
	case strings.Contains(host, "://"):
		return fmt.Errorf("%s is not a host: leave out the scheme", quoted(host))
	case strings.ContainsRune(host, ':'):
		return fmt.Errorf("%s is not a host: leave out the port, or put IPv6 in brackets", quoted(host))
	case !isHostname(strings.TrimPrefix(host, ".")):
		return fmt.Errorf("%s is not a host", quoted(host))
	}
	return nil
}

// isBracketedIPv6 reports whether a text is an IPv6 address in brackets, and nothing else.
func isBracketedIPv6(text string) bool {
	inner, opened := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	return opened && closed && err == nil && ip.Is6()
}

// isHostname reports whether a text can be a name in DNS, or an IPv4 address. Names with letters beyond ASCII must be given in
// punycode, as requests have them. Underscores are not allowed in DNS, but containers use them.
func isHostname(text string) bool {
	if len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if !isHostLabel(label) {
			return false
		}
	}
	return true
}

func isHostLabel(label string) bool {
	for _, c := range []byte(label) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return label != "" && len(label) <= 63
}
