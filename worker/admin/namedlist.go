package admin

import (
	"net/http"
	"strconv"

	"multiproc/store"
)

// namedListView is the page of a list of APIs or statuses.
type namedListView struct {
	Title, Path string
	Search      string
	Hidden      []hidden // of the search form
	Columns     []column
	Rows        []namedRow
	Pager       pager
	CSV         string // address
	Add         string // address; empty: not for this role
}

type namedRow struct {
	store.Named
	Path         string
	Transactions int64
	List         string // address of its transactions
}

func (c collection) list(r *request) error {
	list := r.listURL(c.path, "q")
	view := namedListView{
		Title: c.title, Path: c.path, Search: list.query.Get("q"), Hidden: list.hiddenFields("q"),
		CSV: listURL{c.path + ".csv", list.query}.without("rows", "sort"),
	}
	if r.may(staff) {
		view.Add = c.path + "/add"
	}
	sort := list.sort(store.Sort{By: store.SortName})
	q := store.NamedQuery{Kind: c.kind, Search: view.Search, Sort: sort, Page: r.storePage()}
	view.Columns = []column{
		list.column("Name", store.SortName, "", sort), {Label: "Description"}, list.column("Transactions", store.SortTransactions, "number", sort),
	}
	err := r.view(func(tx *store.Tx) error {
		slice, err := tx.ListNamed(q)
		if err != nil {
			return badAddress(err)
		}
		view.Pager = pagerOf(list, q.Page, slice)
		counts, err := tx.CountBy(c.kind)
		if err != nil {
			return err
		}
		for _, n := range slice.Items {
			view.Rows = append(view.Rows, namedRow{n, pathOf(c.kind, n.ID), counts[n.ID], c.transactionsOf(n.ID)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "named_list", page{Title: c.title, Data: view})
}

// export exports the list by id, so that an item that is renamed meanwhile is exported once.
func (c collection) export(r *request) error {
	header := []string{"id", "name", "description"}
	if c.kind == store.KindAPI {
		header = append(header, "params")
	}
	search := r.URL.Query().Get("q")
	return r.export(c.many, append(header, "transactions"), func(tx *store.Tx, p store.Page) ([][]string, store.Cursor, error) {
		slice, err := tx.ListNamed(store.NamedQuery{Kind: c.kind, Search: search, Sort: store.Sort{By: store.SortID}, Page: p})
		if err != nil {
			return nil, "", err
		}
		counts, err := tx.CountBy(c.kind)
		if err != nil {
			return nil, "", err
		}
		rows := make([][]string, len(slice.Items))
		for i, n := range slice.Items {
			rows[i] = []string{strconv.FormatInt(n.ID, 10), cell(n.Name), cell(n.Description)}
			if c.kind == store.KindAPI {
				rows[i] = append(rows[i], cell(string(n.Params)))
			}
			rows[i] = append(rows[i], strconv.FormatInt(counts[n.ID], 10))
		}
		return rows, slice.Next, nil
	})
}
