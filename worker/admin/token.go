package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"multiproc/store"
)

const tokensPath = home + "tokens"

func (a *Admin) tokenRoutes() []route {
	return []route{
		{method: "GET", path: tokensPath, least: superusers, handle: listTokens, nav: "Tokens"},
		{method: "GET", path: tokensPath + "/add", least: superusers, handle: showNewToken},
		{method: "POST", path: tokensPath + "/add", least: superusers, handle: addToken},
		{method: "GET", path: tokensPath + "/{id}/revoke", least: superusers, handle: confirmTokenRevocation},
		{method: "POST", path: tokensPath + "/{id}/revoke", least: superusers, handle: revokeToken},
	}
}

// tokensView is the page of the list of tokens.
type tokensView struct {
	Tokens []tokenRow
	Pager  pager
}

type tokenRow struct {
	store.Token
	State  string
	Revoke string // path of its revocation; empty: revoked
}

func listTokens(r *request) error {
	var view tokensView
	p := r.storePage()
	err := r.view(func(tx *store.Tx) error {
		tokens, err := tx.Tokens(p)
		if err != nil {
			return badAddress(err)
		}
		for _, t := range tokens.Items {
			row := tokenRow{t, "active", tokenPath(t.ID) + "/revoke"}
			switch {
			case !t.Revoked.IsZero():
				row.State, row.Revoke = "revoked "+moment(t.Revoked)+" UTC", ""
			case !t.Expires.IsZero() && !t.Expires.After(tx.Now()):
				row.State = "expired"
			}
			view.Tokens = append(view.Tokens, row)
		}
		view.Pager = pagerOf(r.listURL(tokensPath), p, tokens)
		return nil
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "tokens", page{Title: "Tokens", Data: view})
}

func tokenPath(id int64) string { return tokensPath + "/" + strconv.FormatInt(id, 10) }

func tokenCrumbs() []crumb { return []crumb{{"Tokens", tokensPath}} }

func newTokenForm() *form {
	return &form{
		Submit: "Create token",
		Cancel: tokensPath,
		Fields: []*field{
			{Name: "name", Label: "Name", Required: true, Autocomplete: "off", Focus: true, Help: "What the token is for, for example the program that uses it."},
			{
				Name: "read_only", Label: "Rights", Kind: "select", Value: "yes",
				Options: []option{{"yes", "Read only"}, {"no", "Read and write"}},
			},
			{
				Name: "days", Label: "Expires", Kind: "select", Value: "90",
				Options: []option{{"30", "in 30 days"}, {"90", "in 90 days"}, {"365", "in one year"}, {"0", "never"}},
			},
		},
	}
}

func (r *request) renderNewToken(status int, f *form) error {
	return r.render(status, "form", page{Title: "Create token", Crumbs: tokenCrumbs(), Data: f})
}

func showNewToken(r *request) error { return r.renderNewToken(http.StatusOK, newTokenForm()) }

// createdToken is the page that shows the secret.
type createdToken struct{ Name, Secret string }

// addToken answers with the secret instead of a redirect: the secret is not stored, so no other page could show it.
func addToken(r *request) error {
	f := newTokenForm()
	f.fill(r)
	for _, name := range []string{"read_only", "days"} {
		if field := f.field(name); !field.hasOption() {
			field.Problem = "must be one of the options"
		}
	}
	if f.Bad() {
		return r.renderNewToken(http.StatusUnprocessableEntity, f)
	}
	var secret string
	token := store.Token{Name: f.field("name").Value, ReadOnly: f.field("read_only").Value == "yes"}
	err := r.change(func(c *change) (err error) {
		token.CreatedBy = c.actor.Name
		what := store.Changes{"read_only": {"", token.ReadOnly}}
		if days, _ := strconv.Atoi(f.field("days").Value); days > 0 {
			token.Expires = c.Now().Add(time.Duration(days) * 24 * time.Hour)
			what["expires"] = [2]any{"", token.Expires}
		}
		if token, secret, err = c.CreateToken(token); err != nil {
			return err
		}
		return c.record(store.ActionCreate, store.KindToken, token.ID, token.Name, what)
	})
	switch {
	case err == nil:
		return r.render(http.StatusOK, "token", page{Title: "Token created", Crumbs: tokenCrumbs(), Data: createdToken{token.Name, secret}})
	case f.blame(err, "name"):
		return r.renderNewToken(http.StatusUnprocessableEntity, f)
	}
	return err
}

// token returns the token in the path, unless it was revoked.
func (r *request) token() (token store.Token, err error) {
	id, err := r.id()
	if err != nil {
		return store.Token{}, err
	}
	err = r.view(func(tx *store.Tx) error {
		token, err = tx.Token(id)
		return err
	})
	if err == nil && !token.Revoked.IsZero() {
		err = errRevoked
	}
	return token, err
}

var errRevoked = &failure{status: http.StatusConflict, detail: "This token is already revoked."}

func confirmTokenRevocation(r *request) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "form", page{
		Title:  "Revoke token",
		Crumbs: tokenCrumbs(),
		Data: &form{
			Submit: "Revoke token", Cancel: tokensPath, Danger: true,
			Text: []string{fmt.Sprintf("Programs that use the token %s will be refused. This cannot be undone.", token.Name)},
		},
	})
}

func revokeToken(r *request) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	err = r.change(func(c *change) error {
		token, err := c.Token(token.ID)
		if err != nil {
			return err
		}
		if !token.Revoked.IsZero() {
			return errRevoked
		}
		if err := c.RevokeToken(token.ID); err != nil {
			return err
		}
		c.say("The token %s was revoked.", token.Name)
		return c.record(store.ActionChange, store.KindToken, token.ID, token.Name, store.Changes{"revoked": {false, true}})
	})
	if err != nil {
		return err
	}
	return r.redirect(tokensPath)
}
