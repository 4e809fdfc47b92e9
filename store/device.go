package store

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// DevicesKept is for how long a browser is known by what NewDevice has given it.
const DevicesKept = 180 * 24 * time.Hour

// A device is what a browser keeps of a login: an id at random, the second in which it was made, and a MAC of both for that user
// with that password. The key is the password's hash, which nobody outside knows, so that nothing needs to be kept here, and
// with another password no browser is known any more.
const (
	deviceID   = 16
	deviceTime = deviceID + 8
	deviceLen  = deviceTime + sha256.Size
)

// NewDevice is what a browser of a user who has just logged in is to keep, and to bring as Credentials.Device: whoever else fails to
// log in as that user does not lock this browser out. It is ErrNotFound if there is no such user.
func (tx *Tx) NewDevice(userID int64) (string, error) {
	key, err := tx.passwordOf(userID)
	if err != nil {
		return "", err
	}
	device := make([]byte, deviceTime, deviceLen)
	_, _ = rand.Read(device[:deviceID]) // never fails
	binary.BigEndian.PutUint64(device[deviceID:], uint64(tx.now.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(device, deviceMAC(key, userID, device)...)), nil
}

// deviceOf is the id of the browser that brings the credentials, if it has logged in as that user; else empty.
func (tx *Tx) deviceOf(c Credentials) string {
	device, err := base64.RawURLEncoding.DecodeString(c.Device)
	if err != nil || len(device) != deviceLen {
		return ""
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(device[deviceID:])), 0)
	if made.After(tx.now) || tx.now.Sub(made) > DevicesKept {
		return ""
	}
	user, err := tx.UserByName(c.Name)
	if err != nil {
		return ""
	}
	key, err := tx.passwordOf(user.ID)
	if err != nil || !hmac.Equal(device[deviceTime:], deviceMAC(key, user.ID, device[:deviceTime])) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(device[:deviceID])
}

func deviceMAC(key PasswordHash, userID int64, device []byte) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte("device"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(userID)))
	mac.Write(device)
	return mac.Sum(nil)
}
