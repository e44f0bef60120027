package approval

import (
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Allowed lists the verbs that the actor may use now, in the order of Verbs: exactly those that Apply accepts at the
// instant with suitable arguments. Nil when there are none.
func Allowed(s State, actor string, at time.Time) []Verb {
	var verbs []Verb
	for _, verb := range Verbs() {
		if s.may(verb, actor, at) == nil {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}

// Check answers whether the actor may use the verb at the instant, whatever its arguments; the error is the refusal. It is
// what a validator can know without the people and the policy.
func (s *State) Check(verb Verb, actor string, at time.Time) error { return s.may(verb, actor, at) }

// may answers whether the actor may use the verb at all, whatever the arguments; the error is the refusal.
func (s *State) may(verb Verb, actor string, at time.Time) error {
	if s.Outcome != "" {
		return over(s)
	}
	switch verb {
	case Tick, OrgChanged, HandOver:
		if actor != System {
			return errs.New(CodeNotParticipant, "approval.not_participant")
		}
		return nil
	case Withdraw, Resubmit:
		return s.mayAsRequester(verb, actor)
	case Urge:
		return s.mayUrge(actor, at)
	case CC, Comment:
		if !s.involved(actor) {
			return errs.New(CodeNotParticipant, "approval.not_participant")
		}
		return nil
	case RemoveSign:
		return s.mayRemoveSign(actor)
	case TakeBack:
		_, err := s.decisionOf(actor)
		return err
	case Approve, Reject, Return, Transfer, Delegate, AddSign:
		return s.mayAsParticipant(verb, actor, at)
	}
	return errs.New(CodeUnknownVerb, "approval.unknown_verb", "verb", string(verb))
}

func (s *State) mayAsParticipant(verb Verb, actor string, at time.Time) error {
	if s.interested(actor) {
		if verb == Approve || verb == Reject || verb == Return {
			return errs.New(CodeSelfApproval, "approval.self_approval")
		}
		return errs.New(CodeNotParticipant, "approval.not_participant")
	}
	here, err := s.placeOf(actor, at)
	if err != nil {
		return err
	}
	if here.participant.advises() && (verb == Return || verb == AddSign) {
		return errs.New(CodeNotParticipant, "approval.not_participant") // of the decision
	}
	if verb == Return {
		return s.mayReturn()
	}
	return nil
}

func (s *State) mayAsRequester(verb Verb, actor string) error {
	if actor != s.Request.Requester {
		return errs.New(CodeNotParticipant, "approval.not_participant")
	}
	if verb == Resubmit && s.Active().Step != StepRequester {
		return errs.New(CodeNotWithYou, "approval.not_with_requester", "step", s.Active().Step)
	}
	return nil
}

func (s *State) mayUrge(actor string, at time.Time) error {
	if actor != s.Request.Requester && !slices.Contains(s.CC, actor) {
		return errs.New(CodeNotParticipant, "approval.not_participant")
	}
	v := s.Active()
	if v.Step == StepRequester {
		return errs.New(CodeWithRequester, "approval.with_requester")
	}
	if v.UrgedAt != nil && at.Before(v.UrgedAt.Add(urgeEvery)) {
		return errs.New(CodeTooSoon, "approval.too_soon", "at", v.UrgedAt.Add(urgeEvery).Format(time.RFC3339))
	}
	return nil
}

// mayRemoveSign refuses by what has become of the people whom the actor added: in the active visit they have all decided,
// an earlier one is over, or there are none.
func (s *State) mayRemoveSign(actor string) error {
	v := s.Active()
	refusal := errs.New(CodeNotAddedByYou, "approval.not_added_by_you")
	if s.interested(actor) { // who was given the request since has no say in who signs it
		return refusal
	}
	for i := range s.Visits {
		for _, p := range s.Visits[i].Participants {
			if p.AddedBy == actor && p.live() && !p.advises() && s.Visits[i].ID != v.ID {
				refusal = errs.New(CodeStepPassed, "approval.step_passed", "step", s.Visits[i].Step)
			}
		}
	}
	for _, p := range v.Participants {
		switch {
		case p.AddedBy != actor || !p.live():
		case p.pending():
			return nil
		case !p.advises(): // an opinion is no signature
			refusal = errs.New(CodeAlreadyDecided, "approval.already_decided", "step", v.Step)
		}
	}
	return refusal
}

// taking is a decision that may be taken back.
type taking struct{ visit, participant int } // indexes

// decisionOf finds the decision that the actor may take back: one in the active visit from which nothing has followed, or
// the one in the visit before it, as long as nobody has acted since.
func (s *State) decisionOf(actor string) (taking, error) {
	current := slices.IndexFunc(s.Visits, func(v Visit) bool { return v.State == VisitActive })
	v := &s.Visits[current]
	if i := v.decisionBy(actor); i >= 0 {
		if v.followed(&v.Participants[i]) {
			return taking{}, errs.New(CodeNextStepActed, "approval.next_step_acted")
		}
		return taking{current, i}, nil
	}
	before := s.before(current)
	if before >= 0 && !v.Acted {
		if i := s.Visits[before].decisionBy(actor); i >= 0 && !s.Visits[before].followed(&s.Visits[before].Participants[i]) {
			return taking{before, i}, nil
		}
	}
	return taking{}, s.noDecisionOf(actor)
}

// before returns the index of the visit whose passing opened the visit at the index; -1 when there is none.
func (s *State) before(index int) int {
	id := s.Visits[index].OpenedBy
	return slices.IndexFunc(s.Visits, func(v Visit) bool { return id != 0 && v.ID == id && v.State == VisitPassed })
}

func (s *State) noDecisionOf(actor string) error {
	refusal := errs.New(CodeNothingToTake, "approval.nothing_to_take_back")
	for i := range s.Visits {
		v := &s.Visits[i]
		if v.Step == StepRequester || !v.settledBy(actor) {
			continue
		}
		if v.State != VisitVoid {
			return errs.New(CodeNextStepActed, "approval.next_step_acted")
		}
		refusal = errs.New(CodeStepPassed, "approval.step_passed", "step", v.Step)
	}
	return refusal
}

// settledBy reports whether the user has decided in the visit; advice is no decision.
func (v *Visit) settledBy(user string) bool {
	return slices.ContainsFunc(v.Participants, func(p Participant) bool { return p.live() && p.DecidedBy == user && !p.advises() })
}

// decisionBy returns the index of the participant for whom the user has decided; -1 when there is none.
func (v *Visit) decisionBy(user string) int {
	return slices.IndexFunc(v.Participants, func(p Participant) bool {
		return p.live() && p.DecidedBy == user && !p.advises() && (p.Decision == DecisionApproved || p.Decision == DecisionRejected)
	})
}

// followed reports whether somebody has decided because p had: whoever was added after p, whoever p was asked before, and
// in a sequence the next ones.
func (v *Visit) followed(p *Participant) bool {
	root := v.root(p)
	return slices.ContainsFunc(v.Participants, func(q Participant) bool {
		if !q.live() || q.Decision == "" || q.ID == p.ID {
			return false
		}
		switch {
		case v.under(&q, p):
			return v.belowAfter(&q, p)
		case v.under(p, &q):
			return !v.belowAfter(p, &q)
		default:
			return v.Mode == ModeSequence && v.root(&q).Rank > root.Rank
		}
	})
}

// belowAfter reports whether q belongs to somebody who was added after p.
func (v *Visit) belowAfter(q, p *Participant) bool {
	for q.Parent != 0 && q.ID != p.ID {
		parent := v.participant(q.Parent)
		if parent.ID == p.ID {
			return q.Position == After
		}
		q = parent
	}
	return false
}
