package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Address is an address to listen on.
type Address struct {
	Network string // "tcp", "unix" or "fd"
	Address string // as for net.Listen: "127.0.0.1:8000", "[::1]:8000", ":8000", "/absolute/path", "@abstract"

	// For the network "fd": an inherited listening socket, by its number, or by the name in Address, which a service manager can
	// give to several sockets.
	FD int
}

// String returns the address as an ini file has it.
func (a Address) String() string {
	if a.Network == "fd" && a.Address == "" {
		return fdScheme + strconv.Itoa(a.FD)
	}
	if a.Network == "fd" {
		return fdScheme + a.Address
	}
	return a.Address
}

// MarshalText returns String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText parses the result of String. The path of a unix socket must be absolute.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := parseAddress(string(text), "")
	if err == nil {
		*a = parsed
	}
	return err
}

const fdScheme = "fd://"

const kindAddress = "address"

// addresses is a list of addresses to listen on. Relative paths are resolved against dir.
func addresses(field *[]Address, dir string) value {
	parse := func(text string) (Address, error) { return parseAddress(text, dir) }
	return list[Address]{field: field, name: kindAddress, parse: parse, format: Address.String}
}

func parseAddress(text, dir string) (Address, error) {
	switch {
	case text == "":
		return Address{}, errEmpty
	case strings.HasPrefix(text, fdScheme):
		return parseFD(text)
	case hasScheme(text):
		return Address{}, fmt.Errorf("%s is not an address: %s", quoted(text), withoutScheme(text))
	case text[0] == '=':
		return Address{}, fmt.Errorf("%s is not an address: use the address of the shared socket itself", quoted(text))
	case strings.HasPrefix(text, `\0`):
		return Address{}, fmt.Errorf("%s is not an address: use %s", quoted(text), quoted("@"+text[2:]))
	case text[0] == '@':
		return parseAbstract(text)
	case strings.ContainsRune(text, '/') && strings.ContainsRune(text, ':') && text[0] != '/' && text[0] != '.':
		return Address{}, fmt.Errorf("%s is not an address: use HOST:PORT and nothing else, or %s for a path", quoted(text), quoted("./"+text))
	case strings.ContainsRune(text, '/') || strings.HasSuffix(text, ".sock"):
		return parseUnix(text, dir)
	}
	return parseTCP(text)
}

// hasScheme reports whether a text has a scheme, like an address in a URL, nginx or gunicorn.
func hasScheme(text string) bool {
	scheme, rest, ok := strings.Cut(text, ":")
	if strings.HasPrefix(rest, "//") {
		return !strings.ContainsRune(scheme, '/')
	}
	return ok && slices.Contains([]string{"unix", "tcp", "tcp4", "tcp6", "http", "https", "uwsgi"}, scheme) && !isPort(rest)
}

// withoutScheme returns what to write instead of an address with a scheme.
func withoutScheme(text string) string {
	scheme, rest, _ := strings.Cut(text, ":")
	rest = strings.TrimPrefix(rest, "//")
	switch scheme {
	case "unix":
	case "https":
		return "use HOST:PORT, with tls-cert and tls-key"
	default:
		rest, _, _ = strings.Cut(rest, "/") // the path of a URL
	}
	if hasScheme(rest) { // another one: parsing it would come back here, once for each
		return "leave out the scheme, as in :8000"
	}
	if _, err := parseAddress(rest, "/"); err != nil {
		return "leave out the scheme, as in :8000"
	}
	return "leave out the scheme: " + quoted(rest)
}

func parseFD(text string) (Address, error) {
	name := strings.TrimPrefix(text, fdScheme)
	if isFDName(name) {
		return Address{Network: "fd", Address: name}, nil
	}
	fd, err := strconv.ParseUint(name, 10, 31)
	if err != nil {
		return Address{}, fmt.Errorf("%s is not a descriptor: use fd:// and a number, as in fd://3, or a name of FileDescriptorName=", quoted(text))
	}
	return Address{Network: "fd", FD: int(fd)}, nil
}

