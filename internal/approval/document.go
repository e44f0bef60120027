package approval

import (
	"regexp"
	"strconv"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// Kind is the kind of policy whose documents this package reads.
const Kind = "approval"

// Mode says when a step is decided.
type Mode string

// The modes.
const (
	ModeAny      Mode = "any"      // the first decision decides
	ModeAll      Mode = "all"      // everybody must approve
	ModeRatio    Mode = "ratio"    // at least Percent of the seats must approve
	ModeSequence Mode = "sequence" // one after the other, all must approve
	ModeVote     Mode = "vote"     // weights: more than half of them must approve, or at least Percent
)

// What a refusal does that decides a step.
const (
	RefusalEnd      = "end"      // the chain ends as rejected
	RefusalReturn   = "return"   // the request goes back to its requester
	RefusalMajority = "majority" // only for mode all: more than half of the seats decide, then end
	RefusalContinue = "continue" // only for mode all: everybody is heard first, then one refusal ends the chain
)

// What happens when a participant has not acted in time.
const (
	OverdueRemind   = "remind"
	OverdueEscalate = "escalate"
	OverdueApprove  = "approve"
	OverdueReject   = "reject"
)

// The choices of Rules.
const (
	SelfForbid    = "forbid"     // the requester's place stays empty
	SelfToManager = "to_manager" // the requester's superior takes the place

	RepeatSkipConsecutive = "skip_consecutive" // who approved the step before is not asked again
	RepeatSkipAny         = "skip_any"         // who approved any earlier step is not asked again
	RepeatAsk             = "ask"

	NobodyToAdmin = "to_admin" // the administrators decide who decides
	NobodySkip    = "skip"
	NobodyReject  = "reject"

	AfterResume    = "resume"     // back to the step that returned the request; decisions in between stand
	AfterWalkAgain = "walk_again" // every step from the target on is asked again
	AfterChoose    = "choose"     // the returner says; walk_again if they do not
)

// StepRequester is the name of the requester as the target of a return and as the step of a returned request.
const StepRequester = "requester"

// Document is a policy of kind approval: one document holds all chains, by name.
type Document struct {
	Kind    string                `json:"kind"`
	Version int                   `json:"version,omitempty"` // given at publication; a document that names one is refused
	Chains  map[string]Definition `json:"chains"`
}

// Definition is one chain: which steps a request meets, in order, and the rules for all of them.
type Definition struct {
	Select []Branch        `json:"select"` // the first branch whose condition holds
	Steps  map[string]Step `json:"steps"`
	Rules  Rules           `json:"rules,omitzero"`
}

// Branch gives its steps to the requests for which When, a CEL condition, holds.
type Branch struct {
	When  string   `json:"when"`
	Steps []string `json:"steps"`
}

// Step is who decides, how their decisions count, and by when. Percent belongs to the modes ratio and vote. A step whose
// condition When does not hold is left out. OnDue is remind, remind(N), escalate, approve or reject.
type Step struct {
	Mode    Mode   `json:"mode,omitempty"` // any when empty
	Percent int    `json:"percent,omitempty"`
	When    string `json:"when,omitempty"`
	Who     []Who  `json:"who"`
	Due     Due    `json:"due,omitzero"`
	OnDue   string `json:"on_due,omitempty"` // remind when empty
}

// Due is the time that each participant has, from the moment at which they are asked; none when After is zero.
type Due struct {
	After sla.Span      `json:"after,omitzero"`
	Clock sla.ClockKind `json:"clock,omitempty"`
}

// Who names participants in exactly one way. ManagerOf and SupervisorOf start from "requester" or a fact that is a
// person and climb Level people (1 when 0): from the entered manager, or from the supervisor of the team.
// ChainOfManagers is all of them up to Level. With Lead, a role means its leading holders and a team its supervisor.
// With RequesterChoice the requester names people, of the role if Role is given. Weight counts in mode vote.
type Who struct {
	User            string `json:"user,omitempty"`
	Role            string `json:"role,omitempty"`
	Team            string `json:"team,omitempty"`
	Lead            bool   `json:"lead,omitempty"`
	ManagerOf       string `json:"manager_of,omitempty"`
	SupervisorOf    string `json:"supervisor_of,omitempty"`
	ChainOfManagers string `json:"chain_of_managers,omitempty"`
	Level           int    `json:"level,omitempty"`
	RequesterChoice bool   `json:"requester_choice,omitempty"`
	CEL             string `json:"cel,omitempty"` // the id of a user, or a list of them
	Weight          int    `json:"weight,omitempty"`
}

// Rules hold for all steps of a chain; each has a default. MaxReturns 0 means as often as they like.
type Rules struct {
	SelfApproval     string            `json:"self_approval,omitempty"`
	RepeatedApprover string            `json:"repeated_approver,omitempty"`
	NobodyFound      string            `json:"nobody_found,omitempty"`
	OnRefusal        map[string]string `json:"on_refusal,omitempty"` // by mode; end when a mode is not named
	AfterReturn      string            `json:"after_return,omitempty"`
	MaxReturns       int               `json:"max_returns,omitempty"`
}

// Parse reads an approval policy written in YAML or JSON. It is strict about names, types and units and returns every
// fault at once, each with its path (chains.reception.steps.finance.due.after) and, in its arguments, its line and column.
// What the fields say is for Document.Check to judge.
func Parse(body []byte) (Document, []errs.Field) {
	var d Document
	if faults := policy.Decode(body, &d); len(faults) > 0 {
		return Document{}, faults
	}
	return d, nil
}

// withDefaults returns the step with everything filled in that may be left out.
func (s Step) withDefaults() Step {
	if s.Mode == "" {
		s.Mode = ModeAny
	}
	if s.OnDue == "" {
		s.OnDue = OverdueRemind
	}
	if s.Due.Clock == "" {
		s.Due.Clock = sla.Working
	}
	return s
}

// withDefaults returns the rules with everything filled in that may be left out.
func (r Rules) withDefaults() Rules {
	fill := func(value *string, fallback string) {
		if *value == "" {
			*value = fallback
		}
	}
	fill(&r.SelfApproval, SelfForbid)
	fill(&r.RepeatedApprover, RepeatSkipConsecutive)
	fill(&r.NobodyFound, NobodyToAdmin)
	fill(&r.AfterReturn, AfterWalkAgain)
	return r
}

// onRefusal is what a refusal in a step of the mode does.
func (r Rules) onRefusal(m Mode) string {
	if does := r.OnRefusal[string(m)]; does != "" {
		return does
	}
	return RefusalEnd
}

var reminders = regexp.MustCompile(`^remind\(([1-9][0-9]?)\)$`)

// overdue splits on_due into what happens and how often it may.
func overdue(onDue string) (action string, times int, ok bool) {
	switch onDue {
	case OverdueRemind:
		return OverdueRemind, 1, true
	case OverdueEscalate, OverdueApprove, OverdueReject:
		return onDue, 1, true
	}
	if m := reminders.FindStringSubmatch(onDue); m != nil {
		times, err := strconv.Atoi(m[1])
		return OverdueRemind, times, err == nil
	}
	return "", 0, false
}
