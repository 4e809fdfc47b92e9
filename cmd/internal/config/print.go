package config

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteSettings writes every setting with its origin, in aligned columns.
func WriteSettings(w io.Writer, loaded *Loaded) error {
	columns := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, e := range loaded.Settings {
		fmt.Fprintf(columns, "%s\t= %s\t %s\n", e.Key, printable(e.Value), e.Origin)
	}
	return columns.Flush()
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
