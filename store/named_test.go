package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestNamed(t *testing.T) {
	for kind, params := range map[Kind]json.RawMessage{KindAPI: json.RawMessage(`{"b": 1, "a" : [ ]}`), KindStatus: nil} {
		t.Run(string(kind), func(t *testing.T) {
			s := openStore(t)
			want := Named{Kind: kind, ID: 1, Name: "Mpesa Express", Description: "STK push", Params: params}
			asked := want
			asked.ID = 99
			update(t, s, func(tx *Tx) error {
				created, err := tx.CreateNamed(asked)
				if diff := cmp.Diff(want, created); diff != "" {
					t.Errorf("created (-want +got):\n%s", diff)
				}
				return err
			})
			stored := func() {
				t.Helper()
				view(t, s, func(tx *Tx) error {
					byID, err := tx.Named(kind, 1)
					if diff := cmp.Diff(want, byID); diff != "" || err != nil {
						t.Errorf("by id: %v (-want +got):\n%s", err, diff)
					}
					byName, err := tx.NamedByName(kind, want.Name)
					if diff := cmp.Diff(want, byName); diff != "" || err != nil {
						t.Errorf("by name: %v (-want +got):\n%s", err, diff)
					}
					return nil
				})
			}
			stored()
			asked = Named{Kind: kind, ID: 1, Name: "Mpesa B2C"}
			update(t, s, func(tx *Tx) error { return tx.UpdateNamed(asked) })
			want = asked
			if kind == KindAPI {
				want.Params = json.RawMessage("{}")
			}
			stored()
			update(t, s, func(tx *Tx) error { return tx.deleteNamed(kind, 1) })
			update(t, s, func(tx *Tx) error {
				next, err := tx.CreateNamed(asked)
				if next.ID == 1 {
					t.Error("an id was used again")
				}
				return err
			})
		})
	}
}

func TestNamedErrors(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error { createNames(t, tx, "one", "two"); return nil })
	create := func(n Named) func(*Tx) error {
		return func(tx *Tx) error { _, err := tx.CreateNamed(n); return err }
	}
	update := func(n Named) func(*Tx) error { return func(tx *Tx) error { return tx.UpdateNamed(n) } }
	for _, k := range []Kind{KindAPI, KindStatus} {
		for _, test := range []struct {
			name string
			f    func(*Tx) error
			want error
			text string
		}{
			{"id", func(tx *Tx) error { _, err := tx.Named(k, 3); return err }, ErrNotFound, "%s 3: not found"},
			{"name", func(tx *Tx) error { _, err := tx.NamedByName(k, "ONE"); return err }, ErrNotFound, `%s "ONE": not found`},
			{"create", create(Named{Kind: k, Name: "one"}), ErrExists, `%s "one": exists already`},
			{"update", update(Named{Kind: k, ID: 1, Name: "two"}), ErrExists, "%s 1: exists already"},
			{"update nothing", update(Named{Kind: k, ID: 3, Name: "3"}), ErrNotFound, "%s 3: not found"},
			{"delete nothing", func(tx *Tx) error { return tx.deleteNamed(k, 3) }, ErrNotFound, "%s 3: not found"},
		} {
			t.Run(string(k)+" "+test.name, func(t *testing.T) {
				text := fmt.Sprintf(test.text, k)
				err := s.Update(t.Context(), func(tx *Tx) error {
					err := test.f(tx)
					if !errors.Is(err, test.want) || err.Error() != text {
						t.Errorf("in the transaction: %v, want %s", err, text)
					}
					return err
				})
				if !errors.Is(err, test.want) || err.Error() != text {
					t.Errorf("%v, want %s", err, text)
				}
			})
		}
	}
}

