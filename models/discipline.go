package models

import (
	"fmt"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// Names of the discipline process on the wire; never renamed once released.
const (
	DisciplineType      = "Discipline"
	DisciplineProcess   = "discipline"
	DisciplineTaskQueue = "mcrflow"
	DisciplineSchedule  = "discipline" // the engine's schedule, and what the ids of its processes begin with
)

// The kinds of notices of a weekly report: the digest to somebody about their own week and to a superior about their
// people's, and those that somebody has not logged in at all for weeks (U-06).
const (
	NoticeWeek       = "discipline_week"
	NoticeTeamWeek   = "discipline_team"
	NoticeSilent     = "login_silent"
	NoticeTeamSilent = "login_silent_team"
)

const disciplineCatchUp = 6 * 24 * time.Hour // until the next digest is near

// DisciplineSpec is the schedule that has every week reported at the time of the policy's digest, in the calendar's zone.
func DisciplineSpec(p *cadence.Policy, c *calendar.Calendar) ScheduleSpec {
	at := p.Digest.Next(time.Time{}, time.UTC) // of any week: only weekday and clock matter
	return ScheduleSpec{
		ID: DisciplineSchedule, Cron: fmt.Sprintf("%d %d * * %d", at.Minute(), at.Hour(), at.Weekday()), TimeZone: c.Location().String(),
		Overlap: OverlapBufferOne, CatchUpWindow: disciplineCatchUp, Note: "weekly digest and log-in discipline (U-01, U-06, U-13)",
		WorkflowType: DisciplineType, WorkflowID: DisciplineSchedule, TaskQueue: DisciplineTaskQueue, Args: []any{DisciplineInput{}},
	}
}

// DisciplineInput starts the process of one report: of the week that begins on the date Week, a Monday, else of the week
// before the time that the process was scheduled for.
type DisciplineInput struct {
	Week string `json:"week,omitempty"`
}

// ReportWeek asks for the report of the week that begins on the date Week, else of the week before the one that
// ScheduledAt lies in, in the zone of the organisation.
type ReportWeek struct {
	Week        string    `json:"week,omitempty"`
	ScheduledAt time.Time `json:"scheduled_at"`
	At          time.Time `json:"at"`
}

// DisciplineResult names the report of a week. Made is false when there was one already.
type DisciplineResult struct {
	ID   string `json:"id"`
	Week string `json:"week"`
	Made bool   `json:"made"`
}

// DisciplineReport is the report about one week. It was made once and never changes.
type DisciplineReport struct {
	ID            string    `gorm:"column:id;primaryKey"`
	Week          time.Time `gorm:"column:week;type:date"` // its Monday, as midnight in UTC
	TimeZone      string    `gorm:"column:time_zone"`      // in which the week begins and ends
	PolicyVersion int       `gorm:"column:policy_version"` // of the cadence policy
	Workdays      int       `gorm:"column:workdays"`
	MadeBy        string    `gorm:"column:made_by"` // id of a user, or System
	MadeAt        time.Time `gorm:"column:made_at"`
}

// TableName is the table of DisciplineReport.
func (DisciplineReport) TableName() string { return "discipline_reports" }

// DisciplineEntry is what the report of a week says of one person.
type DisciplineEntry struct {
	ReportID string            `gorm:"column:report_id;primaryKey"`
	UserID   string            `gorm:"column:id;primaryKey"`
	Line     []string          `gorm:"column:line;serializer:json"` // ids of the users above them then, the nearest first
	Figures  DisciplineFigures `gorm:"column:figures;serializer:json"`
}

// TableName is the table of DisciplineEntry.
func (DisciplineEntry) TableName() string { return "discipline_entries" }

// DisciplineFigures are what was counted of one person in a week. Logins is nil for somebody whom the log-in discipline
// does not cover.
type DisciplineFigures struct {
	Interactions WeekInteractions `json:"interactions"`
	Missed       Listed           `json:"missed"` // clients of theirs whose contact fell due and was not made
	Narrow       Listed           `json:"narrow"` // clients of theirs with whom too few contacts were spoken with
	Leads        Listed           `json:"leads"`  // open at the end of the week without the action of the period (U-05)
	Broken       Listed           `json:"broken"` // commitments that fell due in the week and were not kept by then
	Logins       *WeekLogins      `json:"logins"`
}

// WeekInteractions are somebody's communications with clients in a week (U-13). Quality counts those with a quality note:
// the number alone is no merit.
type WeekInteractions struct {
	Had      int `json:"had"`
	Required int `json:"required"` // 0: nothing is asked of them in this week
	Quality  int `json:"quality"`
	// Short is in how many reported weeks running they had too few, this one included; 0 when they had enough. A week in which
	// nothing is asked leaves it as it was before.
	Short int `json:"short"`
}

// Listed counts things and names the first of them.
type Listed struct {
	Count int      `json:"count"`
	IDs   []string `json:"ids"` // 50 at most, in order
}

// WeekLogins is how somebody kept the log-in discipline in a week (U-01, U-02, U-06). All are dates.
type WeekLogins struct {
	Required   int  `json:"required"`
	Had        int  `json:"had"`  // of those required
	Days       int  `json:"days"` // on which they logged in, working days or not
	Travelling int  `json:"travelling"`
	Absent     int  `json:"absent"`
	Lapsed     bool `json:"lapsed"`
	Silent     bool `json:"silent"` // no log-in at all for so many weeks that they and their superior are told
}

// Travel is somebody's trip: the days on which fewer log-ins are asked of them (U-02).
type Travel struct {
	ID        string    `gorm:"column:id;primaryKey"`
	UserID    string    `gorm:"column:user_id"`
	From      time.Time `gorm:"column:from_day;type:date"`  // midnight in UTC of the first day
	Until     time.Time `gorm:"column:until_day;type:date"` // of the last day
	CreatedAt time.Time `gorm:"column:created_at"`
}

// TableName is the table of Travel.
func (Travel) TableName() string { return "travels" }

// DisciplineOrder is all that is needed to report a week beside what storage knows of it.
type DisciplineOrder struct {
	ID       string
	Week     cadence.Week
	By       string
	At       time.Time
	Policy   *cadence.Policy
	Version  int // of the policy
	Calendar *calendar.Calendar
	Org      *Org
}

// WeekBefore is the week before the one that the instant is in, in the calendar's zone.
func WeekBefore(at time.Time, c *calendar.Calendar) cadence.Week {
	return cadence.WeekOf(at, c.Location()).Previous()
}

// WeekBeginning is the week that begins on a date, such as 2026-11-16, in the calendar's zone. A date that is no Monday is
// Invalid.
func WeekBeginning(date string, c *calendar.Calendar) (cadence.Week, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return cadence.Week{}, errs.NewInvalid(errs.Field{Field: "week", Code: "date"})
	}
	if day.Weekday() != time.Monday {
		return cadence.Week{}, errs.NewInvalid(errs.Field{Field: "week", Code: "monday"})
	}
	return cadence.WeekOf(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, c.Location()), c.Location()), nil
}

