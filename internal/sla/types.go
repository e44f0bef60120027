// Package sla is the clock of promises: a pure state machine per milestone that counts working or elapsed time,
// pauses, warns, breaches, climbs the escalation ladder and can show the receipt of every deadline.
//
//	         stop            resume
//	running ─────► met      paused ─────► running
//	   │ ▲  pause             ▲
//	   │ └────────────────────┘
//	   ├─ due passes ► breached ── stop ► breached with MetAt set (met late)
//	   └─ cancel ────► cancelled
//
// Counting. Due times, warnings and rungs are instants at which an amount of time has been counted, leaving out the
// pauses. A target in working days is due at AddDays(start, n); its counted time is what lies between, so that
// percentages, pauses and receipts treat it like any other.
//
// Checkpoints. A warning, the breach and a rung of the ladder are told once each, in order, at their own instant, however
// late the tick. At one instant stopping and cancelling come before the breach: whoever answers at the due time was in
// time. Every other operation comes after the checkpoints of its instant.
//
// Pauses. While a promise is paused nothing falls due; that includes the rungs of the ladder of a breached promise, which
// keeps the state breached, with RunningFrom nil.
//
// Changes. When an extension, a retarget, an amendment or a reopening moves the due time, each warning whose new instant
// lies ahead is armed (again), and one that the change itself put into the past is told at the instant of the change. If
// the change puts the due time itself into the past, the promise is breached at the instant of the change and its warnings
// are not told. A breach that an extension or an amendment puts into the future is undone (Effect.Undone) and its ladder
// starts anew; nothing else undoes one, and no rung is told twice.
//
// All instants are UTC. Nothing here reads a wall clock: every function is told the time.
package sla

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
)

// ClockKind says which time a span counts in.
type ClockKind string

// The two clocks: the opening hours of the pinned calendar, or every second.
const (
	Working ClockKind = "working"
	Elapsed ClockKind = "elapsed"
)

// Span is an amount of time as a policy writes it: Go durations (`10m`, `4h`) or whole days (`3d`). A day is a working
// day on the working clock and 24 hours on the elapsed clock. It marshals as the policy writes it.
type Span struct {
	Days     int
	Duration time.Duration
}

// Warning is an instant before the due time: a percentage of the promised time used, or a span left.
// It marshals as the policy writes it: "80%" or "30m".
type Warning struct {
	Percent int
	Left    time.Duration
}

// Choices that products disagree on, named in the policy.
const (
	ReopenContinue = "continue"  // the old promise runs on; what was used stays used, the time resolved does not count
	ReopenNewCycle = "new_cycle" // the old promise stays on record, a new one with the full target starts at the reopening
	ReopenReset    = "reset"     // the same promise starts again with the full target

	PriorityRetroactive = "retroactive" // the new target counts from the original start, pauses kept; may be breached at once
	PriorityRestart     = "restart"     // the new target counts from the change
	PriorityKeep        = "keep"        // the promise stays as it was given
)

// Definition is one promise as the policy declares it.
type Definition struct {
	Name             string    `json:"name"`
	Target           Span      `json:"target"`
	Clock            ClockKind `json:"clock"`
	StartsOn         string    `json:"starts_on,omitempty"` // event type of the process
	StopsOn          string    `json:"stops_on,omitempty"`  // event type of the process
	PausesIn         []string  `json:"pauses_in,omitempty"` // states of the process
	WarnAt           []Warning `json:"warn_at,omitempty"`
	OnReopen         string    `json:"on_reopen,omitempty"`
	OnPriorityChange string    `json:"on_priority_change,omitempty"`
}

// Rung is one step of the escalation ladder: whom a warning or a breach is told, at once or some time later.
type Rung struct {
	On     string    `json:"on"` // warning | breach
	After  Span      `json:"after,omitzero"`
	Clock  ClockKind `json:"clock,omitempty"` // working when empty
	Notify []string  `json:"notify"`          // relations and roles: accountable, handler, supervisor, manager, director, …
	Task   string    `json:"task,omitempty"`  // kind of the task that the first notified person gets
}

// Rules is what a promise is counted by: the pinned calendar version and the ladder of the pinned policy version.
// Calendar must not be nil.
type Rules struct {
	Calendar *calendar.Calendar
	Ladder   []Rung
}

// State of a promise.
type State string

// The states of a promise. A breached promise that was met afterwards keeps the state breached and has MetAt set.
const (
	Running   State = "running"
	Paused    State = "paused"
	Met       State = "met"
	Breached  State = "breached"
	Cancelled State = "cancelled"
)

