package models

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// Names of the inspection process on the wire; never renamed once released.
const (
	InspectionType      = "Inspection"
	InspectionProcess   = "inspection"
	InspectionTaskQueue = "mcrflow"
	InspectionSchedule  = "inspection" // the engine's schedule, and what the ids of its processes begin with
)

// TaskReviewInspection is the kind of user task to sign a report off.
const TaskReviewInspection = "review_inspection"

// NoticeInspection is the kind of notice that a report waits for its reviewer.
const NoticeInspection = "inspection_made"

// MonthLayout is how a month is written.
const MonthLayout = "2006-01"

const (
	inspectionCron    = "0 6 1 * *" // on the first, when nobody is at work yet
	inspectionCatchUp = 28 * 24 * time.Hour
	inspectionDays    = 5 // working days in which a report is to be signed off
)

// InspectionSpec is the schedule that has every month inspected after its end, in the calendar's zone.
func InspectionSpec(c *calendar.Calendar) ScheduleSpec {
	return ScheduleSpec{
		ID: InspectionSchedule, Cron: inspectionCron, TimeZone: c.Location().String(), Overlap: OverlapBufferOne, CatchUpWindow: inspectionCatchUp,
		Note: "monthly inspection of receptions (R-50)", WorkflowType: InspectionType, WorkflowID: InspectionSchedule,
		TaskQueue: InspectionTaskQueue, Args: []any{InspectionInput{}},
	}
}

// InspectionInput starts the process of one inspection: of the Month, else of the month before the time that the process
// was scheduled for.
type InspectionInput struct {
	Month string `json:"month,omitempty"`
}

// InspectMonth asks for the report of the Month, else of the month before ScheduledAt in the zone of the organisation.
type InspectMonth struct {
	Month       string    `json:"month,omitempty"`
	ScheduledAt time.Time `json:"scheduled_at"`
	At          time.Time `json:"at"`
}

// InspectionResult names the report of a month. Made is false when there was one already.
type InspectionResult struct {
	ID    string `json:"id"`
	Month string `json:"month"`
	Made  bool   `json:"made"`
}

// Inspection is the report about the receptions of one month. Its figures were counted once; nothing changes after
// it is signed off.
type Inspection struct {
	ID         string            `gorm:"column:id;primaryKey"`
	Month      time.Time         `gorm:"column:month;type:date"` // its first day, as midnight in UTC
	TimeZone   string            `gorm:"column:time_zone"`       // in which the month begins and ends
	Figures    InspectionFigures `gorm:"column:figures;serializer:json"`
	Reviewers  []string          `gorm:"column:reviewers;serializer:json"` // each has a task until one has signed
	MadeBy     string            `gorm:"column:made_by"`                   // id of a user, or System
	MadeAt     time.Time         `gorm:"column:made_at"`
	SignedBy   *string           `gorm:"column:signed_by"`
	OnBehalfOf string            `gorm:"column:on_behalf_of"` // whose deputy signed
	SignedAt   *time.Time        `gorm:"column:signed_at"`
	Remarks    string            `gorm:"column:remarks"`
	// SignedCommand is the id of the command that signed it.
	SignedCommand string `gorm:"column:signed_command"`
}

// TableName is the table of Inspection.
func (Inspection) TableName() string { return "inspections" }

// InspectionFigures are what a report counts: of the visits that were to begin in the month and had asked for approval,
// and of the bookings in the month. Amounts are in minor units. Score is nil when nobody rated a visit.
type InspectionFigures struct {
	Receptions  []InspectedReceptions  `json:"receptions"`
	Cost        []InspectedCost        `json:"cost"`
	Approvals   InspectedApprovals     `json:"approvals"`
	Preparation InspectedPreparation   `json:"preparation"`
	Score       *float64               `json:"score"` // mean of the ratings, 1 to 5, two decimals
	Ratings     int                    `json:"ratings"`
	Cancelled   InspectedCancellations `json:"cancelled"`
	Resources   []InspectedResource    `json:"resources"`
}

// InspectedReceptions counts the visits of one level and kind.
type InspectedReceptions struct {
	Level     string `json:"level"`
	Kind      string `json:"kind"`
	Asked     int    `json:"asked"` // all that asked for approval
	Held      int    `json:"held"`  // that have begun
	Cancelled int    `json:"cancelled"`
	Refused   int    `json:"refused"` // rejected or withdrawn
}

// InspectedCost is the money of one department and type of cost: what was planned for visits that have begun, and what was
// paid, also for those that were cancelled.
type InspectedCost struct {
	TeamID   string   `json:"team_id"` // empty: none
	CostType CostType `json:"cost_type"`
	Currency string   `json:"currency"`
	Budget   int64    `json:"budget"`
	Actual   int64    `json:"actual"`
}

// InspectedApprovals says how long approvals took. Late are visits whose approval was not through in the time that the
// policy gives before the visit.
type InspectedApprovals struct {
	Asked       int `json:"asked"`
	Decided     int `json:"decided"`
	Late        int `json:"late"`
	MeanMinutes int `json:"mean_minutes"` // of those decided, by the clock
}

