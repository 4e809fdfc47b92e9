package store

import (
	"slices"
	"strings"
	"time"
)

// Timeline holds the numbers of transactions that were modified in consecutive intervals of the same length, by status.
type Timeline struct {
	Start  time.Time          // of the first interval, a whole minute
	Each   time.Duration      // length of an interval
	Counts map[string][]int64 // one number per interval, by the name of the status
	Others []int64            // all other statuses
}

// Timeline counts the transactions that were modified in the last n*minutes minutes, in n intervals, by the statuses of these
// names and all others. n and minutes must be positive. The last interval ends with the current minute; the first one includes
// the rest of the minute before it. The error may be ErrNotFound, for a status.
//
// The cost grows with the number of minutes, and with the transactions of the minute in which the time begins, not with the
// number of all transactions. But those of more than a week ago are counted one by one.
func (tx *Tx) Timeline(n, minutes int, statuses []string) (Timeline, error) {
	c, err := tx.counted()
	if err != nil {
		return Timeline{}, err
	}
	ids := make([]any, len(statuses))
	for i, name := range statuses {
		s, err := tx.NamedByName(KindStatus, name)
		if err != nil {
			return Timeline{}, err
		}
		ids[i] = s.ID
	}
	first := minuteOf(tx.now.UnixMicro()) + 1 - minute(n*minutes)
	t := Timeline{
		Start: time.UnixMicro(first.start()).UTC(), Each: time.Duration(minutes) * time.Minute,
		Counts: make(map[string][]int64, len(statuses)), Others: make([]int64, n),
	}
	for _, name := range statuses {
		t.Counts[name] = make([]int64, n)
	}
	add := func(sign int64, m minute, counts []int64) {
		at := min(max(int(m-first)/minutes, 0), n-1)
		t.Others[at] += sign * counts[0]
		for i, name := range statuses {
			t.Counts[name][at] += sign * counts[1+i]
			t.Others[at] -= sign * counts[1+i]
		}
	}
	lo, hi, before, after := c.window(tx.now.UnixMicro(), minute(n*minutes))
	// One pass by minutes adds up the statuses on the way. To group by statuses, too, would take four times as long.
	err = tx.eachMinute("SUM(n)", "counts_minute WHERE ? <= minute AND minute < ?", slices.Concat(ids, []any{lo, hi}), len(ids), 1, add)
	for _, edge := range []span[int64]{before, after} {
		if err == nil && edge.length() > 0 {
			args := slices.Concat(ids, []any{edge.from, edge.to})
			err = tx.eachMinute("COUNT(*)", "transactions WHERE ? <= time_modified AND time_modified < ?", args, len(ids), int64(edge.sign), add)
		}
	}
	return t, err
}

// eachMinute calls f with each minute, the sum of all its rows and those of so many statuses, whose ids are the first
// arguments.
func (tx *Tx) eachMinute(sum, from string, args []any, statuses int, sign int64, f func(sign int64, m minute, sums []int64)) error {
	filtered := strings.Repeat(", coalesce("+sum+" FILTER (WHERE status_id = ?), 0)", statuses)
	rows, err := tx.query("SELECT minute, "+sum+filtered+" FROM "+from+" GROUP BY minute", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var m minute
	sums := make([]int64, 1+statuses)
	dest := []any{&m}
	for i := range sums {
		dest = append(dest, &sums[i])
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		f(sign, m, sums)
	}
	return rows.Err()
}
