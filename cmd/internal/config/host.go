package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// hostList is any number of hosts that requests may name: "example.org", ".example.org" for it and all below it,
// an IP address, IPv6 in brackets, or "*" for all. One text may hold several, separated by commas.
type hostList struct{ field *[]string }

func (l hostList) kind() string    { return "host" }
func (l hostList) texts() []string { return *l.field }

func (l hostList) set(text string) error {
	if text == "" {
		return nil // none is all
	}
	var hosts []string
	for host := range strings.SplitSeq(text, ",") {
		host = strings.ToLower(strings.TrimSpace(host))
		if err := checkHost(host); err != nil {
			return err
		}
		hosts = append(hosts, host)
	}
	*l.field = append(*l.field, hosts...)
	return nil
}

func checkHost(host string) error {
	switch {
	case host == "":
		return errEmpty
	case host == "*":
		return nil
	case strings.HasPrefix(host, "["):
		if !isBracketedIPv6(host) {
			return fmt.Errorf("%s has no IPv6 address in its brackets, or something after them", quoted(host))
		}
		return nil
	case strings.HasPrefix(host, "*."):
		return fmt.Errorf("%s is no host: want %s for it and all below it", quoted(host), quoted(host[1:]))
	case strings.Contains(host, "://"):
		return fmt.Errorf("%s is no host: want it without the scheme", quoted(host))
	case strings.ContainsRune(host, ':'):
		return fmt.Errorf("%s is no host: want it without a port, or IPv6 in brackets", quoted(host))
	case !isHostname(strings.TrimPrefix(host, ".")):
		return fmt.Errorf("%s is no host", quoted(host))
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

// isHostname reports whether a text can be a name in DNS, or an IPv4 address. Names with other than ASCII letters
// come in requests, and must be given, in punycode. Underscores are not allowed in DNS but seen in containers.
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
