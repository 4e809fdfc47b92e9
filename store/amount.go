package store

import (
	"fmt"
	"strconv"
	"strings"
)

// Amount is an exact amount of money in 1/10,000 of its unit. Its absolute value is less than 10^14 units.
type Amount int64

const (
	amountPlaces = 4
	amountDigits = 14 + amountPlaces
	amountEnd    = 1_000_000_000_000_000_000 // 10^amountDigits
)

// ParseAmount parses a number in the syntax of JSON, which allows an exponent. The value must have four decimal places at most.
// The error is an *InvalidError of "amount".
func ParseAmount(text string) (Amount, error) {
	invalid := func(problem string) (Amount, error) {
		return 0, &InvalidError{[]FieldError{{"amount", problem}}}
	}
	unsigned, negative := strings.CutPrefix(text, "-")
	mantissa, exponent := unsigned, 0
	if i := strings.IndexAny(unsigned, "eE"); i >= 0 {
		var ok bool
		if exponent, ok = parseExponent(unsigned[i+1:]); !ok {
			return invalid("is not a number")
		}
		mantissa = unsigned[:i]
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !isDigits(whole) || len(whole) > 1 && whole[0] == '0' || point && !isDigits(fraction) {
		return invalid("is not a number")
	}
	// The value is digits * 10^power, in 1/10,000.
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	power := exponent - len(fraction) + amountPlaces + len(digits) - len(significant)
	switch {
	case significant == "":
		return 0, nil
	case len(significant)+power > amountDigits:
		return invalid("is not less than 10^14")
	case power < 0:
		return invalid("has more than four decimal places")
	}
	n, err := strconv.ParseInt(significant+strings.Repeat("0", power), 10, 64)
	if err != nil {
		return invalid("is not a number") // impossible: at most amountDigits digits
	}
	if negative {
		n = -n
	}
	return Amount(n), nil
}

// parseExponent parses the text after the e of a number. An exponent out of range becomes the largest or smallest one.
func parseExponent(text string) (int, bool) {
	digits := text
	if text != "" && (text[0] == '-' || text[0] == '+') {
		digits = text[1:]
	}
	if !isDigits(digits) {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil && n == 0 {
		return 0, false
	}
	return int(n), true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// String returns the amount with two decimal places, or as many more as it needs: "10.50".
func (a Amount) String() string {
	sign, n := "", uint64(a)
	if a < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%s%d.%04d", sign, n/1e4, n%1e4)
	for range 2 {
		text = strings.TrimSuffix(text, "0")
	}
	return text
}

func (a Amount) valid() bool { return -amountEnd < a && a < amountEnd }