func TestNamedInvalid(t *testing.T) {
	s := openStore(t)
	deep := strings.Repeat(`{"a":`, maxDepth) + "{}" + strings.Repeat("}", maxDepth)
	for name, test := range map[string]struct {
		n    Named
		want []FieldError
	}{
		"all at once": {
			Named{Name: "\t\n ", Description: "\xff", Params: json.RawMessage("[]")},
			[]FieldError{{"name", "has no visible character"}, {"description", "is not valid UTF-8"}, {"params", "is not a JSON object"}},
		},
		"no name":          {Named{}, []FieldError{{"name", "is empty"}}},
		"long":             {Named{Name: strings.Repeat("ü", 201)}, []FieldError{{"name", "has more than 200 characters"}}},
		"long description": {Named{Name: "a", Description: strings.Repeat("a", 10_001)}, []FieldError{{"description", "has more than 10000 characters"}}},
		"large params":     {Named{Name: "a", Params: json.RawMessage(`{"a":"` + strings.Repeat("a", 64<<10) + `"}`)}, []FieldError{{"params", "has more than 65536 bytes"}}},
		"deep params":      {Named{Name: "a", Params: json.RawMessage(deep)}, []FieldError{{"params", "has more than 100 nested levels"}}},
		"empty params":     {Named{Name: "a", Params: json.RawMessage("")}, []FieldError{{"params", "is not a JSON object"}}},
		"null params":      {Named{Name: "a", Params: json.RawMessage("null")}, []FieldError{{"params", "is not a JSON object"}}},
		"broken params":    {Named{Name: "a", Params: json.RawMessage(`{"a":}`)}, []FieldError{{"params", "is not a JSON object"}}},
		"two params":       {Named{Name: "a", Params: json.RawMessage(`{}{}`)}, []FieldError{{"params", "is not a JSON object"}}},
		"a status": {
			Named{Kind: KindStatus, Description: strings.Repeat("a", 10_001), Params: json.RawMessage("{}")},
			[]FieldError{{"name", "is empty"}, {"description", "has more than 10000 characters"}, {"params", "only APIs have them"}},
		},
		"params in UTF-8": {Named{Name: "a", Params: json.RawMessage("{\"a\":\"\xff\"}")}, []FieldError{{"params", "is not a JSON object"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.n.Kind == "" {
				test.n.Kind = KindAPI
			}
			err := s.Update(t.Context(), func(tx *Tx) error {
				_, err := tx.CreateNamed(test.n)
				return err
			})
			invalid, ok := errors.AsType[*InvalidError](err)
			if !ok {
				t.Fatalf("%v: not an InvalidError", err)
			}
			if diff := cmp.Diff(test.want, invalid.Fields); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again := s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateNamed(test.n) })
			if diff := cmp.Diff(invalid, again); diff != "" {
				t.Errorf("update (-create +update):\n%s", diff)
			}
		})
	}
}

// TestNames: a name is refused if one looks like it that differs only in invisible characters.
func TestNames(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		var got faults
		got.name("name", name)
		wanted := faults{{"name", want}}
		if want == "" {
			wanted = nil
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%+q (-want +got):\n%s", name, diff)
		}
	}
	f("", "is empty")
	f("\xff", "is not valid UTF-8")
	f("Visa\xed\xa0\x80", "is not valid UTF-8")
	f(strings.Repeat("ü", 200), "")
	f(strings.Repeat("ü", 201), "has more than 200 characters")
	for _, none := range []string{" ", "\t\n ", "\u00a0\u2003", "\u200b\u200d\ufeff", " \u202e\u2066\U000e0041 ", "\u3164\u2800\ufe0f\u00ad", "\x01\x7f"} {
		f(none, "has no visible character")
	}
	f(" Visa", "begins with a space")
	f("Visa ", "ends with a space")
	const blanks = "\u2800\U00013441\U00013442\U00016fe4\U0001d159"
	seen := 0
	for c := rune('!'); c <= unicode.MaxRune; c++ {
		if !unicode.In(c, unicode.White_Space, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point,
			unicode.Variation_Selector, unicode.Noncharacter_Code_Point) && !strings.ContainsRune(blanks, c) {
			continue
		}
		if unicode.Is(unicode.Prepended_Concatenation_Mark, c) {
			f(string(c)+"١", "")
			continue
		}
		seen++
		invisible := fmt.Sprintf("U+%04X, which is invisible", c)
		f(string(c)+"Visa", "begins with "+invisible)
		f("Visa"+string(c), "ends with "+invisible)
		f("\u00a0Visa"+string(c), "begins with U+00A0, which is invisible")
		if !unicode.Is(unicode.Zs, c) {
			f("Vi"+string(c)+"sa", "contains "+invisible)
			f("Виза"+string(c)+"1", "contains "+invisible)
			f("Visa\u00a0"+string(c)+"1", "contains "+invisible)
		}
		if !unicode.In(c, unicode.Zs, unicode.Variation_Selector) && c != '\u200c' && c != '\u200d' && (c < '\U000e0020' || c > '\U000e007f') {
			f("ویزا"+string(c)+"ویزا", "contains "+invisible)
		}
	}
	if seen < 4000 {
		t.Errorf("only %d invisible characters", seen)
	}
	// A second one changes nothing.
	f("می\u200c\u200cخواهم", "contains U+200C, which is invisible")
	f("ه\u200d\u200cم", "contains U+200C, which is invisible")
	f("👩\u200d\u200d💻 team", "contains U+200D, which is invisible")
	f("👩\u200d\ufe0f💻 team", "contains U+FE0F, which is invisible")
	f("❤\ufe0f\ufe0f love", "contains U+FE0F, which is invisible")
	f("1\ufe0f2\u20e3", "contains U+FE0F, which is invisible")
	const normal = "is not in Unicode's normal form NFC, in which an accented letter is one character"
	f("cafe\u0301", normal)
	f("\u1100\u1161", normal)
	f("\u212a", normal) // the Kelvin sign
	for _, name := range hostile {
		f(name, "")
	}
}

