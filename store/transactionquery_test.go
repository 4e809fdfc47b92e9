package store

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"multiproc/internal/proctest"
)

// eachQuery calls f with all queries with the fields of a filter or without, in all orders.
func eachQuery(filter TransactionFilter, f func(name string, q TransactionQuery)) {
	for named := range 4 {
		for timed := range 4 {
			for _, key := range []SortKey{SortID, SortModified, SortCreated, SortAmount} {
				for _, descending := range []bool{true, false} {
					q := TransactionQuery{Sort: Sort{key, descending}}
					name := q.Sort.String()
					if named&1 != 0 {
						q.API, name = filter.API, name+" api"
					}
					if named&2 != 0 {
						q.Status, name = filter.Status, name+" status"
					}
					if timed&1 != 0 {
						q.From, name = filter.From, name+" from"
					}
					if timed&2 != 0 {
						q.Until, name = filter.Until, name+" until"
					}
					f(name, q)
				}
			}
		}
	}
}

// TestTransactions compares all lists with the expected ones, where many transactions have the same times and amounts.
func TestTransactions(t *testing.T) {
	s := openStore(t)
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	some := func() time.Time { return start.Add(time.Duration(random.IntN(20)-10) * time.Microsecond) }
	var all []Transaction
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a", "b", "c")
		for range 300 {
			created, err := tx.CreateTransaction(Transaction{
				API: string(rune('a' + random.IntN(2))), Status: string(rune('a' + random.IntN(2))),
				Amount: Amount(random.IntN(20) - 10), Created: some(), Modified: some(),
			})
			if err != nil {
				return err
			}
			all = append(all, created)
		}
		return nil
	})
	for i, filter := range []TransactionFilter{
		{API: "a", Status: "b", From: start.Add(-3 * time.Microsecond), Until: start.Add(4 * time.Microsecond)},
		{API: "b", Status: "c", From: start.Add(20 * time.Microsecond), Until: start.Add(-20 * time.Microsecond)},
		{API: "none", Status: "none", From: start, Until: start},
	} {
		if i > 0 && !proctest.IsLong() {
			continue
		}
		eachQuery(filter, func(name string, q TransactionQuery) {
			t.Run(name, func(t *testing.T) {
				want := expected(all, q)
				got := walk(t, s, 1+random.IntN(20), func(tx *Tx, p Page) (Slice[Transaction], error) {
					q.Page = p
					return tx.Transactions(q)
				})
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				many := walk(t, s, 1+random.IntN(20), func(tx *Tx, p Page) (Slice[Transaction], error) {
					q.Page = p
					return tx.transactions(q, false)
				})
				if diff := gocmp.Diff(want, many); diff != "" {
					t.Errorf("as if there were many (-want +got):\n%s", diff)
				}
				older := q
				older.Highest = all[len(all)/2].ID
				got = walk(t, s, 1+random.IntN(20), func(tx *Tx, p Page) (Slice[Transaction], error) {
					older.Page = p
					return tx.Transactions(older)
				})
				if diff := gocmp.Diff(expected(all, older), got); diff != "" {
					t.Errorf("up to an id (-want +got):\n%s", diff)
				}
				view(t, s, func(tx *Tx) error {
					if n, err := tx.CountTransactions(q.TransactionFilter); n != int64(len(want)) || err != nil {
						t.Errorf("%d, %v, want %d", n, err, len(want))
					}
					if few, err := tx.few(q.TransactionFilter); few != q.named() || err != nil {
						t.Errorf("few is %t, %v", few, err)
					}
					return nil
				})
			})
		})
	}
}

// createNames creates an API and a status with each name.
func createNames(tb testing.TB, tx *Tx, names ...string) {
	tb.Helper()
	for _, name := range names {
		_, api := tx.CreateNamed(Named{Kind: KindAPI, Name: name})
		_, status := tx.CreateNamed(Named{Kind: KindStatus, Name: name})
		check(tb, errors.Join(api, status))
	}
}

