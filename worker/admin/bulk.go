package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"multiproc/store"
)

// bulkPortion is how many transactions a commit changes or deletes, each with what the audit log says of it: some 20 ms, in
// which nobody else writes.
const bulkPortion = 250

// bulkAction is what is to be done to several transactions.
type bulkAction struct {
	delete    bool
	status    string  // else: the status that they get
	to        int64   // the id of the status
	ids       []int64 // of the transactions, the highest first
	all       bool    // rather those of the filter
	confirmed bool
	again     bool    // it was, but the search means other names by now
	list      listURL // with the filter
	filter    transactionFilter
	bounds    bulkBounds
}

// bulkView asks whether it is really to be done.
type bulkView struct {
	Delete bool
	Status string
	To     int64 // its id
	Rows   []transactionRow
	More   int64 // than these
	Count  string
	All    bool
	Again  bool // what the search means has changed since it was asked
	Hidden []hidden
	IDs    []int64
	Cancel string
	Submit string
}

// shownBeforeBulk is how many transactions are shown by name before something is done to them.
const shownBeforeBulk = 20

// bulk asks, and when it is confirmed does it.
func bulk(r *request) error {
	var action bulkAction
	var question page
	err := r.view(func(tx *store.Tx) (err error) {
		if action, err = readBulk(tx, r); err == nil && !action.confirmed {
			question, err = action.question(tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	if !action.confirmed {
		status := http.StatusOK
		if action.again {
			status = http.StatusConflict
		}
		return r.render(status, "bulk", question)
	}
	return action.do(r)
}

func readBulk(tx *store.Tx, r *request) (b bulkAction, err error) {
	b.list, b.all = filteredList(transactionsPath, r.PostForm, "order", "up"), r.PostForm.Get("all") != ""
	b.confirmed = r.PostForm.Get("confirmed") != ""
	if b.bounds, err = readBounds(r); err != nil {
		return b, err
	}
	if b.bounds.highest == 0 {
		b.confirmed = false // it has to be asked about first
	}
	names, err := tx.SearchedNames(b.list.query.Get("q"))
	if err != nil {
		return b, err
	}
	if b.all && b.confirmed && names != b.bounds.names {
		b.confirmed, b.again = false, true
	}
	if !b.confirmed {
		if b.bounds, err = boundsNow(tx, names); err != nil {
			return b, err
		}
	}
	if b.filter, err = readFilter(tx, b.list, b.bounds.asked); err != nil {
		return b, err
	}
	b.bounds.narrow(&b.filter)
	if b.filter.Problem != "" || b.filter.Nothing {
		return b, &failure{status: http.StatusBadRequest, detail: "That filter means nothing."}
	}
	switch r.PostForm.Get("action") {
	case "delete":
		b.delete = true
	case "status":
		to := &field{Name: "to"}
		status, err := statuses().choose(tx, to, r.PostForm)
		if err != nil {
			return b, err
		}
		if b.to, b.status = status.ID, status.Name; b.to == 0 {
			return b, noStatus(to)
		}
	default:
		return b, &failure{status: http.StatusBadRequest, detail: "That is nothing that can be done to several transactions."}
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
		return b, &failure{status: http.StatusUnprocessableEntity, detail: "Mark some transactions first.", undone: true}
	}
	return b, nil
}

// noStatus says that the status is to be chosen that transactions are to get, or what is wrong with it.
func noStatus(to *field) *failure {
	f := &failure{status: http.StatusUnprocessableEntity, detail: "Choose the status that they are to get.", undone: true}
	if to.Typed != "" {
		f.detail = "New status “" + to.Typed + "”: " + to.Problem + "."
	}
	return f
}

// question says what would be done.
func (b bulkAction) question(tx *store.Tx) (page, error) {
	view := bulkView{Delete: b.delete, Status: b.status, To: b.to, All: b.all, Again: b.again, IDs: b.ids, Cancel: b.list.with()}
	view.Hidden = append(b.list.hiddenFields(), b.bounds.hidden()...)
	n, found, err := b.meant(tx)
	if err != nil {
		return page{}, err
	}
	for _, t := range found {
		view.Rows = append(view.Rows, transactionRow{t, pathOf(store.KindTransaction, t.ID)})
	}
	view.More = n - int64(len(view.Rows))
	view.Count = transactionCount(n)
	title := "Change the status of " + view.Count + "?"
	view.Submit = "Yes, change " + view.Count
	if b.delete {
		title, view.Submit = "Delete "+view.Count+"?", "Yes, delete "+view.Count
	}
	return page{Title: title, Crumbs: transactionCrumbs, Data: view}, nil
}

// meant is how many transactions there are to do it to, and the first of them.
func (b bulkAction) meant(tx *store.Tx) (n int64, first []store.Transaction, err error) {
	if b.all {
		if n, err = tx.CountTransactions(b.filter.meant); err != nil {
			return 0, nil, err
		}
		q := transactionQuery(b.filter, listURL{})
		q.Limit = shownBeforeBulk
		slice, err := tx.Transactions(q)
		return n, slice.Items, err
	}
	for _, id := range b.ids {
		t, err := tx.Transaction(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		n++
		if len(first) < shownBeforeBulk {
			first = append(first, t)
		}
	}
	return n, first, nil
}

// do does it in portions, each of which is a transaction of the database, so that others write in between. What was done
// before something fails stays done, and the next page says how much that was.
func (b bulkAction) do(r *request) error {
	if b.all {
		return b.doAll(r)
	}
	var done bulkCount
	for ids := range slices.Chunk(b.ids, bulkPortion) {
		r.goOn()
		var portion bulkCount
		err := r.change(func(ch *change) error {
			if err := b.renamed(ch.Tx); err != nil {
				return err
			}
			for _, id := range ids {
				t, err := ch.Transaction(id)
				if errors.Is(err, store.ErrNotFound) {
					continue // somebody else has deleted it
				}
				if err != nil {
					return err
				}
				if err := b.one(ch, t, &portion); err != nil {
					return err
				}
			}
			return b.say(ch, done.plus(portion))
		})
		if err != nil {
			return b.failed(err, done.done)
		}
		done = done.plus(portion)
	}
	return r.redirect(b.list.with())
}

// doAll does it to those that the filter meant when it was asked about them, from the newest on.
func (b bulkAction) doAll(r *request) error {
	q := transactionQuery(b.filter, listURL{})
	q.Limit, q.Highest = bulkPortion, b.bounds.highest
	var done bulkCount
	for more := true; more; {
		r.goOn()
		var portion bulkCount
		err := r.change(func(ch *change) error {
			if err := b.renamed(ch.Tx); err != nil {
				return err
			}
			if b.filter.Nothing {
				more = false
				return b.say(ch, done)
			}
			q.TransactionFilter = b.filter.meant
			slice, err := ch.Transactions(q)
			if err != nil {
				return err
			}
			for _, t := range slice.Items {
				if err := b.one(ch, t, &portion); err != nil {
					return err
				}
			}
			q.After, more = slice.Next, slice.Next != ""
			return b.say(ch, done.plus(portion))
		})
		if err != nil {
			return b.failed(err, done.done)
		}
		done = done.plus(portion)
	}
	return r.redirect(b.list.with())
}

// bulkCount is to how many transactions it was done, and how many were left as they are because somebody has modified them
// since the question.
type bulkCount struct{ done, left int64 }

func (n bulkCount) plus(m bulkCount) bulkCount { return bulkCount{n.done + m.done, n.left + m.left} }

// one does it to one transaction, unless that is no more what was asked about, and counts it.
func (b bulkAction) one(ch *change, t store.Transaction, n *bulkCount) error {
	switch {
	case t.Modified.After(b.bounds.asked):
		n.left++
		return nil
	case b.delete:
		n.done++
		return ch.removeTransaction(t)
	case t.Status == b.status:
		return nil
	}
	n.done++
	after := t
	after.Status = b.status
	return ch.updateTransaction(t, after)
}

func (b bulkAction) say(ch *change, n bulkCount) error {
	did := "Deleted"
	if !b.delete {
		did = "Now “" + b.status + "”"
	}
	did += ": " + transactionCount(n.done) + "."
	if n.left > 0 {
		did += " Modified since you were asked, and left as it is: " + transactionCount(n.left) + "."
	}
	return ch.say("%s", did)
}

// renamed takes the names that the status and those of the filter have by now.
func (b *bulkAction) renamed(tx *store.Tx) error {
	if b.to != 0 {
		status, err := tx.Named(store.KindStatus, b.to)
		if errors.Is(err, store.ErrNotFound) {
			return &failure{status: http.StatusConflict, detail: "The status was deleted meanwhile.", undone: true}
		}
		if err != nil {
			return err
		}
		b.status = status.Name
	}
	names, err := tx.SearchedNames(b.filter.Search)
	if err != nil {
		return err
	}
	if b.all && names != b.bounds.names {
		return &failure{status: http.StatusConflict, detail: "The search has come to mean other APIs or statuses meanwhile.", undone: true}
	}
	return b.filter.renamed(tx)
}

// failed is the error of a portion, before which it was done to so many.
func (b bulkAction) failed(err error, done int64) error {
	if done == 0 {
		return err
	}
	did := "Changed before, and it stays so: "
	if b.delete {
		did = "Deleted before, and it stays so: "
	}
	return &partlyError{did + transactionCount(done) + ".", err}
}
