package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// together requests updates in this order before the first one is done, so that they become one commit. It returns what each Update
// returned, or panicked with.
func together(tb testing.TB, db *DB, writes ...func(Tx) error) []any {
	tb.Helper()
	ctx, outcomes := tb.Context(), make([]any, len(writes))
	var all sync.WaitGroup
	ask := func(i int, f func(Tx) error) {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					outcomes[i] = p
				}
			}()
			if err := db.Update(ctx, f); err != nil {
				outcomes[i] = err
			}
		})
	}
	begun, asked := make(chan bool), make(chan bool)
	ask(0, func(tx Tx) error {
		close(begun)
		<-asked
		return writes[0](tx)
	})
	<-begun
	for i, f := range writes[1:] {
		ask(i+1, f)
		for len(db.writer.queue) <= i {
			runtime.Gosched()
		}
	}
	close(asked)
	all.Wait()
	return outcomes
}

// TestUpdate makes one commit of updates that fail in various ways and others that do not.
func TestUpdate(t *testing.T) {
	var commits atomic.Int64
	db := openDB(t, Options{Committing: func() { commits.Add(1) }})
	own := errors.New("own")
	fails := func(err error) func(Tx) error {
		return func(tx Tx) error { return errors.Join(insert("undone")(tx), err) }
	}
	execs := func(query string) func(Tx) error {
		return func(tx Tx) error {
			if err := insert("undone")(tx); err != nil {
				return err
			}
			_, err := tx.exec(query)
			return err
		}
	}
	var order []string
	outcomes := together(t, db,
		insert("a"),
		fails(own),
		insert("b"),
		fails(own),
		execs("INSERT INTO names SELECT NULL, 'a'"),
		execs("INSERT INTO names SELECT id, 'x' FROM names"),
		execs("INSERT INTO names SELECT NULL, NULL"),
		execs("INSERT INTO uses VALUES (77)"),
		execs("INSERT INTO nowhere VALUES (1)"),
		func(tx Tx) error { return tx.queryRow("SELECT 1 WHERE 0").Scan(new(int)) },
		func(tx Tx) error {
			_ = insert("undone")(tx)
			panic("odd")
		},
		func(tx Tx) error { // sees the changes of the others before it
			rows, err := tx.query("SELECT name FROM names ORDER BY id")
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
		insert("c"),
	)
	for i, want := range []func(err error) bool{
		1: func(err error) bool { return err.Error() == own.Error() && errors.Is(err, own) },
		3: func(err error) bool { return errors.Is(err, own) },
		4: func(err error) bool { return errors.Is(err, ErrExists) },
		5: func(err error) bool { return errors.Is(err, ErrExists) },
		6: func(err error) bool { return strings.Contains(err.Error(), "NOT NULL constraint") },
		7: func(err error) bool { return strings.Contains(err.Error(), "FOREIGN KEY constraint") },
		8: func(err error) bool { return strings.Contains(err.Error(), "no such table") },
		9: func(err error) bool { return errors.Is(err, sql.ErrNoRows) },
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
		t.Errorf("the last update but one saw %q, want the two before it", got)
	}
	if n := number(t, db, countNames); n != 3 {
		t.Errorf("%d names, want 3", n)
	}
	if n := commits.Load(); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
}

// TestUpdateFailsWhole ends the transaction in the middle, as SQLite does when the disk is full: no update of it is stored.
func TestUpdateFailsWhole(t *testing.T) {
	db := openDB(t)
	for name, end := range map[string]func(Tx) error{
		"rolled back, with an error": func(tx Tx) error {
			_, err := tx.exec("ROLLBACK")
			return errors.Join(err, errors.New("rolled back"))
		},
		"rolled back, without an error": func(tx Tx) error {
			_, err := tx.exec("ROLLBACK")
			return err
		},
		"unavailable": func(Tx) error { return fmt.Errorf("disk: %w", ErrUnavailable) },
		"no connection": func(tx Tx) error {
			_ = tx.Conn.Raw(func(any) error { return driver.ErrBadConn })
			return nil
		},
	} {
		outcomes := together(t, db, insert("a"), insert("b"), end, insert("c"))
		for i, outcome := range outcomes[:3] {
			if outcome == nil {
				t.Errorf("%s: write %d did not fail", name, i)
			}
		}
		want := int64(0)
		if outcomes[3] == nil { // it was part of the next commit
			want = 1
		}
		if n := number(t, db, countNames); n != want {
			t.Fatalf("%s: %d names, want %d", name, n, want)
		}
		update(t, db, insert("d"))
		update(t, db, func(tx Tx) error {
			_, err := tx.exec("DELETE FROM names")
			return err
		})
	}
}

// TestUpdateTurns: commits are bounded in number and time of their updates, whose order is kept.
func TestUpdateTurns(t *testing.T) {
	var commits atomic.Int64
	db := openDB(t, Options{Committing: func() { commits.Add(1) }})
	writes := make([]func(Tx) error, maxBatch+1)
	for i := range writes {
		writes[i] = insert(fmt.Sprint(i))
	}
	for i, outcome := range together(t, db, writes...) {
		if outcome != nil {
			t.Errorf("write %d: %v", i, outcome)
		}
	}
	if n := commits.Load(); n != 2 {
		t.Errorf("%d commits of %d writes, want 2", n, len(writes))
	}
	if n := number(t, db, "SELECT COUNT(*) FROM names WHERE name = id - 1"); n != maxBatch+1 {
		t.Errorf("%d of %d were stored in order", n, maxBatch+1)
	}

	commits.Store(0)
	db.writer.turn = maxTurn
	slow := func(Tx) error {
		<-time.After(maxTurn + time.Millisecond)
		return nil
	}
	together(t, db, slow, insert("next"))
	if n := commits.Load(); n != 2 {
		t.Errorf("%d commits, want a slow update to have its own", n)
	}
}

// TestUpdateGivesUp: an update does not wait endlessly for a program that writes without the lock.
func TestUpdateGivesUp(t *testing.T) {
	const timeout = time.Second
	db := openDB(t, Options{Timeout: timeout})
	other := foreign(t, db.writer.file.path)
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
			wantErr(t, db.Update(ctx, insert(fmt.Sprint(i))), want, "")
		})
	}
	all.Wait()
	if took := time.Since(start); took < timeout || took > 2*timeout {
		t.Errorf("it took %v to give up, want %v", took, timeout)
	}
	number(t, db, countNames) // reading does not wait
	lock := newFairLock(db.writer.file.path)
	defer lock.close()
	proctest.Eventually(t, "the lock is released", func() bool { return lock.acquired(t) })
	lock.release()
	execOn(t, other, "COMMIT")
	update(t, db, insert("x"))
	if n := number(t, db, countNames); n != 1 {
		t.Errorf("%d names, want 1: updates were stored after they had failed", n)
	}
}

