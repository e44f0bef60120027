package approval

import (
	"slices"
	"time"
)

// Outcome is how an approval ended; empty while it runs.
type Outcome string

// The outcomes.
const (
	Approved  Outcome = "approved"
	Rejected  Outcome = "rejected"
	Withdrawn Outcome = "withdrawn"
)

// VisitState says what became of a visit.
type VisitState string

// The states of visits. Void ones were returned, walked again or taken back: they stay visible and never count.
const (
	VisitActive    VisitState = "active"
	VisitPassed    VisitState = "passed"
	VisitSkipped   VisitState = "skipped" // by rule, nobody was asked
	VisitRefused   VisitState = "refused"
	VisitVoid      VisitState = "void"
	VisitCancelled VisitState = "cancelled" // the chain ended while it was active
)

// Decision is what a participant said.
type Decision string

// The decisions. For a participant who was asked for an opinion they are advice. Returned belongs to a void visit.
const (
	DecisionApproved Decision = "approved"
	DecisionRejected Decision = "rejected"
	DecisionReturned Decision = "returned"
)

// Position says where an added participant stands relative to another one; a parallel one has none: it has a seat of its own.
type Position string

// The positions.
const (
	Before   Position = "before"
	After    Position = "after"
	Parallel Position = "parallel"
	Opinion  Position = "opinion"
)

// System is the actor of what happens by rule.
const System = "system"

// Request is what is to be approved. Interested are people who have a stake in it beside the requester and so may not
// decide either. Choices are the people whom the requester names, by step. Steps, if any, are those that the request meets,
// in this order, whatever the chain would select: what has to go back through the levels that approved it first.
type Request struct {
	ID         string              `json:"id"`
	SubjectID  string              `json:"subject_id,omitempty"`
	Requester  string              `json:"requester"`
	Interested []string            `json:"interested,omitempty"`
	Facts      Facts               `json:"facts,omitzero"`
	Choices    map[string][]string `json:"choices,omitempty"`
	Steps      []string            `json:"steps,omitempty"`
}

// State is all that an approval remembers: a plain value of ids and facts, small, equal after a round trip through JSON.
// Only New and Apply make new ones; they never change one that they were given.
type State struct {
	Chain         string     `json:"chain"`
	PolicyVersion int        `json:"policy_version"`
	Request       Request    `json:"request"`
	Branch        int        `json:"branch"` // of select, from 0; -1 when the request names its steps
	Path          []string   `json:"path"`
	Visits        []Visit    `json:"visits"` // in the order in which they opened
	Returns       int        `json:"returns,omitempty"`
	MaxReturns    int        `json:"max_returns,omitempty"` // 0: any number
	CC            []string   `json:"cc,omitempty"`
	LastID        int        `json:"last_id"` // of visits and participants
	StartedAt     time.Time  `json:"started_at"`
	RecheckAt     *time.Time `json:"recheck_at,omitempty"` // deputies may change
	Outcome       Outcome    `json:"outcome,omitempty"`
	OutcomeBy     string     `json:"outcome_by,omitempty"`
	OutcomeRule   string     `json:"outcome_rule,omitempty"` // by which rule, when not by a person's word
	EndedAt       *time.Time `json:"ended_at,omitempty"`
}

// Visit is one opening of a step. Next, if set, is the position of the path that follows it, instead of the one after it.
type Visit struct {
	ID           int           `json:"id"`
	Step         string        `json:"step"`
	Position     int           `json:"position"` // in the path, from 0; -1 for the requester
	Mode         Mode          `json:"mode"`
	Percent      int           `json:"percent,omitempty"`
	OnRefusal    string        `json:"on_refusal,omitempty"`
	State        VisitState    `json:"state"`
	Rule         string        `json:"rule,omitempty"`      // by which it was skipped
	OpenedBy     int           `json:"opened_by,omitempty"` // the visit whose passing opened it; 0 for the first, and after a return
	Next         *int          `json:"next,omitempty"`
	Acted        bool          `json:"acted,omitempty"` // somebody has done something in it
	OpenedAt     time.Time     `json:"opened_at"`
	ClosedAt     *time.Time    `json:"closed_at,omitempty"`
	UrgedAt      *time.Time    `json:"urged_at,omitempty"`
	Participants []Participant `json:"participants,omitempty"`
}

