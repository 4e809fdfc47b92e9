package store

import (
	"fmt"
	"time"
)

// Session is a session of a user at the admin site.
type Session struct {
	ID            int64     // not the secret
	User          User      // as it is in the transaction
	Created, Seen time.Time // UTC; for Seen see TouchSession
}

// sessionsKept bounds the age of a session, whatever its use.
const sessionsKept = 14 * 24 * time.Hour

// CreateSession begins a session of a user, sets the user's last login and returns the session's secret, of which only a hash
// is kept. The session is deleted after 14 days. The error is ErrNotFound if there is no such active user.
func (tx *Tx) CreateSession(userID int64) (Session, string, error) {
	err := tx.change(fmt.Sprintf("user %d", userID), "UPDATE users SET last_login = ? WHERE id = ? AND active", micros(tx.now), userID)
	if err != nil {
		return Session{}, "", err
	}
	user, err := tx.User(userID)
	if err != nil {
		return Session{}, "", err
	}
	secret := newSecret()
	hash, _ := hashSecret(secret)
	id, err := tx.insert("session", "INSERT INTO sessions (hash, user_id, created, seen) VALUES (?, ?, ?, ?)",
		hash, userID, micros(tx.now), micros(tx.now))
	if err != nil {
		return Session{}, "", err
	}
	return Session{ID: id, User: user, Created: tx.now, Seen: tx.now}, secret, nil
}

// SessionBySecret returns the session with this secret, or ErrNotFound: also if it was last seen longer than idle ago, began
// longer than absolute ago, or its user is inactive.
func (tx *Tx) SessionBySecret(secret string, idle, absolute time.Duration) (Session, error) {
	hash, ok := hashSecret(secret)
	if !ok {
		return Session{}, fmt.Errorf("session: %w", ErrNotFound)
	}
	return found(tx.queryRow(`SELECT s.id, s.created, s.seen, u.id, u.name, u.role, u.active, u.created, u.last_login
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.hash = ? AND s.seen > ? AND s.created > ? AND u.active`,
		hash, micros(tx.now.Add(-idle)), micros(tx.now.Add(-absolute))), scanSession, "session")
}

func scanSession(r row) (s Session, err error) {
	u := &s.User
	err = r.Scan(&s.ID, moment{&s.Created}, moment{&s.Seen},
		&u.ID, &u.Name, &u.Role, &u.Active, moment{&u.Created}, moment{&u.LastLogin})
	return s, err
}

// TouchSession sets the time at which a session was last seen to now. The error is ErrNotFound if the session has ended.
func (tx *Tx) TouchSession(id int64) error {
	return tx.change(fmt.Sprintf("session %d", id), "UPDATE sessions SET seen = ? WHERE id = ?", micros(tx.now), id)
}

// DeleteSession ends a session. If it has ended already, nothing happens.
func (tx *Tx) DeleteSession(id int64) error {
	_, err := tx.exec("DELETE FROM sessions WHERE id = ?", id)
	return err
}

// endSession ends the session with this secret, if there is one.
func (tx *Tx) endSession(secret string) error {
	hash, ok := hashSecret(secret)
	if !ok {
		return nil
	}
	_, err := tx.exec("DELETE FROM sessions WHERE hash = ?", hash)
	return err
}

// endSessions ends all sessions of a user.
func (tx *Tx) endSessions(userID int64) error {
	_, err := tx.exec("DELETE FROM sessions WHERE user_id = ?", userID)
	return err
}

// expireSessions deletes sessions older than sessionsKept, the oldest first and at most limit of them.
func (tx *Tx) expireSessions(limit int) error {
	_, err := tx.exec("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE created <= ? ORDER BY created LIMIT ?)",
		micros(tx.now.Add(-sessionsKept)), limit)
	return err
}
