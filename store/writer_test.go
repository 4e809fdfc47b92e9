package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// together makes writes one commit: they are all asked for, in this order, before the first is done. It returns what
// Update returned, or what it panicked with.
func together(tb testing.TB, s *Store, writes ...func(*Tx) error) []any {
	tb.Helper()
	ctx, outcomes := tb.Context(), make([]any, len(writes))
	var all sync.WaitGroup
	ask := func(i int, f func(*Tx) error) {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					outcomes[i] = p
				}
			}()
			if err := s.Update(ctx, f); err != nil {
				outcomes[i] = err
			}
		})
	}
	begun, asked := make(chan bool), make(chan bool)
	ask(0, func(tx *Tx) error {
		close(begun)
		<-asked
		return writes[0](tx)
	})
	<-begun
	for i, f := range writes[1:] {
		ask(i+1, f)
		until(tb, "the write is in the queue", func() bool { return len(s.writer.queue) == i+1 })
	}
	close(asked)
	all.Wait()
	return outcomes
}

// TestUpdate makes one commit of writes that fail, each in its way, and others.
func TestUpdate(t *testing.T) {
	var commits atomic.Int64
	s := openStore(t, Options{committing: func() { commits.Add(1) }})
	own := errors.New("own")
	fails := func(err error) func(*Tx) error {
		return func(tx *Tx) error { return errors.Join(newAPI("undone")(tx), err) }
	}
	execs := func(query string) func(*Tx) error {
		return func(tx *Tx) error {
			if err := newAPI("undone")(tx); err != nil {
				return err
			}
			_, err := tx.exec(query)
			return err
		}
	}
	var order []string
	outcomes := together(t, s,
		newAPI("a"),
		fails(own),
		newAPI("b"),
		fails(&InvalidError{[]FieldError{{"name", "odd"}}}),
		execs("INSERT INTO apis SELECT NULL, 'a', '', '{}'"),
		execs("INSERT INTO apis SELECT id, 'x', '', '{}' FROM apis"),
		execs("INSERT INTO apis SELECT NULL, NULL, '', '{}'"),
		execs("INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified) VALUES (1, 77, 77, 1, 1)"),
		execs("INSERT INTO nowhere VALUES (1)"),
		func(tx *Tx) error { return tx.queryRow("SELECT 1 WHERE 0").Scan(new(int)) },
		func(tx *Tx) error {
			_ = newAPI("undone")(tx)
			panic("odd")
		},
		func(tx *Tx) error { // sees those before it
			rows, err := tx.query("SELECT name FROM apis ORDER BY id")
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var name string
				if err := rows.Scan(&name); err != nil {
					return err
				}
				order = append(order, name)
			}
			return rows.Err()
		},
		newAPI("c"),
	)
	invalid := new(InvalidError)
	for i, want := range []func(err error) bool{
		1: func(err error) bool { return err.Error() == own.Error() && errors.Is(err, own) },
		3: func(err error) bool { return errors.As(err, &invalid) && invalid.Fields[0].Field == "name" },
		4: func(err error) bool { return errors.Is(err, ErrExists) },
		5: func(err error) bool { return errors.Is(err, ErrExists) },
		6: func(err error) bool { return strings.Contains(err.Error(), "NOT NULL constraint") },
		7: func(err error) bool { return strings.Contains(err.Error(), "FOREIGN KEY constraint") },
		8: func(err error) bool { return strings.Contains(err.Error(), "no such table") },
		9: func(err error) bool { return errors.Is(err, ErrNotFound) },
		10: func(err error) bool {
			return strings.Contains(err.Error(), "odd") && strings.Contains(err.Error(), "TestUpdate")
		},
		12: nil,
	} {
		err, failed := outcomes[i].(error)
		if failed != (want != nil) || failed && !want(err) {
			t.Errorf("write %d: %v", i, outcomes[i])
		}
		for _, class := range []error{ErrBusy, ErrUnavailable} {
			if errors.Is(err, class) {
				t.Errorf("write %d: %v", i, err)
			}
		}
	}
	if got := strings.Join(order, " "); got != "a b" {
		t.Errorf("the last but one saw %q, want the two before it", got)
	}
	if n := number(t, s, countAPIs); n != 3 {
		t.Errorf("%d APIs, want 3", n)
	}
	if n := commits.Load(); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
}

