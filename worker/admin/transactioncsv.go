package admin

import (
	"net/http"
	"strconv"
	"time"

	"multiproc/store"
)

// exportTransactions exports those that the filter means, in an order in which that costs the same for each portion.
//
// Without a time it is the newest first, by id, which never changes: each transaction that the filter means all the while is
// exported once. Of a time it is the one first that was modified longest ago: what is modified meanwhile moves to the end, where it is
// exported, again if it was before. None that was there at the start and that the filter means all the while is missed, as long as the
// clock is not put back; the last line of an id is its latest state. What was modified after the end of the time that is asked
// for is none of that time any more, and is left out unless its portion was read before.
//
// Transactions that come after the start are not exported: their number has no end. Where those that were there are modified all
// the time faster than somebody reads, the export of a time has none either.
func exportTransactions(r *request) error {
	list := filteredList(transactionsPath, r.URL.Query())
	var f transactionFilter
	var now bulkBounds
	err := r.view(func(tx *store.Tx) (err error) {
		if now, err = boundsNow(tx, ""); err != nil {
			return err
		}
		f, err = readFilter(tx, list, now.asked)
		return err
	})
	if err != nil {
		return err
	}
	if f.Problem != "" {
		return &failure{status: http.StatusBadRequest, detail: f.Problem + "."}
	}
	for _, f := range []*field{f.API, f.Status} {
		if f.Problem != "" {
			return &failure{status: http.StatusBadRequest, detail: f.Label + ": " + f.Problem + "."}
		}
	}
	header := []string{"id", "api", "status", "amount", "time_created", "time_modified"}
	q := transactionQuery(f, listURL{})
	q.Sort.Descending, q.Highest = !f.Timed(), now.highest
	return r.export("transactions", header, func(tx *store.Tx, p store.Page) ([][]string, store.Cursor, error) {
		if err := f.renamed(tx); err != nil || f.Nothing || now.highest == 0 {
			return nil, "", err
		}
		q.TransactionFilter, q.Page = f.meant, p
		slice, err := tx.Transactions(q)
		if err != nil {
			return nil, "", err
		}
		rows := make([][]string, len(slice.Items))
		for i, t := range slice.Items {
			rows[i] = []string{
				strconv.FormatInt(t.ID, 10), cell(t.API), cell(t.Status), t.Amount.String(),
				t.Created.Format(time.RFC3339Nano), t.Modified.Format(time.RFC3339Nano),
			}
		}
		return rows, slice.Next, nil
	})
}
