package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// writer is the one connection on which a process writes, and the goroutine that it belongs to. What is asked for while
// others write becomes one commit, first come first served.
type writer struct {
	options Options
	file    file
	db      *sql.DB
	conn    *sql.Conn // nil: lost; the next commit opens another
	turn    *turnstile
	files   atomic.Pointer[[]file] // what the connection has open
	minute  int64                  // of the last upkeep
	lookAt  time.Time              // when the length of the log is looked at next

	queue   chan *write
	closing context.Context // done: Close was called
	stop    context.CancelFunc
	ended   chan struct{} // closed when the goroutine has come to its end
	once    sync.Once     // closes what it had
}

// What bounds a commit, so that others have their turn.
const (
	maxBatch = 256
	maxTurn  = 20 * time.Millisecond // nothing is begun after that
)

// foreignPatience is how long SQLite waits at a time for a program that writes without asking for the lock.
const foreignPatience = "50" // ms

// write is one call of Update.
type write struct {
	f     func(*Tx) error
	taken atomic.Bool // by the writer, which answers it, or by its caller, who no longer waits
	err   error
	done  chan error // has room for the answer
}

func newWrite(f func(*Tx) error) *write { return &write{f: f, done: make(chan error, 1)} }

func openWriter(ctx context.Context, file file, options Options) (*writer, error) {
	closing, stop := context.WithCancel(context.Background())
	w := &writer{
		options: options, file: file, db: openPool(file, forWriting, options), turn: newTurnstile(file.path),
		queue: make(chan *write, maxBatch), closing: closing, stop: stop, ended: make(chan struct{}),
	}
	if err := w.connect(ctx); err != nil {
		stop()
		return nil, errors.Join(err, w.db.Close())
	}
	go w.run()
	return w, nil
}

// close may be called again, and then only waits.
func (w *writer) close() (err error) {
	w.stop()
	<-w.ended
	w.once.Do(func() {
		w.turn.close()
		if w.conn != nil {
			err = w.conn.Close()
		}
		err = errors.Join(err, w.db.Close())
	})
	return err
}