// Pause is a time in which the promise did not count; To is nil while it lasts.
type Pause struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to,omitempty"`
}

// Extension is one approved move of the due time; the first promise stays on record.
type Extension struct {
	At      time.Time  `json:"at"`
	AskedAt time.Time  `json:"asked_at"`
	By      Span       `json:"by"`
	FromDue *time.Time `json:"from_due,omitempty"` // nil when it was paused
	Reason  string     `json:"reason,omitempty"`
}

// Promise is the running state of one milestone. It is a value: every operation returns a new one.
type Promise struct {
	Definition
	Cycle       int           `json:"cycle"` // 1, and one more for every new cycle after a reopening
	State       State         `json:"state"`
	StartedAt   time.Time     `json:"started_at"`
	Total       time.Duration `json:"total"`            // promised time on the clock, extensions included
	Used        time.Duration `json:"used"`             // counted up to RunningFrom, or in all once stopped or paused
	RunningFrom *time.Time    `json:"running_from"`     // nil while paused and once over
	DueAt       *time.Time    `json:"due_at,omitempty"` // nil while paused
	Pauses      []Pause       `json:"pauses,omitempty"` // in order
	MetAt       *time.Time    `json:"met_at,omitempty"` // when it was kept, in time or late
	BreachedAt  *time.Time    `json:"breached_at,omitempty"`
	CancelledAt *time.Time    `json:"cancelled_at,omitempty"`
	Extensions  []Extension   `json:"extensions,omitempty"`
	Warned      int           `json:"warned,omitempty"`  // warnings told so far, in the order in which they fall due
	Climbed     int           `json:"climbed,omitempty"` // breach rungs told so far, in the order in which they fall due
	NextAt      *time.Time    `json:"next_at,omitempty"` // the next checkpoint: warning, breach or rung; nil when none is left
}

// EffectKind says what happened to a promise; it is the suffix of the timeline event milestone_<kind>.
type EffectKind string

// The effects. Climbed is not an event of its own in the timeline: it is an escalation.
const (
	EffectStarted    EffectKind = "started"
	EffectWarned     EffectKind = "warned"
	EffectMet        EffectKind = "met"
	EffectBreached   EffectKind = "breached"
	EffectPaused     EffectKind = "paused"
	EffectResumed    EffectKind = "resumed"
	EffectCancelled  EffectKind = "cancelled"
	EffectExtended   EffectKind = "extended"
	EffectRetargeted EffectKind = "retargeted"
	EffectReopened   EffectKind = "reopened"
	EffectAmended    EffectKind = "amended"
	EffectClimbed    EffectKind = "climbed"
)

// Effect is one thing to record and tell. DueAt is the due time after it; At the instant it fell due (a warning
// that a dead server missed is told late, with its own instant here).
type Effect struct {
	Kind   EffectKind `json:"kind"`
	Name   string     `json:"name"`
	Cycle  int        `json:"cycle"`
	At     time.Time  `json:"at"`
	DueAt  *time.Time `json:"due_at,omitempty"`
	Late   bool       `json:"late,omitempty"`   // met after the due time
	Warn   string     `json:"warn,omitempty"`   // the warning as the policy writes it
	Rung   *Rung      `json:"rung,omitempty"`   // for warned: the ladder's warning rung; for breached and climbed: the breach rung
	Undone bool       `json:"undone,omitempty"` // the operation took back a breach that had been told
	Detail string     `json:"detail,omitempty"` // extended: the reason; retargeted, reopened and a new cycle's started: the choice
}

// Receipt shows how a due time came about: the counted segments sum to the target, or to what has been used so far.
// Elapsed and Remaining are as of At; Remaining is negative when late.
type Receipt struct {
	Name            string             `json:"name"`
	Cycle           int                `json:"cycle"`
	CalendarID      string             `json:"calendar_id"`
	CalendarVersion int                `json:"calendar_version"`
	Start           time.Time          `json:"start"`
	Target          Span               `json:"target"`
	Total           time.Duration      `json:"total"`
	Clock           ClockKind          `json:"clock"`
	Pauses          []Pause            `json:"pauses"`
	Segments        []calendar.Segment `json:"segments"`
	Counted         time.Duration      `json:"counted"`
	DueAt           *time.Time         `json:"due_at"`
	At              time.Time          `json:"at"`
	Elapsed         time.Duration      `json:"elapsed"`
	Remaining       time.Duration      `json:"remaining"`
}
