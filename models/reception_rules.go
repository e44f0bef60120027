package models

import (
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// receptionWho is a relation of a person to a reception, or a right; a refusal names those that would do.
type receptionWho string

const (
	whoRequester    receptionWho = "requester"
	whoHost         receptionWho = "host"
	whoReceptionist receptionWho = "receptionist"      // the named one, or anybody of the reception desk
	whoCaretaker    receptionWho = "caretaker"         // of an item of the check-list, an activity or a need
	whoManager      receptionWho = "reception_manager" // who leads the reception desk, or a manager or director
	whoPayer        receptionWho = "payer"             // finance, or a manager when nobody of finance may
)

// is reports whether the person stands in the relation to the reception.
func (w receptionWho) is(p Person, s *ReceptionState) bool {
	switch w {
	case whoRequester:
		return p.ID == s.RequesterID
	case whoHost:
		return slices.Contains(s.Hosts, p.ID)
	case whoReceptionist:
		return p.ID == s.ReceptionistID || p.May(PermReceptionPrepare)
	case whoCaretaker:
		return s.caretaker(p)
	case whoManager:
		return p.May(PermReceptionOversee) || p.May(PermReceptionPrepare) && len(p.Supervises) > 0
	default:
		return p.May(PermReceptionPay) || s.Claim != nil && s.Claim.Substitute && p.May(PermReceptionOversee)
	}
}

// caretaker reports whether something that is not done yet is the person's to do.
func (s *ReceptionState) caretaker(p Person) bool {
	return slices.ContainsFunc(s.Checklist, func(c ChecklistEntry) bool {
		return c.DoneAt == nil && (c.OwnerID == p.ID || c.TeamID != "" && c.TeamID == p.TeamID)
	}) || slices.ContainsFunc(s.Activities, func(a ReceptionActivity) bool { return a.DoneAt == nil && a.OwnerID == p.ID }) ||
		slices.ContainsFunc(s.Needs, func(n ReceptionNeed) bool { return n.SolvedAt == nil && n.OwnerID == p.ID })
}

// receptionRule says in which states an action is legal, what else must hold, and who may take it.
type receptionRule struct {
	action ReceptionAction
	in     []ReceptionStatus
	when   func(*ReceptionState) bool // nil: nothing else
	who    []receptionWho
}

var (
	beforeStart = []ReceptionStatus{ReceptionDraft, ReceptionInApproval, ReceptionApproved, ReceptionPreparing}
	ready       = []ReceptionStatus{ReceptionApproved, ReceptionPreparing}
	afterVisit  = []ReceptionStatus{ReceptionCompleted, ReceptionSettling}
	claimable   = []ReceptionStatus{ReceptionCompleted, ReceptionSettling, ReceptionCancelled}
	visiting    = []ReceptionStatus{ReceptionInProgress}
	asker       = []receptionWho{whoRequester}
	crew        = []receptionWho{whoRequester, whoHost, whoReceptionist, whoCaretaker, whoManager}
	leaders     = []receptionWho{whoRequester, whoHost, whoReceptionist, whoManager}
)

// receptionRules is the transition table of the reception process: the one place that says what is allowed. The order is
// the one in which a console shows the buttons.
var receptionRules = []receptionRule{
	{ReceptionSubmit, []ReceptionStatus{ReceptionDraft}, nil, asker},
	{ReceptionRevise, []ReceptionStatus{ReceptionDraft, ReceptionApproved, ReceptionPreparing}, nil, asker},
	{ReceptionWithdraw, []ReceptionStatus{ReceptionDraft, ReceptionInApproval}, asked, asker},
	{ReceptionPrepare, ready, nil, crew},
	{ReceptionStart, []ReceptionStatus{ReceptionPreparing}, nil, leaders},
	{ReceptionTickOff, visiting, someActivity, crew},
	{ReceptionRaiseNeed, visiting, nil, crew},
	{ReceptionSolveNeed, visiting, someNeed, crew},
	{ReceptionComplete, visiting, nil, leaders},
	{ReceptionFeedback, afterVisit, nil, leaders},
	{ReceptionClaim, claimable, noClaim, []receptionWho{whoRequester, whoHost, whoReceptionist}},
	{ReceptionPay, claimable, claimInCheck, []receptionWho{whoPayer}},
	{ReceptionReturnClaim, claimable, claimInCheck, []receptionWho{whoPayer}},
	{ReceptionClose, afterVisit, noClaim, []receptionWho{whoRequester, whoReceptionist, whoManager}},
	{ReceptionCancel, beforeStart, nil, []receptionWho{whoRequester, whoManager}},
}

func asked(s *ReceptionState) bool        { return s.open() != nil }
func noClaim(s *ReceptionState) bool      { return s.Claim == nil }
func claimInCheck(s *ReceptionState) bool { return s.Claim != nil && s.Claim.State == ClaimInCheck }

func someActivity(s *ReceptionState) bool {
	return slices.ContainsFunc(s.Activities, func(a ReceptionActivity) bool { return a.DoneAt == nil })
}

func someNeed(s *ReceptionState) bool {
	return slices.ContainsFunc(s.Needs, func(n ReceptionNeed) bool { return n.SolvedAt == nil })
}

// ReceptionActions lists the actions that people may take on a reception that exists, in a fixed order.
func ReceptionActions() []ReceptionAction {
	names := make([]ReceptionAction, len(receptionRules))
	for i, r := range receptionRules {
		names[i] = r.action
	}
	return names
}

// open is the approval that is not decided yet, be it with the approvers or returned; nil when there is none.
func (s *ReceptionState) open() *ReceptionApproval {
	if n := len(s.Approvals); n > 0 && s.Approvals[n-1].Outcome == "" {
		return &s.Approvals[n-1]
	}
	return nil
}

// Approval is the newest approval of the reception itself or of a change of it, as the view shows it; false before the
// first submission.
func (s *ReceptionState) Approval() (ReceptionApproval, bool) {
	for i := len(s.Approvals) - 1; i >= 0; i-- {
		if s.Approvals[i].Purpose != ApproveClaim {
			return s.Approvals[i], true
		}
	}
	return ReceptionApproval{}, false
}

// Over reports whether nothing can happen to the reception any more at the given instant. One that was cancelled after
// its approval is over when expenses can no longer be claimed and no claim waits.
func (s *ReceptionState) Over(at time.Time) bool {
	switch s.Status {
	case ReceptionClosed, ReceptionRejected, ReceptionWithdrawn:
		return true
	case ReceptionCancelled:
		return s.Claim == nil && (s.ClaimUntil == nil || !at.Before(*s.ClaimUntil))
	default:
		return false
	}
}

func (r receptionRule) legal(s *ReceptionState) bool {
	return slices.Contains(r.in, s.Status) && (r.when == nil || r.when(s))
}

// permitted returns for whom the actor may take the action, which comes to the amount: their own id, or else the first person
// whose deputy they are as far as that.
func (r receptionRule) permitted(s *ReceptionState, actor Actor, amount int64) (Person, bool) {
	barred := r.barred(s)
	if oneOf(actor.ID, barred...) {
		return Person{}, false
	}
	for _, p := range actor.For(ReceptionProcess, amount) {
		if slices.ContainsFunc(r.who, func(w receptionWho) bool { return w.is(p, s) }) && !oneOf(p.ID, barred...) {
			return p, true
		}
	}
	return Person{}, false
}

// comesTo is the amount that the ceilings of deputies limit, in the reception's currency: what is asked for, or to be paid. What
// a claim or a change comes to is known when its step is taken (see receptionStep.comesTo); before, it is nothing.
func (s *ReceptionState) comesTo(action ReceptionAction) int64 {
	switch {
	case action == ReceptionSubmit:
		return totalOf(s.Budget)
	case (action == ReceptionPay || action == ReceptionReturnClaim) && s.Claim != nil:
		return s.Claim.Total
	default:
		return 0
	}
}

// barred lists who may not take the action in whatever guise, in person, as a deputy or by one: the claimant does not
// check or pay their own claim, and who approved the reception does not pay.
func (r receptionRule) barred(s *ReceptionState) []string {
	if r.action != ReceptionPay && r.action != ReceptionReturnClaim || s.Claim == nil {
		return nil
	}
	return s.interested()
}

// interested lists those who may not have a hand in paying the claim.
func (s *ReceptionState) interested() []string {
	ids := append(slices.Clone(s.Approvers), s.Claim.By)
	if s.Claim.Deputy != "" {
		ids = append(ids, s.Claim.Deputy)
	}
	return ids
}

// CheckReception reports whether the actor may take the action on the reception now, and in whose place they act. Errors:
// process_closed when the reception is over; conflict when the state does not allow it, naming what is allowed; forbidden
// naming who may. The validator of the process and its handler both ask here, and so does AllowedActions.
func CheckReception(s *ReceptionState, action ReceptionAction, actor Actor, at time.Time) (Person, error) {
	return s.check(action, actor, at, s.comesTo(action))
}

// check is CheckReception for a command that comes to the amount.
func (s *ReceptionState) check(action ReceptionAction, actor Actor, at time.Time, amount int64) (Person, error) {
	i := slices.IndexFunc(receptionRules, func(r receptionRule) bool { return r.action == action })
	if i < 0 {
		return Person{}, errs.New(errs.NotFound, "reception.unknown_action", "action", string(action))
	}
	if s.Over(at) {
		return Person{}, errs.New(errs.ProcessClosed, "reception.over", "number", s.Number, "state", string(s.Status))
	}
	r := receptionRules[i]
	if !r.legal(s) {
		return Person{}, errs.New(errs.Conflict, "reception.state", "action", string(action), "state", string(s.Status), "allowed", s.legalActions())
	}
	p, ok := r.permitted(s, actor, amount)
	if !ok {
		who := make([]string, len(r.who))
		for i, w := range r.who {
			who[i] = string(w)
		}
		return Person{}, errs.New(errs.Forbidden, "forbidden.reception", "action", string(action), "who", strings.Join(who, ", "))
	}
	return p, nil
}

// AllowedActions lists what the actor may do with the reception at the given instant.
func (s *ReceptionState) AllowedActions(actor Actor, at time.Time) []ReceptionAction {
	allowed := []ReceptionAction{}
	if s.Over(at) {
		return allowed
	}
	for _, r := range receptionRules {
		if !r.legal(s) {
			continue
		}
		if _, ok := r.permitted(s, actor, s.comesTo(r.action)); ok {
			allowed = append(allowed, r.action)
		}
	}
	return allowed
}

func (s *ReceptionState) legalActions() string {
	var names []string
	for _, r := range receptionRules {
		if r.legal(s) {
			names = append(names, string(r.action))
		}
	}
	return strings.Join(names, ", ")
}

// Involved lists the people of ours who have a part in the reception, each once, in a fixed order: they may see it.
func (s *ReceptionState) Involved() []string {
	ids := []string{s.RequesterID, s.ReceptionistID, s.AccountManagerID}
	ids = append(ids, s.Hosts...)
	for _, a := range s.Activities {
		ids = append(ids, a.OwnerID)
	}
	for _, c := range s.Checklist {
		ids = append(ids, c.OwnerID)
	}
	for _, n := range s.Needs {
		ids = append(ids, n.OwnerID)
	}
	var people []string
	for _, id := range ids {
		if id != "" && !slices.Contains(people, id) {
			people = append(people, id)
		}
	}
	return people
}

// NextCheckpoint returns when the clock must look at the reception again, nil when never: the earliest of the warning of
// a late approval, the warnings and due times of the check-list, the reminder to settle, and the end of claims.
func (s *ReceptionState) NextCheckpoint() *time.Time {
	var next *time.Time
	consider := func(t *time.Time) {
		if t != nil && (next == nil || t.Before(*next)) {
			next = t
		}
	}
	switch s.Status {
	case ReceptionInApproval:
		consider(s.WarnAt)
	case ReceptionCancelled:
		if s.Claim == nil {
			consider(s.ClaimUntil)
		}
	case ReceptionCompleted, ReceptionSettling:
		consider(s.SettleBy)
	}
	if s.preparing() {
		for i := range s.Checklist {
			consider(s.Checklist[i].next())
		}
	}
	return next
}

// preparing reports whether the check-list counts: from the approval until the visit starts, and while a change is decided.
func (s *ReceptionState) preparing() bool {
	return slices.Contains(ready, s.Status) || s.Back != "" && (s.Status == ReceptionInApproval || s.Status == ReceptionDraft)
}

func (c *ChecklistEntry) next() *time.Time {
	switch {
	case c.DoneAt != nil || c.Late:
		return nil
	case c.Warned:
		return &c.DueAt
	default:
		return &c.WarnAt
	}
}
