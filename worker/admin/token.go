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

// tokenList is what the page of tokens shows.
type tokenList struct {
	Tokens []tokenRow
	Pager  pager
}

type tokenRow struct {
	store.Token
	State  string
	Revoke string // the path at which it can be revoked; empty: it is
}

func listTokens(r *request) error {
	var list tokenList
	p := r.storePage()
	err := r.view(func(tx *store.Tx) error {
		tokens, err := tx.Tokens(p)
		if err != nil {
			return badCursor(err)
		}
		for _, t := range tokens.Items {
			row := tokenRow{t, "good", tokenPath(t.ID) + "/revoke"}
			switch {
			case !t.Revoked.IsZero():
				row.State, row.Revoke = "revoked "+moment(t.Revoked)+" UTC", ""
			case !t.Expires.IsZero() && !t.Expires.After(tx.Now()):
				row.State = "expired"
			}
			list.Tokens = append(list.Tokens, row)
		}
		list.Pager = pagerOf(r.listURL(tokensPath), p, tokens)
		return nil
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "tokens", page{Title: "Tokens", Data: list})
}

func tokenPath(id int64) string { return tokensPath + "/" + strconv.FormatInt(id, 10) }

func tokenCrumbs() []crumb { return []crumb{{"Tokens", tokensPath}} }

func newTokenForm() *form {
	return &form{
		Submit: "Create token",
		Cancel: tokensPath,
		Fields: []*field{
			{Name: "name", Label: "Name", Required: true, Autocomplete: "off", Focus: true, Help: "What it is for, such as the program that will have it."},
			{
				Name: "read_only", Label: "Rights", Kind: "select", Value: "yes",
				Options: []option{{"yes", "Reads only"}, {"no", "Reads and writes"}},
			},
			{
				Name: "days", Label: "Expires", Kind: "select", Value: "90",
				Options: []option{{"30", "in 30 days"}, {"90", "in 90 days"}, {"365", "in a year"}, {"0", "never"}},
			},
		},
	}
}

func (r *request) renderNewToken(status int, f *form) error {
	return r.render(status, "form", page{Title: "Create token", Crumbs: tokenCrumbs(), Data: f})
}

func showNewToken(r *request) error { return r.renderNewToken(http.StatusOK, newTokenForm()) }

// createdToken is what the one page shows on which the secret stands.
type createdToken struct{ Name, Secret string }

// addToken answers with the secret, rather than with a redirect: nobody keeps it, so no other page could show it.
func addToken(r *request) error {
	f := newTokenForm()
	f.fill(r)
	for _, name := range []string{"read_only", "days"} {
		if field := f.field(name); !field.hasOption() {
			field.Problem = "is none of those"
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

// token is the one of the path, if it can be revoked.
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

var errRevoked = &failure{status: http.StatusConflict, detail: "This token was revoked before."}

func confirmTokenRevocation(r *request) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "form", page{
		Title:  "Revoke token",
		Crumbs: tokenCrumbs(),
		Data: &form{
			Submit: "Revoke", Cancel: tokensPath, Danger: true,
			Text: []string{fmt.Sprintf("The token %s is to be revoked. Who uses it is refused from then on, and that cannot be taken back.", token.Name)},
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
		if err := c.record(store.ActionChange, store.KindToken, token.ID, token.Name, store.Changes{"revoked": {false, true}}); err != nil {
			return err
		}
		return c.say("The token %s was revoked.", token.Name)
	})
	if err != nil {
		return err
	}
	return r.redirect(tokensPath)
}
