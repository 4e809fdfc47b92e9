package inspect

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"multiproc/cmd/internal/cli"
)

// textLines prints a line for each change.
func textLines(to io.Writer) func(watched) error {
	return func(w watched) error {
		at := w.at.Format("15:04:05.000")
		if w.file != "" {
			_, err := fmt.Fprintf(to, "%s %s\n", at, w.fileNews())
			return err
		}
		for _, c := range w.changes {
			_, err := fmt.Fprintf(to, "%s %s %s %s %.1f/s\n", at, cli.Printable(c.sample), c.value(), signed(c.delta()), w.perSecond(c))
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

func jsonLines(to io.Writer) func(watched) error {
	encoder := json.NewEncoder(to)
	return func(w watched) error {
		if w.file != "" {
			return encoder.Encode(watchedLine{Time: w.at, File: w.file, Gone: w.gone})
		}
		for _, c := range w.changes {
			line := watchedLine{Time: w.at, Sample: c.sample, Gone: c.after == nil}
			if c.after != nil {
				line.Value = new(jsonValue(*c.after))
			}
			line.Delta, line.PerSecond = new(jsonValue(c.delta())), new(jsonValue(w.perSecond(c)))
			if err := encoder.Encode(line); err != nil {
				return err
			}
		}
		return nil
	}
}
