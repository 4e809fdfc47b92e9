package store

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// inOrder sorts items by a key and then by their id, or in the reverse order.
func inOrder[T any, K cmp.Ordered](items []T, key func(T) K, id func(T) int64, descending bool) []T {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b T) int { return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(id(a), id(b))) })
	if descending {
		slices.Reverse(sorted)
	}
	return sorted
}

// TestNamedOrders lists APIs and statuses in all orders. Some have equal numbers of transactions, or none.
func TestNamedOrders(t *testing.T) {
	s := openStore(t)
	random := rand.New(rand.NewPCG(5, 6))
	const n = 30
	counts := make(map[int64]int64, n)
	var apis []Named
	update(t, s, func(tx *Tx) error {
		for _, i := range random.Perm(n) {
			createNames(t, tx, fmt.Sprintf("name %02d", i))
		}
		for range 60 {
			id := 1 + random.Int64N(n)
			counts[id]++
			api, err := tx.Named(KindAPI, id)
			if err != nil {
				return err
			}
			if _, err := tx.CreateTransaction(Transaction{API: api.Name, Status: api.Name}); err != nil {
				return err
			}
		}
		slice, err := tx.ListNamed(NamedQuery{Kind: KindAPI})
		apis = slice.Items
		return err
	})
	id := func(a Named) int64 { return a.ID }
	for _, search := range []string{"", "2"} {
		meant := slices.DeleteFunc(slices.Clone(apis), func(a Named) bool { return !strings.Contains(a.Name, search) })
		for _, descending := range []bool{false, true} {
			for key, want := range map[SortKey][]Named{
				SortName:         inOrder(meant, func(a Named) string { return a.Name }, id, descending),
				SortID:           inOrder(meant, id, id, descending),
				SortTransactions: inOrder(meant, func(a Named) int64 { return counts[a.ID] }, id, descending),
			} {
				for _, kind := range []Kind{KindAPI, KindStatus} {
					q := NamedQuery{Kind: kind, Search: search, Sort: Sort{key, descending}}
					got := walk(t, s, 7, func(tx *Tx, p Page) (Slice[Named], error) {
						q.Page = p
						return tx.ListNamed(q)
					})
					if !slices.EqualFunc(got, want, func(a, b Named) bool { return a.ID == b.ID && a.Name == b.Name }) {
						t.Errorf("%s by %s: %v, want %v", kind, q.Sort, got, want)
					}
				}
			}
		}
	}
}

// TestUserOrders lists users in all orders, of each role and of all.
func TestUserOrders(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	random := rand.New(rand.NewPCG(7, 8))
	roles := []Role{RoleViewer, RoleStaff, RoleSuperuser}
	var users []User
	for _, i := range random.Perm(20) {
		if i%3 > 0 {
			c.advance(time.Hour)
		}
		users = append(users, createUser(t, s, User{Name: string([]rune{'a', 'A'}[i%2]+rune(i)) + "x", Role: roles[random.IntN(3)], Active: true}))
	}
	for i := range users {
		if i%4 > 0 {
			c.advance(time.Minute * time.Duration(i%2))
			update(t, s, func(tx *Tx) error {
				_, _, err := tx.CreateSession(users[i].ID)
				return err
			})
			users[i].LastLogin = c.now()
		}
	}
	id := func(u User) int64 { return u.ID }
	for _, role := range append(roles, "") {
		meant := slices.DeleteFunc(slices.Clone(users), func(u User) bool { return role != "" && u.Role != role })
		for _, descending := range []bool{false, true} {
			for key, want := range map[SortKey][]User{
				SortName:    inOrder(meant, func(u User) string { return strings.ToLower(u.Name) }, id, descending),
				SortRole:    inOrder(meant, func(u User) int { return slices.Index(roles, u.Role) }, id, descending),
				SortCreated: inOrder(meant, func(u User) int64 { return u.Created.UnixMicro() }, id, descending),
				SortLogin:   inOrder(meant, func(u User) int64 { return u.LastLogin.UnixMicro() }, id, descending),
			} {
				q := UserQuery{Role: role, Sort: Sort{key, descending}}
				got := walk(t, s, 3, func(tx *Tx, p Page) (Slice[User], error) {
					q.Page = p
					return tx.Users(q)
				})
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("%s by %s (-want +got):\n%s", role, q.Sort, diff)
				}
			}
		}
	}
}

// TestSort: ParseSort reads what String writes, and a list refuses the keys of other lists.
func TestSort(t *testing.T) {
	for text, want := range map[string]Sort{"": {}, "name": {By: SortName}, "-modified": {SortModified, true}, "--": {"-", true}} {
		if got := ParseSort(text); got != want || got.String() != text {
			t.Errorf("%q: %+v, written as %q", text, got, got)
		}
	}
	s := openStore(t)
	view(t, s, func(tx *Tx) error {
		_, named := tx.ListNamed(NamedQuery{Kind: KindAPI, Sort: Sort{By: SortAmount}})
		_, users := tx.Users(UserQuery{Sort: Sort{By: SortTransactions}})
		_, transactions := tx.Transactions(TransactionQuery{Sort: Sort{By: "t.id; --"}})
		for _, err := range []error{named, users, transactions} {
			if problemOf(t, err, "sort") == "" {
				t.Errorf("the key of another list: %v", err)
			}
		}
		return nil
	})
}

// TestCursorsOfOtherOrders: no list takes the cursor of another order or direction.
func TestCursorsOfOtherOrders(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a", "b")
		for _, name := range []string{"a", "b"} {
			if _, err := tx.CreateTransaction(Transaction{API: name, Status: name}); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *Tx) error {
		for _, group := range []struct {
			keys []SortKey
			list func(Sort, Page) (Cursor, error)
		}{
			{[]SortKey{SortName, SortID, SortTransactions}, func(by Sort, p Page) (Cursor, error) {
				slice, err := tx.ListNamed(NamedQuery{Kind: KindAPI, Sort: by, Page: p})
				return slice.Next, err
			}},
			{[]SortKey{SortID, SortModified, SortCreated, SortAmount}, func(by Sort, p Page) (Cursor, error) {
				slice, err := tx.Transactions(TransactionQuery{Sort: by, Page: p})
				return slice.Next, err
			}},
		} {
			cursors := map[Sort]Cursor{}
			for _, key := range group.keys {
				for _, descending := range []bool{false, true} {
					next, err := group.list(Sort{key, descending}, Page{Limit: 1})
					if next == "" || err != nil {
						t.Fatalf("%s: no next page, %v", key, err)
					}
					cursors[Sort{key, descending}] = next
				}
			}
			for of, cursor := range cursors {
				for by := range cursors {
					_, err := group.list(by, Page{After: cursor})
					if by == of && err != nil {
						t.Errorf("%s: %v", by, err)
					} else if by != of && problemOf(t, err, "cursor") == "" {
						t.Errorf("the cursor of %s was taken by %s", of, by)
					}
				}
			}
		}
		return nil
	})
}