// TestUpdateWaits: an update that has begun is waited for, whatever its ctx and timeout.
func TestUpdateWaits(t *testing.T) {
	const timeout = 500 * time.Millisecond
	db := openDB(t, Options{Timeout: timeout})
	ctx, cancel := context.WithCancel(t.Context())
	check(t, db.Update(ctx, func(tx Tx) error {
		cancel()
		<-time.After(timeout + 10*time.Millisecond)
		return insert("a")(tx)
	}))
}

// TestCloseWhileWaiting closes a database whose writer waits for its turn.
func TestCloseWhileWaiting(t *testing.T) {
	for name, hold := range map[string]func(t *testing.T, path string){
		"for the lock": func(t *testing.T, path string) {
			t.Helper()
			lock := newFairLock(path)
			check(t, lock.acquire(t.Context()))
			t.Cleanup(lock.close)
		},
		"for another program": func(t *testing.T, path string) {
			t.Helper()
			execOn(t, foreign(t, path), "BEGIN IMMEDIATE")
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, Options{Timeout: time.Minute})
			hold(t, db.writer.file.path)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() { wantErr(t, db.Update(t.Context(), insert("a")), ErrClosed, "") })
			}
			proctest.Eventually(t, "one update waits for its turn, the others in the queue", func() bool { return len(db.writer.queue) == 2 })
			start := time.Now()
			check(t, db.Close())
			all.Wait()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v to close", took)
			}
		})
	}
}

// TestCloseAnswers: every update that Close interrupts returns its outcome.
func TestCloseAnswers(t *testing.T) {
	for range proctest.Rounds(5, 50) {
		db := openDB(t)
		path := db.writer.file.path
		var stored atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for j := range 1000 {
					err := db.Update(t.Context(), insert(fmt.Sprint(i, j)))
					if err != nil {
						wantErr(t, err, ErrClosed, "")
						return
					}
					stored.Add(1)
				}
			})
		}
		proctest.Eventually(t, "some are stored", func() bool { return stored.Load() > 10 })
		check(t, db.Close())
		all.Wait()
		if n := number(t, openAt(t, path), countNames); n != stored.Load() {
			t.Errorf("%d updates are stored, %d were acknowledged", n, stored.Load())
		}
	}
}
