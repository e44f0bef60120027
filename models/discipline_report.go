package models

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
)

const (
	listedIDs     = 50
	namedPeople   = 10
	silenceMargin = 8 // weeks in which nobody had to work are looked past, so many at most
	dayLong       = 24 * time.Hour
)

// DisciplineFacts are what storage knows of a week and of the weeks before, as it stands.
type DisciplineFacts struct {
	People   []FactPerson      `json:"people"` // active users
	Posts    []FactPost        `json:"posts"`
	Counts   []FactCount       `json:"counts"`
	Missed   []FactItem        `json:"missed"`
	Narrow   []FactItem        `json:"narrow"`
	Leads    []FactItem        `json:"leads"`
	Broken   []FactItem        `json:"broken"`
	Days     []FactDay         `json:"days"`
	FirstDay string            `json:"first_day"` // the first log-in on record; empty: there is none
	Travels  []FactTravel      `json:"travels"`
	Absences []FactAbsence     `json:"absences"`
	Before   []FactShortBefore `json:"before"` // of the report of the week before
}

// FactPerson is an active user.
type FactPerson struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

// FactPost is a post that somebody holds with a client.
type FactPost struct {
	UserID string `json:"user_id"`
	Post   string `json:"post"`
}

// FactCount is how many interactions somebody had in the week, and how many with a quality note.
type FactCount struct {
	UserID  string `json:"user_id"`
	Had     int    `json:"had"`
	Quality int    `json:"quality"`
}

// FactItem is something of somebody's. At is the latest action on it, where that matters.
type FactItem struct {
	UserID string    `json:"user_id"`
	ID     string    `json:"id"`
	At     time.Time `json:"at,omitzero"`
}

// FactDay is a date on which somebody logged in.
type FactDay struct {
	UserID string `json:"user_id"`
	Day    string `json:"day"`
}

// FactTravel is a trip, from the first to the last date.
type FactTravel struct {
	UserID string `json:"user_id"`
	From   string `json:"from"`
	Until  string `json:"until"`
}

