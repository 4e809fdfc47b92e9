package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
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
