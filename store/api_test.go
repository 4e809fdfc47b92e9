package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAPI(t *testing.T) {
	s := openStore(t)
	var a API
	update(t, s, func(tx *Tx) (err error) {
		a, err = tx.CreateAPI(API{ID: 99, Name: "Mpesa Express", Description: "STK push", Params: json.RawMessage(`{"b": 1, "a" : [ ]}`)})
		return err
	})
	want := API{ID: 1, Name: "Mpesa Express", Description: "STK push", Params: json.RawMessage(`{"b": 1, "a" : [ ]}`)}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	view(t, s, func(tx *Tx) error {
		byID, err := tx.API(a.ID)
		if diff := cmp.Diff(want, byID); diff != "" || err != nil {
			t.Errorf("by id: %v (-want +got):\n%s", err, diff)
		}
		byName, err := tx.APIByName(a.Name)
		if diff := cmp.Diff(want, byName); diff != "" || err != nil {
			t.Errorf("by name: %v (-want +got):\n%s", err, diff)
		}
		return nil
	})

	changed := API{ID: a.ID, Name: "Mpesa B2C", Params: json.RawMessage(`{}`)}
	update(t, s, func(tx *Tx) error { return tx.UpdateAPI(API{ID: a.ID, Name: "Mpesa B2C"}) })
	view(t, s, func(tx *Tx) error {
		got, err := tx.API(a.ID)
		if diff := cmp.Diff(changed, got); diff != "" || err != nil {
			t.Errorf("updated: %v (-want +got):\n%s", err, diff)
		}
		return nil
	})

	update(t, s, func(tx *Tx) error { return tx.DeleteAPI(a.ID) })
	update(t, s, func(tx *Tx) error {
		next, err := tx.CreateAPI(API{Name: "Mpesa B2C"})
		if next.ID == a.ID {
			t.Error("an id was used again")
		}
		return err
	})
}

func TestAPIErrors(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		for _, name := range []string{"one", "two"} {
			if _, err := tx.CreateAPI(API{Name: name}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		name string
		f    func(*Tx) error
		want error
		text string
	}{
		{"id", func(tx *Tx) error { _, err := tx.API(3); return err }, ErrNotFound, "api 3: not found"},
		{"name", func(tx *Tx) error { _, err := tx.APIByName("ONE"); return err }, ErrNotFound, `api "ONE": not found`},
		{"create", func(tx *Tx) error { _, err := tx.CreateAPI(API{Name: "one"}); return err }, ErrExists, `api "one": exists already`},
		{"update", func(tx *Tx) error { return tx.UpdateAPI(API{ID: 1, Name: "two"}) }, ErrExists, "api 1: exists already"},
		{"update nothing", func(tx *Tx) error { return tx.UpdateAPI(API{ID: 3, Name: "3"}) }, ErrNotFound, "api 3: not found"},
		{"delete nothing", func(tx *Tx) error { return tx.DeleteAPI(3) }, ErrNotFound, "api 3: not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := s.Update(t.Context(), func(tx *Tx) error {
				err := test.f(tx)
				if !errors.Is(err, test.want) || err.Error() != test.text {
					t.Errorf("in the transaction: %v, want %s", err, test.text)
				}
				return err
			})
			if !errors.Is(err, test.want) || err.Error() != test.text {
				t.Errorf("%v, want %s", err, test.text)
			}
		})
	}
}

