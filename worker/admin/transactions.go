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

// transactionsView is the page of a list of transactions.
type transactionsView struct {
	Filter  transactionFilter
	Hidden  []hidden // of the filter form
	Columns []column
	Rows    []transactionRow
	Count   string
	Pager   pager
	Clear   string // address of the list without a filter; empty: none
	CSV     string
	Add     string   // path; empty: not for this role
	Bulk    []hidden // of the form of bulk actions
	To      *field   // the status that they set
}

type transactionRow struct {
	store.Transaction
	Path string
}

// countedUpTo bounds the counting of transactions whose number is not stored.
const countedUpTo = 10_000

func listTransactions(r *request) error {
	list := filteredList(transactionsPath, r.URL.Query())
	var view transactionsView
	err := r.view(func(tx *store.Tx) (err error) {
		view, err = viewTransactions(tx, r, list)
		return err
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "transactions", page{Title: "Transactions", Data: view})
}

func viewTransactions(tx *store.Tx, r *request, list listURL) (view transactionsView, err error) {
	if view.Filter, err = readFilter(tx, list, tx.Now()); err != nil {
		return view, err
	}
	if view.Filter.Any() {
		view.Clear = listURL{transactionsPath, list.query}.without(filterNames[:]...)
	}
	view.CSV = listURL{transactionsPath + ".csv", list.query}.without("rows", "sort")
	if r.may(staff) {
		view.Add, view.Bulk = transactionsPath+"/add", list.hiddenFields()
		if view.To, err = statuses().choice(tx, "to", "New status", "choose…"); err != nil {
			return view, err
		}
	}
	sort := list.sort(view.Filter.sort())
	q := store.TransactionQuery{TransactionFilter: view.Filter.meant, Sort: sort, Page: r.storePage()}
	view.Columns = []column{
		list.column("ID", store.SortID, "number", sort),
		{Label: "API"},
		{Label: "Status"},
		list.column("Amount", store.SortAmount, "number", sort),
		list.column("Created (UTC)", store.SortCreated, "time", sort), list.column("Modified (UTC)", store.SortModified, "time", sort),
	}
	view.Hidden = list.hiddenFields(filterNames[:]...)
	if view.Filter.Nothing || view.Filter.Problem != "" {
		view.Count = transactionCount(0)
		return view, nil
	}
	slice, err := tx.Transactions(q)
	if err != nil {
		return view, badAddress(err)
	}
	for _, t := range slice.Items {
		view.Rows = append(view.Rows, transactionRow{t, pathOf(store.KindTransaction, t.ID)})
	}
	view.Pager = pagerOf(list, q.Page, slice)
	view.Count, err = countOf(tx, q.TransactionFilter, len(slice.Items), slice.Next == "" && slice.Previous == "")
	return view, err
}

// countOf returns the number of transactions that match a filter, in words. If all are rows of the page, it does not ask the
// database.
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
	return transactionCount(n), nil
}
