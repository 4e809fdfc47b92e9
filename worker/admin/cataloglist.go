package admin

import (
	"net/http"

	"multiproc/store"
)

// namedListView is a list of APIs or statuses.
type namedListView struct {
	Several, Path string
	Search        string
	Hidden        []hidden // what the form of the search sends along
	Columns       []column
	Rows          []namedRow
	Pager         pager
	CSV           string // address
	Add           string // address; empty: not for this role
}

type namedRow struct {
	named
	Path         string
	Transactions int64
	List         string // the address of its transactions
}

func (c catalog) showList(r *request) error {
	list := r.listURL(c.path, "q", "order", "down")
	view := namedListView{
		Several: c.several, Path: c.path, Search: list.query.Get("q"),
		CSV: listURL{c.path + ".csv", list.query}.with("rows", "", "order", "", "down", ""),
	}
	if r.may(staff) {
		view.Add = c.path + "/add"
	}
	sorting := sortingOf(list)
	q := store.NamedQuery{Kind: c.kind, Search: view.Search, Sort: store.Sort{Descending: sorting.down}, Page: r.storePage()}
	if sorting.order == "transactions" {
		q.Sort.By = store.SortTransactions
	}
	view.Hidden = list.hiddenFields("q")
	view.Columns = []column{sorting.column("Name", "", ""), {Label: "Description"}, sorting.column("Transactions", "transactions", "number")}
	err := r.view(func(tx *store.Tx) error {
		slice, err := tx.ListNamed(q)
		if err != nil {
			return badCursor(err)
		}
		view.Pager = pagerOf(list, q.Page, slice)
		counts, err := tx.CountBy(c.kind)
		if err != nil {
			return err
		}
		for _, n := range slice.Items {
			view.Rows = append(view.Rows, namedRow{n, pathOf(c.kind, n.ID), counts[n.ID], c.listOf(n.ID)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "named_list", page{Title: c.nav, Data: view})
}
