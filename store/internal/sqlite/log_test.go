package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// TestLogRemoved: a log that is removed, or put elsewhere, while processes have the database open loses no change and fails no update.
func TestLogRemoved(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed":  os.Remove,
		"renamed":  func(path string) error { return os.Rename(path, path+".away") },
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log proctest.Log
			db := openDB(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			path := db.writer.file.path
			available(t, db, 0)
			inserts := func(c *proctest.Child, name string, want int) {
				t.Helper()
				c.Send(name)
				if got := c.Line(); got != strconv.Itoa(want) {
					t.Errorf("another process inserts %s: %s, want %d names", name, got, want)
				}
			}
			child := proctest.Start(t, "insert", path)
			inserts(child, "a", 2)
			check(t, remove(path+"-wal"))
			inserts(child, "b", 3)
			available(t, db, 3)
			check(t, remove(path+"-wal"))
			available(t, db, 4)
			inserts(child, "c", 6)
			check(t, remove(path+"-wal"))
			if n := number(t, db, countNames); n != 6 {
				t.Errorf("a view finds %d names, want 6", n)
			}
			inserts(child, "d", 7)
			check(t, remove(path+"-wal"))
			if name == "replaced" {
				number(t, db, countNames) // a process that starts cannot tell an empty log from one that was emptied
			}
			late := proctest.Start(t, "insert", path)
			inserts(late, "e", 8)
			inserts(child, "f", 9)
			if n := log.Count("log of the database was removed"); n == 0 || n > 5 {
				t.Errorf("the removals were logged %d times by one of the processes", n)
			}
			child.Kill()
			late.Kill()
			check(t, db.Close())
			available(t, openAt(t, path), 9)
			checkIntegrity(t, path)
		})
	}
	t.Run("while nothing is written", func(t *testing.T) {
		t.Parallel()
		db := openDB(t)
		available(t, db, 0)
		path := db.writer.file.path + "-wal"
		check(t, os.Remove(path))
		proctest.Eventually(t, "a new log", func() bool { return size(db.writer.file.path+"-wal") == 0 && exists(path) })
		available(t, db, 1)
	})
	t.Run("just before the end", func(t *testing.T) {
		t.Parallel()
		db := openDB(t)
		path := db.writer.file.path
		other, err := Open(t.Context(), path, defaults()) // so that the end of db is not the end of the log
		check(t, err)
		available(t, db, 0)
		check(t, os.Remove(path+"-wal"))
		check(t, db.Close())
		available(t, other, 1)
		check(t, other.Close())
	})
	t.Run("and another put in its place", func(t *testing.T) {
		t.Parallel()
		db := openDB(t)
		path := db.writer.file.path
		available(t, db, 0)
		check(t, os.Rename(path+"-wal", path+"-wal.away"))
		check(t, os.WriteFile(path+"-wal", []byte("another log"), 0o600))
		wantErr(t, db.Update(t.Context(), insert("lost")), ErrUnavailable, "another "+path+"-wal was put in place")
		wantErr(t, db.View(t.Context(), nothing), ErrUnavailable, path)
		check(t, os.Rename(path+"-wal.away", path+"-wal"))
		available(t, db, 1)
	})
}

// TestLogRemovedOften removes the log again and again while processes write: what was acknowledged is stored, and nearly all is.
func TestLogRemovedOften(t *testing.T) {
	path := openDB(t).writer.file.path
	rounds := proctest.Rounds(200, 800)
	stored := make(chan bool)
	var writing sync.WaitGroup
	for p := range 3 {
		child := proctest.Start(t, "insert", path)
		writing.Go(func() {
			for i := range rounds {
				child.Send(fmt.Sprintf("%d-%d", p, i))
				_, err := strconv.Atoi(child.Line())
				stored <- err == nil
			}
		})
	}
	go func() {
		writing.Wait()
		close(stored)
	}()
	acknowledged, failed, removed := 0, 0, 0
	for ok := range stored {
		if !ok {
			failed++
			continue
		}
		if acknowledged++; acknowledged%20 == 0 {
			check(t, os.Remove(path+"-wal"))
			removed++
		}
	}
	db := openAt(t, path)
	n := int(number(t, db, countNames))
	t.Logf("%d updates were acknowledged, %d are stored, %d failed; the log was removed %d times", acknowledged, n, failed, removed)
	if n < acknowledged || failed > removed || removed < rounds/10 {
		t.Error("updates were lost, or too many failed")
	}
	checkIntegrity(t, path)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestLogIsTruncated: a long log is truncated even if there is a reader at every moment.
func TestLogIsTruncated(t *testing.T) {
	db := openDB(t, Options{Synchronous: "normal"})
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	for range 3 {
		reading.Go(func() {
			for ctx.Err() == nil {
				_ = db.View(ctx, func(tx Tx) error {
					var n int64
					return tx.queryRow("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50000) SELECT max(i) + (SELECT COUNT(*) FROM names) FROM n").Scan(&n)
				})
			}
		})
	}
	size := func() int64 {
		info, err := os.Stat(db.writer.file.path + "-wal")
		check(t, err)
		return info.Size()
	}
	text := strings.Repeat("x", 100_000)
	longest := int64(0)
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; ; i++ {
		before := size()
		update(t, db, func(tx Tx) error {
			_, err := tx.exec("INSERT OR REPLACE INTO names VALUES (1, ?)", text)
			return err
		})
		longest = max(longest, before)
		if now := size(); before > longWAL && now < longWAL {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log has grown to %d bytes and was not truncated", longest)
		}
	}
	cancel()
	reading.Wait()
	t.Logf("the log was %d bytes long at most", longest)
}
