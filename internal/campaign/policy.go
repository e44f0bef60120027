package campaign

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Kind is the kind of the policy on surveys, follow-ups and campaigns.
const Kind = "campaign"

// The events that a follow-up asks about.
const (
	CaseResolved       = "case_resolved"       // a case was resolved (F-21)
	CaseRecovery       = "case_recovery"       // a case that a low response opened was closed: the second question
	ReceptionCompleted = "reception_completed" // a reception was completed (F-21)
)

var followUps = []string{CaseResolved, CaseRecovery, ReceptionCompleted}

// Policy is the policy of kind `campaign`: what everything obeys that asks clients something.
type Policy struct {
	Kind    string `json:"kind"`
	Version int    `json:"version,omitempty"` // given at publication; a document that names one is refused
	// Calendar says which dates are working days, and is the zone of recipients without one.
	Calendar string `json:"calendar"`
	// Caps are by class of the client; a class without one is asked without limit.
	Caps map[string]Cap `json:"caps,omitempty"`
	// OpenComplaint is what is done about who waits for the answer to a complaint: client, contact or allow.
	OpenComplaint string `json:"open_complaint"`
	// Window and QuietHours are for what does not bring its own.
	Window     *Window `json:"window,omitempty"`
	QuietHours *Quiet  `json:"quiet_hours,omitempty"`
	// FollowUps are by event; what is not named is not followed up.
	FollowUps    map[string]FollowUp `json:"follow_ups,omitempty"`
	LowResponse  LowResponse         `json:"low_response"`
	FailureLimit Limit               `json:"failure_limit"`
}

// FollowUp is what is asked after an event. Spans count 24 hours a day.
type FollowUp struct {
	Template     string    `json:"template"`
	Channels     []Channel `json:"channels"`
	Delay        sla.Span  `json:"delay,omitzero"`
	Reminders    Reminders `json:"reminders,omitzero"`
	ExpiresAfter sla.Span  `json:"expires_after"`
	ObeyCap      bool      `json:"obey_cap"`
}

// LowResponse is the case that a response at or below the threshold of its survey opens.
type LowResponse struct {
	Opens    string `json:"opens"` // type of the case: complaint or inquiry
	Category string `json:"category"`
	Impact   string `json:"impact"`
	Urgency  string `json:"urgency"`
}

// ParsePolicy reads a policy written in YAML or JSON, strictly: every fault of structure at once, each with its path. What
// the fields say is for Policy.Check to judge.
func ParsePolicy(body []byte) (Policy, []errs.Field) {
	var p Policy
	if faults := policy.Decode(body, &p); len(faults) > 0 {
		return Policy{}, faults
	}
	return p, nil
}

// Refs names what exists beside the policy and may be referred to in it.
type Refs struct {
	Calendars map[string]bool // by id
	// Templates are the survey templates in force, by name; nil if that is not known.
	Templates map[string]bool
}

// Check returns everything that forbids the publication of p; none means that it may be published.
func (p Policy) Check(refs Refs) []errs.Field {
	var c checker
	c.oneOf("kind", p.Kind, []string{Kind})
	if p.Version != 0 {
		c.fault("version", "version_given")
	}
	switch {
	case p.Calendar == "":
		c.fault("calendar", "required")
	case !refs.Calendars[p.Calendar]:
		c.fault("calendar", "unknown_calendar", "value", shown(p.Calendar))
	}
	for _, class := range slices.Sorted(maps.Keys(p.Caps)) {
		c.known("caps", class, clientClasses)
		c.between("caps."+shown(class)+".max", p.Caps[class].Max, 0, maxCap)
		c.span("caps."+shown(class)+".per", p.Caps[class].Per, time.Second, maxExpiry)
	}
	c.oneOf("open_complaint", p.OpenComplaint, openComplaintChoices)
	c.hours("", p.Window, p.QuietHours)
	for _, event := range slices.Sorted(maps.Keys(p.FollowUps)) {
		c.known("follow_ups", event, followUps)
		c.followUp("follow_ups."+shown(event), p.FollowUps[event], refs)
	}
	c.oneOf("low_response.opens", p.LowResponse.Opens, []string{"complaint", "inquiry"})
	c.text("low_response.category", p.LowResponse.Category, maxCategory)
	c.oneOf("low_response.impact", p.LowResponse.Impact, levels)
	c.oneOf("low_response.urgency", p.LowResponse.Urgency, levels)
	c.between("failure_limit.percent", p.FailureLimit.Percent, 1, 100)
	c.between("failure_limit.at_least", p.FailureLimit.AtLeast, 1, tripWindow)
	return c.faults
}

// maxCategory is the length of the category of a case in characters.
const maxCategory = 100

// maxCap is above every sensible number of questions to one person.
const maxCap = 1000

var levels = []string{"high", "medium", "low"}

// known refuses the key of a map that means nothing.
func (c *checker) known(path, key string, known []string) {
	if !slices.Contains(known, key) {
		c.fault(path+"."+shown(key), "unknown_field", "name", shown(key), "known", strings.Join(known, ", "))
	}
}

func (c *checker) followUp(path string, f FollowUp, refs Refs) {
	if c.word(path+".template", f.Template) && refs.Templates != nil && !refs.Templates[f.Template] {
		c.fault(path+".template", "unknown_template", "value", f.Template,
			"known", strings.Join(slices.Sorted(maps.Keys(refs.Templates)), ", "))
	}
	c.channels(path+".channels", f.Channels)
	if !f.Delay.IsZero() {
		c.span(path+".delay", f.Delay, time.Second, maxExpiry)
	}
	expires := c.span(path+".expires_after", f.ExpiresAfter, time.Second, maxExpiry)
	c.reminders(path+".reminders", f.Reminders, time.Second, f.ExpiresAfter, expires)
}

// Rules are those of a run of the campaign d that ends at until; cal is the version of the policy's calendar in force.
func (p Policy) Rules(d Definition, cal *calendar.Calendar, until time.Time) Rules {
	r := p.rules(d.Channels, true, cal, until)
	if d.Window != nil {
		r.Window = d.Window
	}
	if d.QuietHours != nil {
		r.Quiet = d.QuietHours
	}
	return r
}

// FollowUpRules are those of a follow-up that can be asked until then.
func (p Policy) FollowUpRules(f FollowUp, cal *calendar.Calendar, until time.Time) Rules {
	return p.rules(f.Channels, f.ObeyCap, cal, until)
}

func (p Policy) rules(channels []Channel, obeyCap bool, cal *calendar.Calendar, until time.Time) Rules {
	return Rules{
		Window: p.Window, Quiet: p.QuietHours, Calendar: cal, Caps: p.Caps, ObeyCap: obeyCap,
		OpenComplaint: p.OpenComplaint, Channels: channels, Until: until,
	}
}
