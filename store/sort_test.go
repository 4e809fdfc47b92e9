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

// inOrder sorts items by a key, the higher id last, or all of that the other way round.
func inOrder[T any, K cmp.Ordered](items []T, key func(T) K, id func(T) int64, descending bool) []T {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b T) int { return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(id(a), id(b))) })
	if descending {
		slices.Reverse(sorted)
	}
	return sorted
}

// TestNamedOrders lists APIs and statuses in all orders, some with as many transactions as others or none.
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

// TestUserOrders lists users in all orders, of a role and of all.
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
		users = append(users, createUser(t, s, User{Name: string(rune('a'+i)) + "x", Role: roles[random.IntN(3)], Active: true}))
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
				SortName:    inOrder(meant, func(u User) string { return u.Name }, id, descending),
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

// TestSort reads back what it writes, and lists refuse the keys of others.
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

// TestCursorsOfOtherOrders: the cursor of a list fits no other order or direction.
func TestCursorsOfOtherOrders(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a", "b")
		return nil
	})
	cursors := map[NamedQuery]Cursor{}
	view(t, s, func(tx *Tx) error {
		for _, key := range []SortKey{SortName, SortID, SortTransactions} {
			for _, descending := range []bool{false, true} {
				q := NamedQuery{Kind: KindAPI, Sort: Sort{key, descending}}
				first := q
				first.Limit = 1
				slice, err := tx.ListNamed(first)
				if err != nil {
					return err
				}
				cursors[q] = slice.Next
			}
		}
		for q, cursor := range cursors {
			for of := range cursors {
				asked := of
				asked.After = cursor
				_, err := tx.ListNamed(asked)
				if of == q && err != nil {
					t.Errorf("%+v: %v", q, err)
				} else if of != q && problemOf(t, err, "cursor") == "" {
					t.Errorf("the cursor of %+v was taken by %+v", q, of)
				}
			}
		}
		return nil
	})
}
