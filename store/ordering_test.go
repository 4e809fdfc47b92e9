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

// TestNameOrders lists APIs and statuses in all orders, some with as many transactions as others or none.
func TestNameOrders(t *testing.T) {
	s := openStore(t)
	random := rand.New(rand.NewPCG(5, 6))
	const n = 30
	counts := make(map[int64]int64, n)
	var apis []API
	update(t, s, func(tx *Tx) error {
		for _, i := range random.Perm(n) {
			createNames(t, tx, fmt.Sprintf("name %02d", i))
		}
		for range 60 {
			id := 1 + random.Int64N(n)
			counts[id]++
			api, err := tx.API(id)
			if err != nil {
				return err
			}
			if _, err := tx.CreateTransaction(Transaction{API: api.Name, Status: api.Name}); err != nil {
				return err
			}
		}
		slice, err := tx.APIs(Page{})
		apis = slice.Items
		return err
	})
	id := func(a API) int64 { return a.ID }
	for _, search := range []string{"", "2"} {
		meant := slices.DeleteFunc(slices.Clone(apis), func(a API) bool { return !strings.Contains(a.Name, search) })
		for _, descending := range []bool{false, true} {
			for order, want := range map[NameOrder][]API{
				NamesByName:         inOrder(meant, func(a API) string { return a.Name }, id, descending),
				NamesByID:           inOrder(meant, id, id, descending),
				NamesByTransactions: inOrder(meant, func(a API) int64 { return counts[a.ID] }, id, descending),
			} {
				q := NameQuery{Search: search, Order: order, Descending: descending}
				got := walk(t, s, 7, func(tx *Tx, p Page) (Slice[API], error) {
					q.Page = p
					return tx.FindAPIs(q)
				})
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("APIs in order %d, descending %t (-want +got):\n%s", order, descending, diff)
				}
				statuses := walk(t, s, 7, func(tx *Tx, p Page) (Slice[Status], error) {
					q.Page = p
					return tx.FindStatuses(q)
				})
				if !slices.EqualFunc(statuses, want, func(s Status, a API) bool { return s.ID == a.ID && s.Name == a.Name }) {
					t.Errorf("statuses in order %d, descending %t: %v", order, descending, statuses)
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
			for order, want := range map[UserOrder][]User{
				UsersByName:      inOrder(meant, func(u User) string { return u.Name }, id, descending),
				UsersByRole:      inOrder(meant, func(u User) int { return slices.Index(roles, u.Role) }, id, descending),
				UsersByCreated:   inOrder(meant, func(u User) int64 { return u.Created.UnixMicro() }, id, descending),
				UsersByLastLogin: inOrder(meant, func(u User) int64 { return u.LastLogin.UnixMicro() }, id, descending),
			} {
				q := UserQuery{Role: role, Order: order, Descending: descending}
				got := walk(t, s, 3, func(tx *Tx, p Page) (Slice[User], error) {
					q.Page = p
					return tx.FindUsers(q)
				})
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("%s in order %d, descending %t (-want +got):\n%s", role, order, descending, diff)
				}
			}
		}
	}
}

// TestCursorsOfOtherOrders: the cursor of a list fits no other order or direction.
func TestCursorsOfOtherOrders(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a", "b")
		return nil
	})
	cursors := map[NameQuery]Cursor{}
	view(t, s, func(tx *Tx) error {
		for order := NamesByName; order <= NamesByTransactions; order++ {
			for _, descending := range []bool{false, true} {
				q := NameQuery{Order: order, Descending: descending}
				slice, err := tx.FindAPIs(NameQuery{Order: order, Descending: descending, Page: Page{Limit: 1}})
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
				_, err := tx.FindAPIs(asked)
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
