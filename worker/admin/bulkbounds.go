package admin

import (
	"strconv"
	"time"

	"multiproc/store"
)

// bulkBounds are what makes transactions the ones that were asked about: whatever has come or was modified since is none of
// them, and the last hour of a filter is the one before the question.
type bulkBounds struct {
	asked   time.Time
	highest int64  // id of a transaction then; 0: nobody was asked
	names   string // which APIs and statuses the search meant then, see store.Tx.SearchedNames
}

// readBounds reads the bounds that the form of the question has sent, if it was that.
func readBounds(r *request) (b bulkBounds, err error) {
	asked, highest := r.PostForm.Get("asked"), r.PostForm.Get("highest")
	if asked == "" && highest == "" {
		return b, nil
	}
	if b.asked, err = time.Parse(time.RFC3339Nano, asked); err != nil {
		return b, errNoPage
	}
	if b.highest, err = strconv.ParseInt(highest, 10, 64); err != nil || b.highest < 0 {
		return b, errNoPage
	}
	b.names = r.PostForm.Get("names")
	return b, nil
}

// boundsNow are those of a question that is asked now, when the search means these names.
func boundsNow(tx *store.Tx, names string) (bulkBounds, error) {
	newest, err := tx.Transactions(store.TransactionQuery{Page: store.Page{Limit: 1}})
	b := bulkBounds{asked: tx.Now(), names: names}
	if len(newest.Items) > 0 {
		b.highest = newest.Items[0].ID
	}
	return b, err
}

// hidden are the fields by which the form of the question sends the bounds.
func (b bulkBounds) hidden() []hidden {
	return []hidden{{"asked", b.asked.Format(time.RFC3339Nano)}, {"highest", strconv.FormatInt(b.highest, 10)}, {"names", b.names}}
}

// narrow ends the time of a filter of one at the question. That of another stays none, for which there are faster ways.
func (b bulkBounds) narrow(f *transactionFilter) {
	if until := f.meant.Until; f.Timed() && (until.IsZero() || until.After(b.asked)) {
		f.meant.Until = b.asked
	}
}
