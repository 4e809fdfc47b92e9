package dbtool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	urfave "github.com/urfave/cli/v2"
	"golang.org/x/term"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

// populateBatch is the number of transactions in one commit: few enough that a running server does not wait long for its
// turn to write.
const populateBatch = 1000

// PopulateCommand returns the verb populate.
func PopulateCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "populate",
		Usage:     "add realistic transactions of the last 24 hours, to try things out with",
		ArgsUsage: "[FILE[:SECTION]]",
		Flags: config.Flags(
			&urfave.IntFlag{Name: "transactions", Usage: "add `N` transactions", DefaultText: "required"},
			&urfave.Uint64Flag{Name: "seed", Usage: "number `S`: the same seed gives the same transactions, relative to the current time", DefaultText: "random"},
		),
		SkipFlagParsing: true,
		Action:          action(0, populate),
	}
}

func populate(c *command) error {
	n, seed := c.flags.Int("transactions"), c.flags.Uint64("seed")
	switch {
	case !c.flags.IsSet("transactions"):
		return cli.Usagef("flag --transactions is missing")
	case n <= 0:
		return cli.Usagef("flag --transactions: %d is not a positive number", n)
	case !c.flags.IsSet("seed"):
		seed = rand.Uint64()
	}
	ctx, stop := signal.NotifyContext(c.ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	c.ctx = ctx
	return c.withStore(func(s *store.Store) error {
		begin := time.Now()
		added, err := addSamples(ctx, s, newSampler(seed, begin, n), progressOf(n))
		if err != nil && ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		if err != nil {
			return fmt.Errorf("populate: added %d of %d transactions: %w", added, n, err)
		}
		fmt.Fprintf(c.stdout, "added %d transactions in %s\n", added, time.Since(begin).Round(time.Millisecond))
		return nil
	})
}

// progressOf returns a progress bar on stderr, which is invisible unless that is a terminal.
func progressOf(n int) *progressbar.ProgressBar {
	return progressbar.NewOptions(n,
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))),
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription("transactions"),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
}

// addSamples adds transactions, and the APIs and statuses that they need. It returns the number of stored transactions, also
// with an error.
func addSamples(ctx context.Context, s *store.Store, samples *sampler, progress *progressbar.ProgressBar) (added int, err error) {
	defer func() { _ = progress.Clear() }()
	if err := s.Update(ctx, addSampleNames); err != nil {
		return 0, err
	}
	for samples.left > 0 {
		batch := samples.next(populateBatch)
		err := s.Update(ctx, func(tx *store.Tx) error {
			for _, t := range batch {
				if _, err := tx.CreateTransaction(t); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return added, err
		}
		added += len(batch)
		_ = progress.Set(added)
	}
	return added, nil
}

// addSampleNames adds the APIs and statuses. Existing ones are left as they are.
func addSampleNames(tx *store.Tx) error {
	var names []store.Named
	for _, a := range sampleAPIs {
		names = append(names, store.Named{Kind: store.KindAPI, Name: a.name, Description: a.description, Params: []byte(a.params)})
	}
	for _, st := range sampleStatuses {
		names = append(names, store.Named{Kind: store.KindStatus, Name: st.name, Description: st.description})
	}
	for _, n := range names {
		if _, err := tx.CreateNamed(n); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return nil
}
