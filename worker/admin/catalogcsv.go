package admin

import (
	"strconv"

	"multiproc/store"
)

// export exports a list of APIs or statuses, by id: what has another name meanwhile keeps its place, and is exported once, as it
// is when its portion is read.
func (c catalog) export(r *request) error {
	header := []string{"id", "name", "description"}
	if c.params {
		header = append(header, "params")
	}
	search := r.URL.Query().Get("q")
	return r.export(c.several, append(header, "transactions"), func(tx *store.Tx, p store.Page) ([][]string, store.Cursor, error) {
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
			if c.params {
				rows[i] = append(rows[i], cell(string(n.Params)))
			}
			rows[i] = append(rows[i], strconv.FormatInt(counts[n.ID], 10))
		}
		return rows, slice.Next, nil
	})
}
