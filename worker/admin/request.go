package admin

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"multiproc/store"
)

// request is one that is being answered.
type request struct {
	*http.Request
	admin *Admin
	route route
	w     *answer

	secret  string        // of the session
	session store.Session // whose request it is, who may take the route; zero where the route is everybody's
}

// request makes one of what net/http gives, and of its answer one that browsers are careful with.
func (a *Admin) request(w http.ResponseWriter, r *http.Request, route route) *request {
	secure(w.Header())
	return &request{Request: r, admin: a, route: route, w: &answer{ResponseWriter: w}}
}

// answer is an http.ResponseWriter that knows whether an answer has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (w *answer) WriteHeader(code int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(code)
}

func (w *answer) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// What a form may have at most: bytes, from those who are logged in and from others, and values.
const (
	maxForm       = 1 << 20 // the params of an API are 64 KiB, before they are escaped
	maxPublicForm = 16 << 10
	maxValues     = 5000
)

// admit finds out whether the request may take its route.
func (r *request) admit() error {
	if r.route.least == nobody {
		return errForbidden
	}
	if err := r.admin.crossOrigin.Check(r.Request); err != nil {
		return errCrossOrigin
	}
	if r.route.least == everybody {
		return r.readForm(maxPublicForm)
	}
	if err := r.findSession(); err != nil {
		return err
	}
	if accessOf(r.session.User.Role) < r.route.least {
		return errForbidden
	}
	return r.readForm(maxForm)
}

// may is whether whose request it is has this access.
func (r *request) may(least access) bool { return accessOf(r.session.User.Role) >= least }

// readForm reads the query and the body of a request.
func (r *request) readForm(most int64) error {
	if r.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return &failure{status: http.StatusUnsupportedMediaType, detail: "This address takes forms only."}
		}
	}
	r.Body = http.MaxBytesReader(r.w, &timedBody{r.Body, time.Now().Add(formPatience)}, most)
	if err := r.ParseForm(); err != nil {
		if errors.Is(err, errSlowForm) {
			return &failure{status: http.StatusRequestTimeout, detail: "The form took too long to arrive."}
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &failure{status: http.StatusRequestEntityTooLarge, detail: "That is more than a form can have."}
		}
		return &failure{status: http.StatusBadRequest, detail: "The form cannot be read."}
	}
	n := 0
	for _, values := range r.Form {
		if n += len(values); n > maxValues {
			return &failure{status: http.StatusRequestEntityTooLarge, detail: "The form has too many values."}
		}
	}
	return nil
}

// formPatience is how long a form may take to arrive. Between two pieces of it, the worker's patience with clients counts.
const formPatience = 30 * time.Second

// errSlowForm is told of a form that takes longer.
var errSlowForm = errors.New("the form took too long to arrive")

// timedBody is a body that ends with an error when its time is up, however steadily it drips.
type timedBody struct {
	io.ReadCloser
	until time.Time
}

func (b *timedBody) Read(p []byte) (int, error) {
	if time.Now().After(b.until) {
		return 0, errSlowForm
	}
	return b.ReadCloser.Read(p)
}

// id is that of the path. What is written otherwise than an id is, is none that there is.
func (r *request) id() (int64, error) {
	text := r.PathValue("id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 || strconv.FormatInt(id, 10) != text {
		return 0, errNoPage
	}
	return id, nil
}

// view is the store's View.
func (r *request) view(f func(*store.Tx) error) error { return r.admin.store.View(r.Context(), f) }

// redirect sends the browser to another page of the site.
func (r *request) redirect(path string) error {
	header := r.w.Header()
	header.Set("Location", path)
	r.w.WriteHeader(http.StatusSeeOther)
	return nil
}
