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

// WriteKeys writes the table of keys and then the tables of uWSGI's ignored and refused keys, in aligned columns.
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
	for _, part := range []struct {
		refused bool
		reason  string
	}{{false, "WHY IT IS IGNORED"}, {true, "WHAT TO DO INSTEAD"}} {
		fmt.Fprintf(columns, "\nKEY OF UWSGI\t%s\n", part.reason)
		for _, k := range UWSGIKeys() {
			if k.Refused == part.refused {
				fmt.Fprintf(columns, "%s\t%s\n", k.Name, k.Reason)
			}
		}
	}
	return columns.Flush()
}
