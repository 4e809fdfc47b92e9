package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"multiproc/store"
)

// bulkBatch is the number of transactions that one commit changes or deletes and records in the audit log: about 20 ms, during
// which all other writers wait.
const bulkBatch = 250

// bulkAction changes the status of several transactions, or deletes them, after the user has confirmed a question. It leaves
// alone every transaction that was added or modified after the question, so that it changes only what the user saw.
type bulkAction struct {
	delete    bool
	to        store.Named // else: the new status
	ids       []int64     // descending
	all       bool        // all that match the filter instead of ids
	list      listURL     // with the filter
	filter    transactionFilter
	asked     time.Time // time of the question: now, or that of the confirmed one
	highest   int64     // highest id then
	names     string    // what the search matched then; see store.Tx.SearchedNames
	confirmed bool
	again     bool // confirmed, but the search matches other names by now
}

// bulkView is the page of the question.
type bulkView struct {
	Delete bool
	Status string
	To     int64 // its id
	Rows   []transactionRow
	More   int64 // besides these
	All    bool
	Again  bool
	Hidden []hidden
	IDs    []int64
	Cancel string
	Submit string
}

// shownBeforeBulk is the maximum number of transactions that the question lists.
const shownBeforeBulk = 20

// bulk asks, and acts when the question is confirmed.
func bulk(r *request) error {
	var b bulkAction
	var question page
	err := r.view(func(tx *store.Tx) (err error) {
		if b, err = readBulk(tx, r); err == nil && !b.confirmed {
			question, err = b.question(tx)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case b.again:
		return r.render(http.StatusConflict, "bulk", question)
	case !b.confirmed:
		return r.render(http.StatusOK, "bulk", question)
	}
	return b.do(r)
}

// readBulk reads the action with the filter and the status as they are in this transaction.
func readBulk(tx *store.Tx, r *request) (b bulkAction, err error) {
	b.list, b.all = filteredList(transactionsPath, r.PostForm), r.PostForm.Get("all") != ""
	names, err := tx.SearchedNames(b.list.query.Get("q"))
	if err != nil {
		return b, err
	}
	b.asked, b.names = tx.Now(), names
	if b.highest, err = highestID(tx); err != nil {
		return b, err
	}
	if text := r.PostForm.Get("asked"); text != "" && r.PostForm.Get("confirmed") != "" {
		asked, invalidTime := time.Parse(time.RFC3339Nano, text)
		highest, invalidID := strconv.ParseInt(r.PostForm.Get("highest"), 10, 64)
		if invalidTime != nil || invalidID != nil || highest < 0 {
			return b, errNoPage
		}
		b.again = b.all && names != r.PostForm.Get("names")
		if b.confirmed = !b.again; b.confirmed {
			b.asked, b.highest = asked, highest
		}
	}
	if b.filter, err = readFilter(tx, b.list, b.asked); err != nil {
		return b, err
	}
	if until := b.filter.meant.Until; b.filter.Timed() && (until.IsZero() || until.After(b.asked)) {
		b.filter.meant.Until = b.asked
	}
	if b.filter.Problem != "" || b.filter.Nothing && !b.confirmed {
		return b, &failure{status: http.StatusBadRequest, detail: "The filter is not valid."}
	}
	if err := b.readAction(tx, r); err != nil {
		return b, err
	}
	for _, text := range r.PostForm["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 {
			return b, errNoPage
		}
		b.ids = append(b.ids, id)
	}
	slices.Sort(b.ids)
	slices.Reverse(b.ids)
	b.ids = slices.Compact(b.ids)
	if len(b.ids) == 0 && !b.all {
		return b, &failure{status: http.StatusUnprocessableEntity, detail: "Select some transactions first.", undone: true}
	}
	return b, nil
}

func (b *bulkAction) readAction(tx *store.Tx, r *request) error {
	switch r.PostForm.Get("action") {
	case "delete":
		b.delete = true
		return nil
	case "status":
	default:
		return &failure{status: http.StatusBadRequest, detail: "There is no such action."}
	}
	to := &field{Name: "to"}
	var err error
	if b.to, err = statuses().choose(tx, to, r.PostForm); err != nil || b.to.ID != 0 {
		return err
	}
	switch {
	case r.PostForm.Get("confirmed") != "":
		return &failure{status: http.StatusConflict, detail: "The new status was deleted meanwhile.", undone: true}
	case to.Typed != "":
		return &failure{status: http.StatusUnprocessableEntity, detail: "New status “" + to.Typed + "”: " + to.Problem + ".", undone: true}
	}
	return &failure{status: http.StatusUnprocessableEntity, detail: "Choose a new status.", undone: true}
}

// question returns the page that asks.
func (b bulkAction) question(tx *store.Tx) (page, error) {
	view := bulkView{Delete: b.delete, Status: b.to.Name, To: b.to.ID, All: b.all, Again: b.again, IDs: b.ids, Cancel: b.list.with()}
	view.Hidden = append(b.list.hiddenFields(), hidden{"asked", b.asked.Format(time.RFC3339Nano)},
		hidden{"highest", strconv.FormatInt(b.highest, 10)}, hidden{"names", b.names})
	n, found, err := b.matching(tx)
	if err != nil {
		return page{}, err
	}
	for _, t := range found {
		view.Rows = append(view.Rows, transactionRow{t, pathOf(store.KindTransaction, t.ID)})
	}
	view.More = n - int64(len(view.Rows))
	count := transactionCount(n)
	title := "Change the status of " + count + "?"
	view.Submit = "Yes, change " + count
	if b.delete {
		title, view.Submit = "Delete "+count+"?", "Yes, delete "+count
	}
	return page{Title: title, Crumbs: transactionCrumbs(), Data: view}, nil
}

// matching returns the number of transactions to act on, and the first of them.
func (b bulkAction) matching(tx *store.Tx) (n int64, first []store.Transaction, err error) {
	if b.all {
		if n, err = tx.CountTransactions(b.filter.meant); err != nil {
			return 0, nil, err
		}
		slice, err := tx.Transactions(b.query(store.Page{Limit: shownBeforeBulk}))
		return n, slice.Items, err
	}
	found, err := transactionsWith(tx, b.ids)
	return int64(len(found)), found[:min(len(found), shownBeforeBulk)], err
}

func (b bulkAction) query(p store.Page) store.TransactionQuery {
	return store.TransactionQuery{TransactionFilter: b.filter.meant, Sort: b.filter.sort(), Highest: b.highest, Page: p}
}

// transactionsWith returns the transactions with these ids that exist.
func transactionsWith(tx *store.Tx, ids []int64) (found []store.Transaction, err error) {
	for _, id := range ids {
		t, err := tx.Transaction(id)
		switch {
		case err == nil:
			found = append(found, t)
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	return found, nil
}

// do acts in batches, each of which is a transaction of the database, so that others write in between. What was done before
// something fails stays done, and the page says how much.
func (b bulkAction) do(r *request) error {
	var done, left int64
	ids, page := b.ids, store.Page{Limit: bulkBatch}
	for more := true; more; {
		r.progress()
		var changed, skipped int64
		err := r.change(func(ch *change) error {
			now, err := readBulk(ch.Tx, r) // names may have changed since the last batch
			if err != nil {
				return err
			}
			if now.again {
				return &failure{status: http.StatusConflict, detail: "The search now matches other APIs or statuses.", undone: true}
			}
			var found []store.Transaction
			switch {
			case b.all && (now.filter.Nothing || now.highest == 0):
				more = false
			case b.all:
				slice, err := ch.Transactions(now.query(page))
				if err != nil {
					return err
				}
				found, page.After, more = slice.Items, slice.Next, slice.Next != ""
			default:
				batch := ids[:min(len(ids), bulkBatch)]
				if found, err = transactionsWith(ch.Tx, batch); err != nil {
					return err
				}
				ids = ids[len(batch):]
				more = len(ids) > 0
			}
			for _, t := range found {
				switch {
				case t.Modified.After(now.asked):
					skipped++
				case now.delete:
					changed++
					err = ch.removeTransaction(t)
				case t.Status != now.to.Name:
					changed++
					after := t
					after.Status = now.to.Name
					err = ch.updateTransaction(t, after)
				}
				if err != nil {
					return err
				}
			}
			if !more {
				ch.setMessage("%s", now.summary(done+changed, left+skipped))
			}
			return nil
		})
		if err != nil && done > 0 {
			return &partlyError{b.verb() + " before that: " + transactionCount(done) + ".", err}
		}
		if err != nil {
			return err
		}
		done, left = done+changed, left+skipped
	}
	return r.redirect(b.list.with())
}

func (b bulkAction) verb() string {
	if b.delete {
		return "Deleted"
	}
	return "Changed"
}

// summary describes what was done, and how many transactions were left because they were modified after the question.
func (b bulkAction) summary(done, left int64) string {
	text := "Deleted " + transactionCount(done) + "."
	if !b.delete {
		text = "Changed " + transactionCount(done) + " to “" + b.to.Name + "”."
	}
	if left > 0 {
		text += " Left alone, because modified meanwhile: " + transactionCount(left) + "."
	}
	return text
}

// highestID returns the highest id of a transaction, 0 if there is none.
func highestID(tx *store.Tx) (int64, error) {
	newest, err := tx.Transactions(store.TransactionQuery{Page: store.Page{Limit: 1}})
	if err != nil || len(newest.Items) == 0 {
		return 0, err
	}
	return newest.Items[0].ID, nil
}
