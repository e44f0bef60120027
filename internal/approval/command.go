package approval

import (
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Verb is what somebody does to an approval; its text is the action of the API.
type Verb string

// The verbs. Tick, OrgChanged and HandOver are for System only: the clock, a change of people or of rules for deputies, and
// the word of the process that asked that the request is somebody else's now.
const (
	Approve    Verb = "approve"
	Reject     Verb = "reject"
	Return     Verb = "return"
	Transfer   Verb = "transfer"
	Delegate   Verb = "delegate"
	AddSign    Verb = "add-sign"
	RemoveSign Verb = "remove-sign"
	TakeBack   Verb = "take-back"
	Withdraw   Verb = "withdraw"
	Resubmit   Verb = "resubmit"
	Urge       Verb = "urge"
	CC         Verb = "cc"
	Comment    Verb = "comment"
	Tick       Verb = "tick"
	OrgChanged Verb = "org-changed"
	HandOver   Verb = "hand-over"
)

// Verbs lists all verbs in the order in which they are shown.
func Verbs() []Verb {
	return []Verb{
		Approve, Reject, Return, Transfer, Delegate, AddSign, RemoveSign, TakeBack, Resubmit, Withdraw, Urge, CC, Comment, Tick, OrgChanged,
		HandOver,
	}
}

// Command is one verb by one person. To is the target of a return (StepRequester or a step), ToID of transfer, delegate and
// hand-over, UserIDs of add-sign and cc, UserID of remove-sign, and of org-changed who no longer supervises a team; Resume is the returner's choice where the policy leaves it
// to them (resume or walk_again); Facts and Choices are what a resubmission changes; Interested are people who have a stake
// since a hand-over or a resubmission, beside those who have one already.
type Command struct {
	Verb     Verb                `json:"verb"`
	Actor    string              `json:"actor"`
	Comment  string              `json:"comment,omitempty"`
	To       string              `json:"to,omitempty"`
	Resume   string              `json:"resume,omitempty"`
	ToID     string              `json:"to_id,omitempty"`
	Position Position            `json:"position,omitempty"`
	UserID   string              `json:"user_id,omitempty"`
	UserIDs  []string            `json:"user_ids,omitempty"`
	Facts    *Facts              `json:"facts,omitempty"`
	Choices  map[string][]string `json:"choices,omitempty"`

	Interested []string `json:"interested,omitempty"`
}

// The codes of refusals, all beside errs.ProcessClosed for an approval that is over and errs.Invalid for values that are
// wrong in every state. The message key of a refusal is approval.<code>.
const (
	CodeNotParticipant  errs.Code = "not_participant"
	CodeNotYourTurn     errs.Code = "not_your_turn"
	CodeAlreadyDecided  errs.Code = "already_decided"
	CodeStepPassed      errs.Code = "step_passed"
	CodeSelfApproval    errs.Code = "self_approval"
	CodeAlreadySigner   errs.Code = "already_signer"
	CodeNotAddedByYou   errs.Code = "not_added_by_you"
	CodeNextStepActed   errs.Code = "next_step_acted"
	CodeNothingToTake   errs.Code = "nothing_to_take_back"
	CodeToSelf          errs.Code = "to_self"
	CodeCycle           errs.Code = "cycle"
	CodeTooSoon         errs.Code = "too_soon"
	CodeUnknownStep     errs.Code = "unknown_step"
	CodeReturnedEnough  errs.Code = "returned_enough"
	CodeWithRequester   errs.Code = "with_requester"
	CodeNotWithYou      errs.Code = "not_with_requester"
	CodeUnknownVerb     errs.Code = "unknown_verb"
	CodeNobodyToApprove errs.Code = "nobody_to_approve"
	CodeStepsGone       errs.Code = "steps_gone"
)

// urgeEvery is how often a step may be urged.
const urgeEvery = time.Hour

// maxAdded bounds the people of one command, and maxParticipants those of one visit, so that the state stays small.
const (
	maxAdded        = 20
	maxParticipants = 200
)

func over(s *State) error {
	return errs.New(errs.ProcessClosed, "approval.over", "outcome", string(s.Outcome))
}

// place is what an actor may act on: the participant, and the standby as which they act, if not as themselves.
type place struct {
	visit       *Visit
	participant *Participant
	standby     *Standby
}

// placeOf finds the open participant for whom the actor may act, themselves first. It answers exactly why there is none.
func (s *State) placeOf(actor string, at time.Time) (place, error) {
	v := s.Active()
	if v == nil {
		return place{}, over(s)
	}
	if v.Step == StepRequester {
		return place{}, s.nothingFor(actor, v)
	}
	if v.decided(actor) {
		return place{}, errs.New(CodeAlreadyDecided, "approval.already_decided", "step", v.Step)
	}
	for i := range v.Participants {
		if p := &v.Participants[i]; p.UserID == actor && v.open(p) {
			return place{visit: v, participant: p}, nil
		}
	}
	if !v.acting(actor) { // who has a place of their own acts in their own name only
		for i := range v.Participants {
			p := &v.Participants[i]
			if b := p.standby(actor); b != nil && b.in(at) && v.open(p) {
				return place{visit: v, participant: p, standby: b}, nil
			}
		}
	}
	return place{}, s.nothingFor(actor, v)
}

// decided reports whether the user has decided in the visit, or given their opinion.
func (v *Visit) decided(user string) bool {
	return slices.ContainsFunc(v.Participants, func(p Participant) bool { return p.live() && p.DecidedBy == user })
}

// nothingFor says why the actor has nothing to act on in the visit.
func (s *State) nothingFor(actor string, v *Visit) error {
	for _, p := range v.Participants {
		if p.UserID == actor && p.pending() && v.Step != StepRequester {
			return errs.New(CodeNotYourTurn, "approval.not_your_turn", "step", v.Step)
		}
	}
	for i := range s.Visits {
		for _, p := range s.Visits[i].Participants {
			if s.Visits[i].Step != StepRequester && (p.UserID == actor || p.DecidedBy == actor) {
				return errs.New(CodeStepPassed, "approval.step_passed", "step", s.Visits[i].Step)
			}
		}
	}
	return errs.New(CodeNotParticipant, "approval.not_participant")
}

// returnable lists the steps to which the active visit may return the request, first to last.
func (s *State) returnable(v *Visit) []string {
	steps := []string{StepRequester}
	for i := range s.Path[:max(v.Position, 0)] {
		if earlier := s.counting(i); earlier != nil && earlier.State == VisitPassed {
			steps = append(steps, earlier.Step)
		}
	}
	return steps
}

func (s *State) mayReturn() error {
	if s.MaxReturns > 0 && s.Returns >= s.MaxReturns {
		return errs.New(CodeReturnedEnough, "approval.returned_enough")
	}
	return nil
}

func joined(names []string) string { return strings.Join(names, ", ") }
