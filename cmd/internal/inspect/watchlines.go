package inspect

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"multiproc/cmd/internal/cli"
)

// textLines returns a function that prints a line for each change.
func textLines(to io.Writer) func(observation) error {
	return func(o observation) error {
		at := o.at.Format("15:04:05.000")
		if o.file != "" {
			_, err := fmt.Fprintf(to, "%s %s\n", at, o.fileText())
			return err
		}
		for _, c := range o.changes {
			_, err := fmt.Fprintf(to, "%s %s %s %s %.1f/s\n", at, cli.Printable(c.sample), c.value(), signed(c.delta()), o.perSecond(c))
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// watchedLine is a line of JSON.
type watchedLine struct {
	Time      time.Time  `json:"time"`
	File      string     `json:"file,omitempty"`
	Sample    string     `json:"sample,omitempty"`
	Gone      bool       `json:"gone,omitempty"`
	Value     *jsonValue `json:"value,omitempty"`
	Delta     *jsonValue `json:"delta,omitempty"`
	PerSecond *jsonValue `json:"per_second,omitempty"`
}

// jsonLines returns a function that prints a line of JSON for each change.
func jsonLines(to io.Writer) func(observation) error {
	encoder := json.NewEncoder(to)
	return func(o observation) error {
		if o.file != "" {
			return encoder.Encode(watchedLine{Time: o.at, File: o.file, Gone: o.gone})
		}
		for _, c := range o.changes {
			line := watchedLine{
				Time: o.at, Sample: c.sample, Gone: c.after == nil,
				Delta: new(jsonValue(c.delta())), PerSecond: new(jsonValue(o.perSecond(c))),
			}
			if c.after != nil {
				line.Value = new(jsonValue(*c.after))
			}
			if err := encoder.Encode(line); err != nil {
				return err
			}
		}
		return nil
	}
}
