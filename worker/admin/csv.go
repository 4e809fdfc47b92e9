package admin

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"multiproc/store"
)

// exportPortion is how many rows of an export are read at a time. Between portions nothing of the database is held: an
// export may take as long as its reader does, and the database's log would grow for all that time.
const exportPortion = 1000

// export answers with a list as CSV, streamed: next gives the rows after a place in the list, and the place after
// them, empty at the end. A portion is of one state of the database, and the next one of a later: see exportTransactions and
// (catalog).export for what that means to rows that change meanwhile.
func (r *request) export(name string, header []string, next func(tx *store.Tx, p store.Page) (rows [][]string, after store.Cursor, err error)) error {
	h := r.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+"-"+time.Now().UTC().Format("20060102T150405Z")+`.csv"`)
	if r.Method == http.MethodHead {
		return nil
	}
	out := csv.NewWriter(r.w) // lines end with LF: with CR LF it would change line breaks in texts
	for place, first := store.Cursor(""), true; first || place != ""; first = false {
		r.goOn()
		var rows [][]string
		err := r.view(func(tx *store.Tx) (err error) {
			rows, place, err = next(tx, store.Page{After: place, Limit: exportPortion})
			return err
		})
		if err != nil {
			return err
		}
		if first {
			if err := out.Write(header); err != nil {
				return nil //nolint:nilerr // the client went away
			}
		}
		if err := out.WriteAll(rows); err != nil {
			return nil //nolint:nilerr // the client went away
		}
	}
	return nil
}

// cell is a text as it stands in an export. What a spreadsheet would take for a formula gets an apostrophe before it, as OWASP
// advises; numbers and times of ours are no texts, and stay as they are.
func cell(text string) string {
	if strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\r") || strings.HasPrefix(text, "\n") {
		return "'" + text
	}
	// Spreadsheets skip spaces, and take the wide forms of Asian scripts too.
	if first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, unicode.IsSpace)); strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + text
	}
	return text
}
