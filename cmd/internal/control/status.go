package control

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"multiproc/master"
)

// printStatus prints a status as text. The master has made the status texts of workers printable.
func printStatus(to io.Writer, s master.Status, now time.Time) error {
	state := "serving"
	if s.Unready() != "" {
		state = "not ready: " + s.Unready()
	} else if s.Reloading {
		state = "reloading"
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "master %d, up %s, generation %d, %d of %d workers ready, %s\n%s\n",
		s.PID, seconds(now.Sub(s.Started)), s.Generation, s.Ready(), s.Target, state, s.Program)
	printWorkers(w, s, now)
	if len(s.Listeners) > 0 {
		fmt.Fprintln(w, "\nLISTENER\tQUEUE\tLIMIT")
	}
	for _, q := range s.Listeners {
		fmt.Fprintf(w, "%s\t%d\t%d\n", q.Listener, q.Length, q.Limit)
	}
	if len(s.Reloads) > 0 {
		fmt.Fprintln(w, "\nRELOAD\tGENERATION\tOUTCOME\tTOOK\tERROR")
	}
	for _, r := range s.Reloads {
		outcome := r.Outcome
		if outcome == "" {
			outcome = "in progress"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", r.Began.Local().Format(time.DateTime), r.Generation, outcome,
			r.Took.Round(time.Millisecond), r.Error)
	}
	return w.Flush()
}

func printWorkers(w io.Writer, s master.Status, now time.Time) {
	fmt.Fprintln(w, "\nWORKER\tPID\tGENERATION\tSTATE\tUP\tRESTARTS\tMEMORY\tCPU\tLAST EXIT\t")
	processes := s.Workers
	if s.Exporter != nil {
		processes = slices.Concat(processes, s.Exporter.Processes)
	}
	for _, p := range processes {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%d\t%.1f MiB\t%s\t%s\t%s\n", p.ID, p.PID, p.Generation, p.StateAndReason(),
			seconds(now.Sub(p.Started)), p.Restarts, float64(p.Resident)/(1<<20), p.CPU.Round(10*time.Millisecond),
			lastExit(p.LastExit, now), p.StatusText)
	}
	waiting := func(id string, slot master.SlotStatus) {
		fmt.Fprintf(w, "%s\t-\t-\tstarts in %s\t-\t%d\t-\t-\t%s\t\n", id, seconds(max(0, slot.Next.Sub(now))), slot.Restarts,
			lastExit(slot.LastExit, now))
	}
	for _, slot := range s.Waiting {
		waiting("w"+strconv.Itoa(int(slot.Slot)), slot)
	}
	if s.Exporter != nil && s.Exporter.Waiting != nil {
		waiting("exporter", *s.Exporter.Waiting)
	}
}

func lastExit(e *master.ExitStatus, now time.Time) string {
	if e == nil {
		return "-"
	}
	return fmt.Sprintf("%s ago: %s, %s", seconds(now.Sub(e.At)), e.Reason, e.How)
}

func seconds(d time.Duration) time.Duration { return d.Round(time.Second) }
