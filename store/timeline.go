package store

import (
	"fmt"
	"time"
)

// Timeline is how many transactions were modified when, by status, in intervals of the same length.
type Timeline struct {
	Start    time.Time          // of the first interval, at a whole minute
	Each     time.Duration      // length of an interval
	Statuses []string           // by name; those that have any
	Counts   map[string][]int64 // by status; one for each interval
}

// Timeline counts the transactions that were modified in the last n intervals of so many minutes, the last of which ends with
// the current minute. They are counted by minutes already: it costs as much as these are, not as many as the transactions are.
// What was longer than a week ago is not counted any more.
func (tx *Tx) Timeline(n, minutes int) (Timeline, error) {
	last := minuteOf(tx.now.UnixMicro()) + 1
	first := last - minute(n*minutes)
	t := Timeline{
		Start:  time.UnixMicro(first.start()).UTC(),
		Each:   time.Duration(minutes) * time.Minute,
		Counts: map[string][]int64{},
	}
	rows, err := tx.query(`SELECT s.name, c.i, c.n FROM (
			SELECT status_id, (minute - ?1) / ?2 AS i, SUM(n) AS n FROM counts_minute WHERE ?1 <= minute AND minute < ?3 GROUP BY 1, 2
		) c JOIN transaction_statuses s ON s.id = c.status_id WHERE c.n <> 0 ORDER BY s.name`, first, minutes, last)
	if err != nil {
		return Timeline{}, fmt.Errorf("count transactions over time: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var status string
		var i, count int64
		if err := rows.Scan(&status, &i, &count); err != nil {
			return Timeline{}, err
		}
		if t.Counts[status] == nil {
			t.Statuses, t.Counts[status] = append(t.Statuses, status), make([]int64, n)
		}
		t.Counts[status][i] = count
	}
	return t, rows.Err()
}