func TestAPIInvalid(t *testing.T) {
	s := openStore(t)
	deep := strings.Repeat(`{"a":`, maxDepth) + "{}" + strings.Repeat("}", maxDepth)
	for name, test := range map[string]struct {
		api  API
		want []FieldError
	}{
		"all at once": {
			API{Name: "\t\n ", Description: "\xff", Params: json.RawMessage("[]")},
			[]FieldError{{"name", "is empty"}, {"description", "is not valid UTF-8"}, {"params", "is not a JSON object"}},
		},
		"no name":          {API{}, []FieldError{{"name", "is empty"}}},
		"no-break space":   {API{Name: "\u00a0\u2003"}, []FieldError{{"name", "is empty"}}},
		"zero width":       {API{Name: "\u200b\u200d\ufeff"}, []FieldError{{"name", "has no visible character"}}},
		"formats":          {API{Name: " \u202e\u2066\U000e0041 "}, []FieldError{{"name", "has no visible character"}}},
		"fillers":          {API{Name: "\u3164\u2800\ufe0f\u00ad"}, []FieldError{{"name", "has no visible character"}}},
		"controls":         {API{Name: "\x01\x7f"}, []FieldError{{"name", "has no visible character"}}},
		"hidden beginning": {API{Name: "\u200ba"}, []FieldError{{"name", "begins with U+200B, which one does not see"}}},
		"hidden end":       {API{Name: "a\ufeff "}, []FieldError{{"name", "ends with U+FEFF, which one does not see"}}},
		"NUL":              {API{Name: "a\x00"}, []FieldError{{"name", "has a NUL character"}}},
		"UTF-8":            {API{Name: "a\xed\xa0\x80"}, []FieldError{{"name", "is not valid UTF-8"}}},
		"long":             {API{Name: strings.Repeat("ü", 201)}, []FieldError{{"name", "has more than 200 characters"}}},
		"long description": {API{Name: "a", Description: strings.Repeat("a", 10_001)}, []FieldError{{"description", "has more than 10000 characters"}}},
		"large params":     {API{Name: "a", Params: json.RawMessage(`{"a":"` + strings.Repeat("a", 64<<10) + `"}`)}, []FieldError{{"params", "has more than 65536 bytes"}}},
		"deep params":      {API{Name: "a", Params: json.RawMessage(deep)}, []FieldError{{"params", "is nested more than 100 deep"}}},
		"empty params":     {API{Name: "a", Params: json.RawMessage("")}, []FieldError{{"params", "is not a JSON object"}}},
		"null params":      {API{Name: "a", Params: json.RawMessage("null")}, []FieldError{{"params", "is not a JSON object"}}},
		"broken params":    {API{Name: "a", Params: json.RawMessage(`{"a":}`)}, []FieldError{{"params", "is not a JSON object"}}},
		"two params":       {API{Name: "a", Params: json.RawMessage(`{}{}`)}, []FieldError{{"params", "is not a JSON object"}}},
		"params in UTF-8":  {API{Name: "a", Params: json.RawMessage("{\"a\":\"\xff\"}")}, []FieldError{{"params", "is not a JSON object"}}},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.Update(t.Context(), func(tx *Tx) error {
				_, err := tx.CreateAPI(test.api)
				return err
			})
			invalid, ok := errors.AsType[*InvalidError](err)
			if !ok {
				t.Fatalf("%v: not an InvalidError", err)
			}
			if diff := cmp.Diff(test.want, invalid.Fields); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again := s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateAPI(test.api) })
			if diff := cmp.Diff(invalid, again); diff != "" {
				t.Errorf("update (-create +update):\n%s", diff)
			}
		})
	}
}

// hostile are texts that somebody might hope not to be taken as they are.
var hostile = []string{
	`' OR '1'='1`, `"; DROP TABLE apis; --`, `<script>alert(1)</script>`, "a\nb\r\n\tc", "🏦 𝄞", "../../etc/passwd", "%s%n", "${HOME}",
	" leading", "trailing ", "e\u0301", "é", "exe.\u202egpj", "a\x01\x7f", "b\u200b\u200db", "❤\ufe0f", "🏴\U000e0067\U000e0062\U000e007f", "NULL", "0", "-", `\`, "?1", strings.Repeat("𝄞", maxName),
}

func TestHostileTexts(t *testing.T) {
	s := openStore(t)
	for i, text := range hostile {
		update(t, s, func(tx *Tx) error {
			params, err := json.Marshal(map[string]string{text: text})
			if err != nil {
				return err
			}
			api, err := tx.CreateAPI(API{Name: text, Description: text, Params: params})
			if err != nil {
				return err
			}
			if got, err := tx.APIByName(text); !cmp.Equal(got, api) || err != nil {
				t.Errorf("%q: %+v, %v", text, got, err)
			}
			if _, err := tx.CreateStatus(Status{Name: text, Description: text}); err != nil {
				return err
			}
			if got, err := tx.StatusByName(text); got.Name != text || got.Description != text || err != nil {
				t.Errorf("%q: %+v, %v", text, got, err)
			}
			transaction, err := tx.CreateTransaction(Transaction{API: text, Status: text, Amount: Amount(i)})
			if err != nil {
				return err
			}
			if got, err := tx.Transaction(transaction.ID); got != transaction || err != nil {
				t.Errorf("%q: %+v, %v", text, got, err)
			}
			found, err := tx.Transactions(TransactionQuery{TransactionFilter: TransactionFilter{API: text, Status: text}})
			if len(found.Items) != 1 || found.Items[0] != transaction {
				t.Errorf("%q: found %+v", text, found)
			}
			return err
		})
	}
	names := walk(t, s, 3, func(tx *Tx, p Page) (Slice[API], error) { return tx.APIs(p) })
	if len(names) != len(hostile) {
		t.Errorf("%d names, want %d", len(names), len(hostile))
	}
	for i := range names[1:] {
		if names[i].Name >= names[i+1].Name {
			t.Errorf("%q comes before %q", names[i].Name, names[i+1].Name)
		}
	}
}

func TestParamsAsDeepAsCanBe(t *testing.T) {
	s := openStore(t)
	for i, params := range []string{
		strings.Repeat(`{"a":`, maxDepth-1) + "{}" + strings.Repeat("}", maxDepth-1),
		`{"a":` + strings.Repeat(`[`, maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}",
		`{"a":"` + strings.Repeat(`[{\"`, 1000) + `"}`,
		`{"\\":"\"","a":1,"a":2,"b":1e999}`,
		" \t\r\n{}\n",
	} {
		update(t, s, func(tx *Tx) error {
			a, err := tx.CreateAPI(API{Name: fmt.Sprint(i), Params: json.RawMessage(params)})
			if err == nil && string(a.Params) != params {
				t.Errorf("%.50s: became %.50s", params, a.Params)
			}
			return err
		})
	}
}