// check tells whether the database is still at its path. Without its -wal and -shm, too, it would not be what others see.
func (w *writer) check() error {
	for _, f := range *w.files.Load() {
		if err := f.check(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) update(ctx context.Context, f func(*Tx) error) error {
	asked := newWrite(f)
	timeout := time.NewTimer(w.options.Timeout)
	defer timeout.Stop()
	if w.closing.Err() != nil { // not by chance, where there is room in the queue
		return ErrClosed
	}
	select {
	case w.queue <- asked:
	case <-w.closing.Done():
		return ErrClosed
	case <-timeout.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	var gaveUp error
	select {
	case err := <-asked.done:
		return outcome(err)
	case <-timeout.C:
		gaveUp = ErrBusy
	case <-ctx.Done():
		gaveUp = ctx.Err()
	case <-w.ended:
		gaveUp = ErrClosed
	}
	if asked.taken.CompareAndSwap(false, true) {
		return gaveUp
	}
	return outcome(<-asked.done)
}

func (w *writer) run() {
	defer close(w.ended)
	idle := time.NewTicker(w.options.idle)
	defer idle.Stop()
	for {
		select {
		case <-idle.C:
			w.commit(newWrite(func(*Tx) error { return nil }))
		case first := <-w.queue:
			if first.taken.Load() {
				continue // nobody waits for it
			}
			// Let those run who are ready to, as those are who were just answered: what they write comes into this commit.
			runtime.Gosched()
			w.commit(first)
		case <-w.closing.Done():
			return
		}
	}
}

// commit runs what waits, in one transaction.
func (w *writer) commit(first *write) {
	if err := w.begin(); err != nil {
		if first.taken.CompareAndSwap(false, true) {
			first.done <- err
		}
		return
	}
	batch, err := w.transact(first)
	if err != nil && !rollback(w.conn) {
		_ = w.conn.Close() // it is lost already
		w.conn = nil
		w.files.Store(&[]file{w.file}) // the others may have gone with it
	}
	for _, b := range batch {
		if err != nil {
			b.done <- err
		} else {
			b.done <- b.err
		}
	}
	if err == nil {
		w.truncateLog()
	}
	w.turn.release()
}

// begin waits for the lock and begins a transaction.
func (w *writer) begin() error {
	if err := w.turn.acquire(w.closing); err != nil {
		if w.closing.Err() != nil {
			err = ErrClosed
		}
		return err
	}
	err := w.connect(w.closing)
	if err == nil {
		err = w.beginImmediate()
	}
	if err != nil {
		w.turn.release()
	}
	return err
}

// beginImmediate waits for programs that do not know the lock, as long as somebody may wait for it.
func (w *writer) beginImmediate() error {
	for deadline := time.Now().Add(w.options.Timeout); ; {
		err := w.exec("BEGIN IMMEDIATE")
		if !errors.Is(classified(err), ErrBusy) || time.Now().After(deadline) {
			return err
		}
		if w.closing.Err() != nil {
			return ErrClosed
		}
	}
}

// transact runs what waits and commits it. With an error nothing of it is stored, and the transaction may still be open.
func (w *writer) transact(first *write) (batch []*write, err error) {
	tx := &Tx{ctx: context.Background(), db: w.conn, now: w.options.time()}
	end := time.Now().Add(maxTurn)
	err = w.upkeep(tx)
	for next := first; next != nil; next = w.next(len(batch), end) {
		if !next.taken.CompareAndSwap(false, true) {
			continue
		}
		batch = append(batch, next)
		if err == nil {
			err = w.one(tx, next)
		}
		if err != nil {
			return batch, err
		}
	}
	w.options.committing()
	if err := w.check(); err != nil {
		return batch, err
	}
	return batch, w.exec("COMMIT")
}

// next is what comes into the commit that has so many writes, if anything does.
func (w *writer) next(writes int, end time.Time) *write {
	if writes == maxBatch || time.Now().After(end) {
		return nil
	}
	select {
	case next := <-w.queue:
		return next
	default:
		return nil
	}
}

// one runs one write in a savepoint, so that it can be undone alone. It returns the error of the whole transaction.
func (w *writer) one(tx *Tx, b *write) error {
	if err := w.exec("SAVEPOINT write"); err != nil {
		return err
	}
	b.err = call(b.f, tx)
	switch {
	case b.err == nil:
		return w.exec("RELEASE write")
	case errors.Is(classified(b.err), ErrUnavailable):
		return b.err
	}
	if err := w.exec("ROLLBACK TO write; RELEASE write"); err != nil { // there is no savepoint if SQLite has rolled back
		if _, panicked := errors.AsType[*panicError](b.err); panicked {
			return err // the others have not panicked
		}
		return errors.Join(b.err, err)
	}
	return nil
}

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}

// connect opens the connection if there is none.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	files, err := settle(ctx, conn, w.file)
	if err != nil {
		// It is not to be used again: its files may be others by then.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w.conn = conn
	w.files.Store(&files)
	return nil
}

// settle makes a connection the writer's, and gives the files that it has open.
func settle(ctx context.Context, conn *sql.Conn, database file) ([]file, error) {
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = "+foreignPatience); err != nil {
		return nil, err
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil { // it opens all files
		return nil, err
	}
	if mode != "wal" {
		return nil, errors.New("somebody ended its WAL mode: " + toMigrate)
	}
	files := []file{database}
	for _, suffix := range []string{"-wal", "-shm"} {
		f, err := identify(database.path + suffix)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// panicError is the value that f panicked with, and where.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// call calls f. Its panic is for the one who wanted the write, as if f had been called there: others wait for the writer.
func call(f func(*Tx) error, tx *Tx) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		if value == nil {
			panic("BUG: a transaction ends the goroutine of all writes")
		}
		err = &panicError{value, debug.Stack()}
	}()
	err = f(tx)
	returned = true
	return err
}

// outcome is what Update returns.
func outcome(err error) error {
	if panicked, ok := errors.AsType[*panicError](err); ok {
		panic(panicked)
	}
	return err
}
