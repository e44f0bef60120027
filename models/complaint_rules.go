package models

import (
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// caseWho is a relation of a person to a case, or a right; a refusal names those that would do.
type caseWho string

const (
	whoHandler     caseWho = "handler"
	whoAccountable caseWho = "accountable"
	whoSupervisor  caseWho = "supervisor"  // of either's team, or higher
	whoOffered     caseWho = "offered"     // the person, or a member of the team, that the hand-over was offered to; never who has the case
	whoReceiver    caseWho = "receiver"    // of an approved transfer of accountability
	whoParticipant caseWho = "participant" // anybody who takes part in cases and may see this one
)

// is reports whether the person stands in the relation to the case.
func (w caseWho) is(p Person, s *CaseState) bool {
	switch w {
	case whoHandler:
		return p.ID == s.AssigneeID
	case whoAccountable:
		return p.ID == s.AccountableID
	case whoSupervisor:
		return p.May(PermCaseOversee) || p.May(PermCaseSupervise) && (p.Leads(s.TeamID) || p.Leads(s.AccountableTeamID))
	case whoOffered:
		// A handler who took or gave back what they offered themselves would set, or count, bounces that were none (C-02).
		return s.Offer != nil && p.ID != s.AssigneeID && (p.ID == s.Offer.ToID || p.TeamID != "" && p.TeamID == s.Offer.TeamID && p.May(PermCaseWork))
	case whoReceiver:
		return s.Transfer != nil && p.ID == s.Transfer.ToID
	default:
		return p.May(PermCaseWork)
	}
}

// caseRule says in which states an action is legal, what else must hold, and who may take it.
type caseRule struct {
	action CaseAction
	in     []CaseStatus
	when   func(*CaseState) bool // nil: nothing else
	who    []caseWho
}

var (
	working  = []CaseStatus{CaseOpen, CaseInProgress, CaseWaitingCustomer}
	living   = []CaseStatus{CaseOpen, CaseInProgress, CaseWaitingCustomer, CaseResolved}
	anyState = []CaseStatus{CaseOpen, CaseInProgress, CaseWaitingCustomer, CaseResolved, CaseClosed}
	doers    = []caseWho{whoHandler, whoAccountable}
	anyOf    = []caseWho{whoHandler, whoAccountable, whoSupervisor}
	chief    = []caseWho{whoSupervisor}
)

// caseRules is the transition table of the complaint process: the one place that says what is allowed. The order is the
// one in which a console shows the buttons.
var caseRules = []caseRule{
	{ActionAccept, working, offered, []caseWho{whoOffered}},
	{ActionDecline, working, offered, []caseWho{whoOffered}},
	{ActionRespond, working, nil, doers},
	{ActionResolve, working, nil, doers},
	{ActionWait, []CaseStatus{CaseOpen, CaseInProgress}, nil, doers},
	{ActionResume, []CaseStatus{CaseWaitingCustomer}, nil, doers},
	{ActionClientMessage, living, nil, []caseWho{whoParticipant}},
	{ActionAssign, working, notAdjudicating, anyOf},
	{ActionNote, anyState, nil, doers},
	{ActionEscalate, working, nil, anyOf},
	{ActionPrioritize, working, nil, chief},
	{ActionAdjudicate, working, nil, chief},
	{ActionExtend, working, func(s *CaseState) bool { return s.Extension == nil && slices.ContainsFunc(s.Promises, extendable) }, doers},
	{ActionTransfer, living, func(s *CaseState) bool { return s.Transfer == nil }, []caseWho{whoAccountable, whoSupervisor}},
	{ActionAcceptAccountability, living, transferApproved, []caseWho{whoReceiver}},
	{ActionRefuseAccountability, living, transferApproved, []caseWho{whoReceiver}},
	{ActionClose, []CaseStatus{CaseResolved}, nil, chief},
	{ActionReopen, []CaseStatus{CaseResolved, CaseClosed}, func(s *CaseState) bool { return s.Merge == nil }, []caseWho{whoParticipant}},
	{ActionCancel, working, nil, chief},
	{ActionLink, anyState, nil, anyOf},
	{ActionUnlink, anyState, func(s *CaseState) bool { return len(s.Links) > 0 }, anyOf},
}

func extendable(p sla.Promise) bool      { return p.Open() && p.BreachedAt == nil }
func offered(s *CaseState) bool          { return s.Offer != nil }
func notAdjudicating(s *CaseState) bool  { return !s.Adjudicating }
func transferApproved(s *CaseState) bool { return s.Transfer != nil && s.Transfer.ApprovedAt != nil }

// CaseActions lists the actions that people may take on a case that exists, in a fixed order.
func CaseActions() []CaseAction {
	names := make([]CaseAction, len(caseRules))
	for i, r := range caseRules {
		names[i] = r.action
	}
	return names
}

// Related reports whether only people who stand in a relation to a case may take the action. They may see the case, so that
// the row rule need not be asked before the process decides.
func (a CaseAction) Related() bool {
	i := slices.IndexFunc(caseRules, func(r caseRule) bool { return r.action == a })
	return i >= 0 && !slices.Contains(caseRules[i].who, whoParticipant)
}

// Over reports whether nothing can happen to the case any more at the given instant.
func (s *CaseState) Over(at time.Time) bool {
	return s.Status == CaseCancelled || s.Status == CaseClosed && (s.ReopenUntil == nil || !at.Before(*s.ReopenUntil))
}

func (r caseRule) legal(s *CaseState) bool {
	return slices.Contains(r.in, s.Status) && (r.when == nil || r.when(s))
}

// permitted returns for whom the actor may take the action: their own id, or else the first person whose deputy they are.
func (r caseRule) permitted(s *CaseState, actor Actor) (Person, bool) {
	for _, p := range actor.In(ComplaintProcess) {
		if slices.ContainsFunc(r.who, func(w caseWho) bool { return w.is(p, s) }) {
			return p, true
		}
	}
	return Person{}, false
}

func oneOf(id string, ids ...string) bool { return slices.Contains(ids, id) }

// CheckCase reports whether the actor may take the action on the case now, and in whose place they act. Errors:
// process_closed when the case is over; conflict when the state does not allow it, naming what is allowed; forbidden
// naming who may. The validator of the process and its handler both ask here, and so does AllowedActions.
func CheckCase(s *CaseState, action CaseAction, actor Actor, at time.Time) (Person, error) {
	i := slices.IndexFunc(caseRules, func(r caseRule) bool { return r.action == action })
	if i < 0 {
		return Person{}, errs.New(errs.NotFound, "case.unknown_action", "action", string(action))
	}
	if s.Over(at) {
		return Person{}, errs.New(errs.ProcessClosed, "case.over", "number", s.Number, "state", string(s.Status))
	}
	r := caseRules[i]
	if !r.legal(s) {
		return Person{}, errs.New(errs.Conflict, "case.state", "action", string(action), "state", string(s.Status), "allowed", s.legalActions())
	}
	p, ok := r.permitted(s, actor)
	if !ok {
		return Person{}, errs.New(errs.Forbidden, "forbidden.case", "action", string(action), "who", joined(r.who))
	}
	return p, nil
}

// RefusedByCheckCase reports whether the refusal is one of CheckCase's: by the state alone, whatever the command said.
func RefusedByCheckCase(e *errs.Error) bool {
	return oneOf(e.Key, "case.state", "forbidden.case", "case.over")
}

// AllowedActions lists what the actor may do with the case at the given instant.
func (s *CaseState) AllowedActions(actor Actor, at time.Time) []CaseAction {
	allowed := []CaseAction{}
	if s.Over(at) {
		return allowed
	}
	for _, r := range caseRules {
		if !r.legal(s) {
			continue
		}
		if _, ok := r.permitted(s, actor); ok {
			allowed = append(allowed, r.action)
		}
	}
	return allowed
}

func (s *CaseState) legalActions() string {
	var names []string
	for _, r := range caseRules {
		if r.legal(s) {
			names = append(names, string(r.action))
		}
	}
	return strings.Join(names, ", ")
}

func joined(who []caseWho) string {
	names := make([]string, len(who))
	for i, w := range who {
		names[i] = string(w)
	}
	return strings.Join(names, ", ")
}

// NextCheckpoint returns when the clock must look at the case again, nil when never: the earliest of the promises'
// checkpoints, the expiry of an offer, the end of a wait or its next chaser, the end of the confirmation window and, for
// a closed case, the end of the reopening window.
func (s *CaseState) NextCheckpoint() *time.Time {
	var next *time.Time
	consider := func(t *time.Time) {
		if t != nil && (next == nil || t.Before(*next)) {
			next = t
		}
	}
	if s.Status == CaseClosed || s.Status == CaseCancelled {
		return s.ReopenUntil
	}
	for i := range s.Promises {
		consider(s.Promises[i].NextAt)
	}
	if s.Offer != nil {
		consider(&s.Offer.ExpiresAt)
	}
	if w := s.Waiting; w != nil {
		consider(w.Until)
		if !w.NextChaserAt.IsZero() {
			consider(&w.NextChaserAt)
		}
	}
	consider(s.ConfirmBy)
	return next
}

// Hold says what the handler's time is spent on now.
func (s *CaseState) Hold() HoldKind {
	switch {
	case s.Status == CaseWaitingCustomer || s.Status == CaseResolved:
		return HoldAwaitingClient
	case s.Offer != nil:
		return HoldAwaitingAcceptance
	default:
		return HoldWorking
	}
}

// Held reports whether somebody must be responsible: from the record until the case is closed, merged or cancelled.
func (s *CaseState) Held() bool { return s.Status != CaseClosed && s.Status != CaseCancelled }
