package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
)

// today is the start of the clock in microseconds since 1970, fixed so that a sequence can be repeated.
var today = time.Date(2026, 1, 30, 10, 20, 30, 405_060_000, time.UTC).UnixMicro()

// randomWrites is a database that is written to at random.
type randomWrites struct {
	ctx    context.Context // the test's
	random *rand.Rand
	now    atomic.Int64 // the clock of the Store in microseconds since 1970
	store  *Store
	other  *sql.Conn // the connection of another program
	log    []string
}

func newRandomWrites(t *testing.T, seed uint64) *randomWrites {
	t.Helper()
	p := &randomWrites{ctx: t.Context(), random: rand.New(rand.NewPCG(seed, 0))}
	p.now.Store(today)
	options := Options{now: func() time.Time { return time.UnixMicro(p.now.Load()) }}
	path := filepath.Join(t.TempDir(), "random.db")
	p.store = openStoreAt(t, path, options)
	p.other = openConn(t, path)
	_, err := p.other.ExecContext(p.ctx, `
		INSERT INTO apis (name, description, params) VALUES ('a', '', '{}'), ('b', '', '{}'), ('c', '', '{}');
		INSERT INTO transaction_statuses (name, description) VALUES ('x', ''), ('y', ''), ('z', '')`)
	check(t, err)
	return p
}

// openConn opens a connection with the pragmas of a Store that writes, but without its lock.
func openConn(tb testing.TB, path string) *sql.Conn {
	tb.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_foreign_keys=on&_recursive_triggers=on&_synchronous=normal&_busy_timeout=60000&_txlock=immediate")
	check(tb, err)
	conn, err := db.Conn(tb.Context())
	check(tb, err)
	tb.Cleanup(func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			tb.Error(err)
		}
	})
	return conn
}

// step does one thing and checks the result.
func (p *randomWrites) step() error {
	switch p.random.IntN(10) {
	case 0, 1:
		p.now.Store(p.clock())
		p.logf("the clock shows %d", p.now.Load())
	case 2:
		atOnce := p.random.IntN(3)
		p.logf("move %d at once", atOnce)
		if err := p.tx(p.now.Load()).move(atOnce); err != nil { // a Store would have moved it before
			return err
		}
	case 3:
		move := (*Tx).moveWindow
		if p.random.IntN(4) == 0 {
			move = (*Tx).Recount
			p.logf("recount")
		} else {
			p.logf("move")
		}
		if err := p.store.Update(p.ctx, move); err != nil {
			return err
		}
	default:
		if err := p.write(p.statement()); err != nil {
			return err
		}
	}
	if err := checkTables(p.tx(p.now.Load())); err != nil {
		return err
	}
	moments, err := p.moments()
	if err != nil {
		return err
	}
	for _, now := range moments {
		if err := compareCounts(p.tx(now)); err != nil {
			return err
		}
	}
	return nil
}

