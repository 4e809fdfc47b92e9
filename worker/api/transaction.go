package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/store"
)

// transaction is a transaction as clients see it.
type transaction struct {
	ID       int64     `json:"id"`
	API      string    `json:"api"`
	Status   string    `json:"status"`
	Amount   string    `json:"amount"`
	Created  time.Time `json:"time_created"`
	Modified time.Time `json:"time_modified"`
}

func transactionOf(t store.Transaction) transaction {
	return transaction{t.ID, t.API, t.Status, t.Amount.String(), t.Created, t.Modified}
}

func transactionsOf(list []store.Transaction) []transaction {
	out := make([]transaction, len(list))
	for i, t := range list {
		out[i] = transactionOf(t)
	}
	return out
}

const transactionsPath = "/api/v1/transactions"

// maxTransactions is the largest number of transactions that a request may create.
const maxTransactions = 1000

func listTransactions(tx *store.Tx, r *request) (answer, error) {
	q := store.TransactionQuery{
		TransactionFilter: store.TransactionFilter{
			API:    r.name("api"),
			Status: r.name("status"),
			From:   r.time("from"),
			Until:  r.time("until"),
		},
		Page: r.page(),
	}
	if !q.From.IsZero() || !q.Until.IsZero() {
		q.Sort = store.Sort{By: store.SortModified, Descending: true}
	}
	slice, err := tx.Transactions(q)
	if err != nil {
		return answer{}, err
	}
	return r.list(transactionsOf(slice.Items), slice.Next)
}

func getTransaction(tx *store.Tx, r *request) (answer, error) {
	t, err := tx.Transaction(r.id)
	if err != nil {
		return answer{}, err
	}
	return encoded(http.StatusOK, transactionOf(t))
}

// createTransactions creates a transaction, or those of an array: all of them or none.
func createTransactions(r *request) (answer, error) {
	body, err := r.readBody()
	if err != nil {
		return answer{}, err
	}
	asked := readTransactions(body, &r.faults)
	var created []store.Transaction
	result, err := r.change(func(tx *store.Tx) (outcome, error) {
		created = make([]store.Transaction, len(asked))
		for i, t := range asked {
			var err error
			t.Token = r.token.ID
			created[i], err = tx.CreateTransaction(t.Transaction)
			if err = r.faults.addInvalid(t.at, err); err != nil {
				return outcome{}, err
			}
			if r.faults.full() {
				break
			}
		}
		if body[0] == '{' {
			return createdAt(transactionsPath, created[0].ID, transactionOf(created[0])), nil
		}
		return outcome{status: http.StatusCreated, value: transactionsOf(created)}, nil
	})
	if err != nil {
		return answer{}, err
	}
	r.api.count(created) // empty if the answer is a replay
	return result, nil
}

// newTransaction is a transaction to create, and its place in the body.
type newTransaction struct {
	at string
	store.Transaction
}

// readTransactions reads an object or an array of objects. The list is valid only if there are no faults.
func readTransactions(body value, f *faults) (list []newTransaction) {
	switch body[0] {
	case '{':
		return readTransaction(nil, body, "#", f)
	case '[':
	default:
		f.add("#", "", "is "+body.kind()+", not an object or an array")
		return nil
	}
	n := 0
	for element := range body.elements() {
		if n == maxTransactions {
			f.add("#", "", fmt.Sprintf("has more than %d elements", maxTransactions))
			return list
		}
		if f.full() {
			break
		}
		list = readTransaction(list, element, "#/"+strconv.Itoa(n), f)
		n++
	}
	if n == 0 {
		f.add("#", "", "has no elements")
	}
	return list
}

func readTransaction(list []newTransaction, v value, at string, f *faults) []newTransaction {
	o, ok := readObject(v, at, f, "api", "status", "amount")
	if !ok {
		return list
	}
	t := store.Transaction{API: o.text("api"), Status: o.text("status"), Amount: o.amount("amount")}
	return append(list, newTransaction{at, t})
}

func changeTransaction(r *request) (answer, error) {
	o, err := r.readObject("status")
	if err != nil {
		return answer{}, err
	}
	status := o.text("status")
	return r.change(func(tx *store.Tx) (outcome, error) {
		before, after, err := tx.SetTransactionStatus(r.id, status)
		if err != nil {
			return outcome{}, err
		}
		return outcome{status: http.StatusOK, value: transactionOf(after)}, r.recordTransaction(tx, store.ActionChange, after, before.Changes(after))
	})
}

func deleteTransaction(r *request) (answer, error) {
	return r.change(func(tx *store.Tx) (outcome, error) {
		t, err := tx.Transaction(r.id)
		if err != nil {
			return outcome{}, err
		}
		if err := tx.DeleteTransaction(r.id); err != nil {
			return outcome{}, err
		}
		return outcome{status: http.StatusNoContent}, r.recordTransaction(tx, store.ActionDelete, t, t.Lost())
	})
}

func (r *request) recordTransaction(tx *store.Tx, action store.Action, t store.Transaction, changes store.Changes) error {
	return r.record(tx, action, store.KindTransaction, t.ID, t.Label(), changes)
}

func newRecorded(w *mpmetrics.Writer) (*prometheus.CounterVec, error) {
	return w.NewCounterVec(prometheus.CounterOpts{
		Name: "api_transactions_recorded_total",
		Help: "Transactions recorded through the API, by API and first status.",
	}, []string{"api", "status"})
}

// count counts created transactions.
func (a *API) count(recorded []store.Transaction) {
	if a.recorded == nil {
		return
	}
	for _, t := range recorded {
		a.recorded.WithLabelValues(t.API, t.Status).Inc()
	}
}
