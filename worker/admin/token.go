package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"multiproc/store"
)

const tokensPath = home + "tokens"

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
	return r.show(http.StatusOK, "tokens", func(tx *store.Tx) (page, error) {
		var view tokensView
		p := r.storePage()
		tokens, err := tx.Tokens(p)
		for _, t := range tokens.Items {
			row := tokenRow{t, "active", pathOf(store.KindToken, t.ID) + "/revoke"}
			switch {
			case !t.Revoked.IsZero():
				row.State, row.Revoke = "revoked "+moment(t.Revoked)+" UTC", ""
			case !t.Expires.IsZero() && !t.Expires.After(tx.Now()):
				row.State = "expired"
			}
			view.Tokens = append(view.Tokens, row)
		}
		view.Pager = pagerOf(r.listURL(tokensPath), p, tokens)
		return page{Title: "Tokens", Data: view}, badAddress(err)
	})
}

func tokenCrumbs() []crumb { return []crumb{{"Tokens", tokensPath}} }

func newTokenForm() *form {
	return &form{
		title:  "Create token",
		crumbs: tokenCrumbs(),
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

func showNewToken(r *request) error { return r.renderForm(http.StatusOK, newTokenForm()) }

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
		return r.renderForm(http.StatusUnprocessableEntity, f)
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
		return r.renderForm(http.StatusUnprocessableEntity, f)
	}
	return err
}

// token returns the token in the path, unless it was revoked.
func (r *request) token(tx *store.Tx) (store.Token, error) {
	token, err := tx.Token(r.id)
	if err == nil && !token.Revoked.IsZero() {
		err = &failure{status: http.StatusConflict, detail: "This token is already revoked."}
	}
	return token, err
}

func confirmTokenRevocation(r *request) error {
	return r.show(http.StatusOK, "form", func(tx *store.Tx) (page, error) {
		token, err := r.token(tx)
		f := &form{
			Submit: "Revoke token", Cancel: tokensPath, Danger: true,
			Text: []string{fmt.Sprintf("Programs that use the token %s will be refused. This cannot be undone.", token.Name)},
		}
		return page{Title: "Revoke token", Crumbs: tokenCrumbs(), Data: f}, err
	})
}

func revokeToken(r *request) error {
	err := r.change(func(c *change) error {
		token, err := r.token(c.Tx)
		if err != nil {
			return err
		}
		if err := c.RevokeToken(token.ID); err != nil {
			return err
		}
		c.setMessage("The token %s was revoked.", token.Name)
		return c.record(store.ActionChange, store.KindToken, token.ID, token.Name, store.Changes{"revoked": {false, true}})
	})
	if err != nil {
		return err
	}
	return r.redirect(tokensPath)
}
