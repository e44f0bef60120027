package campaign

import (
	"slices"
	"strconv"
	"strings"
)

// cronPart is one of the five fields of an expression: its name in messages, the values that it can have, and the names that
// some of them have, the first being that of the lowest value.
type cronPart struct {
	name      string
	low, high int
	words     []string
}

var cronParts = []cronPart{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day_of_month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day_of_week", 0, 6, weekdays[:]},
}

// sunday is what many write for 0. The engine reads it as we do when it stands alone, but leaves Sunday out of "1-7".
const sunday = "7"

// longestMonth is indexed by month; index 0 is unused.
var longestMonth = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// cron checks an expression of five fields: *, values, names of months and weekdays, ranges, lists, and steps; and that it
// ever comes, which "0 9 31 2 *" does not.
func (c *checker) cron(path, expression string) {
	if expression == "" {
		c.fault(path, "required")
		return
	}
	fields := strings.Fields(expression)
	if len(fields) != len(cronParts) || len(expression) > maxListed {
		c.fault(path, "cron_fields")
		return
	}
	var values [5][]int
	good := true
	for i, part := range cronParts {
		set, ok := part.parse(fields[i])
		if !ok {
			good = false
			c.fault(path, "cron_part", "part", part.name, "value", shown(fields[i]),
				"low", strconv.Itoa(part.low), "high", strconv.Itoa(part.high))
		}
		values[i] = set
	}
	if !good {
		return
	}
	first, months := slices.Min(values[2]), values[3]
	if !slices.ContainsFunc(months, func(month int) bool { return first <= longestMonth[month] }) {
		c.fault(path, "cron_never")
	}
}

// parse returns the values of one field, in the order in which they are written; false if it is none.
func (p cronPart) parse(field string) ([]int, bool) {
	var set []int
	for item := range strings.SplitSeq(field, ",") {
		values, stepped, hasStep := strings.Cut(item, "/")
		from, to, isRange := strings.Cut(values, "-")
		low, high := p.low, p.high
		var ok bool
		switch {
		case values == "*":
		case item == sunday && p.name == "day_of_week":
			low, high = 0, 0
		case isRange:
			low, ok = p.value(from)
			if high, isRange = p.value(to); !ok || !isRange || high < low {
				return nil, false
			}
		default:
			if low, ok = p.value(values); !ok {
				return nil, false
			}
			if !hasStep { // "5/15" is from 5 on
				high = low
			}
		}
		step := 1
		if hasStep {
			if step, ok = number(stepped); !ok || step < 1 || step > p.high {
				return nil, false
			}
		}
		for v := low; v <= high; v += step {
			set = append(set, v)
		}
	}
	return set, true
}

// value reads a number or a name.
func (p cronPart) value(s string) (int, bool) {
	if i := slices.Index(p.words, strings.ToLower(s)); i >= 0 {
		return p.low + i, true
	}
	n, ok := number(s)
	return n, ok && n >= p.low && n <= p.high
}

// number reads one or two digits.
func number(s string) (int, bool) {
	if len(s) < 1 || len(s) > 2 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