func expected(all []Transaction, q TransactionQuery) (want []Transaction) {
	for _, t := range all {
		if (q.API == "" || q.API == t.API) && (q.Status == "" || q.Status == t.Status) &&
			(q.Highest == 0 || t.ID <= q.Highest) && (q.From.IsZero() || !t.Modified.Before(q.From)) && (q.Until.IsZero() || t.Modified.Before(q.Until)) {
			want = append(want, t)
		}
	}
	slices.SortFunc(want, func(a, b Transaction) int {
		ascending := cmp.Or(cmp.Compare(q.number(a), q.number(b)), cmp.Compare(a.ID, b.ID))
		if q.Sort.Descending {
			return -ascending
		}
		return ascending
	})
	return want
}

// TestTransactionsThatStay: while others are added and deleted, those that stay are listed once each.
func TestTransactionsThatStay(t *testing.T) {
	s := openStore(t)
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	create := func(tx *Tx) (Transaction, error) {
		at := start.Add(time.Duration(random.IntN(50)) * time.Microsecond)
		return tx.CreateTransaction(Transaction{API: "a", Status: "a", Amount: Amount(random.IntN(50)), Created: at, Modified: at})
	}
	var stay []Transaction
	var passing []int64
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a")
		for range 200 {
			stays, err := create(tx)
			if err != nil {
				return err
			}
			passes, err := create(tx)
			if err != nil {
				return err
			}
			stay, passing = append(stay, stays), append(passing, passes.ID)
		}
		return nil
	})
	n := 0
	eachQuery(TransactionFilter{API: "a", Status: "a", From: start}, func(name string, q TransactionQuery) {
		if n++; !q.Until.IsZero() || n%proctest.Rounds(3, 1) > 0 {
			return
		}
		t.Run(name, func(t *testing.T) {
			listed := walk(t, s, 23, func(tx *Tx, p Page) (Slice[Transaction], error) {
				q.Page = p
				return tx.Transactions(q)
			}, func(tx *Tx) error {
				for range 5 {
					comes, err := create(tx)
					if err != nil {
						return err
					}
					i := random.IntN(len(passing))
					if err := tx.DeleteTransaction(passing[i]); err != nil {
						return err
					}
					passing[i] = comes.ID
				}
				return nil
			})
			got := slices.DeleteFunc(listed, func(listed Transaction) bool { return !slices.Contains(stay, listed) })
			if diff := gocmp.Diff(expected(stay, q), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	})
}

// TestTransactionsPlan: SQLite uses the intended indexes, which it would not choose by itself.
func TestTransactionsPlan(t *testing.T) {
	s := openStore(t)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	eachQuery(TransactionFilter{API: "a", Status: "a", From: day, Until: day}, func(name string, q TransactionQuery) {
		beyond := "<"
		if !q.Sort.Descending {
			beyond = ">"
		}
		from, until := !q.From.IsZero() || q.Sort.By == SortModified && !q.Sort.Descending, !q.Until.IsZero() || q.Sort.By == SortModified && q.Sort.Descending
		want, sorted := "SEARCH t USING COVERING INDEX transactions_modified ("+times(from, until)+")", q.Sort.By != SortModified
		switch {
		case q.Sort.By == SortAmount || q.Sort.By == SortCreated && q.timed():
			want = "SCAN t"
		case q.Sort.By == SortCreated:
			want, sorted = "SEARCH t USING COVERING INDEX transactions_created (time_created"+beyond+"?)", false
		case q.Sort.By == SortID && q.named() && !q.timed():
			want, sorted = "SEARCH t USING COVERING INDEX transactions_api_status (api_id=? AND status_id=? AND rowid"+beyond+"?)", false
		case q.Sort.By == SortID && !q.timed():
			want, sorted = "SEARCH t USING INTEGER PRIMARY KEY (rowid"+beyond+"?)", false
		}
		t.Run(name, func(t *testing.T) {
			q.After = numberCursor(q.keyset().list, 1, 1)
			query, args, err := q.query(false)
			check(t, err)
			plan := planOf(t, s, query, append(args, q.rows())...)
			checkPlan(t, plan, 0, "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)", true) // the rows of the page
			checkPlan(t, plan, 1, want, sorted)

			q.Highest = 7
			if q.Sort.By == SortID && !q.timed() {
				q.After, want = "", strings.Replace(want, "rowid>?", "rowid<?", 1) // the first ones are found by that alone
			}
			if query, args, err = q.query(false); err != nil {
				t.Fatal(err)
			}
			checkPlan(t, planOf(t, s, query, append(args, q.rows())...), 1, want, sorted)
			if !q.named() || q.Sort.By == SortID && !q.timed() {
				return
			}
			if query, args, err = q.query(true); err != nil {
				t.Fatal(err)
			}
			checkPlan(t, planOf(t, s, query, append(args, q.rows())...), 1, "SEARCH t USING INDEX transactions_api_status (api_id=? AND status_id=?)", true)
		})
	})
}

func times(from, until bool) string {
	switch {
	case from && until:
		return "time_modified>? AND time_modified<?"
	case from:
		return "time_modified>?"
	default:
		return "time_modified<?"
	}
}

// step is a line of the plan of a query.
type step struct {
	id, parent int
	detail     string
}

func planOf(t *testing.T, s *Store, query string, args ...any) (plan []step) {
	t.Helper()
	view(t, s, func(tx *Tx) error {
		rows, err := tx.query("EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line step
			var unused int
			if err := rows.Scan(&line.id, &line.parent, &unused, &line.detail); err != nil {
				return err
			}
			plan = append(plan, line)
		}
		return rows.Err()
	})
	return plan
}

// checkPlan checks the n-th step that finds transactions t, and whether its result is sorted.
func checkPlan(t *testing.T, plan []step, n int, want string, sorted bool) {
	t.Helper()
	var finds []step
	for _, s := range plan {
		if _, table, _ := strings.Cut(s.detail, " "); table == "t" || strings.HasPrefix(table, "t ") {
			finds = append(finds, s)
		}
	}
	if len(finds) != 2 {
		t.Fatalf("transactions are found in other than 2 steps:\n%+v", plan)
	}
	if finds[n].detail != want {
		t.Errorf("step %d: %s, want %s", n, finds[n].detail, want)
	}
	got := slices.ContainsFunc(plan, func(s step) bool {
		return s.parent == finds[n].parent && s.detail == "USE TEMP B-TREE FOR ORDER BY"
	})
	if got != sorted {
		t.Errorf("step %d: sorted is %t, want %t", n, got, sorted)
	}
}

// TestCountTransactionsPlan: to count by names, no transactions are read.
func TestCountTransactionsPlan(t *testing.T) {
	s := openStore(t)
	for _, test := range []struct {
		filter TransactionFilter
		few    bool
		want   string
	}{
		{TransactionFilter{}, false, "S"},
		{TransactionFilter{API: "a"}, false, "S"},
		{TransactionFilter{Status: "a"}, false, "S"},
		{TransactionFilter{API: "a", Status: "a"}, false, "S"},
		{TransactionFilter{Search: "a"}, false, "S"},
		{TransactionFilter{API: "a", Status: "a", From: time.Now()}, false, "SEARCH t USING COVERING INDEX transactions_modified (time_modified>?)"},
		{TransactionFilter{API: "a", From: time.Now()}, true, "SEARCH t USING INDEX transactions_api_status (api_id=? AND status_id=?)"},
	} {
		query, args := test.filter.count(test.few)
		plan := planOf(t, s, query, args...)
		if !slices.ContainsFunc(plan, func(s step) bool { return strings.HasPrefix(s.detail, test.want) }) {
			t.Errorf("%+v: %+v, want %s", test.filter, plan, test.want)
		}
		if test.filter.totalled() && slices.ContainsFunc(plan, func(s step) bool {
			return strings.Contains(s.detail, " t") && strings.Contains(s.detail, "transactions")
		}) {
			t.Errorf("%+v: %+v: transactions are read whose number is maintained", test.filter, plan)
		}
	}
}
