package main

import (
	"fmt"
	"text/tabwriter"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/docs"
)

func helpCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "help",
		Usage:           "list commands and topics, or print a page of the manual",
		ArgsUsage:       "[TOPIC|COMMAND]",
		SkipFlagParsing: true,
		Action:          cli.Action(1, help),
	}
}

func help(c *urfave.Context, arguments config.Arguments) error {
	if len(arguments.Operands) > 0 {
		return helpWith(c, arguments.Operands[0])
	}
	if err := urfave.ShowAppHelp(c); err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nTOPICS of multiproc help:")
	for _, topic := range docs.Topics() {
		fmt.Fprintf(w, "   %s\t%s\n", topic, docs.Title(topic))
	}
	return w.Flush()
}

// helpWith prints a page of the manual, or else the help of a command.
func helpWith(c *urfave.Context, name string) error {
	if page, ok := docs.Page(name); ok {
		_, err := fmt.Fprint(c.App.Writer, page)
		return err
	}
	if c.App.Command(name) != nil {
		return urfave.ShowCommandHelp(c, name)
	}
	return cli.Usagef("no topic or command %q: multiproc help lists them", name)
}