// isFDName reports whether a text is the name of a descriptor, not a number; see sd_listen_fds_with_names(3).
func isFDName(text string) bool {
	const longest = 255
	unfit := func(r rune) bool { return r <= ' ' || r > '~' || r == ':' || r == '/' }
	return text != "" && len(text) <= longest && !strings.ContainsFunc(text, unfit) && strings.Trim(text, "-0123456789") != ""
}

func parseAbstract(text string) (Address, error) {
	if text == "@" {
		return Address{}, errors.New(`"@" has no name: use @ and a name, as in @app`)
	}
	if err := checkSocketPath(text); err != nil {
		return Address{}, err
	}
	return Address{Network: "unix", Address: text}, nil
}

func parseUnix(text, dir string) (Address, error) {
	if strings.HasSuffix(text, "/") {
		return Address{}, fmt.Errorf("%s is a directory: use the path of a socket", quoted(text))
	}
	path, err := resolve(dir, text)
	if err != nil {
		return Address{}, err
	}
	if err := checkSocketPath(path); err != nil {
		return Address{}, err
	}
	return Address{Network: "unix", Address: path}, nil
}

// checkSocketPath refuses a path that does not fit into sockaddr_un with its final NUL.
func checkSocketPath(path string) error {
	const room = 107
	if len(path) > room {
		return fmt.Errorf("%s has %d bytes: the path of a unix socket can have at most %d", quoted(path), len(path), room)
	}
	return nil
}

// parseTCP refuses names of ports, which depend on the machine. Host names are looked up when the server listens.
func parseTCP(text string) (Address, error) {
	colon := strings.LastIndexByte(text, ':')
	if isSeveral(text) {
		return Address{}, fmt.Errorf("%s is not an address: use a line for each one", quoted(text))
	}
	if colon < 0 {
		if isPort(text) {
			return Address{}, fmt.Errorf("%s is not an address: use :%s for all interfaces, or 127.0.0.1:%[2]s", quoted(text), text)
		}
		return Address{}, fmt.Errorf("%s is not an address: use HOST:PORT, :PORT, [IPV6]:PORT, a path with a slash, @NAME or fd://N", quoted(text))
	}
	host, port := text[:colon], text[colon+1:]
	if !isPort(port) {
		return Address{}, fmt.Errorf("%s must have a port from 0 to 65535", quoted(text))
	}
	if strings.HasPrefix(host, "[") {
		if !isBracketedIPv6(host) {
			return Address{}, fmt.Errorf("%s must have an IPv6 address in its brackets", quoted(text))
		}
		return Address{Network: "tcp", Address: text}, nil
	}
	switch {
	case isIPv6(host):
		return Address{}, fmt.Errorf("%s is not an address: use %s if it is IPv6", quoted(text), quoted("["+host+"]:"+port))
	case isIPv6(text):
		return Address{}, fmt.Errorf("%s has no port: use [%s]:PORT", quoted(text), text)
	case strings.ContainsRune(host, '*'): // uWSGI takes the first interface whose address fits
		return Address{}, fmt.Errorf("%s is not an address: use :%s for all interfaces, or the address of one", quoted(text), port)
	case isIncompleteIPv4(host):
		return Address{}, fmt.Errorf("%s must have an IPv4 address of four numbers", quoted(text))
	case host != "" && !isHostname(host):
		return Address{}, fmt.Errorf("%s has a host that cannot be looked up", quoted(text))
	}
	return Address{Network: "tcp", Address: text}, nil
}

func isIPv6(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is6()
}

// isSeveral reports whether a text is a list of addresses or has a range of ports.
func isSeveral(text string) bool {
	from, to, _ := strings.Cut(text[strings.LastIndexByte(text, ':')+1:], "-")
	if isPort(from) && isPort(to) {
		return true
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(part string) bool {
		_, err := parseTCP(part)
		return err != nil
	})
}

// isIncompleteIPv4 reports whether a host ends in a number, as no name does, but is no IPv4 address.
func isIncompleteIPv4(host string) bool {
	_, err := strconv.ParseUint(host[strings.LastIndexByte(host, '.')+1:], 10, 64)
	_, invalid := netip.ParseAddr(host)
	return err == nil && invalid != nil
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && strconv.FormatUint(port, 10) == text
}
