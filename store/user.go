package store

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Role grants rights to a user.
type Role string

// Roles. Each includes the rights of those before it.
const (
	RoleViewer    Role = "viewer"    // sees transactions, APIs and statuses
	RoleStaff     Role = "staff"     // changes them
	RoleSuperuser Role = "superuser" // manages users and tokens
)

// User is a person with a password.
type User struct {
	ID        int64  // positive
	Name      string // unique whatever the case; visible letters, digits and @.+-_, at most 150 characters
	Role      Role
	Active    bool      // can log in
	Created   time.Time // UTC
	LastLogin time.Time // UTC; zero: never
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

// faults checks a user whose name was before. It accepts that name, which may come from a time with other rules.
func (u User) faults(before string) (f faults) {
	if u.Name != before || u.Name == "" {
		f.userName(u.Name)
	}
	if u.Role != RoleViewer && u.Role != RoleStaff && u.Role != RoleSuperuser {
		f.add("role", "must be %s, %s or %s", RoleViewer, RoleStaff, RoleSuperuser)
	}
	return f
}

// userName checks that a name cannot be confused with another one.
func (f *faults) userName(name string) {
	f.text("username", name, maxUserName)
	if name == "" {
		f.add("username", "is empty")
	}
	alphabet := (*unicode.RangeTable)(nil)
	for _, c := range name {
		// Some letters are invisible.
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("@.+-_", c) || !visible(c) {
			f.add("username", "must consist of letters, digits and @.+-_")
			return
		}
		for _, of := range []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic} {
			if !unicode.Is(of, c) {
				continue
			}
			if alphabet != nil && alphabet != of {
				f.add("username", "mixes alphabets, some of whose letters look alike")
				return
			}
			alphabet = of
		}
	}
	f.normal("username", name)
}

// CreateUser adds a user with the hash of a password, and returns it with its ID. Created and LastLogin of u are ignored. The
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

// User returns the user with this id, or ErrNotFound.
func (tx *Tx) User(id int64) (User, error) {
	return found(tx.queryRow(selectUser+" WHERE id = ?", id), scanUser, "user %d", id)
}

// UserByName returns the user with this name, whatever its case, or ErrNotFound.
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
	k, err := byName(q.Sort, q.Page, map[SortKey]string{
		SortRole:    "CASE role WHEN 'viewer' THEN 1 WHEN 'staff' THEN 2 ELSE 3 END",
		SortCreated: "created",
		SortLogin:   "coalesce(last_login, 0)",
	})
	if err != nil {
		return Slice[User]{}, err
	}
	s := nameSearch(q.Search)
	if q.Role != "" {
		s.and("role = ?", string(q.Role))
	}
	return nameTable[User]{"users", userColumns, scanUser, func(u User) string { return u.Name }}.list(tx, k, "", s)
}

// UpdateUser stores Name, Role and Active of the user with u's ID. The sessions of a user that is not active, or whose role has
// changed, end. The error may be ErrNotFound, an *InvalidError, or ErrExists for the name.
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

// SetPassword sets the password of a user and ends the user's sessions. The error may be an *InvalidError or ErrNotFound.
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

// ActiveSuperusers returns the number of active superusers.
func (tx *Tx) ActiveSuperusers() (n int, err error) {
	err = tx.queryRow("SELECT count(*) FROM users WHERE active AND role = ?", string(RoleSuperuser)).Scan(&n)
	return n, err
}

// DeleteUser deletes a user and the user's sessions. The error may be ErrNotFound.
func (tx *Tx) DeleteUser(id int64) error {
	return tx.change(fmt.Sprintf("user %d", id), "DELETE FROM users WHERE id = ?", id)
}
