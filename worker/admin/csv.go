package admin

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"multiproc/internal/invisible"
	"multiproc/store"
)

// exportBatch is the number of rows of an export that are read at once. Between batches no transaction is open: a slow client
// would otherwise make the database's log grow.
const exportBatch = 1000

// export streams a list as CSV. The function next returns the rows after a place in the list, and the place after them, empty at
// the end. Each batch is of a later state of the database; exportTransactions and (collection).export say what that means for
// rows that change meanwhile.
func (r *request) export(name string, header []string, next func(tx *store.Tx, p store.Page) (rows [][]string, after store.Cursor, err error)) error {
	h := r.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+"-"+time.Now().UTC().Format("20060102T150405Z")+`.csv"`)
	if r.Method == http.MethodHead {
		return nil
	}
	var text bytes.Buffer       // of a batch: a client that does not read holds less than with the rows
	out := csv.NewWriter(&text) // with LF, because CR LF would change line breaks in texts
	for place, first := store.Cursor(""), true; first || place != ""; first = false {
		r.progress()
		err := r.view(func(tx *store.Tx) error {
			rows, after, err := next(tx, store.Page{After: place, Limit: exportBatch})
			if err != nil {
				return err
			}
			place = after
			text.Reset()
			if first {
				_ = out.Write(header) // a Buffer has no errors
			}
			return out.WriteAll(rows)
		})
		if err != nil {
			return err
		}
		if _, err := r.w.Write(text.Bytes()); err != nil {
			return nil //nolint:nilerr // the client is gone
		}
	}
	return nil
}

// cell returns a text as a cell of an export. An apostrophe, as OWASP advises, precedes what a spreadsheet would take for a formula:
// at the beginning of the text, and wherever a cell would begin for a program that splits lines at other characters or does not
// heed quotes. Spreadsheets skip invisible characters. Our numbers and times need no apostrophe. As in the API, U+FFFD stands for
// bytes that are not UTF-8, for which programs would refuse the whole export.
func cell(text string) string {
	const formula = "=+-@" + "＝＋－＠" + "﹦﹢﹣﹫"
	var b strings.Builder
	text = strings.ToValidUTF8(text, "\ufffd")
	if text != "" && strings.ContainsRune("\t\r\n", rune(text[0])) {
		b.WriteByte('\'')
	}
	begins, begin := true, 0 // whether, and where, a cell begins before the next visible character
	copied := 0
	for i, c := range text {
		switch {
		case strings.ContainsRune(",;\t\r\n", c), !begins && c != ' ' && invisible.Is(c):
			begins, begin = true, i+utf8.RuneLen(c)
		case begins && strings.ContainsRune(formula, c):
			b.WriteString(text[copied:begin] + "'")
			begins, copied = false, begin
		case c != '"' && !invisible.Is(c):
			begins = false
		}
	}
	return b.String() + text[copied:]
}

// exportTransactions exports the transactions that match the filter, in an order in which each batch costs the same.
//
// Without a time that is by descending id, which never changes: a transaction that matches all the while is exported once. With a
// time it is by ascending modification time: a transaction that is modified meanwhile moves to the end and is exported there, again
// if it was before. No transaction that matches all the while is missed, unless the clock is set back; the last line of an id
// is its latest state. What is modified after the end of the time is left out unless its batch was read before.
//
// Transactions that are created after the start are not exported.
func exportTransactions(r *request) error {
	list := filteredList(transactionsPath, r.URL.Query())
	var f transactionFilter
	var asked time.Time
	var highest int64
	err := r.view(func(tx *store.Tx) (err error) {
		asked = tx.Now()
		if highest, err = highestID(tx); err != nil {
			return err
		}
		f, err = readFilter(tx, list, asked)
		return err
	})
	if err != nil {
		return err
	}
	if f.Problem != "" {
		return &failure{status: http.StatusBadRequest, detail: "The filter is not valid: " + f.Problem + "."}
	}
	for _, f := range []*field{f.API, f.Status} {
		if f.Problem != "" {
			return &failure{status: http.StatusBadRequest, detail: "The filter is not valid: " + f.Label + ": " + f.Problem + "."}
		}
	}
	sort := f.sort()
	sort.Descending = !f.Timed()
	header := []string{"id", "api", "status", "amount", "time_created", "time_modified"}
	return r.export("transactions", header, func(tx *store.Tx, p store.Page) ([][]string, store.Cursor, error) {
		f, err := readFilter(tx, list, asked) // names may have changed since the last batch
		if err != nil || f.Nothing || highest == 0 {
			return nil, "", err
		}
		slice, err := tx.Transactions(store.TransactionQuery{TransactionFilter: f.meant, Sort: sort, Highest: highest, Page: p})
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
