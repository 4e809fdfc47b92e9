package dbtool

import (
	"fmt"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

// TokenCommand returns the verb token.
func TokenCommand() *urfave.Command {
	return &urfave.Command{
		Name:  "token",
		Usage: "manage the tokens that give programs access to the API",
		Subcommands: []*urfave.Command{
			{
				Name:      "create",
				Usage:     "create a token and print its secret, which is not shown again",
				ArgsUsage: "NAME",
				Flags: config.Flags(
					&urfave.BoolFlag{Name: "read-only", Usage: "allow reading only"},
					&urfave.DurationFlag{Name: "expires", Usage: "expire after `TIME`, as in 720h", DefaultText: "valid until revoked"},
				),
				SkipFlagParsing: true,
				Action:          action(1, createToken),
			},
			{
				Name:            "list",
				Usage:           "list all tokens without their secrets",
				ArgsUsage:       "[FILE[:SECTION]]",
				Flags:           config.Flags(&urfave.BoolFlag{Name: "json", Usage: "print JSON"}),
				SkipFlagParsing: true,
				Action:          action(0, listTokens),
			},
			{
				Name:            "revoke",
				Usage:           "revoke a token at once and for good",
				ArgsUsage:       "ID|NAME",
				Flags:           config.Flags(),
				SkipFlagParsing: true,
				Action:          action(1, revokeToken),
			},
		},
		Action: cli.UnknownCommand,
	}
}

func createToken(c *command) error {
	name, err := c.argument("a token for what? multiproc token create --ini FILE NAME")
	if err != nil {
		return err
	}
	lifetime := c.flags.Duration("expires")
	if c.flags.IsSet("expires") && lifetime <= 0 {
		return cli.Usagef("flag --expires: %s is not a positive duration", lifetime)
	}
	signal.Ignore(syscall.SIGPIPE) // a token whose secret cannot be printed is revoked
	return c.withStore(func(s *store.Store) error {
		var token store.Token
		var secret string
		err := s.Update(c.ctx, func(tx *store.Tx) (err error) {
			token = store.Token{Name: name, ReadOnly: c.flags.Bool("read-only"), CreatedBy: c.actor()}
			if lifetime > 0 {
				token.Expires = tx.Now().Add(lifetime)
			}
			if token, secret, err = tx.CreateToken(token); err != nil {
				return err
			}
			return c.record(tx, store.Entry{Action: store.ActionCreate, Kind: store.KindToken, ObjectID: token.ID, Object: token.Name})
		})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.stdout, secret); err != nil {
			revoked := s.Update(c.ctx, func(tx *store.Tx) error { return c.revoke(tx, token) })
			if revoked != nil {
				return fmt.Errorf("print token %d %q, which cannot be revoked (%w): %w", token.ID, token.Name, revoked, err)
			}
			return fmt.Errorf("print token %d %q, now revoked: %w", token.ID, token.Name, err)
		}
		return nil
	})
}

// allTokens returns all tokens, those revoked and expired included.
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

// listedToken is a token in the output of list.
type listedToken struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	Rights    string     `json:"rights"`
	Created   time.Time  `json:"created"`
	CreatedBy string     `json:"created_by"`
	Expires   *time.Time `json:"expires"` // nil: never
	State     string     `json:"state"`
}

func listed(t store.Token, now time.Time) listedToken {
	l := listedToken{ID: t.ID, Name: t.Name, Rights: "read-write", Created: t.Created, CreatedBy: t.CreatedBy, State: "active"}
	if t.ReadOnly {
		l.Rights = "read-only"
	}
	if !t.Expires.IsZero() {
		l.Expires = &t.Expires
	}
	switch {
	case !t.Revoked.IsZero():
		l.State = "revoked"
	case l.Expires != nil && !now.Before(t.Expires):
		l.State = "expired"
	}
	return l
}

func listTokens(c *command) error {
	return c.withStore(func(s *store.Store) error {
		list := []listedToken{}
		err := s.View(c.ctx, func(tx *store.Tx) error {
			tokens, err := allTokens(tx)
			for _, t := range tokens {
				list = append(list, listed(t, tx.Now()))
			}
			return err
		})
		if err != nil {
			return err
		}
		if c.flags.Bool("json") {
			return cli.PrintJSON(c.stdout, list)
		}
		w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tNAME\tRIGHTS\tCREATED\tEXPIRES\tSTATE")
		for _, t := range list {
			expires := "never"
			if t.Expires != nil {
				expires = t.Expires.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", t.ID, cli.Printable(t.Name), t.Rights, t.Created.Format(time.RFC3339), expires, t.State)
		}
		return w.Flush()
	})
}

func revokeToken(c *command) error {
	idOrName, err := c.argument("which token? multiproc token revoke --ini FILE ID|NAME")
	if err != nil {
		return err
	}
	return c.withStore(func(s *store.Store) error {
		var token store.Token
		err := s.Update(c.ctx, func(tx *store.Tx) (err error) {
			if token, err = findToken(tx, idOrName); err != nil {
				return err
			}
			return c.revoke(tx, token)
		})
		if err == nil {
			fmt.Fprintf(c.stdout, "token %d %q revoked\n", token.ID, token.Name)
		}
		return err
	})
}

func (c *command) revoke(tx *store.Tx, token store.Token) error {
	if err := tx.RevokeToken(token.ID); err != nil {
		return err
	}
	return c.record(tx, store.Entry{Action: store.ActionChange, Kind: store.KindToken, ObjectID: token.ID, Object: token.Name})
}

// findToken returns the token with this id, or else the newest with this name, which is the active one if there is one. If
// the text is the id of one token and the name of another active one, it returns an error.
func findToken(tx *store.Tx, idOrName string) (store.Token, error) {
	tokens, err := allTokens(tx)
	if err != nil {
		return store.Token{}, err
	}
	byID := slices.IndexFunc(tokens, func(t store.Token) bool { return strconv.FormatInt(t.ID, 10) == idOrName })
	byName := slices.IndexFunc(tokens, func(t store.Token) bool { return t.Name == idOrName })
	switch {
	case byID < 0 && byName < 0:
		return store.Token{}, fmt.Errorf("token %q: %w", idOrName, store.ErrNotFound)
	case byID < 0:
		return tokens[byName], nil
	case byName >= 0 && byName != byID && tokens[byName].Revoked.IsZero():
		one, other := tokens[byID], tokens[byName]
		return store.Token{}, fmt.Errorf("%q is the id of token %q and the name of token %d: give %q for the former, %d for the latter",
			idOrName, one.Name, other.ID, one.Name, other.ID)
	}
	return tokens[byID], nil
}
