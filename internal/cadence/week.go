package cadence

import (
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

// weekdays is indexed by time.Weekday.
var weekdays = [7]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// fullWeek is the working days of the week for which a weekly minimum is meant.
const fullWeek = 5

// Week is an ISO week, from Monday on and up to the next Monday, on the clock of a place.
type Week struct {
	From  time.Time // the first instant of Monday, in the zone of the place
	Until time.Time // the first instant after Sunday, likewise
}

// WeekOf returns the ISO week that t lies in on the clock of loc.
func WeekOf(t time.Time, loc *time.Location) Week {
	year, month, date := t.In(loc).Date()
	monday := date - (int(t.In(loc).Weekday())+6)%7
	return Week{From: dayBegins(year, month, monday, loc), Until: dayBegins(year, month, monday+7, loc)}
}

// Previous returns the week before w.
func (w Week) Previous() Week { return WeekOf(w.From.Add(-1), w.From.Location()) }

// Contains reports whether t lies in the week.
func (w Week) Contains(t time.Time) bool { return !t.Before(w.From) && t.Before(w.Until) }

// dates are noon in UTC on each date of the week.
func (w Week) dates() [7]time.Time {
	var dates [7]time.Time
	year, month, date := w.From.Date()
	for i := range dates {
		dates[i] = time.Date(year, month, date+i, 12, 0, 0, 0, time.UTC)
	}
	return dates
}

// Workdays counts the working days of the week: make-up workdays are some, holidays are none.
func (w Week) Workdays(cal *calendar.Calendar) int {
	n := 0
	for _, date := range w.dates() {
		if cal.WorksOn(date) {
			n++
		}
	}
	return n
}

// dayBegins returns the first instant of a date. Where daylight saving skips midnight that is the instant of the skip, and
// where it repeats midnight the first of the two.
func dayBegins(year int, month time.Month, date int, loc *time.Location) time.Time {
	midnight := time.Date(year, month, date, 0, 0, 0, 0, loc)
	wall := time.Date(year, month, date, 0, 0, 0, 0, time.UTC)
	change, next := midnight.ZoneBounds()
	switch hour, minute, sec := midnight.Clock(); {
	case midnight.Day() != wall.Day(): // it reads the evening before
		return next
	case hour+minute+sec > 0:
		return change
	case !change.IsZero():
		_, east := change.Add(-1).Zone()
		if first := wall.Add(-time.Duration(east) * time.Second); first.Before(change) {
			return first.In(loc)
		}
	}
	return midnight
}

// Digest is when the weekly digest is made, on the clock of the calendar.
type Digest struct {
	Weekday string `json:"weekday"` // monday to sunday
	At      string `json:"at"`      // "08:30"
}

// Next returns the first digest after t, strictly later, in UTC. It is the zero time for a digest that no checked policy has.
func (d Digest) Next(t time.Time, loc *time.Location) time.Time {
	weekday := slices.Index(weekdays[:], d.Weekday)
	hour, minute, ok := clock(d.At)
	if weekday < 0 || !ok {
		return time.Time{}
	}
	local := t.In(loc)
	ahead := (weekday - int(local.Weekday()) + 7) % 7
	for ; ; ahead += 7 {
		if at := time.Date(local.Year(), local.Month(), local.Day()+ahead, hour, minute, 0, 0, loc); at.After(t) {
			return at.UTC()
		}
	}
}

// clock reads "HH:MM", 00:00 to 23:59.
func clock(s string) (hour, minute int, ok bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour(), t.Minute(), err == nil && len(s) == len("15:04")
}

// Person is somebody as the weekly discipline looks at them.
type Person struct {
	ID    string   `json:"id"`
	Posts []string `json:"posts,omitempty"` // that they hold with any client
}

// Short is somebody who had fewer interactions in a week than the policy wants.
type Short struct {
	UserID string `json:"user_id"`
	Have   int    `json:"have"`
	Want   int    `json:"want"`
}

// WeeklyWant returns how many interactions the policy wants of each person in a week (U-13): the minimum for a week of five
// working days or more, proportionally less for a shorter one, rounded up, and none for a week without working days.
func WeeklyWant(p Policy, cal *calendar.Calendar, week Week) int {
	worked := min(week.Workdays(cal), fullWeek)
	return (p.Weekly.Minimum*worked + fullWeek - 1) / fullWeek
}

// WeeklyShort returns who had too few interactions in the week (U-13), ordered by id: counts are by id of the user, people
// are asked once each if they hold one of the policy's posts.
func WeeklyShort(p Policy, cal *calendar.Calendar, week Week, counts map[string]int, people []Person) []Short {
	want := WeeklyWant(p, cal, week)
	var short []Short
	for _, person := range people {
		if have := counts[person.ID]; have < want && slices.ContainsFunc(person.Posts, p.Weekly.counts) {
			short = append(short, Short{UserID: person.ID, Have: have, Want: want})
		}
	}
	slices.SortFunc(short, func(a, b Short) int { return strings.Compare(a.UserID, b.UserID) })
	return slices.Compact(short)
}

// counts reports whether the weekly minimum holds for who has the post.
func (w Weekly) counts(post string) bool { return slices.Contains(w.Posts, post) }
