package main

import (
	"fmt"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

func tokenCommand() *urfave.Command {
	return &urfave.Command{
		Name:  "token",
		Usage: "tokens of the API: with one, a program may use it",
		Subcommands: []*urfave.Command{
			{
				Name:      "create",
				Usage:     "make a token, and print it: it is not shown again",
				ArgsUsage: "--ini FILE [--read-only] [--expires DURATION] NAME",
				Description: "--read-only          it may look, and change nothing\n" +
					"--expires DURATION   it is good for so long, e.g. 720h; else until it is revoked",
				SkipFlagParsing: true,
				Action:          createToken,
			},
			{
				Name:            "list",
				Usage:           "show all tokens, but not their secrets",
				ArgsUsage:       "--ini FILE [--json]",
				SkipFlagParsing: true,
				Action:          listTokens,
			},
			{
				Name:            "revoke",
				Usage:           "end a token, at once and for good",
				ArgsUsage:       "--ini FILE ID|NAME",
				SkipFlagParsing: true,
				Action:          revokeToken,
			},
		},
		Action: cli.UnknownCommand,
	}
}

func createToken(c *urfave.Context) error {
	o, err := operationOf(c, config.Own{Switches: []string{"read-only"}, Values: []string{"expires"}, Positional: 1})
	if err != nil || o == nil {
		return err
	}
	name, err := o.argument("a token for what? multiproc token create --ini FILE NAME")
	if err != nil {
		return err
	}
	lifetime, err := lifetimeOf(o.given.Values)
	if err != nil {
		return cli.Usage(err)
	}
	signal.Ignore(syscall.SIGPIPE) // where nobody reads the secret, there is more to do than to die
	return o.withStore(c.Context, func(s *store.Store) error {
		var token store.Token
		var secret string
		err := s.Update(c.Context, func(tx *store.Tx) error {
			token = store.Token{Name: name, ReadOnly: o.given.Switches["read-only"], CreatedBy: o.actor()}
			if lifetime > 0 {
				token.Expires = tx.Now().Add(lifetime)
			}
			var err error
			if token, secret, err = tx.CreateToken(token); err != nil {
				return err
			}
			return tx.Record(store.Entry{Actor: o.actor(), Action: store.ActionCreate, Kind: store.KindToken, ObjectID: token.ID, Object: token.Name})
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.App.Writer, secret); err != nil {
			revoked := s.Update(c.Context, func(tx *store.Tx) error { return o.revoke(tx, token) })
			if revoked != nil {
				return fmt.Errorf("print token %d %q, which cannot be revoked (%w): %w", token.ID, token.Name, revoked, err)
			}
			return fmt.Errorf("print token %d %q, which is revoked now: %w", token.ID, token.Name, err)
		}
		return nil
	})
}

// lifetimeOf is how long a token is to be good for; 0: for ever.
func lifetimeOf(given map[string]string) (time.Duration, error) {
	text, ok := given["expires"]
	if !ok {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("flag --expires: %q is no duration such as 720h", text)
	}
	return d, nil
}

// allTokens are those that there are and those that there were.
func allTokens(tx *store.Tx) ([]store.Token, error) {
	var all []store.Token
	for page := (store.Page{}); ; {
		slice, err := tx.Tokens(page)
		if err != nil {
			return nil, err
		}
		all = append(all, slice.Items...)
		if slice.Next == "" {
			return all, nil
		}
		page.After = slice.Next
	}
}

// shownToken is a token as it is listed.
type shownToken struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	Rights    string     `json:"rights"`
	Created   time.Time  `json:"created"`
	CreatedBy string     `json:"created_by"`
	Expires   *time.Time `json:"expires"` // nil: never
	State     string     `json:"state"`
}

func shown(t store.Token, now time.Time) shownToken {
	s := shownToken{ID: t.ID, Name: t.Name, Rights: "read-write", Created: t.Created, CreatedBy: t.CreatedBy, State: "active"}
	if t.ReadOnly {
		s.Rights = "read-only"
	}
	if !t.Expires.IsZero() {
		s.Expires = &t.Expires
	}
	switch {
	case !t.Revoked.IsZero():
		s.State = "revoked"
	case s.Expires != nil && !now.Before(t.Expires):
		s.State = "expired"
	}
	return s
}

func listTokens(c *urfave.Context) error {
	o, err := operationOf(c, config.Own{Switches: []string{"json"}})
	if err != nil || o == nil {
		return err
	}
	return o.withStore(c.Context, func(s *store.Store) error {
		list := []shownToken{}
		err := s.View(c.Context, func(tx *store.Tx) error {
			tokens, err := allTokens(tx)
			for _, t := range tokens {
				list = append(list, shown(t, tx.Now()))
			}
			return err
		})
		if err != nil {
			return err
		}
		if o.given.Switches["json"] {
			return cli.PrintJSON(c.App.Writer, list)
		}
		w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tRIGHTS\tCREATED\tEXPIRES\tSTATE")
		for _, t := range list {
			expires := "never"
			if t.Expires != nil {
				expires = t.Expires.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", t.ID, oneLine(t.Name), t.Rights, t.Created.Format(time.RFC3339), expires, t.State)
		}
		return w.Flush()
	})
}

// oneLine is a name as it can stand in a table, whatever is in it.
func oneLine(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

func revokeToken(c *urfave.Context) error {
	o, err := operationOf(c, config.Own{Positional: 1})
	if err != nil || o == nil {
		return err
	}
	which, err := o.argument("which token? multiproc token revoke --ini FILE ID|NAME")
	if err != nil {
		return err
	}
	return o.withStore(c.Context, func(s *store.Store) error {
		var token store.Token
		err := s.Update(c.Context, func(tx *store.Tx) error {
			var err error
			if token, err = findToken(tx, which); err != nil {
				return err
			}
			return o.revoke(tx, token)
		})
		if err == nil {
			fmt.Fprintf(c.App.Writer, "token %d %q revoked\n", token.ID, token.Name)
		}
		return err
	})
}

func (o *operation) revoke(tx *store.Tx, token store.Token) error {
	if err := tx.RevokeToken(token.ID); err != nil {
		return err
	}
	return tx.Record(store.Entry{Actor: o.actor(), Action: store.ActionChange, Kind: store.KindToken, ObjectID: token.ID, Object: token.Name})
}

// findToken finds the one with this id, or else the newest with this name: if one is not revoked, it is that one. It does
// not choose between two that could be meant.
func findToken(tx *store.Tx, which string) (store.Token, error) {
	tokens, err := allTokens(tx)
	if err != nil {
		return store.Token{}, err
	}
	numbered := slices.IndexFunc(tokens, func(t store.Token) bool { return strconv.FormatInt(t.ID, 10) == which })
	named := slices.IndexFunc(tokens, func(t store.Token) bool { return t.Name == which })
	switch {
	case numbered < 0 && named < 0:
		return store.Token{}, fmt.Errorf("token %q: %w", which, store.ErrNotFound)
	case numbered < 0:
		return tokens[named], nil
	case named >= 0 && named != numbered && tokens[named].Revoked.IsZero():
		one, other := tokens[numbered], tokens[named]
		return store.Token{}, fmt.Errorf("%q is the id of token %q and the name of token %d: give %q for the one, %d for the other",
			which, one.Name, other.ID, one.Name, other.ID)
	}
	return tokens[numbered], nil
}
