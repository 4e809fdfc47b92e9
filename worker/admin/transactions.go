package admin

import (
	"net/http"

	"multiproc/store"
)

const transactionsPath = home + "transactions"

func (a *Admin) transactionRoutes() []route {
	const all, one = transactionsPath, transactionsPath + "/{id}"
	return []route{
		{method: "GET", path: all, least: viewers, handle: listTransactions, nav: "Transactions"},
		{method: "GET", path: all + ".csv", least: viewers, handle: exportTransactions},
		{method: "POST", path: all, least: staff, handle: bulk},
		{method: "GET", path: all + "/add", least: staff, handle: showAddTransaction},
		{method: "POST", path: all + "/add", least: staff, handle: addTransaction},
		{method: "GET", path: one, least: viewers, handle: showTransaction},
		{method: "POST", path: one, least: staff, handle: changeTransaction},
		{method: "GET", path: one + "/delete", least: staff, handle: showDeleteTransaction},
		{method: "POST", path: one + "/delete", least: staff, handle: deleteTransaction},
	}
}

// orders are those of the list, by the parameter "order"; the first is that of a list that is not of a time, the second that
// of one that is.
var orders = [...]struct {
	name, label string
	order       store.SortKey
}{
	{"id", "ID", store.SortID},
	{"modified", "Modified (UTC)", store.SortModified},
	{"created", "Created (UTC)", store.SortCreated},
	{"amount", "Amount", store.SortAmount},
}

// transactionsView is a list of transactions.
type transactionsView struct {
	Filter  transactionFilter
	Hidden  []hidden // what the form of the filter sends along
	Columns []column
	Rows    []transactionRow
	Count   string
	Pager   pager
	Clear   string // address of the list without a filter; empty: there is none
	CSV     string
	Add     string   // path; empty: not for this role
	Bulk    []hidden // what the form of the bulk actions sends along
	To      *field   // the status that they give
}

type transactionRow struct {
	store.Transaction
	Path string
}

// countedUpTo is how many transactions are counted at most for the sake of a list, where they are not counted already.
const countedUpTo = 10_000

func listTransactions(r *request) error {
	list := filteredList(transactionsPath, r.URL.Query(), "order", "up")
	var view transactionsView
	err := r.view(func(tx *store.Tx) (err error) {
		view, err = transactionsOf(tx, r, list)
		return err
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "transactions", page{Title: "Transactions", Data: view})
}

func transactionsOf(tx *store.Tx, r *request, list listURL) (view transactionsView, err error) {
	if view.Filter, err = readFilter(tx, list, tx.Now()); err != nil {
		return view, err
	}
	if view.Filter.Any() {
		view.Clear = listURL{transactionsPath, list.query}.with(pairsOf(filterNames[:])...)
	}
	view.CSV = listURL{transactionsPath + ".csv", list.query}.with("rows", "", "order", "", "up", "")
	if r.may(staff) {
		view.Add, view.Bulk = transactionsPath+"/add", list.hiddenFields()
		if view.To, err = statuses().choice(tx, "to", "New status", "choose…"); err != nil {
			return view, err
		}
	}
	q := transactionQuery(view.Filter, list)
	q.Page = r.storePage()
	view.Columns = columnsOf(list, q)
	view.Hidden = list.hiddenFields(filterNames[:]...)
	if view.Filter.Nothing || view.Filter.Problem != "" {
		view.Count = "none"
		return view, nil
	}
	slice, err := tx.Transactions(q)
	if err != nil {
		return view, badCursor(err)
	}
	for _, t := range slice.Items {
		view.Rows = append(view.Rows, transactionRow{t, pathOf(store.KindTransaction, t.ID)})
	}
	view.Pager = pagerOf(list, q.Page, slice)
	view.Count, err = countOf(tx, q.TransactionFilter, len(slice.Items), slice.Next == "" && slice.Previous == "")
	return view, err
}

func pairsOf(names []string) []string {
	pairs := make([]string, 0, 2*len(names))
	for _, name := range names {
		pairs = append(pairs, name, "")
	}
	return pairs
}

// transactionQuery is what the list asks the store for, but for its page.
func transactionQuery(f transactionFilter, list listURL) store.TransactionQuery {
	q := store.TransactionQuery{TransactionFilter: f.meant, Sort: store.Sort{By: store.SortID, Descending: list.query.Get("up") == ""}}
	if f.Timed() {
		q.Sort.By = store.SortModified
	}
	for _, o := range orders {
		if o.name == list.query.Get("order") {
			q.Sort.By = o.order
		}
	}
	return q
}

func columnsOf(list listURL, q store.TransactionQuery) []column {
	columns := []column{{Label: "API"}, {Label: "Status"}}
	for _, o := range orders {
		c := column{Label: o.label, Path: list.with("order", o.name, "up", "")}
		if o.order == store.SortAmount || o.order == store.SortID {
			c.Class = "number"
		}
		if o.order == q.Sort.By {
			c.Sort, c.Path = "descending", list.with("order", o.name, "up", "1")
			if !q.Sort.Descending {
				c.Sort, c.Path = "ascending", list.with("order", o.name, "up", "")
			}
		}
		columns = append(columns, c)
	}
	// As the rows have them: id, api, status, amount, created, modified.
	return []column{columns[2], columns[0], columns[1], columns[5], columns[4], columns[3]}
}

// countOf says how many transactions the filter means. All of them are rows on the page, or they are counted.
func countOf(tx *store.Tx, f store.TransactionFilter, rows int, all bool) (string, error) {
	n := int64(rows)
	if !all {
		var err error
		if n, err = tx.CountTransactionsUpTo(f, countedUpTo+1); err != nil {
			return "", err
		}
		if n == countedUpTo+1 && (f.Search != "" || !f.From.IsZero() || !f.Until.IsZero()) {
			return "more than " + transactionCount(countedUpTo), nil
		}
	}
	if n == 0 {
		return "none", nil
	}
	return transactionCount(n), nil
}
