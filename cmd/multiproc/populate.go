package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	urfave "github.com/urfave/cli/v2"
	"golang.org/x/term"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

// populateBatch is how many transactions are one commit: so few that a running server does not wait long for its turn.
const populateBatch = 1000

func populateCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "populate",
		Usage:     "add transactions of the last 24 hours that look real, to try things out with",
		ArgsUsage: "--ini FILE --transactions N [--seed S]",
		Description: "--transactions N   how many\n" +
			"--seed S           a number: the same gives the same transactions, but for the time",
		SkipFlagParsing: true,
		Action:          populate,
	}
}

func populate(c *urfave.Context) error {
	o, err := operationOf(c, config.Own{Values: []string{"transactions", "seed"}})
	if err != nil || o == nil {
		return err
	}
	n, seed, err := populateNumbers(o.given.Values)
	if err != nil {
		return cli.Usage(err)
	}
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal is not waited with
	return o.withStore(ctx, func(s *store.Store) error {
		begin := time.Now()
		made, err := addSamples(ctx, s, newSampler(seed, begin, n), progressOf(n))
		if err != nil && ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		if err != nil {
			return fmt.Errorf("populate: %d of %d transactions are made: %w", made, n, err)
		}
		fmt.Fprintf(c.App.Writer, "%d transactions in %s\n", made, time.Since(begin).Round(time.Millisecond))
		return nil
	})
}

// populateNumbers reads the flags. Without a seed it gives one by chance.
func populateNumbers(given map[string]string) (n int, seed uint64, err error) {
	text, ok := given["transactions"]
	if !ok {
		return 0, 0, errors.New("how many? give --transactions N")
	}
	if n, err = strconv.Atoi(text); err != nil || n <= 0 {
		return 0, 0, fmt.Errorf("flag --transactions: %q is not a number from 1 on", text)
	}
	text, ok = given["seed"]
	if !ok {
		return n, rand.Uint64(), nil
	}
	if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
		return 0, 0, fmt.Errorf("flag --seed: %q is not a number from 0 on", text)
	}
	return n, seed, nil
}

// progressOf is a bar for people, on stderr where that is a terminal.
func progressOf(n int) *progressbar.ProgressBar {
	return progressbar.NewOptions(n,
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))),
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription("transactions"),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
}

// addSamples adds transactions, with the APIs and statuses that they need and that are missing. It returns how many are
// stored, also when it fails or is stopped.
func addSamples(ctx context.Context, s *store.Store, samples *sampler, progress *progressbar.ProgressBar) (made int, err error) {
	defer func() { _ = progress.Clear() }() // for people only, as all of it
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
			return made, err
		}
		made += len(batch)
		_ = progress.Set(made)
	}
	return made, nil
}

func addSampleNames(tx *store.Tx) error {
	for _, a := range sampleAPIs {
		_, err := tx.CreateNamed(store.Named{Kind: store.KindAPI, Name: a.name, Description: a.description, Params: []byte(a.params)})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	for _, st := range sampleStatuses {
		_, err := tx.CreateNamed(store.Named{Kind: store.KindStatus, Name: st.name, Description: st.description})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return nil
}
