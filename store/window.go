package store

import (
	"database/sql"
	"slices"
	"time"
)

// window is the time for which WindowCounts counts transactions.
const window = 24 * time.Hour

// Count is the number of transactions of an API that have a status.
type Count struct {
	API, Status string // names
	N           int64  // at least 1
}

// WindowCounts counts the transactions that were modified in the last 24 hours, after now-24h and up to now, by API and
// status, sorted by both. Pairs without transactions are left out.
//
// The counts are exact at any moment, even if the clock was set. The cost grows with the pairs of API and status, and with the
// transactions of the minute in which the window begins, not with the number of all transactions. If no process has written
// for a while, or the clock was set back, the cost of the minutes in between is added; if it was set back by more than the
// minutes that are kept, that of the transactions of the window.
func (tx *Tx) WindowCounts() ([]Count, error) {
	c, err := tx.counted()
	if err != nil {
		return nil, err
	}
	lo, hi, before, after := c.window(tx.now.UnixMicro(), minutesOfWindow)
	rows, err := tx.query(countsOfWindow, slices.Concat(c.minutes(lo, hi), before.args(), after.args())...)
	if err != nil {
		return nil, err
	}
	return scanCounts(rows)
}

// scanCounts closes the rows.
func scanCounts(rows *sql.Rows) ([]Count, error) {
	defer rows.Close()
	var counts []Count
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.API, &c.Status, &c.N); err != nil {
			return nil, err
		}
		counts = append(counts, c)
	}
	return counts, rows.Err()
}

// countsOfWindow adds up whole minutes, and adds or subtracts the transactions at both ends. Those are first grouped in the order of
// the index, which costs nothing and leaves less to sort if many transactions were modified at once.
const countsOfWindow = `
	SELECT a.name, s.name, w.n FROM (
		SELECT api_id, status_id, SUM(n) AS n FROM (` + countsOfMinutes + `
			UNION ALL SELECT api_id, status_id, ? * COUNT(*) FROM transactions WHERE ? <= time_modified AND time_modified < ?
				GROUP BY time_modified, api_id, status_id
			UNION ALL SELECT api_id, status_id, ? * COUNT(*) FROM transactions WHERE ? <= time_modified AND time_modified < ?
				GROUP BY time_modified, api_id, status_id
		) GROUP BY api_id, status_id
	) w
	JOIN apis a ON a.id = w.api_id
	JOIN transaction_statuses s ON s.id = w.status_id
	WHERE w.n <> 0 ORDER BY a.name, s.name`

// minute is a number of minutes since 1970. As the end of a range it means the start of that minute.
type minute int64

const (
	minuteMicros    = int64(time.Minute / time.Microsecond)
	minutesOfWindow = minute(window / time.Minute)
)

func minuteOf(t int64) minute {
	m := t / minuteMicros
	if t%minuteMicros < 0 {
		m--
	}
	return minute(m)
}

func (m minute) start() int64 { return int64(m) * minuteMicros }

// counted describes the tables of counts: they have the number of transactions of each minute from the horizon on, and the total
// of the minutes from since on, before until. horizon <= since <= until.
type counted struct{ horizon, since, until minute }

func (tx *Tx) counted() (c counted, err error) {
	err = tx.queryRow("SELECT horizon, since, until FROM counts_window").Scan(&c.horizon, &c.since, &c.until)
	return c, err
}

// countsOfMinutes selects api_id, status_id and n in any number of rows, whose sum is the result. Its arguments are those of
// counted.minutes.
const countsOfMinutes = `
	SELECT api_id, status_id, n * ? AS n FROM counts_total
	UNION ALL SELECT api_id, status_id, n * ? FROM counts_minute WHERE ? <= minute AND minute < ?
	UNION ALL SELECT api_id, status_id, n * ? FROM counts_minute WHERE ? <= minute AND minute < ?`

// minutes returns the arguments that count the transactions of the minutes from lo on, before hi: by the totals and the minutes
// that these have too many or too few, or by the minutes alone if those are fewer.
func (c counted) minutes(lo, hi minute) []any {
	total, first, last := 1, between(lo, c.since), between(c.until, hi)
	if first.length()+last.length() >= hi-lo {
		total, first, last = 0, between(lo, hi), between(hi, hi)
	}
	return slices.Concat([]any{total}, first.args(), last.args())
}

// window splits the time of so many minutes up to now into the whole minutes from lo on, before hi, and the spans to add or subtract
// before and after these.
func (c counted) window(now int64, minutes minute) (lo, hi minute, before, after span[int64]) {
	from, to := now-minutes.start()+1, now+1
	lo, hi = minuteOf(from+minuteMicros/2), minuteOf(now)+1 // the nearer end of the minute; little is in the future
	lo = max(lo, c.horizon)
	if lo >= hi { // the clock is behind the horizon
		return c.since, c.since, between(from, to), between(to, to)
	}
	return lo, hi, between(from, lo.start()), between(hi.start(), to)
}

// span is a range whose transactions are added or, with sign -1, subtracted.
type span[T minute | int64] struct {
	sign     int
	from, to T // to is excluded
}

// between returns the span to add to what is before a, to get what is before b.
func between[T minute | int64](a, b T) span[T] {
	if a <= b {
		return span[T]{1, a, b}
	}
	return span[T]{-1, b, a}
}

func (s span[T]) length() T { return s.to - s.from }

func (s span[T]) args() []any { return []any{s.sign, s.from, s.to} }