// TestUpdateFailsWhole ends the transaction in the middle, as SQLite does when the disk is full.
func TestUpdateFailsWhole(t *testing.T) {
	s := openStore(t)
	for name, end := range map[string]func(*Tx) error{
		"rolled back, told": func(tx *Tx) error {
			_, err := tx.exec("ROLLBACK")
			return errors.Join(err, errors.New("told"))
		},
		"rolled back, not told": func(tx *Tx) error {
			_, err := tx.exec("ROLLBACK")
			return err
		},
		"unavailable": func(*Tx) error { return fmt.Errorf("told: %w", ErrUnavailable) },
		"no connection": func(tx *Tx) error {
			_ = tx.db.Raw(func(any) error { return driver.ErrBadConn })
			return nil
		},
	} {
		outcomes := together(t, s, newAPI("a"), newAPI("b"), end, newAPI("c"))
		for i, outcome := range outcomes[:3] {
			if outcome == nil {
				t.Errorf("%s: write %d did not fail", name, i)
			}
		}
		want := int64(0)
		if outcomes[3] == nil { // it came into the next commit
			want = 1
		}
		if n := number(t, s, countAPIs); n != want {
			t.Fatalf("%s: %d APIs, want %d", name, n, want)
		}
		update(t, s, newAPI("d"))
		update(t, s, func(tx *Tx) error {
			_, err := tx.exec("DELETE FROM apis")
			return err
		})
	}
}

// TestUpdateTurns bounds what is one commit, and keeps the order.
func TestUpdateTurns(t *testing.T) {
	var commits atomic.Int64
	s := openStore(t, Options{committing: func() { commits.Add(1) }})
	writes := make([]func(*Tx) error, maxBatch+1)
	for i := range writes {
		writes[i] = newAPI(fmt.Sprint(i))
	}
	for i, outcome := range together(t, s, writes...) {
		if outcome != nil {
			t.Errorf("write %d: %v", i, outcome)
		}
	}
	if n := commits.Load(); n != 2 {
		t.Errorf("%d commits of %d writes, want 2", n, len(writes))
	}
	// In the order in which they were asked for.
	if n := number(t, s, "SELECT COUNT(*) FROM apis WHERE name = id - 1"); n != maxBatch+1 {
		t.Errorf("%d of %d were done in turn", n, maxBatch+1)
	}

	commits.Store(0)
	slow := func(*Tx) error {
		<-time.After(maxTurn + time.Millisecond)
		return nil
	}
	together(t, s, slow, newAPI("next"))
	if n := commits.Load(); n != 2 {
		t.Errorf("%d commits, want no other write in that of one that took long", n)
	}
}

// TestUpdateGivesUp waits for a program that does not know the lock.
func TestUpdateGivesUp(t *testing.T) {
	const timeout = time.Second
	s := openStore(t, Options{Timeout: timeout})
	other := foreign(t, s.writer.file.path)
	execOn(t, other, "BEGIN IMMEDIATE")
	start := time.Now()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			want := ErrBusy
			if i%2 == 0 {
				cancel()
				want = context.Canceled
			}
			wantErr(t, s.Update(ctx, newAPI(fmt.Sprint(i))), want, "")
		})
	}
	all.Wait()
	if took := time.Since(start); took < timeout || took > 2*timeout {
		t.Errorf("it took %v to give up, want %v", took, timeout)
	}
	number(t, s, countAPIs) // reading does not wait
	turn := newTurnstile(s.writer.file.path)
	defer turn.close()
	until(t, "who gives up gives back its turn", func() bool { return turn.acquired(t) })
	turn.release()
	execOn(t, other, "COMMIT")
	update(t, s, newAPI("x"))
	if n := number(t, s, countAPIs); n != 1 {
		t.Errorf("%d APIs: what was given up was done all the same", n-1)
	}
}

