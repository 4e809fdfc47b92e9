package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// TestCrash kills processes that insert, again and again, while others go on: what they have acknowledged is stored once.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := openStoreAt(t, path)
	update(t, s, insertNames)
	processes, kills := 4, proctest.Rounds(8, 100)
	acknowledged := map[string]bool{}
	note := func(line string) { acknowledged[line] = true }
	started := 0
	start := func() *proctest.Child {
		started++
		c := proctest.Start(t, "crash", path, strconv.Itoa(started))
		note(c.Line()) // it has begun
		return c
	}
	var all []*proctest.Child
	for range processes {
		all = append(all, start())
	}
	for i := range kills {
		for range 20 { // more or less than a commit
			note(all[i%processes].Line())
		}
		for _, line := range all[i%processes].Kill() {
			note(line)
		}
		all[i%processes] = start()
	}
	for _, c := range all {
		for _, line := range c.Stop() {
			note(line)
		}
	}
	if len(acknowledged) < 20*kills {
		t.Errorf("only %d inserts were acknowledged", len(acknowledged))
	}

	stored := map[string]bool{}
	view(t, s, func(tx *Tx) error {
		rows, err := tx.query("SELECT amount FROM transactions")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var amount string
			if err := rows.Scan(&amount); err != nil {
				return err
			}
			if stored[amount] {
				t.Errorf("%s is stored twice", amount)
			}
			stored[amount] = true
		}
		return rows.Err()
	})
	for amount := range acknowledged {
		if !stored[amount] {
			t.Errorf("%s was acknowledged but is not stored", amount)
		}
	}
	checkIntegrity(t, path)
	update(t, s, newAPI("one more"))
}

// crashChild inserts from several goroutines until it is stopped, and reports the unique amount of each insert once it is stored.
func crashChild(args []string) error {
	ctx := context.Background()
	s, err := Open(ctx, args[0], Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	child, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	errs := make(chan error, insertGoroutines)
	for i := range insertGoroutines {
		go func() {
			for n := 0; ; n++ {
				amount := Amount((child*insertGoroutines+i)*1_000_000 + n)
				err := s.Update(ctx, func(tx *Tx) error {
					_, err := tx.CreateTransaction(Transaction{API: strconv.Itoa(i), Status: "1", Amount: amount})
					return err
				})
				if err != nil {
					errs <- err
					return
				}
				fmt.Fprintln(os.Stdout, int64(amount)) // one write call each
			}
		}()
	}
	err = proctest.UntilStopped()
	cancel()
	for range insertGoroutines {
		if e := <-errs; !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, s.Close())
}