// InspectedPreparation counts the items of check-lists; late are those not done in time.
type InspectedPreparation struct {
	Items int `json:"items"`
	Late  int `json:"late"`
}

// InspectedCancellations counts the cancelled visits, and those of them that had been approved.
type InspectedCancellations struct {
	All      int `json:"all"`
	Approved int `json:"approved"`
}

// InspectedResource is the use of one resource in the month. One that was given back early was used until then.
type InspectedResource struct {
	ResourceID string       `json:"resource_id"`
	Name       string       `json:"name"`
	Kind       ResourceKind `json:"kind"`
	Bookings   int          `json:"bookings"`
	Pieces     int          `json:"pieces"`
	Minutes    int64        `json:"minutes"` // of all bookings together, within the month
}

// Signature is who signs a report off, as whose deputy if that is so, and what they remark. CommandID names the command: repeated,
// it signs once.
type Signature struct {
	By         string
	OnBehalfOf string
	At         time.Time
	Remarks    string
	CommandID  string
}

// InspectionFilter narrows a list of reports; nil does not.
type InspectionFilter struct {
	Signed *bool
}

// InspectionOrder is all that storage needs to make the report of a month: from From until before Until.
type InspectionOrder struct {
	ID        string
	Month     time.Time
	TimeZone  string
	From      time.Time
	Until     time.Time
	By        string
	At        time.Time
	Reviewers []string
	Tasks     []Task
}

// MonthBefore is the month before the one that the instant is in, in the calendar's zone.
func MonthBefore(at time.Time, c *calendar.Calendar) time.Time {
	local := at.In(c.Location())
	return time.Date(local.Year(), local.Month()-1, 1, 0, 0, 0, 0, time.UTC)
}

// NewInspection is the order of a user or of System to inspect the month: a task for every reviewer, due in five working
// days, or at no time when the calendar ends before. The ids are derived from the month. A month that is not over in the
// calendar's zone is Invalid.
func NewInspection(month time.Time, by string, at time.Time, c *calendar.Calendar, org *Org) (InspectionOrder, error) {
	at = at.UTC().Truncate(tick)
	o := InspectionOrder{
		ID: InspectionID(month), Month: month, TimeZone: c.Location().String(), By: by, At: at, Reviewers: org.ReceptionManagers(),
		From:  time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, c.Location()).UTC(),
		Until: time.Date(month.Year(), month.Month()+1, 1, 0, 0, 0, 0, c.Location()).UTC(),
	}
	if o.At.Before(o.Until) {
		return o, errs.NewInvalid(errs.Field{Field: "month", Code: "past_month"})
	}
	var due *time.Time
	if t, err := c.AddDays(at, inspectionDays); err == nil {
		due = &t
	}
	for _, u := range o.Reviewers {
		o.Tasks = append(o.Tasks, Task{
			ID: id.Derive(id.Task, o.ID, u), Kind: TaskReviewInspection, UserID: u, CreatedAt: at, DueAt: due, State: TaskOpen,
			Why: map[string]string{"rule": "reception_manager", "month": month.Format(MonthLayout)},
		})
	}
	return o, nil
}

// InspectionID is the id of the month's report; it sorts by the month.
func InspectionID(month time.Time) string {
	return id.DeriveAt(id.Inspection, InspectionProcess, month.Format(MonthLayout), month)
}

// ReceptionManagers lists who heads the reception desk: the clerks who supervise a team or other clerks; else who is
// above the clerks; else managers and directors; else administrators.
func (o *Org) ReceptionManagers() []string {
	clerks := o.WithRole(RoleReceptionClerk)
	var leads, above []string
	for _, u := range clerks {
		heads := func(t OrgTeam) bool { return t.SupervisorID == u }
		leadsClerk := func(other string) bool { return other != u && o.Users[other].ManagerID == u }
		if slices.ContainsFunc(o.teams(), heads) || slices.ContainsFunc(clerks, leadsClerk) {
			leads = append(leads, u)
		}
		if s := o.Supervisor(u); s != "" && !slices.Contains(above, s) {
			above = append(above, s)
		}
	}
	slices.Sort(above)
	for _, found := range [][]string{leads, above, append(o.WithRole(RoleManager), o.WithRole(RoleDirector)...), o.WithRole(RoleAdmin)} {
		if len(found) > 0 {
			slices.Sort(found)
			return slices.Compact(found)
		}
	}
	return nil
}

func (o *Org) teams() []OrgTeam {
	var all []OrgTeam
	for _, t := range o.Teams {
		all = append(all, t)
	}
	return all
}

// Signer is the person as whom the actor may sign the report off: a reviewer or somebody who may for every report, in person
// or as their deputy. False when it is not theirs to sign, or signed already.
func (i *Inspection) Signer(actor Actor) (Person, bool) {
	if i.SignedAt != nil {
		return Person{}, false
	}
	for _, p := range actor.In(InspectionProcess) {
		if p.May(PermInspectionManage) || slices.Contains(i.Reviewers, p.ID) {
			return p, true
		}
	}
	return Person{}, false
}
