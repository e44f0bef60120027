// Package policy holds the rules of the company as versioned documents: their structure, their checks on publication
// and their compiled form. A published version never changes; a running process keeps the version it began with.
package policy

import (
	"github.com/mcrflow/mcrflow/internal/sla"
)

// The kinds of policy that can be published.
const KindSLA = "sla"

// SLA is the policy of kind `sla`: priorities, promises by rule, and the intervals of the case process.
type SLA struct {
	Kind         string     `json:"kind"`
	Version      int        `json:"version,omitempty"` // given at publication; a document that names one is refused
	Calendar     string     `json:"calendar"`
	Priority     Priority   `json:"priority"`
	Rules        []Rule     `json:"rules"`
	Handover     Handover   `json:"handover"`
	UpdateEvery  *Interval  `json:"update_every,omitempty"`
	Waiting      Waiting    `json:"waiting"`
	Confirmation Window     `json:"confirmation"`
	Reopen       Window     `json:"reopen"`
	Extension    Extension  `json:"extension"`
	Ladder       []sla.Rung `json:"ladder"`
}

// Priority maps impact and urgency to P1…P4 and raises it one step for the named client classes.
type Priority struct {
	Matrix          map[string]map[string]string `json:"matrix"` // impact → urgency → priority
	RaiseForClasses []string                     `json:"raise_for_classes,omitempty"`
}

// Rule gives its milestones to the cases for which When, a CEL condition, holds. The first match wins.
type Rule struct {
	When       string           `json:"when"`
	Milestones []sla.Definition `json:"milestones"`
}

// Handover says how soon an offer must be accepted, and after how many bounces a supervisor adjudicates.
type Handover struct {
	Target                    sla.Span      `json:"target"`
	Clock                     sla.ClockKind `json:"clock"`
	BouncesBeforeAdjudication int           `json:"bounces_before_adjudication"`
}

// Interval asks for something again and again.
type Interval struct {
	Interval sla.Span      `json:"interval"`
	Clock    sla.ClockKind `json:"clock"`
}

// Waiting says how often a silent client is reminded, and after how many reminders the case counts as unanswered (0: never).
type Waiting struct {
	Chaser      sla.Span      `json:"chaser"`
	Clock       sla.ClockKind `json:"clock"`
	GiveUpAfter int           `json:"give_up_after"`
}

// Window is a time within which something may be done.
type Window struct {
	Window sla.Span      `json:"window"`
	Clock  sla.ClockKind `json:"clock"`
}

// Extension limits how often the due time of a promise may be moved, and names the approval chain that decides.
type Extension struct {
	Max   int    `json:"max"`
	Chain string `json:"chain,omitempty"`
}

// CaseFacts are the typed facts that a rule's condition may use: case.type, case.priority, case.category, case.channel,
// client.class and client.region.
type CaseFacts struct {
	Type     string
	Priority string
	Category string
	Channel  string
	Class    string
	Region   string
}