func (p *randomWrites) logf(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

// write runs statements in the Store or in another program. They may violate a constraint.
func (p *randomWrites) write(statement string) (err error) {
	if p.random.IntN(2) == 0 {
		p.logf("store: %s", statement)
		err = p.store.Update(p.ctx, func(tx *Tx) error {
			_, err := tx.exec(statement)
			return err
		})
	} else {
		p.logf("other: %s", statement)
		if _, err = p.other.ExecContext(p.ctx, statement); err != nil {
			_, _ = p.other.ExecContext(p.ctx, "ROLLBACK") // of an open savepoint, if any
		}
	}
	if failure, ok := errors.AsType[sqlite3.Error](err); ok && failure.Code == sqlite3.ErrConstraint {
		p.logf("	%v", err)
		return nil
	}
	return err
}

// statement returns a random statement that changes transactions, APIs or statuses.
func (p *randomWrites) statement() string {
	some := func() string { // of the transactions
		switch p.random.IntN(4) {
		case 0:
			return fmt.Sprintf("id %% 3 = %d", p.random.IntN(3))
		case 1:
			return fmt.Sprintf("api_id = %d", p.id())
		case 2:
			return fmt.Sprintf("time_modified > %d", p.time())
		default:
			return fmt.Sprintf("id = %d", p.id())
		}
	}
	set := func() string {
		return [...]string{
			fmt.Sprintf("api_id = %d", p.id()),
			fmt.Sprintf("status_id = %d", p.id()),
			fmt.Sprintf("time_modified = %d", p.time()),
			fmt.Sprintf("time_modified = time_modified + %d WHERE abs(time_modified / 2) < 1 << 60 AND", p.random.IntN(2e6)-1e6),
			"amount = amount + 1",
			"api_id = api_id, status_id = status_id, time_modified = time_modified",
			fmt.Sprintf("api_id = %d, status_id = %d, time_modified = %d", p.id(), p.id(), p.time()),
			fmt.Sprintf("id = %d", p.id()),
			fmt.Sprintf("id = id + 1, api_id = %d", p.id()),
		}[p.random.IntN(9)]
	}
	conflict := [...]string{"", "", "", "OR REPLACE", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT"}[p.random.IntN(8)]
	update := func() string {
		set := set()
		if !strings.HasSuffix(set, "AND") {
			set += " WHERE"
		}
		return fmt.Sprintf("UPDATE %s transactions SET %s %s", conflict, set, some())
	}
	insert := func() string {
		rows := make([]string, 1+p.random.IntN(6)*p.random.IntN(2))
		for i := range rows {
			id := "NULL"
			if p.random.IntN(2) == 0 {
				id = fmt.Sprint(p.id())
			}
			rows[i] = fmt.Sprintf("(%s, 1, %d, %d, 0, %d)", id, p.id(), p.id(), p.time())
		}
		return "INSERT " + conflict + " INTO transactions (id, amount, api_id, status_id, time_created, time_modified) VALUES " +
			strings.Join(rows, ", ")
	}
	switch p.random.IntN(30) {
	case 0:
		if p.random.IntN(3) == 0 {
			return "DELETE FROM transactions"
		}
		return fmt.Sprintf("DELETE FROM %s WHERE id = %d", [...]string{"apis", "transaction_statuses"}[p.random.IntN(2)], p.id())
	case 1:
		return fmt.Sprintf("UPDATE %s SET name = '%c' WHERE id = %d",
			[...]string{"apis", "transaction_statuses"}[p.random.IntN(2)], 'a'+rune(p.random.IntN(26)), p.id())
	case 2:
		return fmt.Sprintf("INSERT %s INTO apis (id, name, description, params) VALUES (%d, '%c', '', '{}')",
			conflict, p.id(), 'a'+rune(p.random.IntN(26)))
	case 3:
		return fmt.Sprintf("INSERT %s INTO transaction_statuses (id, name, description) VALUES (%d, '%c', '')",
			conflict, p.id(), 'a'+rune(p.random.IntN(26)))
	case 4:
		return "DELETE FROM transactions WHERE " + some()
	case 5, 6:
		return fmt.Sprintf("%s ON CONFLICT DO UPDATE SET api_id = excluded.api_id, status_id = %d, time_modified = excluded.time_modified",
			insert(), p.id())
	case 7:
		return "SAVEPOINT a; " + insert() + "; ROLLBACK TO a; RELEASE a"
	case 8, 9:
		return "SAVEPOINT a; " + insert() + "; SAVEPOINT b; " + update() + "; ROLLBACK TO b; " + insert() + "; RELEASE a"
	case 10, 11, 12, 13, 14, 15:
		return update()
	default:
		return insert()
	}
}

// id returns an id of a transaction, an API or a status, which may not exist.
func (p *randomWrites) id() int { return 1 + p.random.IntN([...]int{3, 3, 3, 4, 12}[p.random.IntN(5)]) }

// time returns a time at which a transaction may have been modified.
func (p *randomWrites) time() int64 {
	now := [...]int64{today, p.now.Load(), p.now.Load()}[p.random.IntN(3)]
	day, minutes, near := window.Microseconds(), minuteMicros, p.random.Int64N(5)-2
	switch p.random.IntN(18) {
	case 0, 9, 10:
		return now + near
	case 11, 12:
		c, err := p.tx(now).counted()
		if err != nil {
			return now
		}
		return [...]minute{c.horizon, c.since, c.until}[p.random.IntN(3)].start() + near
	case 1:
		return now - day + near
	case 2:
		return minuteOf(now+minutes*near).start() + p.random.Int64N(3) - 1
	case 3:
		return minuteOf(now-day+minutes*near).start() + p.random.Int64N(3) - 1
	case 4:
		return now + p.random.Int64N(2*day)
	case 5:
		return now - p.random.Int64N(9*day)
	case 6:
		return now - p.random.Int64N(100*365*day)
	case 7:
		return p.random.Int64N(4*minutes) - 2*minutes // about 1970
	case 8:
		return [...]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, math.MaxInt64 - 1, math.MaxInt64}[p.random.IntN(6)]
	default:
		return now - p.random.Int64N(day)
	}
}

// clock returns a new time for the clock.
func (p *randomWrites) clock() int64 {
	now := p.now.Load()
	switch p.random.IntN(12) {
	case 0, 1, 2:
		return today + p.random.Int64N(3)*p.random.Int64N(window.Microseconds())
	case 3:
		return minuteOf(now).start() + p.random.Int64N(3) - 1
	case 4:
		return p.random.Int64N(4 * minuteMicros) // a machine that does not know the time
	}
	for _, unit := range []time.Duration{time.Second, time.Minute, time.Hour, window, 60 * window} {
		if p.random.IntN(3) == 0 {
			return now + p.random.Int64N(15*unit.Microseconds()) - 5*unit.Microseconds()
		}
	}
	return now + p.random.Int64N(3) - 1
}

// moments returns times to count at: now, another one, and those at which a transaction enters and leaves the window.
func (p *randomWrites) moments() ([]int64, error) {
	moments := []int64{p.now.Load(), p.clock()}
	var modified int64
	err := p.other.QueryRowContext(p.ctx, "SELECT time_modified FROM transactions WHERE id >= ? AND abs(time_modified / 2) < 1 << 60 ORDER BY id",
		p.id()).Scan(&modified)
	if errors.Is(err, sql.ErrNoRows) {
		return moments, nil
	}
	left := modified + window.Microseconds()
	return append(moments, modified-1, modified, left-1, left), err
}

// tx returns a transaction at a moment. Nothing is written meanwhile.
func (p *randomWrites) tx(now int64) *Tx {
	return &Tx{ctx: p.ctx, db: p.other, now: time.UnixMicro(now)}
}
