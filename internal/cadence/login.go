package cadence

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

// Attendance are the facts on one person's log-ins. Dates are written 2026-01-31 and are those of the calendar's zone; the
// same facts may reach over many weeks.
type Attendance struct {
	Days       map[string]bool `json:"days,omitempty"`        // on which they logged in
	Travelling map[string]bool `json:"travelling,omitempty"`  // on which they were on a trip
	AbsentDays map[string]bool `json:"absent_days,omitempty"` // on which they were on leave: nothing is asked
}

// Lapse is how somebody kept the log-in discipline in one week.
type Lapse struct {
	Required int  `json:"required"` // days on which a log-in was asked; 0 in a week in which they did not work
	Had      int  `json:"had"`      // of those required; never more
	Lapsed   bool `json:"lapsed"`   // Had is less than Required
	NoLogin  bool `json:"no_login"` // they did not log in on any date of the week, working day or not
}

// Lapsed judges one week of somebody whose role the discipline covers. Each working day on which they are neither on leave
// nor on a trip asks for a log-in (U-01). Of the working days on a trip the policy's number suffices, on whatever dates of
// the trip (U-02); log-ins on a trip do not make up for days at home.
func Lapsed(p Policy, cal *calendar.Calendar, week Week, a Attendance) Lapse {
	lapse := Lapse{NoLogin: true}
	away, fromAway := 0, 0
	for _, noon := range week.dates() {
		date := noon.Format(time.DateOnly)
		if a.Days[date] {
			lapse.NoLogin = false
		}
		works := cal.WorksOn(noon)
		switch {
		case p.Login.Every != EveryWorkday || a.AbsentDays[date]:
		case a.Travelling[date]:
			away += one(works)
			fromAway += one(a.Days[date])
		case works:
			lapse.Required++
			lapse.Had += one(a.Days[date])
		}
	}
	away = min(away, p.Login.TravellingPerWeek)
	lapse.Required += away
	lapse.Had += min(fromAway, away)
	lapse.Lapsed = lapse.Had < lapse.Required
	return lapse
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// NoticeDue reports whether somebody did not log in at all for so many weeks running that a notice is due (U-06). lapses are
// those of consecutive weeks, the newest last. A week in which they did not work counts for nothing and does not interrupt
// the others, unless they logged in.
func NoticeDue(p Policy, lapses []Lapse) bool {
	silent := 0
	for i := len(lapses) - 1; i >= 0 && lapses[i].NoLogin; i-- {
		if lapses[i].Required > 0 {
			silent++
		}
	}
	return p.Login.Weeks > 0 && silent >= p.Login.Weeks
}
