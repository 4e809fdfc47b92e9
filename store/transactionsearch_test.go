package store

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"multiproc/internal/proctest"
)

// TestSearchTransactions compares the results of searches with the expected ones, in all orders, with other filters and without.
func TestSearchTransactions(t *testing.T) {
	s := openStore(t)
	random := rand.New(rand.NewPCG(3, 4))
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	names := []string{"Mpesa 7", "4711", "M_pesa", `100% \o/`, "Card"}
	var all []Transaction
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, names...)
		for range 200 {
			at := start.Add(time.Duration(random.IntN(20)) * time.Microsecond)
			created, err := tx.CreateTransaction(Transaction{
				API: names[random.IntN(len(names))], Status: names[random.IntN(len(names))],
				Amount: Amount(random.IntN(20) * 10_000), Created: at, Modified: at,
			})
			if err != nil {
				return err
			}
			all = append(all, created)
		}
		return nil
	})
	named := func(text string) func(Transaction) bool {
		return func(t Transaction) bool {
			return strings.Contains(strings.ToLower(t.API), text) || strings.Contains(strings.ToLower(t.Status), text)
		}
	}
	n := 0
	for text, means := range map[string]func(Transaction) bool{
		"7":                          func(t Transaction) bool { return t.ID == 7 || t.Amount == 70_000 || named("7")(t) },
		" 7.00 ":                     func(t Transaction) bool { return t.Amount == 70_000 },
		"47":                         func(t Transaction) bool { return t.ID == 47 || t.Amount == 470_000 || named("47")(t) },
		"#7":                         func(t Transaction) bool { return t.ID == 7 },
		"007":                        func(t Transaction) bool { return t.ID == 7 },
		"-7":                         func(Transaction) bool { return false },
		"99999999999999999999999999": func(Transaction) bool { return false },
		"PESA":                       named("pesa"),
		"m_p":                        named("m_p"),
		"%":                          named("%"),
		`\`:                          named(`\`),
		"a 7":                        named("a 7"),
		"\x00":                       func(Transaction) bool { return false },
		"Card\x00":                   func(Transaction) bool { return false },
		"' OR ":                      func(Transaction) bool { return false },
		"":                           func(Transaction) bool { return true },
	} {
		filter := TransactionFilter{API: names[0], Status: names[1], From: start.Add(3 * time.Microsecond), Until: start.Add(15 * time.Microsecond)}
		eachQuery(filter, func(name string, q TransactionQuery) {
			if n++; n%proctest.Rounds(7, 1) > 0 {
				return
			}
			q.Search = text
			t.Run(text+" "+name, func(t *testing.T) {
				var want []Transaction
				for _, t := range expected(all, q) {
					if means(t) {
						want = append(want, t)
					}
				}
				got := walk(t, s, 7+random.IntN(20), func(tx *Tx, p Page) (Slice[Transaction], error) {
					q.Page = p
					return tx.Transactions(q)
				})
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				view(t, s, func(tx *Tx) error {
					if n, err := tx.CountTransactions(q.TransactionFilter); n != int64(len(want)) || err != nil {
						t.Errorf("%d, %v, want %d", n, err, len(want))
					}
					n, err := tx.CountTransactionsUpTo(q.TransactionFilter, 5)
					if n != int64(len(want)) && (n != 5 || len(want) < 5) || err != nil {
						t.Errorf("%d, %v, up to 5 of %d", n, err, len(want))
					}
					return nil
				})
			})
		})
	}
}

// TestFindByName finds APIs and statuses by a part of their names.
func TestFindByName(t *testing.T) {
	s := openStore(t)
	names := []string{"100%", "Card", "aXb", "a_b", "card 2", `x\y`, "Überweisung", "😀 <b>"}
	update(t, s, func(tx *Tx) error { createNames(t, tx, names...); return nil })
	for text, want := range map[string][]string{
		"":    names,
		"CAR": {"Card", "card 2"},
		"_":   {"a_b"},
		"%":   {"100%"},
		`\`:   {`x\y`},
		"😀 <": {"😀 <b>"},
		"Üb":  {"Überweisung"},
		"'":   nil,
	} {
		apis := walk(t, s, 2, func(tx *Tx, p Page) (Slice[Named], error) {
			return tx.ListNamed(NamedQuery{Kind: KindAPI, Search: text, Page: p})
		})
		statuses := walk(t, s, 2, func(tx *Tx, p Page) (Slice[Named], error) {
			return tx.ListNamed(NamedQuery{Kind: KindStatus, Search: text, Page: p})
		})
		var got, other []string
		for i := range apis {
			got, other = append(got, apis[i].Name), append(other, statuses[i].Name)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("APIs with %q (-want +got):\n%s", text, diff)
		}
		if diff := gocmp.Diff(want, other); diff != "" {
			t.Errorf("statuses with %q (-want +got):\n%s", text, diff)
		}
	}
}
