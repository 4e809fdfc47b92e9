package admin

import (
	"net/http"
	"time"

	"multiproc/store"
	"multiproc/worker"
)

// deviceCookie is the cookie of a browser in which somebody has logged in: it lets nobody in, but nobody else can lock it out.
func deviceCookie(r *http.Request) *http.Cookie {
	name, secure := "multiproc_device", worker.Secure(r)
	if secure {
		name = "__Host-" + name
	}
	return &http.Cookie{
		Name: name, Path: "/", MaxAge: int(store.DevicesKept / time.Second),
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// deviceOf is what the browser has of an earlier login.
func deviceOf(r *http.Request) string {
	c, err := r.Cookie(deviceCookie(r).Name)
	if err != nil {
		return ""
	}
	return c.Value
}

// rememberDevice gives the browser of a user who has logged in something to be known by the next time. A login holds without.
func (r *request) rememberDevice(userID int64) {
	c := deviceCookie(r.Request)
	err := r.view(func(tx *store.Tx) (err error) {
		c.Value, err = tx.NewDevice(userID)
		return err
	})
	if err != nil {
		r.admin.outage.Tell(err)
		return
	}
	http.SetCookie(r.w, c)
}
