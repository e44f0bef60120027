package models

import (
	"slices"
	"strconv"
	"strings"
)

// MaxAmount bounds every single amount of money, in minor units: sums of them stay far from what 64 bits hold, and each
// is exact in a JSON number.
const MaxAmount int64 = 1e14

// minorDigits are the digits after the decimal point of the currencies that have not two of them, by ISO 4217.
var minorDigits = map[string]int{
	"BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0, "KWD": 3, "LYD": 3,
	"OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}

// ValidCurrency reports whether the text has the form of an ISO 4217 code: three capital letters.
func ValidCurrency(s string) bool {
	return len(s) == 3 && !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < 'A' || b > 'Z' })
}

// FormatMoney writes an amount in minor units for people, such as 1234.50 CNY.
func FormatMoney(amount int64, currency string) string {
	digits, special := minorDigits[currency]
	if !special {
		digits = 2
	}
	sign, text := "", strconv.FormatInt(amount, 10)
	if amount < 0 {
		sign, text = "-", text[1:]
	}
	if digits > 0 {
		text = strings.Repeat("0", max(0, digits+1-len(text))) + text
		text = text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return sign + text + " " + currency
}

// ParseMoney reads an amount as people write it, such as 1,234.50, in minor units of the currency. It reports false for what
// is no such amount, has more decimals than the currency, or is above MaxAmount.
func ParseMoney(text, currency string) (int64, bool) {
	decimals, special := minorDigits[currency]
	if !special {
		decimals = 2
	}
	whole, rest, pointed := strings.Cut(strings.NewReplacer(",", "", "，", "", " ", "").Replace(strings.TrimSpace(text)), ".")
	if whole == "" || pointed && rest == "" || len(rest) > decimals {
		return 0, false
	}
	amount, err := strconv.ParseUint(whole+rest+strings.Repeat("0", decimals-len(rest)), 10, 63)
	return int64(amount), err == nil && int64(amount) <= MaxAmount
}
