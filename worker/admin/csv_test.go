package admin_test

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/store"
)

// interrupted is a response that calls a function after its first part.
type interrupted struct {
	*httptest.ResponseRecorder
	meanwhile func()
	writes    int
}

func (w *interrupted) Write(p []byte) (int, error) {
	w.writes++
	if happens := w.meanwhile; happens != nil {
		w.meanwhile = nil
		happens()
	}
	return w.ResponseRecorder.Write(p)
}

// TestExportWhileRowsChange changes transactions after the first batch of an export, both exported ones and others.
func TestExportWhileRowsChange(t *testing.T) {
	const n = 2500 // three batches
	var all, even []int64
	for id := int64(1); id <= n; id++ {
		if all = append(all, id); id%2 == 0 {
			even = append(even, id)
		}
	}
	s := startData(t)
	s.many(n)
	amounts := func(amount store.Amount, ids ...int64) func(*store.Tx) error {
		return func(tx *store.Tx) error {
			for _, id := range ids {
				is, err := tx.Transaction(id)
				if err != nil {
					return err
				}
				is.Amount = amount
				if err := tx.UpdateTransaction(is); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, test := range []struct {
		name, query string
		meanwhile   func(*store.Tx) error
		want        []int64
		again       []int64 // that are exported twice
		amount      string  // that the last lines of changed have
		changed     []int64
	}{
		{
			name: "of a time", query: "?from=2001-01-01", meanwhile: amounts(80_000, 1, 2, 999, 1700, 2499),
			want: all, again: []int64{1, 2, 999}, amount: "8.00", changed: []int64{1, 2, 999, 1700, 2499},
		},
		{
			name: "of a status and a time", query: "?status=2&from=2001-01-01", meanwhile: amounts(90_000, 4, 2202),
			want: even, again: []int64{4}, amount: "9.00", changed: []int64{4, 2202},
		},
		{
			name: "of a status", query: "?status=2", meanwhile: amounts(100_000, 2, 4, 2498),
			want: even, amount: "10.00", changed: []int64{2, 4},
		},
		{
			name: "an API with another name", query: "?api=1&from=2001-01-01",
			meanwhile: func(tx *store.Tx) error {
				return tx.UpdateNamed(store.Named{Kind: store.KindAPI, ID: 1, Name: "renamed"})
			},
			want: all,
		},
		{
			name: "one more", query: "?from=2001-01-01",
			meanwhile: func(tx *store.Tx) error {
				_, err := tx.CreateTransaction(store.Transaction{API: "renamed", Status: "a"})
				return err
			},
			want: all,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/transactions.csv"+test.query, http.NoBody)
			request.AddCookie(&http.Cookie{Name: "multiproc_session", Value: s.browsers[s.role].secret})
			w := &interrupted{ResponseRecorder: httptest.NewRecorder(), meanwhile: func() { s.update(test.meanwhile) }}
			s.admin.ServeHTTP(w, request)
			rows, err := csv.NewReader(w.Body).ReadAll()
			if err != nil || w.Code != http.StatusOK {
				t.Fatalf("%d, %v", w.Code, err)
			}
			if w.writes > (len(rows)+999)/1000 {
				t.Errorf("%d writes: rows were held until the client took them", w.writes)
			}
			times, amounts := map[int64]int{}, map[int64]string{}
			for _, row := range rows[1:] {
				id, err := strconv.ParseInt(row[0], 10, 64)
				check(t, err)
				times[id]++
				amounts[id] = row[3]
			}
			for _, id := range test.want {
				want := 1
				if slices.Contains(test.again, id) {
					want = 2
				}
				if times[id] != want {
					t.Errorf("%d is exported %d times, want %d", id, times[id], want)
				}
				delete(times, id)
			}
			for id := range times {
				t.Errorf("%d is exported, but does not match", id)
			}
			for _, id := range test.changed {
				if amounts[id] != test.amount {
					t.Errorf("the last line of %d has the amount %s, want %s", id, amounts[id], test.amount)
				}
			}
		})
	}
}

// defused are names that spreadsheets would take for formulas, as exports have them.
var defused = map[string]string{
	"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "＝1": "'＝1", "a;=1": "a;'=1", `"=1"`: `'"=1"`,
	`'; DROP TABLE apis; --`: `'; DROP TABLE apis;' --`, "tab\t=1": "tab\t'=1", "\tVisa": "'\tVisa", "\nVisa": "'\nVisa",
}

// TestCSV: exports quote what CSV requires, and have no cell that a spreadsheet takes for a formula.
func TestCSV(t *testing.T) {
	s := startData(t)
	s.names(hostileNames...)
	s.oldNames(refusedNames...)
	var all []store.Transaction
	for i, name := range slices.Concat(hostileNames, refusedNames) {
		all = append(all, store.Transaction{API: name, Status: name, Amount: store.Amount(-i * 10_000)})
	}
	s.create(all...)
	for path, columns := range map[string][]int{
		"/admin/apis.csv": {1}, "/admin/statuses.csv": {1}, "/admin/transactions.csv": {1, 2},
	} {
		got := s.want(http.StatusOK, path)
		if kind := got.header.Get("Content-Type"); kind != "text/csv; charset=utf-8" {
			t.Errorf("%s is %s", path, kind)
		}
		if !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment; ") {
			t.Errorf("%s is not to be saved", path)
		}
		rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
		check(t, err)
		for _, column := range columns {
			var names, want []string
			for _, row := range rows[1:] {
				names = append(names, row[column])
			}
			for _, name := range slices.Concat(hostileNames, refusedNames) {
				if shown, ok := defused[name]; ok {
					name = shown
				}
				want = append(want, strings.ReplaceAll(name, "\r\n", "\n")) // as encoding/csv reads it
			}
			slices.Sort(names)
			slices.Sort(want)
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
		for _, row := range rows {
			for at, text := range row {
				negative := rows[0][at] == "amount" && strings.HasPrefix(text, "-")
				if text != "" && strings.ContainsAny(text[:1], "=+-@\t\r") && !negative {
					t.Errorf("%s: a cell begins as a formula: %q", path, text)
				}
			}
		}
	}
}
