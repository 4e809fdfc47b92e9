package store

import "time"

// expiredAtOnce bounds the rows of a table that one commit removes because of their age. The next one continues.
const expiredAtOnce = 500

// idleInterval is the interval of the commits of a process that writes nothing: without them the totals that WindowCounts
// starts from would lag behind by as long as no process writes.
const idleInterval = 10 * time.Minute

// maintain does the work of each minute. It reports whether all of it is done.
func (tx *Tx) maintain() (done bool, err error) {
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
