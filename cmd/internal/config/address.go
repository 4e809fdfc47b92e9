package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Address is one to listen at.
type Address struct {
	Network string // "tcp", "unix" or "fd"
	Address string // as net.Listen takes it: "127.0.0.1:8000", "[::1]:8000", ":8000", "/absolute/path", "@abstract"
	FD      int    // of the network fd: a listening socket that the process was started with
}

// String is the address as it stands in an ini file.
func (a Address) String() string {
	if a.Network == "fd" {
		return fdScheme + strconv.Itoa(a.FD)
	}
	return a.Address
}

// MarshalText gives String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what String gives. The path of a unix socket must be absolute.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := parseAddress(string(text), "")
	if err == nil {
		*a = parsed
	}
	return err
}

const fdScheme = "fd://"

// addressList is any number of addresses. Relative paths are resolved against dir.
type addressList struct {
	field *[]Address
	dir   string
}

func (l addressList) kind() string { return "address" }

func (l addressList) texts() []string {
	texts := make([]string, len(*l.field))
	for i, a := range *l.field {
		texts[i] = a.String()
	}
	return texts
}

func (l addressList) set(text string) error {
	a, err := parseAddress(text, l.dir)
	if err == nil {
		*l.field = append(*l.field, a)
	}
	return err
}

func parseAddress(text, dir string) (Address, error) {
	switch {
	case text == "":
		return Address{}, errEmpty
	case strings.HasPrefix(text, fdScheme):
		return parseFD(text)
	case strings.Contains(text, "://"):
		return Address{}, fmt.Errorf("%s is no address: want one without a scheme, like :8000", quoted(text))
	case text[0] == '@':
		return parseAbstract(text)
	case strings.ContainsRune(text, '/') || strings.HasSuffix(text, ".sock"):
		return parseUnix(text, dir)
	}
	return parseTCP(text)
}

func parseFD(text string) (Address, error) {
	fd, err := strconv.ParseUint(strings.TrimPrefix(text, fdScheme), 10, 31)
	if err != nil {
		return Address{}, fmt.Errorf("%s is no descriptor: want one like fd://3", quoted(text))
	}
	return Address{Network: "fd", FD: int(fd)}, nil
}

func parseAbstract(text string) (Address, error) {
	if text == "@" {
		return Address{}, errors.New(`"@" has no name: want one like @name`)
	}
	if err := checkSocketPath(text); err != nil {
		return Address{}, err
	}
	return Address{Network: "unix", Address: text}, nil
}

func parseUnix(text, dir string) (Address, error) {
	if strings.HasSuffix(text, "/") {
		return Address{}, fmt.Errorf("%s is a directory: want the path of a socket", quoted(text))
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

// checkSocketPath refuses what does not fit into sockaddr_un with its final NUL.
func checkSocketPath(path string) error {
	const room = 107
	if len(path) > room {
		return fmt.Errorf("%s has %d bytes: the path of a unix socket can have %d", quoted(path), len(path), room)
	}
	return nil
}

// parseTCP takes no names of ports, which depend on the machine. The name of a host is looked up by whoever listens.
func parseTCP(text string) (Address, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		if isPort(text) {
			return Address{}, fmt.Errorf("%s is no address: want :%s for all interfaces, or 127.0.0.1:%[2]s", quoted(text), text)
		}
		return Address{}, fmt.Errorf("%s is no address: want HOST:PORT, :PORT, [IPV6]:PORT, a path with a slash, @NAME or fd://N", quoted(text))
	}
	host, port := text[:colon], text[colon+1:]
	if !isPort(port) {
		return Address{}, fmt.Errorf("%s has no port from 0 to 65535", quoted(text))
	}
	if strings.HasPrefix(host, "[") {
		if !isBracketedIPv6(host) {
			return Address{}, fmt.Errorf("%s has no IPv6 address in its brackets", quoted(text))
		}
		return Address{Network: "tcp", Address: text}, nil
	}
	switch {
	case strings.ContainsRune(host, ':'):
		return Address{}, fmt.Errorf("%s is no address: want %s if it is IPv6", quoted(text), quoted("["+host+"]:"+port))
	case host == "*":
		return Address{}, fmt.Errorf("%s is no address: want :%s for all interfaces", quoted(text), port)
	case host != "" && !isHostname(host):
		return Address{}, fmt.Errorf("%s has no host that can be looked up", quoted(text))
	}
	return Address{Network: "tcp", Address: text}, nil
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && strconv.FormatUint(port, 10) == text
}
