package admin

import (
	"fmt"
	"net/http"
	"strings"

	"multiproc/store"
)

const transactionsPath = home + "transactions"

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
	return r.show(http.StatusOK, "transactions", func(tx *store.Tx) (page, error) {
		view, err := viewTransactions(tx, r)
		return page{Title: "Transactions", Data: view}, err
	})
}

func viewTransactions(tx *store.Tx, r *request) (view transactionsView, err error) {
	list := filteredList(transactionsPath, r.URL.Query())
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

// transactionView is the page of one transaction.
type transactionView struct {
	Item    store.Transaction
	API     string // addresses
	Status  string
	Form    *form // nil: not for this role
	Delete  string
	History objectHistory
}

func transactionCrumbs() []crumb { return []crumb{{"Transactions", transactionsPath}} }

func showTransaction(r *request) error { return renderTransaction(r, http.StatusOK, nil) }

// renderTransaction shows a transaction; f is the form as it was filled in, or nil.
func renderTransaction(r *request, status int, f *form) error {
	return r.show(status, "transaction", func(tx *store.Tx) (page, error) {
		t, err := tx.Transaction(r.id)
		if err != nil {
			return page{}, err
		}
		api, err := tx.NamedByName(store.KindAPI, t.API)
		if err != nil {
			return page{}, err
		}
		status, err := tx.NamedByName(store.KindStatus, t.Status)
		if err != nil {
			return page{}, err
		}
		view := transactionView{
			Item: t, API: pathOf(store.KindAPI, api.ID), Status: pathOf(store.KindStatus, status.ID),
			Form: f, Delete: pathOf(store.KindTransaction, r.id) + "/delete",
		}
		if f == nil && r.may(staff) {
			if view.Form, err = transactionForm(tx, t); err != nil {
				return page{}, err
			}
		}
		view.History, err = historyOf(tx, store.KindTransaction, r.id)
		view.History.Note = "Creations through the API are shown here, but not in the history of everything, as there can be thousands per second."
		return page{Title: fmt.Sprintf("Transaction %d", r.id), Crumbs: transactionCrumbs(), Data: view}, err
	})
}

func renderDeletedTransaction(r *request) error {
	f, err := addTransactionForm(r)
	if err != nil {
		return err
	}
	return r.renderDeleted(f, transactionsPath+"/add")
}

// transactionForm returns the form of a transaction: versioned, or empty if the transaction has no id.
func transactionForm(tx *store.Tx, t store.Transaction) (*form, error) {
	f := &form{Submit: "Save", Cancel: transactionsPath, title: "Add transaction", crumbs: transactionCrumbs()}
	for _, c := range []struct {
		collection collection
		name       string
	}{{apis(), t.API}, {statuses(), t.Status}} {
		choice, err := c.collection.choice(tx, c.collection.filter(), capital(c.collection.one), "choose…")
		if err != nil {
			return nil, err
		}
		if choice.Required = true; t.ID != 0 {
			chosen, err := tx.NamedByName(c.collection.kind, c.name)
			if err != nil {
				return nil, err
			}
			choice.set(chosen)
		}
		f.Fields = append(f.Fields, choice)
	}
	amount := &field{
		Name: "amount", Label: "Amount", Required: true, Autocomplete: "off",
		Help: "A number with at most four decimal places, for example 1250.50.",
	}
	f.Fields = append(f.Fields, amount)
	if t.ID == 0 {
		return f, nil
	}
	amount.Value = t.Amount.String()
	return f.versioned(), nil
}

// readTransaction returns t with what was typed. The form gets its faults.
func readTransaction(tx *store.Tx, r *request, f *form, t store.Transaction) (store.Transaction, error) {
	f.fill(r)
	for _, c := range []struct {
		collection collection
		name       *string
	}{{apis(), &t.API}, {statuses(), &t.Status}} {
		field := f.field(c.collection.filter())
		chosen, err := c.collection.choose(tx, field, r.PostForm)
		if err != nil {
			return t, err
		}
		if *c.name = chosen.Name; chosen.ID == 0 && field.Problem == "" {
			f.problem(field.Name, "must be chosen")
		}
	}
	amount, err := store.ParseAmount(strings.TrimSpace(f.field("amount").Value))
	if err != nil && !f.blame(err, "") {
		return t, err
	}
	t.Amount = amount
	return t, nil
}

// addTransactionForm returns the form of a new transaction.
func addTransactionForm(r *request) (f *form, err error) {
	err = r.view(func(tx *store.Tx) error {
		f, err = transactionForm(tx, store.Transaction{})
		return err
	})
	return f, err
}

func showAddTransaction(r *request) error {
	f, err := addTransactionForm(r)
	if err != nil {
		return err
	}
	return r.renderForm(http.StatusOK, f)
}

func addTransaction(r *request) error {
	var f *form
	var made store.Transaction
	err := r.change(func(ch *change) (err error) {
		if f, err = transactionForm(ch.Tx, store.Transaction{}); err != nil {
			return err
		}
		t, err := readTransaction(ch.Tx, r, f, store.Transaction{})
		if err != nil || f.Bad() {
			return err
		}
		if made, err = ch.CreateTransaction(t); err != nil {
			return err
		}
		ch.setMessage("Transaction %d was added.", made.ID)
		changes := store.Changes{"api": {"", made.API}, "status": {"", made.Status}, "amount": {"", made.Amount.String()}}
		return ch.record(store.ActionCreate, store.KindTransaction, made.ID, made.Label(), changes)
	})
	return r.saved(err, f, "", pathOf(store.KindTransaction, made.ID), (*request).renderForm, nil)
}

func changeTransaction(r *request) error {
	var f *form
	err := r.change(func(ch *change) error {
		before, err := ch.Transaction(r.id)
		if err != nil {
			return err
		}
		if f, err = transactionForm(ch.Tx, before); err != nil {
			return err
		}
		after, err := readTransaction(ch.Tx, r, f, before)
		if err != nil || f.Bad() {
			return err
		}
		if after == before {
			ch.setMessage("Nothing was changed.")
			return nil
		}
		if err := f.checkVersion(); err != nil {
			return err
		}
		ch.setMessage("Transaction %d was changed.", r.id)
		return ch.updateTransaction(before, after)
	})
	return r.saved(err, f, "", pathOf(store.KindTransaction, r.id), renderTransaction, renderDeletedTransaction)
}

// updateTransaction stores a changed transaction, and records the change.
func (c *change) updateTransaction(before, after store.Transaction) error {
	if err := c.UpdateTransaction(after); err != nil {
		return err
	}
	return c.record(store.ActionChange, store.KindTransaction, after.ID, after.Label(), before.Changes(after))
}

// removeTransaction deletes a transaction, and records the deletion.
func (c *change) removeTransaction(t store.Transaction) error {
	if err := c.DeleteTransaction(t.ID); err != nil {
		return err
	}
	return c.record(store.ActionDelete, store.KindTransaction, t.ID, t.Label(), t.Lost())
}

func showDeleteTransaction(r *request) error { return renderDeleteTransaction(r, http.StatusOK, "") }

func renderDeleteTransaction(r *request, status int, fault string) error {
	return r.renderDeletion(status, fault, func(tx *store.Tx) (d deletion, err error) {
		t, err := tx.Transaction(r.id)
		if err != nil {
			return d, err
		}
		d = deletion{
			One: "transaction", Name: fmt.Sprintf("%d (%s, %s, %s)", t.ID, t.API, t.Status, t.Amount),
			Path: pathOf(store.KindTransaction, r.id), Crumbs: transactionCrumbs(), Note: "Nothing else is deleted. Its history stays.",
		}
		d.stored, err = transactionForm(tx, t)
		return d, err
	})
}

func deleteTransaction(r *request) error {
	err := r.change(func(ch *change) error {
		t, err := ch.Transaction(r.id)
		if err != nil {
			return err
		}
		stored, err := transactionForm(ch.Tx, t)
		if err != nil {
			return err
		}
		if err := r.checkDeletion(stored); err != nil {
			return err
		}
		ch.setMessage("Transaction %d was deleted.", r.id)
		return ch.removeTransaction(t)
	})
	return r.deleted(err, transactionsPath, renderDeleteTransaction)
}