// Participant is somebody who is asked in a visit. Whether they are open follows from the decisions: see Visit.open.
type Participant struct {
	ID         int        `json:"id"`
	UserID     string     `json:"user_id"`
	Parent     int        `json:"parent,omitempty"` // participant beside whom they were added; 0 for a seat of the step
	Position   Position   `json:"position,omitempty"`
	Rank       int        `json:"rank,omitempty"` // in mode sequence: lower ranks come first
	Weight     int        `json:"weight,omitempty"`
	AddedBy    string     `json:"added_by,omitempty"`
	Decision   Decision   `json:"decision,omitempty"`
	DecidedBy  string     `json:"decided_by,omitempty"` // a standby, or System, instead of UserID
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
	Under      []string   `json:"under,omitempty"` // the rules under which DecidedBy acted for UserID
	Comment    string     `json:"comment,omitempty"`
	Skipped    string     `json:"skipped,omitempty"` // the rule that skipped them
	Removed    string     `json:"removed,omitempty"` // why they are no longer asked
	Turn       int        `json:"turn,omitempty"`    // how often they were asked
	AskedAt    *time.Time `json:"asked_at,omitempty"`
	DueAt      *time.Time `json:"due_at,omitempty"`
	NextAt     *time.Time `json:"next_at,omitempty"` // when the clock acts next
	Reminded   int        `json:"reminded,omitempty"`
	Standbys   []Standby  `json:"standbys,omitempty"`
	Why        Reason     `json:"why"`
	ReplacedBy *Reason    `json:"replaced_by,omitempty"` // why it is they and not who was found first
}

// The kinds of standby.
const (
	StandbyDeputy   = "deputy"
	StandbySuperior = "superior"
)

// Standby may act for a participant: a deputy within a window (from From until before Until), a superior without end.
type Standby struct {
	ID     int        `json:"id"`
	UserID string     `json:"user_id"`
	Kind   string     `json:"kind"`
	Rules  []string   `json:"rules,omitempty"` // of deputies, from the participant's own on; for a superior "escalate"
	From   *time.Time `json:"from,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
}

// Reason says why somebody is asked: the rule, its arguments, and what the organisation looked like at the time.
type Reason struct {
	Rule string            `json:"rule"`
	Args map[string]string `json:"args,omitempty"`
	Org  []OrgFact         `json:"org,omitempty"`
	At   time.Time         `json:"at"`
}

// OrgFact is one fact of the organisation: Is stands in the relation to Of (Is is the manager of Of).
type OrgFact struct {
	Relation string `json:"relation"` // manager | supervisor | role | team
	Of       string `json:"of"`
	Is       string `json:"is"`
}

func (s Standby) in(at time.Time) bool {
	return (s.From == nil || !at.Before(*s.From)) && (s.Until == nil || at.Before(*s.Until))
}

// Active returns the visit that is active; nil once there is an outcome. It points into the state.
func (s *State) Active() *Visit {
	i := slices.IndexFunc(s.Visits, func(v Visit) bool { return v.State == VisitActive })
	if i < 0 {
		return nil
	}
	return &s.Visits[i]
}

// counting returns the visit of the position that is not void; nil when there is none.
func (s *State) counting(position int) *Visit {
	i := slices.IndexFunc(s.Visits, func(v Visit) bool { return v.Position == position && v.State != VisitVoid })
	if i < 0 {
		return nil
	}
	return &s.Visits[i]
}

// interested reports whether the user has a stake in the request and so may never decide on it.
func (s *State) interested(user string) bool {
	return user == s.Request.Requester || slices.Contains(s.Request.Interested, user)
}

// involved reports whether the user is among Involved.
func (s *State) involved(user string) bool { return slices.Contains(s.Involved(), user) }

// Involved lists everybody who may see the approval because they have a part in it, sorted: who asked for it, who was asked,
// who decided or may decide for them now, and who got a copy.
func (s *State) Involved() []string {
	users := append([]string{s.Request.Requester}, s.CC...)
	for _, v := range s.Visits {
		for i := range v.Participants {
			p := &v.Participants[i]
			users = append(users, p.UserID)
			if p.DecidedBy != "" && p.DecidedBy != System {
				users = append(users, p.DecidedBy)
			}
			users = append(users, standbyUsers(p)...)
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

func (p *Participant) standby(user string) *Standby {
	i := slices.IndexFunc(p.Standbys, func(s Standby) bool { return s.UserID == user })
	if i < 0 {
		return nil
	}
	return &p.Standbys[i]
}

// clone returns a copy that shares nothing with s that Apply changes.
func (s State) clone() State {
	s.Path, s.CC = slices.Clone(s.Path), slices.Clone(s.CC)
	s.Visits = slices.Clone(s.Visits)
	for i := range s.Visits {
		v := &s.Visits[i]
		v.Participants = slices.Clone(v.Participants)
		for j := range v.Participants {
			v.Participants[j].Standbys = slices.Clone(v.Participants[j].Standbys)
		}
	}
	return s
}
