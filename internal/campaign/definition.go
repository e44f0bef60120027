package campaign

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Definition is a campaign as a person writes it (F-40, F-42, F-44).
type Definition struct {
	Name     string   `json:"name"`
	Audience Audience `json:"audience"`
	// Template is the name of a survey template of the policy in force.
	Template string `json:"template"`
	// Channels are tried in this order, per recipient.
	Channels []Channel `json:"channels"`
	// Rate is in messages per minute.
	Rate int `json:"rate"`
	// Window and QuietHours are those of the policy if they are not given. An empty object is none, whatever the policy says.
	Window     *Window   `json:"window,omitempty"`
	QuietHours *Quiet    `json:"quiet_hours,omitempty"`
	Reminders  Reminders `json:"reminders,omitzero"`
	// ExpiresAfter is how long a run asks and an invitation can be answered; a day is 24 hours.
	ExpiresAfter sla.Span `json:"expires_after"`
	// Priority is 1, the most urgent, to 5; 0 is the usual 3.
	Priority int `json:"priority,omitempty"`
	// Schedule is when it is launched; nil is by hand.
	Schedule *Schedule `json:"schedule,omitempty"`
}

// Audience selects contacts of clients. Every list that is given must hold the contact's value; an empty Audience is every
// contact of every client.
type Audience struct {
	Class            []string `json:"class,omitempty"`
	Region           []string `json:"region,omitempty"`
	Industry         []string `json:"industry,omitempty"`
	AccountManagerID []string `json:"account_manager_id,omitempty"`
	// ContactTitle is the function of the contact at the client.
	ContactTitle []string `json:"contact_title,omitempty"`
	// LastContactBefore selects clients who were not in contact since: a date (its midnight in UTC) or an instant, or a span
	// such as 90d before the run starts, which a campaign that repeats needs.
	LastContactBefore string `json:"last_contact_before,omitempty"`
	// Events selects clients with whom one of these has happened since EventsSince (see ClientEvents).
	Events []string `json:"events,omitempty"`
	// EventsSince is read as LastContactBefore is.
	EventsSince string `json:"events_since,omitempty"`
}

// What happens with a client, and when: a complaint and an inquiry when they are recorded, a reception when it begins unless it was
// called off, an interaction when they were spoken with, and a survey when they were asked.
const (
	EventComplaint   = "complaint"
	EventInquiry     = "inquiry"
	EventReception   = "reception"
	EventInteraction = "interaction"
	EventSurvey      = "survey"
)

// ClientEvents are all of them.
func ClientEvents() []string {
	return []string{EventComplaint, EventInquiry, EventReception, EventInteraction, EventSurvey}
}

// Reminders are how often who has not answered is asked again, and how long after the last time; a day is 24 hours.
type Reminders struct {
	Count   int      `json:"count"`
	Spacing sla.Span `json:"spacing,omitzero"`
}

// The kinds of schedule, and what happens to a run that is due while the last one still goes on.
const (
	ScheduleOnce     = "once"
	ScheduleCron     = "cron"
	OverlapSkip      = "skip"       // it is left out
	OverlapBufferOne = "buffer_one" // the first such waits
)

// Schedule is when a campaign is launched.
type Schedule struct {
	Kind string `json:"kind"`
	// At is the instant of a campaign that runs once.
	At time.Time `json:"at,omitzero"`
	// Cron has five fields: minute, hour, day of month, month, day of week. A time must match all five.
	Cron string `json:"cron,omitempty"`
	// Timezone is the IANA name of the zone that Cron is read in.
	Timezone string `json:"timezone,omitempty"`
	// Overlap is OverlapSkip if it is not given.
	Overlap string `json:"overlap,omitempty"`
	// CatchUpWindow is how late a run is still taken that was missed; zero is the default of the scheduler.
	CatchUpWindow sla.Span `json:"catch_up_window,omitzero"`
}

// ParseDefinition reads a campaign written in JSON or YAML, strictly: every fault of structure at once, each with its path.
// What the fields say is for Definition.Check to judge.
func ParseDefinition(body []byte) (Definition, []errs.Field) {
	var d Definition
	if faults := policy.Decode(body, &d); len(faults) > 0 {
		return Definition{}, faults
	}
	return d, nil
}

// ContactBefore returns the instant that LastContactBefore means for a run that starts then; false if it is not given or
// cannot be read.
func (a Audience) ContactBefore(start time.Time) (time.Time, bool) {
	return before(start, a.LastContactBefore)
}

// EventsFrom returns the instant that EventsSince means for a run that starts then; false if it is not given or cannot be read.
func (a Audience) EventsFrom(start time.Time) (time.Time, bool) { return before(start, a.EventsSince) }

// before reads a date (its midnight in UTC), an instant, or a span before the start.
func before(start time.Time, text string) (time.Time, bool) {
	if span, err := sla.ParseSpan(text); err == nil {
		return start.Add(-length(span)).UTC(), true
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// Expires returns the end of what starts then: of a run, and of an invitation.
func (d Definition) Expires(start time.Time) time.Time {
	return start.Add(length(d.ExpiresAfter)).UTC()
}

// Pace is the pace of the campaign.
func (d Definition) Pace() Pace { return Pace{Rate: d.Rate} }

// After returns when the n-th reminder, from 1, is due if the recipient was last asked at that time; false if there is none.
func (r Reminders) After(n int, last time.Time) (time.Time, bool) {
	return last.Add(length(r.Spacing)).UTC(), n >= 1 && n <= r.Count
}