// FactAbsence is a time in which somebody's deputy does everything for them.
type FactAbsence struct {
	UserID string    `json:"user_id"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
}

// FactShortBefore says in how many weeks running somebody had too few interactions, by the report of the week before.
type FactShortBefore struct {
	UserID string `json:"user_id"`
	Short  int    `json:"short"`
}

// Weeks are the reported week and those before it that tell whether somebody is silent, the earliest first.
func (o *DisciplineOrder) Weeks() []cadence.Week {
	weeks := []cadence.Week{o.Week}
	for range o.Policy.Login.Weeks + silenceMargin {
		weeks = append(weeks, weeks[len(weeks)-1].Previous())
	}
	slices.Reverse(weeks)
	return weeks
}

// StaleBefore is an instant not earlier than the last action of any lead whose next action was due by the end of the week.
func (o *DisciplineOrder) StaleBefore() time.Time {
	return o.Policy.Leads.FollowUpEvery.Before(o.Week.Until, o.Calendar.Location()).Add(4 * dayLong) // months differ by three days
}

// judging makes the report of one week.
type judging struct {
	*DisciplineOrder
	facts   DisciplineFacts
	names   map[string]string
	entries map[string]*DisciplineEntry
	days    map[string]map[string]bool // by user
	away    map[string]map[string]bool
	leave   map[string]map[string]bool
	absent  map[string]map[string]bool // on leave, or nothing is known of the day
	notices []Notice
}

// Judge makes the entries of a report from the facts, ordered by user, and tells whom it concerns: each person of their own
// week, each superior of their people's. It has no effect of its own.
func (o *DisciplineOrder) Judge(f DisciplineFacts) ([]DisciplineEntry, []Notice) {
	j := &judging{DisciplineOrder: o, facts: f, names: map[string]string{}, entries: map[string]*DisciplineEntry{}}
	for _, p := range f.People {
		j.names[p.ID] = p.Name
	}
	j.attendance()
	j.interactions()
	j.items(f.Missed, func(e *DisciplineFigures) *Listed { return &e.Missed })
	j.items(f.Narrow, func(e *DisciplineFigures) *Listed { return &e.Narrow })
	j.items(j.overdue(), func(e *DisciplineFigures) *Listed { return &e.Leads })
	j.items(f.Broken, func(e *DisciplineFigures) *Listed { return &e.Broken })
	j.logins()
	all := make([]DisciplineEntry, 0, len(j.entries))
	for _, user := range slices.Sorted(maps.Keys(j.entries)) {
		all = append(all, *j.entries[user])
	}
	j.tell(all)
	return all, j.notices
}

// of is the entry of a user; nil for somebody who is not active.
func (j *judging) of(userID string) *DisciplineFigures {
	if _, active := j.names[userID]; !active {
		return nil
	}
	e, ok := j.entries[userID]
	if !ok {
		none := Listed{IDs: []string{}}
		e = &DisciplineEntry{
			ReportID: j.ID, UserID: userID, Line: j.Org.line(userID), Figures: DisciplineFigures{Missed: none, Narrow: none, Leads: none, Broken: none},
		}
		j.entries[userID] = e
	}
	return &e.Figures
}

// line lists who is above a user, the nearest first.
func (o *Org) line(userID string) []string {
	line := []string{}
	for s := o.Supervisor(userID); s != "" && s != userID && !slices.Contains(line, s); s = o.Supervisor(s) {
		line = append(line, s)
	}
	return line
}

func mark(set map[string]map[string]bool, userID, date string) {
	if set[userID] == nil {
		set[userID] = map[string]bool{}
	}
	set[userID][date] = true
}

// attendance finds on which dates of the weeks each person logged in, was on a trip, and was on leave: for as long as a deputy
// did everything for them, and until the day on which their user was made. Before the first log-in on record nothing is known.
func (j *judging) attendance() {
	for _, set := range []*map[string]map[string]bool{&j.days, &j.away, &j.leave, &j.absent} {
		*set = map[string]map[string]bool{}
	}
	for _, d := range j.facts.Days {
		mark(j.days, d.UserID, d.Day)
	}
	weeks := j.Weeks()
	loc := j.Calendar.Location()
	for day := dateOf(weeks[0].From); day.Before(dateOf(j.Week.Until)); day = day.AddDate(0, 0, 1) {
		date := day.Format(time.DateOnly)
		begins := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loc)
		ends := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, loc)
		for _, t := range j.facts.Travels {
			if t.From <= date && date <= t.Until { // dates written alike compare like dates
				mark(j.away, t.UserID, date)
			}
		}
		for _, a := range j.facts.Absences {
			if !a.From.After(begins) && !a.Until.Before(ends) {
				mark(j.leave, a.UserID, date)
			}
		}
		for _, p := range j.facts.People {
			if date <= p.CreatedAt.In(loc).Format(time.DateOnly) {
				mark(j.leave, p.ID, date)
			}
			if j.leave[p.ID][date] || j.facts.FirstDay == "" || date < j.facts.FirstDay {
				mark(j.absent, p.ID, date)
			}
		}
	}
}

// interactions judges the number of communications (U-13). Of somebody who was on leave on every working day
// nothing is asked.
func (j *judging) interactions() {
	posts, counts := map[string][]string{}, map[string]int{}
	for _, p := range j.facts.Posts {
		posts[p.UserID] = append(posts[p.UserID], p.Post)
	}
	for _, c := range j.facts.Counts {
		counts[c.UserID] = c.Had
		if f := j.of(c.UserID); f != nil {
			f.Interactions.Had, f.Interactions.Quality = c.Had, c.Quality
		}
	}
	want := cadence.WeeklyWant(*j.Policy, j.Calendar, j.Week)
	before := map[string]int{}
	for _, b := range j.facts.Before {
		before[b.UserID] = b.Short
	}
	var people []cadence.Person
	for _, user := range slices.Sorted(maps.Keys(posts)) {
		f := j.of(user)
		if f == nil {
			continue
		}
		if want == 0 || j.onLeave(user) {
			f.Interactions.Short = before[user]
			continue
		}
		if slices.ContainsFunc(posts[user], func(post string) bool { return slices.Contains(j.Policy.Weekly.Posts, post) }) {
			f.Interactions.Required = want
		}
		people = append(people, cadence.Person{ID: user, Posts: posts[user]})
	}
	for _, s := range cadence.WeeklyShort(*j.Policy, j.Calendar, j.Week, counts, people) {
		j.of(s.UserID).Interactions.Short = before[s.UserID] + 1
	}
}

// onLeave reports whether somebody was away on every working day of the week.
func (j *judging) onLeave(userID string) bool {
	for day := dateOf(j.Week.From); day.Before(dateOf(j.Week.Until)); day = day.AddDate(0, 0, 1) {
		if j.Calendar.WorksOn(day) && !j.leave[userID][day.Format(time.DateOnly)] {
			return false
		}
	}
	return true
}

// overdue are the leads whose next action was due before the end of the week (U-05).
func (j *judging) overdue() []FactItem {
	return slices.DeleteFunc(slices.Clone(j.facts.Leads), func(l FactItem) bool {
		return !j.Policy.Leads.FollowUpEvery.After(l.At, j.Calendar.Location()).Before(j.Week.Until)
	})
}

func (j *judging) items(items []FactItem, of func(*DisciplineFigures) *Listed) {
	for _, i := range slices.SortedFunc(slices.Values(items), func(a, b FactItem) int { return strings.Compare(a.ID, b.ID) }) {
		f := j.of(i.UserID)
		if f == nil {
			continue
		}
		l := of(f)
		if l.Count++; l.Count <= listedIDs {
			l.IDs = append(l.IDs, i.ID)
		}
	}
}

// logins judges the log-in discipline of those whom it covers.
func (j *judging) logins() {
	weeks := j.Weeks()
	for _, p := range j.facts.People {
		var roles []string
		for _, r := range j.Org.Users[p.ID].Roles {
			roles = append(roles, string(r))
		}
		if !j.Policy.Login.Covers(roles) {
			continue
		}
		a := cadence.Attendance{Days: j.days[p.ID], Travelling: j.away[p.ID], AbsentDays: j.absent[p.ID]}
		lapses := make([]cadence.Lapse, len(weeks))
		for i, w := range weeks {
			lapses[i] = cadence.Lapsed(*j.Policy, j.Calendar, w, a)
		}
		now := lapses[len(lapses)-1]
		logins := &WeekLogins{
			Required: now.Required, Had: now.Had, Lapsed: now.Lapsed,
			Silent: now.Required > 0 && cadence.NoticeDue(*j.Policy, lapses), // in a week off nobody is told again
		}
		for day := dateOf(j.Week.From); day.Before(dateOf(j.Week.Until)); day = day.AddDate(0, 0, 1) {
			date := day.Format(time.DateOnly)
			for n, set := range map[*int]map[string]bool{&logins.Days: a.Days, &logins.Travelling: a.Travelling, &logins.Absent: j.leave[p.ID]} {
				if set[date] {
					*n++
				}
			}
		}
		j.of(p.ID).Logins = logins
	}
}

// lapsed reports whether the log-ins are something to tell of.
func (f *DisciplineFigures) lapsed() bool { return f.Logins != nil && f.Logins.Lapsed }

// TooFew reports whether somebody had fewer interactions than were required in this very week.
func (w WeekInteractions) TooFew() bool { return w.Had < w.Required }

// tell makes the notices: to each person who has something in the report, and to each superior of somebody whose contacts
// were missed or who had too few for the second time.
func (j *judging) tell(entries []DisciplineEntry) {
	teams, silent := map[string][]DisciplineEntry{}, map[string][]string{}
	for _, e := range entries {
		f := &e.Figures
		if data := f.digest(); len(data) > 0 {
			j.notify(NoticeWeek, e.UserID, data)
		}
		superior := ""
		if len(e.Line) > 0 {
			superior = e.Line[0]
		}
		if f.Logins != nil && f.Logins.Silent {
			j.notify(NoticeSilent, e.UserID, map[string]string{"weeks": strconv.Itoa(j.Policy.Login.Weeks)})
			silent[superior] = append(silent[superior], j.names[e.UserID])
		}
		teams[superior] = append(teams[superior], e)
	}
	for _, superior := range slices.Sorted(maps.Keys(teams)) {
		if superior == "" {
			continue
		}
		if data := j.teamDigest(teams[superior]); len(data) > 0 {
			j.notify(NoticeTeamWeek, superior, data)
		}
		if names := silent[superior]; len(names) > 0 {
			j.notify(NoticeTeamSilent, superior, map[string]string{
				"weeks": strconv.Itoa(j.Policy.Login.Weeks), "count": strconv.Itoa(len(names)), "people": named(names),
			})
		}
	}
}

func (j *judging) notify(kind, userID string, data map[string]string) {
	data["week"] = Monday(j.Week)
	j.notices = append(j.notices, Notice{Kind: kind, UserID: userID, Data: data, NotBefore: j.At, Key: kind})
}

// digest is what a person is told of their week; nothing when all is well.
func (f *DisciplineFigures) digest() map[string]string {
	data := map[string]string{}
	if f.Interactions.TooFew() {
		data["had"], data["required"] = strconv.Itoa(f.Interactions.Had), strconv.Itoa(f.Interactions.Required)
	}
	for name, n := range map[string]int{"missed": f.Missed.Count, "narrow": f.Narrow.Count, "leads": f.Leads.Count, "broken": f.Broken.Count} {
		if n > 0 {
			data[name] = strconv.Itoa(n)
		}
	}
	if f.lapsed() {
		data["days"], data["days_required"] = strconv.Itoa(f.Logins.Had), strconv.Itoa(f.Logins.Required)
	}
	return data
}

// teamDigest is what a superior is told of their people's week; nothing when all is well.
func (j *judging) teamDigest(people []DisciplineEntry) map[string]string {
	data := map[string]string{}
	var short []string
	missed, leads, broken := 0, 0, 0
	for _, e := range people {
		if e.Figures.Interactions.TooFew() && e.Figures.Interactions.Short > 1 {
			short = append(short, j.names[e.UserID])
		}
		missed, leads, broken = missed+e.Figures.Missed.Count, leads+e.Figures.Leads.Count, broken+e.Figures.Broken.Count
	}
	if len(short) > 0 {
		data["short"], data["people"] = strconv.Itoa(len(short)), named(short)
	}
	for name, n := range map[string]int{"missed": missed, "leads": leads, "broken": broken} {
		if n > 0 {
			data[name] = strconv.Itoa(n)
		}
	}
	return data
}

// named joins the names of people; of many, the first.
func named(names []string) string {
	slices.Sort(names)
	if len(names) > namedPeople {
		names = append(slices.Clone(names[:namedPeople]), "…")
	}
	return strings.Join(names, ", ")
}
