package store

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

const (
	insertProcesses  = 4
	insertGoroutines = 8
	insertTurn       = 300 * time.Millisecond
)

// BenchmarkInsert compares inserts through the store, by 4 processes of 8 goroutines, with a loop of single commits on one
// connection, in alternating turns. It reports the medians of both and of their ratio.
func BenchmarkInsert(b *testing.B) {
	for _, bc := range []struct {
		name, synchronous string
		pause             time.Duration // added to each commit, in the lock
	}{
		{"full", "full", 0},
		{"full,1ms", "full", time.Millisecond},
		{"normal", "normal", 0},
	} {
		b.Run(bc.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "multiproc.db")
			_, _, err := Migrate(b.Context(), path, Options{})
			check(b, err)
			args := []string{path, bc.synchronous, bc.pause.String()}
			loop := proctest.Start(b, "loop", args...)
			loop.Line()
			var writers []*proctest.Child
			for range insertProcesses {
				c := proctest.Start(b, "insert", args...)
				c.Line()
				writers = append(writers, c)
			}
			var ratios, inserts, singles, batches []float64
			for b.Loop() {
				for _, c := range writers {
					c.Send(insertTurn.String())
				}
				n, commits := 0.0, 0.0
				for _, c := range writers {
					var perSecond, perCommit float64
					_, err := fmt.Sscan(c.Line(), &perSecond, &perCommit)
					check(b, err)
					n += perSecond
					commits += perSecond / perCommit
				}
				loop.Send(insertTurn.String())
				var single float64
				_, err := fmt.Sscan(loop.Line(), &single)
				check(b, err)
				ratios, inserts, singles = append(ratios, n/single), append(inserts, n), append(singles, single)
				batches = append(batches, n/commits)
			}
			b.ReportMetric(median(ratios), "x")
			b.ReportMetric(median(inserts), "inserts/s")
			b.ReportMetric(median(singles), "single/s")
			b.ReportMetric(median(batches), "inserts/commit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// insertOptions parses the arguments of the children: Synchronous, and a pause in each commit.
func insertOptions(args []string, commits *atomic.Int64) (Options, error) {
	pause, err := time.ParseDuration(args[1])
	return Options{Synchronous: args[0], committing: func() {
		commits.Add(1)
		if pause > 0 {
			<-time.After(pause)
		}
	}}, err
}

// insertChild inserts for each duration that it reads, and reports its inserts per second and per commit.
func insertChild(args []string) error {
	var commits atomic.Int64
	options, err := insertOptions(args[1:], &commits)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := Open(ctx, args[0], options)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Update(ctx, insertNames); err != nil {
		return err
	}
	return inTurns(func(turn time.Duration) (string, error) {
		var inserted atomic.Int64
		errs := make(chan error, insertGoroutines)
		commits.Store(0)
		start := time.Now()
		var all sync.WaitGroup
		for range insertGoroutines {
			all.Go(func() {
				for time.Since(start) < turn {
					if err := s.Update(ctx, insertOne); err != nil {
						errs <- err
						return
					}
					inserted.Add(1)
				}
			})
		}
		all.Wait()
		n := float64(inserted.Load())
		select {
		case err := <-errs:
			return "", err
		default:
			return fmt.Sprint(n/time.Since(start).Seconds(), n/float64(commits.Load())), nil
		}
	})
}

// loopChild does the same in single commits on one connection.
func loopChild(args []string) error {
	options, err := insertOptions(args[1:], new(atomic.Int64))
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+args[0]+"?_foreign_keys=on&_recursive_triggers=on&_synchronous="+options.Synchronous+
		"&_busy_timeout=5000&_stmt_cache_size=64&_cache_size=-512&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return inTurns(func(turn time.Duration) (string, error) {
		n, start := 0, time.Now()
		for ; time.Since(start) < turn; n++ {
			if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
				return "", err
			}
			if err := insertOne(&Tx{ctx: ctx, db: conn, now: time.Now().UTC().Truncate(time.Microsecond)}); err != nil {
				return "", err
			}
			options.committing()
			if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
				return "", err
			}
		}
		return fmt.Sprint(float64(n) / time.Since(start).Seconds()), nil
	})
}

func inTurns(work func(time.Duration) (string, error)) error {
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		turn, err := time.ParseDuration(lines.Text())
		if err != nil {
			return err
		}
		report, err := work(turn)
		if err != nil {
			return err
		}
		fmt.Println(report)
	}
	return nil
}

const insertAPIs = 10

func insertNames(tx *Tx) error {
	for i := range insertAPIs {
		for _, query := range []string{
			"INSERT OR IGNORE INTO apis (name, description, params) VALUES (?, '', '{}')",
			"INSERT OR IGNORE INTO transaction_statuses (name, description) VALUES (?, '')",
		} {
			if _, err := tx.exec(query, strconv.Itoa(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func insertOne(tx *Tx) error {
	micro := int(tx.now.UnixMicro())
	_, err := tx.CreateTransaction(Transaction{
		API: strconv.Itoa(micro % insertAPIs), Status: strconv.Itoa(micro / insertAPIs % 5), Amount: Amount(micro % 1e9), Token: 7,
	})
	return err
}
