package server

import (
	"net"
	"strconv"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/worker/handoff"
)

// RunserverCommand returns the verb that serves from one process, for development.
func RunserverCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "runserver",
		Usage:     "serve from one process, for development; needs no ini file",
		ArgsUsage: "[ADDR]",
		Description: "ADDR is 8000, :8000 or 0.0.0.0:8000; by default 127.0.0.1:8000.\n" +
			"The database, by default multiproc.db, is created or migrated first.",
		Flags:           config.Flags(),
		SkipFlagParsing: true,
		Action:          cli.Action(1, runserver),
	}
}

func runserver(c *urfave.Context, arguments config.Arguments) error {
	loaded, err := config.Load(forDevelopment(arguments))
	if err != nil {
		return cli.Usage(err)
	}
	return withInstance(loaded, listen.NewSockets(nil), func(in *instance) error { return runStandalone(c.Context, in) })
}

// forDevelopment adds the settings of a development server. It is one process, whatever files and flags say; it migrates and
// logs requests unless a flag says otherwise.
func forDevelopment(arguments config.Arguments) config.Arguments {
	setting := func(key, value string) config.Setting {
		return config.Setting{Key: key, Value: value, Origin: config.Origin{Place: "runserver"}}
	}
	arguments.Presets = []config.Setting{
		setting("socket", developmentAddress("8000")),
		setting("database", "multiproc.db"),
		setting("debug", "true"),
	}
	settings := []config.Setting{setting("migrate", "true"), setting("disable-logging", "false")}
	settings = append(settings, arguments.Settings...)
	for _, address := range arguments.Operands { // one at most
		settings = append(settings, setting("socket", developmentAddress(address)))
	}
	arguments.Settings = append(settings, setting("master", "false"))
	return arguments
}

// developmentAddress expands the argument of runserver as Django does: a port alone is on the loopback address, and 0 is short
// for all addresses.
func developmentAddress(text string) string {
	if strings.Trim(text, "0123456789") == "" {
		return "127.0.0.1:" + text
	}
	if port, ok := strings.CutPrefix(text, "0:"); ok {
		return "0.0.0.0:" + port
	}
	return text
}

// browserURL returns the URL of the first main listener for a browser on this machine; empty if none has a port.
func browserURL(listeners []handoff.Listener, overTLS bool) string {
	scheme := "http://"
	if overTLS {
		scheme = "https://"
	}
	for _, l := range listeners {
		address, ok := l.Addr().(*net.TCPAddr)
		if !ok || l.Name != httpListener {
			continue
		}
		if address.IP.IsUnspecified() {
			return scheme + "localhost:" + strconv.Itoa(address.Port) + "/"
		}
		return scheme + address.String() + "/"
	}
	return ""
}
