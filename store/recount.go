package store

import (
	"fmt"
	"math"
)

// minutesKept is how far back from now there are counts of minutes: the clock may go back for six days and the window is
// still within them.
const minutesKept = 7 * 24 * 60

// movedAtOnce bounds the rows that a call of moveWindow counts or removes, while nobody else can write: some 20 ms.
const movedAtOnce = 20_000

// moveWindow makes the totals those of the window as it is now, and the horizon follow it, some of the way at a time. It
// may be called at any moment; WindowCounts costs least where it is called in every minute.
func (tx *Tx) moveWindow() error {
	if err := tx.move(movedAtOnce); err != nil {
		return fmt.Errorf("move window of transactions: %w", err)
	}
	return nil
}

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

// moveTotals makes the totals those of the minutes from to.since on, until to.until.
func (tx *Tx) moveTotals(was, to counted) error {
	_, err := tx.exec(`INSERT OR REPLACE INTO counts_total
		SELECT api_id, status_id, SUM(n) FROM (`+countsOfMinutes+`) GROUP BY api_id, status_id`,
		was.minutes(to.since, to.until)...)
	if err != nil {
		return err
	}
	_, err = tx.exec("DELETE FROM counts_total WHERE n = 0") // of APIs and statuses that are no more, too
	return err
}

// lowerHorizon counts the minutes from m on up to the horizon, as the clock went back, or only the last of them where
// there are more transactions than atOnce. It returns the new horizon.
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

// raiseHorizon removes the minutes before m, or only the first of them where there are more rows than atOnce. It returns
// the new horizon.
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

// countMinutes fills minutes that have no counts from the transactions in them, last included.
func (tx *Tx) countMinutes(first, last int64) error {
	_, err := tx.exec(`INSERT INTO counts_minute
		SELECT minute, api_id, status_id, COUNT(*) FROM transactions WHERE time_modified BETWEEN ? AND ?
		GROUP BY minute, api_id, status_id`, first, last)
	return err
}

// Recount counts the transactions anew, for a database that was written to by a program that does not set off all
// triggers. It takes about a second for a million transactions.
func (tx *Tx) Recount() error {
	if err := tx.recount(); err != nil {
		return fmt.Errorf("count transactions anew: %w", err)
	}
	return nil
}

func (tx *Tx) recount() error {
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
	// This sets off the count of all times, too.
	_, err := tx.exec("INSERT OR REPLACE INTO counts_window VALUES (1, ?, ?, ?)", oldest, now, now)
	if err != nil {
		return err
	}
	return tx.move(0)
}