// NewDiscipline is the order of a user or of System to report a week. The id is derived from the week. A week that is not
// over in the calendar's zone is Invalid.
func NewDiscipline(week cadence.Week, by string, at time.Time, p *cadence.Policy, version int, c *calendar.Calendar, org *Org) (DisciplineOrder, error) {
	o := DisciplineOrder{
		ID: DisciplineID(week), Week: week, By: by, At: at.UTC().Truncate(tick), Policy: p, Version: version, Calendar: c, Org: org,
	}
	if o.At.Before(week.Until) {
		return o, errs.NewInvalid(errs.Field{Field: "week", Code: "past_week"})
	}
	return o, nil
}

// DisciplineID is the id of the week's report; it sorts by the week.
func DisciplineID(week cadence.Week) string {
	return id.DeriveAt(id.Discipline, DisciplineProcess, Monday(week), dateOf(week.From))
}

// Monday is the date that names a week.
func Monday(week cadence.Week) string { return week.From.Format(time.DateOnly) }

// Report is the row of the report that the order is for.
func (o *DisciplineOrder) Report() DisciplineReport {
	return DisciplineReport{
		ID: o.ID, Week: dateOf(o.Week.From), TimeZone: o.Calendar.Location().String(), PolicyVersion: o.Version,
		Workdays: o.Week.Workdays(o.Calendar), MadeBy: o.By, MadeAt: o.At,
	}
}

// dateOf is the date that t has in its own location, as midnight in UTC.
func dateOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
