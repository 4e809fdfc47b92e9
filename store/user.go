package store

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Role is what a user may do.
type Role string

// Roles: who looks, who also changes transactions, APIs and statuses, who also manages users and tokens.
const (
	RoleViewer    Role = "viewer"
	RoleStaff     Role = "staff"
	RoleSuperuser Role = "superuser"
)

// User is a person with a password.
type User struct {
	ID        int64     // from 1 on
	Name      string    // unique, in upper or lower case alike: letters that show, digits and @.+-_, at most 150
	Role      Role      // what the user may do
	Active    bool      // may log in
	Created   time.Time // UTC
	LastLogin time.Time // zero: never
}

const maxUserName = 150

const (
	userColumns = "id, name, role, active, created, last_login"
	selectUser  = "SELECT " + userColumns + " FROM users"
)

func scanUser(r row) (u User, err error) {
	err = r.Scan(&u.ID, &u.Name, &u.Role, &u.Active, moment{&u.Created}, moment{&u.LastLogin})
	return u, err
}

// faults are those of a user who had another name before, or none: a name that was taken when more were allowed can be kept.
func (u User) faults(before string) (f faults) {
	if u.Name != before || u.Name == "" {
		f.userName(u.Name)
	}
	if u.Role != RoleViewer && u.Role != RoleStaff && u.Role != RoleSuperuser {
		f.add("role", "is none of %s, %s, %s", RoleViewer, RoleStaff, RoleSuperuser)
	}
	return f
}

// userName finds fault with a name by which people cannot tell a user from another.
func (f *faults) userName(name string) {
	f.text("username", name, maxUserName)
	if name == "" {
		f.add("username", "is empty")
	}
	alphabet := (*unicode.RangeTable)(nil)
	for _, c := range name {
		// There are letters that do not show.
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("@.+-_", c) || !visible(c) {
			f.add("username", "has other characters than letters, digits and @.+-_")
			return
		}
		for _, of := range []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic} {
			if !unicode.Is(of, c) {
				continue
			}
			if alphabet != nil && alphabet != of {
				f.add("username", "has letters of more than one alphabet, some of which look alike")
				return
			}
			alphabet = of
		}
	}
}

// CreateUser adds a user, whose ID it gives, with the hash of a password. Created and LastLogin of u are ignored. Its
// error may be an *InvalidError, or ErrExists for the name.
func (tx *Tx) CreateUser(u User, hash PasswordHash) (User, error) {
	f := u.faults("")
	f.hash(hash)
	if err := f.err(); err != nil {
		return User{}, err
	}
	u.Created, u.LastLogin = tx.now, time.Time{}
	var err error
	u.ID, err = tx.insert(fmt.Sprintf("user %q", u.Name),
		"INSERT INTO users (name, role, active, created, password) VALUES (?, ?, ?, ?, ?)",
		u.Name, string(u.Role), u.Active, micros(u.Created), string(hash))
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// User is the one with this id, or ErrNotFound.
func (tx *Tx) User(id int64) (User, error) {
	return found(tx.queryRow(selectUser+" WHERE id = ?", id), scanUser, "user %d", id)
}

// UserByName is the one with this name, in upper or lower case, or ErrNotFound.
func (tx *Tx) UserByName(name string) (User, error) {
	return found(tx.queryRow(selectUser+" WHERE name = ?", name), scanUser, "user %q", name)
}

// UserQuery asks for a page of users, by SortName, SortRole, SortCreated or SortLogin.
type UserQuery struct {
	Search string // part of the name, ASCII letters in either case; empty: any
	Role   Role   // empty: any
	Sort   Sort
	Page
}

// Users lists the users that a query asks for. The error may be an *InvalidError, for the cursor or the sort.
func (tx *Tx) Users(q UserQuery) (Slice[User], error) {
	k := keyset{list: string(q.Sort.By), id: "id", descending: q.Sort.Descending, Page: q.Page}
	switch q.Sort.By {
	case "", SortName:
		k.list, k.key, k.text = "name", "name", true
	case SortRole:
		k.key = "CASE role WHEN 'viewer' THEN 1 WHEN 'staff' THEN 2 ELSE 3 END"
	case SortCreated:
		k.key = "created"
	case SortLogin:
		k.key = "coalesce(last_login, 0)"
	default:
		return Slice[User]{}, q.Sort.invalid()
	}
	if k.descending {
		k.list += " down"
	}
	s := nameSearch(q.Search)
	if q.Role != "" {
		s.and("role = ?", string(q.Role))
	}
	return nameTable[User]{"users", userColumns, scanUser}.list(tx, k, "", s)
}

// UpdateUser stores the name, the role and whether the user with u's ID is active now. The sessions of one who is not, or
// whose role is another than before, end for good. Its error may be ErrNotFound, an *InvalidError, or ErrExists for the name.
func (tx *Tx) UpdateUser(u User) error {
	before, err := tx.User(u.ID)
	if invalid := u.faults(before.Name).err(); invalid != nil {
		return invalid
	}
	if err != nil {
		return err
	}
	if !u.Active || u.Role != before.Role {
		if err := tx.endSessions(u.ID); err != nil {
			return err
		}
	}
	return tx.change(fmt.Sprintf("user %d", u.ID),
		"UPDATE users SET name = ?, role = ?, active = ? WHERE id = ?", u.Name, string(u.Role), u.Active, u.ID)
}

// SetPassword gives a user another password, and ends the sessions that were begun with the old one. It is ErrNotFound if
// there is no such user.
func (tx *Tx) SetPassword(id int64, hash PasswordHash) error {
	var f faults
	f.hash(hash)
	if err := f.err(); err != nil {
		return err
	}
	if err := tx.change(fmt.Sprintf("user %d", id), "UPDATE users SET password = ? WHERE id = ?", string(hash), id); err != nil {
		return err
	}
	return tx.endSessions(id)
}

// ActiveSuperusers is how many there are.
func (tx *Tx) ActiveSuperusers() (n int, err error) {
	err = tx.queryRow("SELECT count(*) FROM users WHERE active AND role = ?", string(RoleSuperuser)).Scan(&n)
	return n, err
}

// DeleteUser deletes a user and the user's sessions, or nothing: ErrNotFound.
func (tx *Tx) DeleteUser(id int64) error {
	return tx.change(fmt.Sprintf("user %d", id), "DELETE FROM users WHERE id = ?", id)
}
