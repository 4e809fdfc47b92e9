package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ErrCrowded reports that too many passwords are being hashed at once. Try again in a moment.
var ErrCrowded = errors.New("too many passwords at a time")

// LockedError reports that too many logins have failed: none is tried before Until, whatever the password.
type LockedError struct{ Until time.Time }

// Error is one line, with the time.
func (e *LockedError) Error() string {
	return "too many failed logins, next attempt at " + e.Until.Format(time.RFC3339)
}

// Credentials are the name and password of a login and the address it comes from.
type Credentials struct {
	Name, Password string
	From           netip.Addr // the zero Addr: unknown
}

// Limits on failed logins, shared by all processes. They count for existing and unknown users alike.
//
// A user at an address locks after a few failures, and so does an address for all users. Failures at other addresses cannot
// lock a user out: many failures of one user, from all addresses together or from unknown or loopback ones, only slow that
// user's logins to one attempt every attemptsPace. That still bounds how many passwords many addresses can guess together.
// Since they can also take every turn, the pace does not apply at addresses where the user has logged in lately.
const (
	attemptWindow     = 15 * time.Minute
	attemptsOfPair    = 5
	attemptsOfAddress = 20
	attemptsOfName    = 50 // then attemptsPace applies
	attemptsPace      = 5 * time.Second
	loginKept         = 30 * 24 * time.Hour // the time for which a login makes an address known
)

// attempt is a login that counts as failed until it has succeeded.
type attempt struct {
	id      int64
	name    []byte // a hash: a name may be a password typed into the wrong field
	address string // empty: unknown, or loopback
	shared  bool   // many clients may share the address: it does not lock by itself
}

func newAttempt(c Credentials) attempt {
	name := sha256.Sum256([]byte(strings.ToLower(c.Name)))
	addr := c.From.Unmap().WithZone("")
	if !addr.IsValid() || addr.IsLoopback() {
		// Clients of a unix socket or of a proxy on this machine cannot be distinguished.
		return attempt{name: name[:], shared: true}
	}
	a := attempt{name: name[:], address: addr.String()}
	if addr.Is6() {
		// The owner of one address controls the 2^64 addresses of its network.
		a.address = netip.PrefixFrom(addr, 64).Masked().String()
	}
	// These may belong to a proxy with every client behind it.
	a.shared = addr.IsPrivate() || addr.IsLinkLocalUnicast()
	return a
}

// known returns the row that records that the user has logged in at the address. It is in the table of attempts until it expires,
// but no attempt has its name and address.
func (a attempt) known() attempt {
	name := sha256.Sum256(slices.Concat(a.name, []byte(a.address)))
	return attempt{name: name[:], address: "known"}
}

// attempted calls f, which tries the credentials, unless too many attempts have failed: a *LockedError. An ErrCredentials of
// f counts as a failure; other errors do not.
func (s *Store) attempted(ctx context.Context, c Credentials, f func(attempt) error) error {
	if len(c.Password) > maxPassword {
		return ErrCredentials // cannot match, so it is not a guess
	}
	a := newAttempt(c)
	// A locked client is refused by a read, without a place in the queues of hashing and of writers.
	if err := s.View(ctx, func(tx *Tx) error { return tx.checkAttempts(a) }); err != nil {
		return err
	}
	leave, err := s.enterHashing()
	if err != nil {
		return err
	}
	defer leave()
	// The attempt is recorded before its outcome is known, so that no more than the limit are tried at once.
	err = s.Update(ctx, func(tx *Tx) (err error) {
		if err := tx.checkAttempts(a); err != nil {
			return err
		}
		a.id, err = tx.addAttempt(a, tx.now)
		return err
	})
	if err != nil {
		return err
	}
	err = f(a)
	if err != nil && !errors.Is(err, ErrCredentials) {
		undone := s.Update(context.WithoutCancel(ctx), func(tx *Tx) error {
			_, err := tx.exec("DELETE FROM login_attempts WHERE id = ?", a.id)
			return err
		})
		return errors.Join(err, undone)
	}
	return err
}

// checkAttempts returns a *LockedError if another attempt is not allowed yet.
func (tx *Tx) checkAttempts(a attempt) error {
	pair, err := tx.attemptBack(attemptsOfPair, "name = ? AND address = ?", a.name, a.address)
	if err != nil {
		return err
	}
	many, err := tx.attemptBack(attemptsOfName, "name = ?", a.name)
	if err != nil {
		return err
	}
	var until time.Time
	if !a.shared {
		if until, err = tx.attemptBack(attemptsOfAddress, "address = ?", a.address); err != nil {
			return err
		}
	}
	paced := !many.IsZero()
	switch {
	case a.address == "":
		paced = paced || !pair.IsZero()
	case pair.After(until):
		until = pair
	}
	if !until.IsZero() {
		return &LockedError{until.Add(attemptWindow)}
	}
	if !paced {
		return nil
	}
	if a.address != "" {
		known := a.known()
		expires, err := tx.attemptBack(1, "name = ? AND address = ?", known.name, known.address)
		if err != nil || !expires.IsZero() {
			return err
		}
	}
	last, err := tx.attemptBack(1, "name = ?", a.name)
	if next := last.Add(attemptsPace); err == nil && next.After(tx.now) {
		err = &LockedError{next}
	}
	return err
}

// attemptBack returns the time of the nth newest attempt of the window that meets a condition; zero if there are fewer.
func (tx *Tx) attemptBack(n int, where string, args ...any) (at time.Time, err error) {
	err = tx.queryRow("SELECT time FROM login_attempts WHERE "+where+" AND time > ? ORDER BY time DESC LIMIT 1 OFFSET ?",
		append(args, micros(tx.now.Add(-attemptWindow)), n-1)...).Scan(moment{&at})
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return at, err
}

// addAttempt adds a row, which expires attemptWindow after its time, and returns its id.
func (tx *Tx) addAttempt(a attempt, at time.Time) (id int64, err error) {
	return tx.insert("login attempt", "INSERT INTO login_attempts (time, name, address) VALUES (?, ?, ?)", micros(at), a.name, a.address)
}

// forgive removes the earlier failures of the user at this address, and the attempt itself, which has succeeded. If the address
// distinguishes clients, it is known from now on.
func (tx *Tx) forgive(a attempt) error {
	if err := tx.removeAttempts(a); err != nil || a.address == "" {
		return err
	}
	if err := tx.removeAttempts(a.known()); err != nil {
		return err
	}
	_, err := tx.addAttempt(a.known(), tx.now.Add(loginKept-attemptWindow))
	return err
}

func (tx *Tx) removeAttempts(a attempt) error {
	_, err := tx.exec("DELETE FROM login_attempts WHERE name = ? AND address = ?", a.name, a.address)
	return err
}

// expireAttempts removes attempts that no longer count, the oldest first and at most limit of them.
func (tx *Tx) expireAttempts(limit int) error {
	_, err := tx.exec("DELETE FROM login_attempts WHERE id IN (SELECT id FROM login_attempts WHERE time <= ? ORDER BY time LIMIT ?)",
		micros(tx.now.Add(-attemptWindow)), limit)
	return err
}
