package store

import (
	"math"
)

// minutesKept is the number of minutes up to now that have counts: the window stays within them even if the clock is set back by
// six days.
const minutesKept = 7 * 24 * 60

// movedAtOnce bounds the rows that a call of moveWindow counts or removes, while no other process can write: some 20 ms.
const movedAtOnce = 20_000

// moveWindow moves the totals to the current window, and the horizon part of the way after it. It can be called at any moment;
// WindowCounts costs least if it is called every minute.
func (tx *Tx) moveWindow() error { return tx.move(movedAtOnce) }

func (tx *Tx) move(atOnce int) error {
	was, err := tx.counted()
	if err != nil {
		return err
	}
	now := minuteOf(tx.now.UnixMicro())
	edge, oldest, c := now-minutesOfWindow, now-minutesKept, was
	if edge < c.horizon {
		if c.horizon, err = tx.lowerHorizon(c.horizon, edge, atOnce); err != nil {
			return err
		}
	}
	c.since = max(edge+1, c.horizon)
	c.until = max(now, c.since)
	if c.since != was.since || c.until != was.until {
		if err := tx.moveTotals(was, c); err != nil {
			return err
		}
	}
	if c.horizon < oldest {
		if c.horizon, err = tx.raiseHorizon(oldest, atOnce); err != nil {
			return err
		}
	}
	if c == was {
		return nil
	}
	_, err = tx.exec("UPDATE counts_window SET horizon = ?, since = ?, until = ?", c.horizon, c.since, c.until)
	return err
}

// moveTotals changes the totals from those of was to those of to.
func (tx *Tx) moveTotals(was, to counted) error {
	_, err := tx.exec(`INSERT OR REPLACE INTO counts_total
		SELECT api_id, status_id, SUM(n) FROM (`+countsOfMinutes+`) GROUP BY api_id, status_id`,
		was.minutes(to.since, to.until)...)
	if err != nil {
		return err
	}
	_, err = tx.exec("DELETE FROM counts_total WHERE n = 0") // of deleted APIs and statuses, too
	return err
}

// lowerHorizon counts the minutes from m on up to the horizon, since the clock was set back, or only the last of them if they have
// more transactions than atOnce. It returns the new horizon.
func (tx *Tx) lowerHorizon(horizon, m minute, atOnce int) (minute, error) {
	var lower minute
	err := tx.queryRow(`SELECT coalesce((
			SELECT minute FROM transactions WHERE ? <= time_modified AND time_modified < ?
			ORDER BY time_modified DESC LIMIT 1 OFFSET ?
		), ?)`, m.start(), horizon.start(), atOnce, m).Scan(&lower)
	if err != nil {
		return 0, err
	}
	return lower, tx.countMinutes(lower.start(), horizon.start()-1)
}

// raiseHorizon removes the minutes before m, or only the first of them if they have more rows than atOnce. It returns the new
// horizon.
func (tx *Tx) raiseHorizon(m minute, atOnce int) (minute, error) {
	var raised minute
	err := tx.queryRow(`SELECT coalesce((
			SELECT minute + 1 FROM counts_minute WHERE minute < ? ORDER BY minute LIMIT 1 OFFSET ?
		), ?)`, m, atOnce, m).Scan(&raised)
	if err != nil {
		return 0, err
	}
	_, err = tx.exec("DELETE FROM counts_minute WHERE minute < ?", raised)
	return raised, err
}

// countMinutes fills minutes without counts from their transactions. first and last are included.
func (tx *Tx) countMinutes(first, last int64) error {
	_, err := tx.exec(`INSERT INTO counts_minute
		SELECT minute, api_id, status_id, COUNT(*) FROM transactions WHERE time_modified BETWEEN ? AND ?
		GROUP BY minute, api_id, status_id`, first, last)
	return err
}

// Recount counts all transactions again, in case a program has written to the database without running all triggers. It takes
// about a second per million transactions.
func (tx *Tx) Recount() error {
	now := minuteOf(tx.now.UnixMicro())
	oldest := now - minutesKept
	for _, query := range []string{"DELETE FROM counts_minute", "DELETE FROM counts_total"} {
		if _, err := tx.exec(query); err != nil {
			return err
		}
	}
	if err := tx.countMinutes(oldest.start(), math.MaxInt64); err != nil {
		return err
	}
	// This runs the trigger that recounts counts_all.
	_, err := tx.exec("INSERT OR REPLACE INTO counts_window VALUES (1, ?, ?, ?)", oldest, now, now)
	if err != nil {
		return err
	}
	return tx.move(0)
}
