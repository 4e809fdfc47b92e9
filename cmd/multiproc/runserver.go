package main

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

func runserverCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "runserver",
		Usage:     "serve from one process, for development; no file is needed",
		ArgsUsage: "[ADDR] [--ini FILE]",
		Description: "ADDR   8000, :8000 or 0.0.0.0:8000; by default 127.0.0.1:8000\n\n" +
			"The database, by default multiproc.db, is made or brought up to date before.",
		SkipFlagParsing: true,
		Action:          runserver,
	}
}

func runserver(c *urfave.Context) error {
	arguments, given, err := config.ParseCommand(c.Args().Slice(), config.Own{Positional: 1})
	if err != nil {
		return cli.Usage(err)
	}
	if given.Switches["help"] {
		return urfave.ShowSubcommandHelp(c)
	}
	loaded, err := config.Load(forDevelopment(arguments, given.Positional), config.System{})
	if err != nil {
		return cli.Usage(err)
	}
	return withClaim(loaded, listen.NewSockets(nil), func(claim *claim) error { return alone(c.Context, claim) })
}

// forDevelopment adds what a server for development is, whatever the files say: it migrates and logs requests, unless flags
// say otherwise, and is one process.
func forDevelopment(arguments config.Arguments, address []string) config.Arguments {
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
	if len(address) > 0 {
		settings = append(settings, setting("socket", developmentAddress(address[0])))
	}
	arguments.Settings = append(settings, setting("master", "false"))
	return arguments
}

// developmentAddress is what the argument of runserver stands for, as in Django: a port alone is one that only this machine
// can reach, and 0 is short for all addresses.
func developmentAddress(text string) string {
	if strings.Trim(text, "0123456789") == "" {
		return "127.0.0.1:" + text
	}
	if port, ok := strings.CutPrefix(text, "0:"); ok {
		return "0.0.0.0:" + port
	}
	return text
}

// urlOf is where a browser on this machine finds the main listener; empty where it does not.
func urlOf(listeners []handoff.Listener, overTLS bool) string {
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
