package store

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func TestParseAmount(t *testing.T) {
	for _, test := range []struct {
		text string
		want Amount
	}{
		{"0", 0},
		{"-0", 0},
		{"0.0000", 0},
		{"0e999999999999999999999", 0},
		{"1", 10_000},
		{"-1", -10_000},
		{"10.5", 105_000},
		{"10.50", 105_000},
		{"0.0001", 1},
		{"-0.0001", -1},
		{"1.500000000000", 15_000},
		{"1e2", 1_000_000},
		{"1E+2", 1_000_000},
		{"15000e-4", 15_000},
		{"1e-4", 1},
		{"0.00000001e4", 1},
		{"100000e-9", 1},
		{"99999999999999.9999", amountEnd - 1},
		{"-99999999999999.9999", -amountEnd + 1},
		{"9999999999999999990e-5", 999_999_999_999_999_999},
	} {
		if got, err := ParseAmount(test.text); got != test.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", test.text, got, err, test.want)
		}
	}
}

func TestParseAmountRefuses(t *testing.T) {
	for problem, texts := range map[string][]string{
		"is not a number": {
			"", " ", "-", ".", "e", "e1", "1e", "1e+", "1e1.5", "1.", ".5", "-.5", "+1", "01", "-01", "00", "0x10", "1_000", "1,5",
			" 1", "1 ", "1\n", "1\x00", "--1", "1.2.3", "1e2e3", "NaN", "Infinity", "-Inf", "null", "true", `"1"`, "١", "½", "1.5\xff",
		},
		"has more than four decimal places": {
			"0.00001", "-1.23456", "1e-5", "0.1e-4", "1e-2147483649", "1e-999999999999999999999", "0." + strings.Repeat("0", 1000) + "1",
		},
		"is not less than 10^14": {
			"100000000000000", "-100000000000000", "1e14", "1e100", "1e2147483648", "-1e999999999999999999999",
			"99999999999999.99999e1", strings.Repeat("9", 10_000),
		},
	} {
		for _, text := range texts {
			amount, err := ParseAmount(text)
			if got := problemOf(t, err, "amount"); got != problem {
				t.Errorf("%.50q: %d, %q, want %q", text, amount, got, problem)
			}
		}
	}
}

// problemOf returns the problem of the only field of an InvalidError.
func problemOf(t *testing.T, err error, field string) string {
	t.Helper()
	invalid, ok := errors.AsType[*InvalidError](err)
	if !ok || len(invalid.Fields) != 1 || invalid.Fields[0].Field != field {
		t.Errorf("%v: not an InvalidError of %s", err, field)
		return ""
	}
	return invalid.Fields[0].Problem
}

func TestAmountString(t *testing.T) {
	for amount, want := range map[Amount]string{
		0: "0.00", 1: "0.0001", -1: "-0.0001", 10: "0.001", 100: "0.01", 1000: "0.10", 10_000: "1.00", 105_000: "10.50",
		-105_010: "-10.501", 1_000_000: "100.00", amountEnd - 1: "99999999999999.9999", -1 << 63: "-922337203685477.5808",
	} {
		if got := amount.String(); got != want {
			t.Errorf("%d: %s, want %s", int64(amount), got, want)
		}
	}
}

func TestAmountRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		amount := Amount(random.Int64N(2*amountEnd-1)-amountEnd+1) >> random.IntN(60)
		if got, err := ParseAmount(amount.String()); got != amount || err != nil {
			t.Fatalf("%d: %s is %d, %v", int64(amount), amount, got, err)
		}
	}
}

// FuzzParseAmount compares amounts with those of math/big.
func FuzzParseAmount(f *testing.F) {
	for _, text := range []string{"0", "-0.0", "10.50", "1e2", "1E-4", "1e-5", "99999999999999.9999", "1e14", "01", "1.", "0e-99"} {
		f.Add(text)
	}
	number := regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := ParseAmount(text)
		if !number.MatchString(text) {
			if err == nil {
				t.Fatalf("%q: %d, but it is not a number", text, amount)
			}
			return
		}
		if _, exponent, _ := strings.Cut(strings.ToLower(text), "e"); len(strings.TrimLeft(exponent, "+-0")) > 4 {
			return // math/big would take too long
		}
		want, _ := new(big.Rat).SetString(text)
		want.Mul(want, big.NewRat(10_000, 1))
		switch end := big.NewRat(amountEnd, 1); {
		case err == nil:
			if want.Cmp(new(big.Rat).SetInt64(int64(amount))) != 0 {
				t.Fatalf("%s: %d, want %s", text, amount, want)
			}
			if again, err := ParseAmount(amount.String()); again != amount || err != nil {
				t.Fatalf("%s: %s is %d, %v", text, amount, again, err)
			}
		case want.IsInt() && want.Cmp(end) < 0 && want.Cmp(end.Neg(end)) > 0:
			t.Fatalf("%s: %v, want %s", text, err, want)
		}
	})
}
