package main

import (
	"os"
	"strings"
	"testing"

	"multiproc/store"
)

// TestCreatedToken is good until it is revoked.
func TestCreatedToken(t *testing.T) {
	dir, path := newDatabase(t)
	secret := strings.TrimSpace(runIn(t, dir, "", "token", "create", "--database", path, "--read-only", "--expires", "1h", "gateway"))
	db := openDatabase(t, path)
	find := func() (token store.Token, err error) {
		err = db.View(t.Context(), func(tx *store.Tx) error {
			token, err = tx.TokenBySecret(secret)
			return err
		})
		return token, err
	}
	token, err := find()
	if err != nil || token.Name != "gateway" || !token.ReadOnly || token.Expires.IsZero() {
		t.Errorf("%+v, %v", token, err)
	}
	runIn(t, dir, "", "token", "revoke", "--database", path, "gateway")
	// Another one may have the name then, and it is that one that the name stands for.
	runIn(t, dir, "", "token", "create", "--database", path, "gateway")
	if out := runIn(t, dir, "", "token", "revoke", "--database", path, "gateway"); !strings.HasPrefix(out, "token 2 ") {
		t.Errorf("revoked: %s", out)
	}
	if token, err := find(); err == nil {
		t.Errorf("revoked, and still good: %+v", token)
	}
}

// TestUnseenToken has nobody at the other end of stdout.
func TestUnseenToken(t *testing.T) {
	dir, path := newDatabase(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := commandIn(t, dir, multiprocPath(t), "token", "create", "--database", path, "gateway")
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = writer, &stderr
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), "which is revoked now") {
		t.Errorf("%v: %s", err, &stderr)
	}
	if out := runIn(t, dir, "", "token", "list", "--database", path); !strings.Contains(out, "revoked\n") {
		t.Errorf("listed: %s", out)
	}
}

func TestLifetimeOf(t *testing.T) {
	for text, ok := range map[string]bool{"720h": true, "1m30s": true, "0": false, "-1h": false, "": false, "30": false, "ever": false} {
		if d, err := lifetimeOf(map[string]string{"expires": text}); (err == nil) != ok || ok != (d > 0) {
			t.Errorf("%q: %s, %v", text, d, err)
		}
	}
	if d, err := lifetimeOf(nil); d != 0 || err != nil {
		t.Error(d, err)
	}
}

func TestOneLine(t *testing.T) {
	for name, want := range map[string]string{
		"gateway":          "gateway",
		"a report <für 1>": "a report <für 1>",
		"two\nlines":       `"two\nlines"`,
		"\x1b[2J":          `"\x1b[2J"`,
	} {
		if got := oneLine(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
