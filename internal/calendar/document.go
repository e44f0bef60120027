package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a host without zone files must know the same zones as every other host
)

// Document is the published, immutable form of a working calendar. All wall times in it are local to TimeZone.
type Document struct {
	// ID names the calendar over all its versions, e.g. "cn".
	ID string `json:"id"`
	// Version is the number of this publication.
	Version int `json:"version,omitempty"`
	// TimeZone is an IANA name such as "Asia/Shanghai".
	TimeZone string `json:"time_zone"`
	// Week maps "monday" … "sunday" to the working hours of an ordinary day, e.g. "09:00-12:00". A weekday that is
	// missing is closed. Hours past midnight, "22:00-06:00", belong to the day on which they start.
	Week map[string][]string `json:"week"`
	// Exceptions replace the whole hours of single dates or ranges of dates. No date may be named twice.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// CoveredUntil is the last date, YYYY-MM-DD, for which exceptions are known; empty means always.
	CoveredUntil string `json:"covered_until,omitempty"`
}

// Exception says what holds on Date, or on every date From … To (both included): exactly one of Closed, Hours and As.
type Exception struct {
	Date string `json:"date,omitempty"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Closed removes every interval that starts on the date; a night shift of the day before still runs to its end.
	Closed bool `json:"closed,omitempty"`
	// Hours are the intervals that start on the date, as in Document.Week.
	Hours []string `json:"hours,omitempty"`
	// As names the weekday whose hours the date takes: a make-up workday.
	As string `json:"as,omitempty"`
	// Name is for people only.
	Name string `json:"name,omitempty"`
}

// Fault is one thing wrong with a document: where, what, and the values a message needs.
//
// The codes are bad_date, bad_interval, duplicate_date, no_open_time, one_of, overlap, range_reversed, required,
// too_many, unknown_weekday and unknown_zone.
type Fault struct {
	// Path points into the document, e.g. "exceptions[3].to".
	Path string `json:"path"`
	// Code is the stable snake_case name of the fault.
	Code string `json:"code"`
	// Args fill the message of the code.
	Args map[string]string `json:"args,omitempty"`
}

// InvalidError is what New returns for a document with faults.
type InvalidError struct {
	// Faults holds every fault of the document, in the order of Document.Validate.
	Faults []Fault
}

// Error names the first fault and how many there are.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("calendar: %s at %q (%d faults in all)", e.Faults[0].Code, e.Faults[0].Path, len(e.Faults))
}

// Validate returns every fault of the document at once, always in the same order; none means that New succeeds.
func (d Document) Validate() []Fault {
	_, faults := compile(d)
	return faults
}

// The limits keep the year tables and the pairwise checks small; no real calendar comes near them.
const (
	maxIntervals  = 48
	maxExceptions = 2000
)

// weekdays is indexed by time.Weekday.
var weekdays = [7]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// interval is [open, close) in minutes after local midnight of the day on which it starts; past midnight close > 1440.
type interval struct{ open, close int }

// dates is an inclusive range of days, with the intervals that start on each of them.
type dates struct {
	from, to int
	hours    []interval
}

// compiler collects the faults of one document while it is turned into a calendar.
type compiler struct{ faults []Fault }

// fault notes a fault; args are alternating names and values.
func (p *compiler) fault(path, code string, args ...string) {
	f := Fault{Path: path, Code: code}
	for i := 0; i < len(args); i += 2 {
		if f.Args == nil {
			f.Args = make(map[string]string)
		}
		f.Args[args[i]] = args[i+1]
	}
	p.faults = append(p.faults, f)
}

// compile validates d and builds its calendar in one pass; the calendar is nil if there are faults.
func compile(d Document) (*Calendar, []Fault) {
	var p compiler
	c := &Calendar{id: d.ID, version: d.Version}
	if d.ID == "" {
		p.fault("id", "required")
	}
	c.loc = p.zone(d.TimeZone)
	c.week = p.week(d.Week)
	c.exceptions = p.exceptions(d.Exceptions, &c.week)
	if d.CoveredUntil != "" {
		if day, ok := p.date("covered_until", d.CoveredUntil); ok && c.loc != nil {
			c.coveredUntil = instant(c.zoneAround(day+1, day+1).opening((day + 1) * secondsPerDay))
		}
	}
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return c, nil
}

func (p *compiler) zone(name string) *time.Location {
	if name == "" {
		p.fault("time_zone", "required")
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // "Local" would mean another zone on every machine
		p.fault("time_zone", "unknown_zone", "value", name)
		return nil
	}
	return loc
}

func (p *compiler) week(week map[string][]string) (hours [7][]interval) {
	open, before := false, len(p.faults)
	for i := range weekdays {
		day := (i + 1) % len(weekdays) // Monday first, as people write it
		hours[day] = p.hours("week."+weekdays[day], week[weekdays[day]])
		open = open || len(hours[day]) > 0
	}
	var unknown []string
	for name := range week {
		if !slices.Contains(weekdays[:], name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		p.fault("week."+name, "unknown_weekday", "value", name)
	}
	if !open && len(p.faults) == before {
		p.fault("week", "no_open_time")
	}
	return hours
}

// hours parses the intervals that start on one day; those without a fault are returned in the order of the clock.
func (p *compiler) hours(path string, values []string) []interval {
	if len(values) > maxIntervals {
		p.fault(path, "too_many", "max", strconv.Itoa(maxIntervals))
		return nil
	}
	parsed := make([]interval, len(values)) // by index, empty where bad, so that overlaps can name both
	var good []interval
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", path, i)
		h, ok := parseInterval(value)
		if !ok {
			p.fault(at, "bad_interval", "value", value)
			continue
		}
		parsed[i] = h
		for j, other := range parsed[:i] {
			if h.open < other.close && other.open < h.close {
				p.fault(at, "overlap", "value", value, "other", values[j])
				break
			}
		}
		good = append(good, h)
	}
	slices.SortFunc(good, func(a, b interval) int { return a.open - b.open })
	return good
}

func (p *compiler) exceptions(list []Exception, week *[7][]interval) []dates {
	if len(list) > maxExceptions {
		p.fault("exceptions", "too_many", "max", strconv.Itoa(maxExceptions))
		return nil
	}
	ranges := make([]dates, len(list)) // by index; an empty range where the dates are bad
	for i, e := range list {
		path := fmt.Sprintf("exceptions[%d]", i)
		ranges[i] = dates{from: 1, to: 0}
		if from, to, ok := p.dates(path, e); ok {
			ranges[i].from, ranges[i].to = from, to
			for j, other := range ranges[:i] {
				if from <= other.to && other.from <= to {
					p.fault(path, "duplicate_date", "date", dayString(max(from, other.from)), "other", fmt.Sprintf("exceptions[%d]", j))
					break
				}
			}
		}
		ranges[i].hours = p.effect(path, e, week)
	}
	slices.SortFunc(ranges, func(a, b dates) int { return a.from - b.from })
	return ranges
}

// dates returns the first and the last day of an exception.
func (p *compiler) dates(path string, e Exception) (from, to int, ok bool) {
	ranged := e.From != "" || e.To != ""
	if ranged == (e.Date != "") {
		p.fault(path, "one_of", "fields", "date, from+to")
		return 0, 0, false
	}
	if !ranged {
		from, ok = p.date(path+".date", e.Date)
		return from, from, ok
	}
	from, fromOK := p.date(path+".from", e.From)
	to, toOK := p.date(path+".to", e.To)
	if !fromOK || !toOK {
		return 0, 0, false
	}
	if to < from {
		p.fault(path+".to", "range_reversed", "from", e.From, "to", e.To)
		return 0, 0, false
	}
	return from, to, true
}

// effect returns the hours that an exception puts in place of the week's.
func (p *compiler) effect(path string, e Exception, week *[7][]interval) []interval {
	given := 0
	for _, is := range []bool{e.Closed, len(e.Hours) > 0, e.As != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		p.fault(path, "one_of", "fields", "closed, hours, as")
	}
	hours := p.hours(path+".hours", e.Hours)
	if e.As != "" {
		day := slices.Index(weekdays[:], e.As)
		if day < 0 {
			p.fault(path+".as", "unknown_weekday", "value", e.As)
			return nil
		}
		return week[day]
	}
	return hours
}

func (p *compiler) date(path, value string) (day int, ok bool) {
	if value == "" {
		p.fault(path, "required")
		return 0, false
	}
	t, err := time.Parse(time.DateOnly, value)
	if err != nil {
		p.fault(path, "bad_date", "value", value)
		return 0, false
	}
	return dayOf(t), true
}

// parseInterval reads "HH:MM-HH:MM". "24:00" is an end only; an end before the start lies on the next day, and an end
// equal to the start is refused, for it could mean nothing or a whole day.
func parseInterval(s string) (interval, bool) {
	from, to, ok := strings.Cut(s, "-")
	opens, fromOK := parseMinute(from)
	closes, toOK := parseMinute(to)
	if !ok || !fromOK || !toOK || opens == minutesPerDay || opens == closes {
		return interval{}, false
	}
	if closes < opens {
		closes += minutesPerDay
	}
	return interval{opens, closes}, true
}

// parseMinute reads "HH:MM", 00:00 … 24:00, as minutes after midnight.
func parseMinute(s string) (int, bool) {
	if len(s) != len("HH:MM") || s[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	hour, minute := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	return hour*60 + minute, minute < 60 && hour*60+minute <= minutesPerDay
}