// TestUpdateWaits for the outcome of what has begun, whatever its caller's patience.
func TestUpdateWaits(t *testing.T) {
	const timeout = 500 * time.Millisecond
	s := openStore(t, Options{Timeout: timeout})
	ctx, cancel := context.WithCancel(t.Context())
	check(t, s.Update(ctx, func(tx *Tx) error {
		cancel()
		<-time.After(timeout + 10*time.Millisecond)
		return newAPI("a")(tx)
	}))
}

// TestCloseWhileWaiting closes a Store whose turn does not come.
func TestCloseWhileWaiting(t *testing.T) {
	for name, hold := range map[string]func(t *testing.T, path string){
		"for the lock": func(t *testing.T, path string) {
			t.Helper()
			turn := newTurnstile(path)
			check(t, turn.acquire(t.Context()))
			t.Cleanup(turn.close)
		},
		"for another program": func(t *testing.T, path string) {
			t.Helper()
			execOn(t, foreign(t, path), "BEGIN IMMEDIATE")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, Options{Timeout: time.Minute})
			hold(t, s.writer.file.path)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() { wantErr(t, s.Update(t.Context(), newAPI("a")), ErrClosed, "") })
			}
			until(t, "one write waits for its turn, the others behind it", func() bool { return len(s.writer.queue) == 2 })
			start := time.Now()
			check(t, s.Close())
			all.Wait()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v to close", took)
			}
		})
	}
}

// TestCloseAnswers every write, with what came of it.
func TestCloseAnswers(t *testing.T) {
	for range 20 {
		s := openStore(t)
		path := s.writer.file.path
		var stored atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for j := range 1000 {
					err := s.Update(t.Context(), newAPI(fmt.Sprint(i, j)))
					if err != nil {
						wantErr(t, err, ErrClosed, "")
						return
					}
					stored.Add(1)
				}
			})
		}
		until(t, "some are stored", func() bool { return stored.Load() > 10 })
		check(t, s.Close())
		all.Wait()
		if n := number(t, openStoreAt(t, path), countAPIs); n != stored.Load() {
			t.Errorf("%d writes are stored, %d were said to be", n, stored.Load())
		}
	}
}

// TestUpkeep is done by the first write of a minute, and by later ones where it is much.
func TestUpkeep(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Unix())
	var log strings.Builder
	s := openStore(t, Options{now: func() time.Time { return time.Unix(now.Load(), 0) }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	const answers = 2*expiredAtOnce + 1
	update(t, s, func(tx *Tx) error {
		for i := range answers {
			if err := tx.KeepAnswer(IdempotencyKey{Token: 1, Key: fmt.Sprint(i)}, Answer{Status: 201}); err != nil {
				return err
			}
		}
		return nil
	})
	now.Add(int64(answersKept/time.Second) + 60)
	left := int64(answers)
	for _, want := range []int64{left - expiredAtOnce, left - 2*expiredAtOnce, 0, 0} {
		update(t, s, func(*Tx) error { return nil })
		if n := number(t, s, "SELECT COUNT(*) FROM idempotency_keys"); n != want {
			t.Fatalf("%d old answers are left, want %d", n, want)
		}
	}
	since := number(t, s, "SELECT since FROM counts_window")
	if want := (now.Load() - int64(window/time.Second)) / 60; since < want || since > want+1 {
		t.Errorf("the window begins in minute %d, want %d", since, want)
	}

	// What is wrong with it is nobody's error, and is told once a minute.
	update(t, s, func(tx *Tx) error {
		_, err := tx.exec("DROP TABLE counts_window")
		return err
	})
	now.Add(60)
	for range 2 {
		update(t, s, newAPI(fmt.Sprint("a", time.Now())))
	}
	if n := strings.Count(log.String(), "upkeep of the database failed"); n != 1 {
		t.Errorf("the log tells it %d times, want once: %s", n, &log)
	}
}
