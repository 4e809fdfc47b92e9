package store

import "time"

// expiredAtOnce bounds the rows of a kind that a commit removes for their age. Where there are more, the next one goes on.
const expiredAtOnce = 500

// idleUpkeep is how often a process writes nothing, for the sake of the upkeep: where nobody writes for hours, the totals
// that WindowCounts starts from would lag behind by as much.
const idleUpkeep = 10 * time.Minute

// upkeep is what is to be done once a minute, by whoever writes first in it. It fails only where the whole transaction
// does: what is left undone costs time or room, and is told.
func (w *writer) upkeep(tx *Tx) error {
	minute := tx.now.Unix() / 60
	if minute == w.minute {
		return nil
	}
	var done bool
	work := &write{f: func(tx *Tx) (err error) {
		done, err = tx.upkeep()
		return err
	}}
	if err := w.one(tx, work); err != nil {
		return err
	}
	if work.err != nil {
		w.options.Logger.Error("upkeep of the database failed", "error", work.err)
	}
	if done || work.err != nil {
		w.minute = minute
	}
	return nil
}

// upkeep reports whether nothing is left to be done.
func (tx *Tx) upkeep() (done bool, err error) {
	if err := tx.moveWindow(); err != nil {
		return false, err
	}
	done = true
	for _, expire := range []func(*Tx, int) error{(*Tx).expireAnswers, (*Tx).expireSessions, (*Tx).expireAttempts} {
		if err := expire(tx, expiredAtOnce); err != nil {
			return false, err
		}
		var n int
		if err := tx.queryRow("SELECT changes()").Scan(&n); err != nil {
			return false, err
		}
		done = done && n < expiredAtOnce
	}
	return done, nil
}