// TestNamesOfBefore: a name that only earlier rules allowed is found, shown, kept by a change of something else, and renamed.
func TestNamesOfBefore(t *testing.T) {
	for _, old := range []string{" Visa", "Visa\u200b", "\x01Visa\n", "\u202eVisa", "cafe\u0301", "\xff", "\u3164", strings.Repeat("x", 300)} {
		for _, kind := range []Kind{KindAPI, KindStatus} {
			s := openStore(t)
			update(t, s, func(tx *Tx) error {
				createNames(t, tx, "Visa", "other")
				if _, err := tx.exec("UPDATE "+kind.named().table+" SET name = ? WHERE id = 1", old); err != nil {
					return err
				}
				n, err := tx.NamedByName(kind, old)
				if err != nil {
					return err
				}
				if _, err := tx.Transactions(TransactionQuery{TransactionFilter: n.Filter()}); err != nil {
					return err
				}
				n.Description = "kept"
				return tx.UpdateNamed(n)
			})
			other := Named{Kind: kind, ID: 2, Name: old}
			if err := s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateNamed(other) }); err == nil {
				t.Errorf("%s %+q: another one got the name", kind, old)
			}
			update(t, s, func(tx *Tx) error { return tx.UpdateNamed(Named{Kind: kind, ID: 1, Name: "renamed"}) })
		}
	}
}

// hostile holds texts that a careless program would not take literally.
var hostile = []string{
	`' OR '1'='1`, `"; DROP TABLE apis; --`, `<script>alert(1)</script>`, "🏦 𝄞", "../../etc/passwd", "%s%n", "${HOME}", "é", "no\u00a0break",
	"two  blanks", "楽天\u3000ペイ", "می\u200cخواهم", "क्\u200dष", "❤\ufe0f love", "👩\u200d💻 team", "1\ufe0f\u20e3", "#\ufe0f\u20e3 shop",
	"👩🏽\u200d⚕\ufe0f\u200d👩 x", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f shop", "\U0001fae9", "NULL", "0", "-", `\`, "?1", strings.Repeat("𝄞", maxName),
}

func TestHostileTexts(t *testing.T) {
	s := openStore(t)
	for i, text := range hostile {
		update(t, s, func(tx *Tx) error {
			params, err := json.Marshal(map[string]string{text: text})
			if err != nil {
				return err
			}
			api, err := tx.CreateNamed(Named{Kind: KindAPI, Name: text, Description: text, Params: params})
			if err != nil {
				return err
			}
			if got, err := tx.NamedByName(KindAPI, text); !cmp.Equal(got, api) || err != nil {
				t.Errorf("%q: %+v, %v", text, got, err)
			}
			if _, err := tx.CreateNamed(Named{Kind: KindStatus, Name: text, Description: text}); err != nil {
				return err
			}
			if got, err := tx.NamedByName(KindStatus, text); got.Name != text || got.Description != text || err != nil {
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
	names := walk(t, s, 3, func(tx *Tx, p Page) (Slice[Named], error) { return tx.ListNamed(NamedQuery{Kind: KindAPI, Page: p}) })
	if len(names) != len(hostile) {
		t.Errorf("%d names, want %d", len(names), len(hostile))
	}
	for i := range names[1:] {
		if names[i].Name >= names[i+1].Name {
			t.Errorf("%q comes before %q", names[i].Name, names[i+1].Name)
		}
	}
}

func TestParamsOfMaximumDepth(t *testing.T) {
	s := openStore(t)
	for i, params := range []string{
		strings.Repeat(`{"a":`, maxDepth-1) + "{}" + strings.Repeat("}", maxDepth-1),
		`{"a":` + strings.Repeat(`[`, maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}",
		`{"a":"` + strings.Repeat(`[{\"`, 1000) + `"}`,
		`{"\\":"\"","a":1,"a":2,"b":1e999}`,
		" \t\r\n{}\n",
	} {
		update(t, s, func(tx *Tx) error {
			a, err := tx.CreateNamed(Named{Kind: KindAPI, Name: fmt.Sprint(i), Params: json.RawMessage(params)})
			if err == nil && string(a.Params) != params {
				t.Errorf("%.50s: became %.50s", params, a.Params)
			}
			return err
		})
	}
}
