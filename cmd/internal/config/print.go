package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// WriteSettings writes every setting with its origin, in aligned columns.
func WriteSettings(w io.Writer, loaded *Loaded) error {
	const widest = 48 // a longer value shifts only its own origin
	var keys, values int
	for _, e := range loaded.Settings {
		keys = max(keys, len(e.Key))
		if width := utf8.RuneCountInString(printable(e.Value)); width <= widest {
			values = max(values, width)
		}
	}
	buffered := bufio.NewWriter(w)
	for _, e := range loaded.Settings {
		fmt.Fprintf(buffered, "%-*s = %-*s  %s\n", keys, e.Key, values, printable(e.Value), e.Origin)
	}
	return buffered.Flush()
}

// WriteKeys writes the table of keys and then the table of uWSGI's ignored keys, in aligned columns.
func WriteKeys(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "KEY\tOTHER NAMES\tVALUE\tDEFAULT\tMEANING")
	for _, k := range Keys() {
		kind := k.Kind
		if k.Repeatable {
			kind += " …"
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\n", k.Name, strings.Join(k.Aliases, ", "), kind, k.Default, k.Help)
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(columns, "\nKEY OF UWSGI\tWHY IT IS IGNORED")
	for _, k := range Ignored() {
		fmt.Fprintf(columns, "%s\t%s\n", k.Name, k.Reason)
	}
	return columns.Flush()
}
