package approval

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// decide records what the participant says, or who acts for them.
func (t *turn) decide(p *Participant, d Decision, comment string) {
	p.Decision, p.DecidedBy, p.DecidedAt, p.Comment = d, t.actor, instant(t.at), comment
	p.Under = nil
	if t.here.standby != nil {
		p.Under = slices.Clone(t.here.standby.Rules)
	}
	t.here.visit.Acted = true
	kind := map[Decision]string{DecisionApproved: EventApproved, DecisionRejected: EventRejected, DecisionReturned: EventReturned}[d]
	if p.advises() {
		t.event(Event{Type: EventOpinion, Comment: comment, Args: map[string]string{"opinion": string(d)}})
		return
	}
	t.event(Event{Type: kind, Comment: comment})
}

// sendBack returns the request to its requester or to an earlier step.
func (t *turn) sendBack(cmd Command) error {
	v := t.here.visit
	if !slices.Contains(t.s.returnable(v), cmd.To) {
		return errs.New(CodeUnknownStep, "approval.unknown_step", "step", cmd.To, "known", joined(t.s.returnable(v)))
	}
	resume := t.chain.def.Rules.AfterReturn
	switch {
	case resume == AfterChoose && (cmd.Resume == AfterResume || cmd.Resume == AfterWalkAgain):
		resume = cmd.Resume
	case resume == AfterChoose && cmd.Resume == "":
		resume = AfterWalkAgain
	case cmd.Resume != "" && cmd.Resume != resume:
		return errs.NewInvalid(errs.Field{Field: "resume", Code: "oneof", Args: errs.Args("values", t.choices())})
	}
	t.decide(t.here.participant, DecisionReturned, cmd.Comment)
	t.fx.Events[len(t.fx.Events)-1].Args = map[string]string{"to": cmd.To, "then": resume}
	t.back(v, cmd.To, resume)
	return nil
}

func (t *turn) choices() string {
	if rule := t.chain.def.Rules.AfterReturn; rule != AfterChoose {
		return rule
	}
	return joined([]string{AfterResume, AfterWalkAgain})
}

// back makes the visit void, opens the target, and remembers where to go on. Walking again makes void whatever was decided
// from the target on; resuming lets the decisions between the target and the returner stand.
func (t *turn) back(v *Visit, to, then string) {
	t.s.Returns++
	from := v.Position
	target := -1
	if to != StepRequester {
		target = slices.Index(t.s.Path, to)
	}
	v.close(VisitVoid, t.at)
	t.here = place{}
	for i := range t.s.Visits {
		old := &t.s.Visits[i]
		if then == AfterWalkAgain && old.Position > target || old.Position == target {
			old.State = VisitVoid
		}
	}
	var next *int
	if then == AfterResume {
		next = &from
	}
	if target >= 0 {
		t.open(target, 0, next)
		return
	}
	requester := found{user: t.s.Request.Requester, weight: 1, why: t.finder().reason(ruleRequester, nil)}
	t.visit(Visit{Step: StepRequester, Position: -1, Mode: ModeAny, Next: next}, []found{requester})
}

// resubmit sends the request on. Other facts are another request: its path is selected anew and every step asked again; so
// are the steps in which somebody had a say who has a stake by now.
func (t *turn) resubmit(cmd Command) error {
	req := t.s.Request
	if cmd.Facts != nil {
		req.Facts = *cmd.Facts
	}
	if cmd.Choices != nil {
		req.Choices = cmd.Choices
	}
	if len(cmd.Interested) > 0 {
		req.Interested = req.with(req.Requester, cmd.Interested)
	}
	req, path, branch, err := t.chain.prepare(req, &t.env.Org)
	if err != nil {
		return err
	}
	v := t.s.Active()
	p := &v.Participants[0]
	p.Decision, p.DecidedBy, p.DecidedAt, p.Comment = DecisionApproved, t.actor, instant(t.at), cmd.Comment
	v.close(VisitPassed, t.at)
	changed := !req.Facts.equal(t.s.Request.Facts)
	t.event(Event{Type: EventResubmitted, Comment: cmd.Comment, Args: map[string]string{"facts_changed": strconv.FormatBool(changed)}})
	t.s.Request, t.s.Path, t.s.Branch = req, path, branch
	first, next := t.recuse(), 0
	if v.Next != nil && !changed {
		next = *v.Next
	}
	switch {
	case changed:
		t.voidFrom(0)
	case first >= 0:
		t.voidFrom(first)
		next = min(next, first)
	}
	t.walk(next, 0)
	return nil
}

// voidFrom makes every visit of the path from the position on void.
func (t *turn) voidFrom(position int) {
	for i := range t.s.Visits {
		if t.s.Visits[i].Position >= position {
			t.s.Visits[i].State = VisitVoid
		}
	}
}

// transfer gives the place to somebody else, who keeps the due time.
func (t *turn) transfer(cmd Command) error {
	p := t.here.participant
	if err := t.welcome("to_id", cmd.ToID, p); err != nil {
		return err
	}
	t.event(Event{Type: EventTransferred, UserIDs: []string{cmd.ToID}, Comment: cmd.Comment})
	t.here.visit.Acted = true
	t.give(p, cmd.ToID, ruleTransferred, "by", t.actor, "from", p.UserID)
	return nil
}

// give hands the place of p to the user as a new turn.
func (t *turn) give(p *Participant, to, rule string, pairs ...string) {
	why := t.finder().reason(rule, nil, pairs...)
	p.UserID, p.ReplacedBy, p.Standbys = to, &why, nil
	p.Turn++
}

// delegate asks somebody else for an opinion; then it is the participant's turn again.
func (t *turn) delegate(cmd Command) error {
	if err := t.welcome("to_id", cmd.ToID, t.here.participant); err != nil {
		return err
	}
	if err := t.room(1); err != nil {
		return err
	}
	t.event(Event{Type: EventDelegated, UserIDs: []string{cmd.ToID}, Comment: cmd.Comment})
	t.add(cmd.ToID, Opinion, ruleDelegated)
	return nil
}

// addSign adds people before, after or beside the participant.
func (t *turn) addSign(cmd Command) error {
	if !slices.Contains([]Position{Before, After, Parallel}, cmd.Position) {
		return errs.NewInvalid(errs.Field{Field: "position", Code: "oneof", Args: errs.Args("values", "before, after, parallel")})
	}
	switch {
	case len(cmd.UserIDs) == 0:
		return errs.NewInvalid(errs.Field{Field: "user_ids", Code: "required"})
	case len(cmd.UserIDs) > maxAdded:
		return errs.NewInvalid(errs.Field{Field: "user_ids", Code: "too_many", Args: errs.Args("max", strconv.Itoa(maxAdded))})
	}
	for i, id := range cmd.UserIDs {
		if err := t.welcome(fmt.Sprintf("user_ids[%d]", i), id, t.here.participant); err != nil {
			return err
		}
		if slices.Contains(cmd.UserIDs[:i], id) {
			return errs.New(CodeAlreadySigner, "approval.already_signer", "user", id)
		}
	}
	if err := t.room(len(cmd.UserIDs)); err != nil {
		return err
	}
	t.event(Event{Type: EventSignersAdded, UserIDs: cmd.UserIDs, Comment: cmd.Comment, Args: map[string]string{"position": string(cmd.Position)}})
	beside := t.here.participant.ID
	for _, id := range cmd.UserIDs {
		t.here.participant = t.here.visit.participant(beside) // adding may have moved it
		t.add(id, cmd.Position, ruleAdded)
	}
	return nil
}

// room keeps a visit, and with it the state, from growing without end.
func (t *turn) room(more int) error {
	if len(t.here.visit.Participants)+more > maxParticipants {
		return errs.NewInvalid(errs.Field{Field: "user_ids", Code: "too_many", Args: errs.Args("max", strconv.Itoa(maxParticipants))})
	}
	return nil
}

// add puts a new participant beside the one on whose behalf the actor acts.
func (t *turn) add(user string, where Position, rule string) {
	v, beside := t.here.visit, t.here.participant
	p := Participant{
		ID: t.newID(), UserID: user, Parent: beside.ID, Position: where, AddedBy: t.actor,
		Why: t.finder().reason(rule, nil, "by", t.actor, "position", string(where)),
	}
	if where == Parallel { // equal to the participant: a seat of its own, or the same place beside the same person
		p.Parent, p.Position, p.Rank, p.Weight = beside.Parent, beside.Position, beside.Rank, min(beside.Weight, 1)
	}
	v.Acted = true
	v.Participants = append(v.Participants, p)
}

// welcome refuses people who may not be given a place in the visit beside p.
func (t *turn) welcome(field, user string, p *Participant) error {
	v := t.here.visit
	person, known := t.env.Org.People[user]
	switch {
	case user == "":
		return errs.NewInvalid(errs.Field{Field: field, Code: "required"})
	case user == t.actor || user == p.UserID:
		return errs.New(CodeToSelf, "approval.to_self")
	case t.s.interested(user):
		return errs.New(CodeSelfApproval, "approval.self_approval")
	case !known:
		return errs.NewInvalid(errs.Field{Field: field, Code: "unknown"})
	case !person.Active:
		return errs.NewInvalid(errs.Field{Field: field, Code: "inactive"})
	}
	for above := p; above.Parent != 0; {
		if above = v.participant(above.Parent); above.UserID == user {
			return errs.New(CodeCycle, "approval.cycle", "user", user) // they wait for p
		}
	}
	if v.acting(user) {
		return errs.New(CodeAlreadySigner, "approval.already_signer", "user", user)
	}
	return nil
}

// removeSign takes out somebody whom the actor has added, with everybody whom they have added in turn.
func (t *turn) removeSign(cmd Command) error {
	v := t.s.Active()
	if cmd.UserID == "" {
		return errs.NewInvalid(errs.Field{Field: "user_id", Code: "required"})
	}
	i := slices.IndexFunc(v.Participants, func(p Participant) bool {
		return p.live() && p.UserID == cmd.UserID && p.AddedBy == t.actor
	})
	switch {
	case i < 0:
		return errs.New(CodeNotAddedByYou, "approval.not_added_by_you")
	case !v.Participants[i].pending():
		return errs.New(CodeAlreadyDecided, "approval.already_decided", "step", v.Step)
	}
	t.event(Event{Type: EventSignerGone, UserIDs: []string{cmd.UserID}, Comment: cmd.Comment, Step: v.Step, Visit: v.ID})
	v.Acted = true
	v.remove(&v.Participants[i], "removed by "+t.actor)
	return nil
}

// remove takes p out of the visit with everybody who was added beside them.
func (v *Visit) remove(p *Participant, why string) {
	for i := range v.Participants {
		if q := &v.Participants[i]; q.ID == p.ID || v.under(q, p) {
			if q.live() {
				q.Removed = why
			}
		}
	}
}

// takeBack undoes a decision; a step that had passed by it is active again, and what had opened since is void.
func (t *turn) takeBack(cmd Command) {
	undo, _ := t.s.decisionOf(t.actor) // may has found it
	v := &t.s.Visits[undo.visit]
	if v.State == VisitPassed {
		for i := range t.s.Visits {
			if later := &t.s.Visits[i]; later.OpenedBy == v.ID && later.State != VisitVoid {
				later.close(VisitVoid, t.at)
			}
		}
		v.State, v.ClosedAt = VisitActive, nil
	}
	p := &v.Participants[undo.participant]
	p.Decision, p.DecidedBy, p.DecidedAt, p.Comment, p.Under = "", "", nil, "", nil
	t.event(Event{Type: EventTakenBack, OnBehalfOf: behalf(p, t.actor), Step: v.Step, Visit: v.ID, Comment: cmd.Comment})
}

func behalf(p *Participant, actor string) string {
	if p.UserID == actor {
		return ""
	}
	return p.UserID
}

func (t *turn) urge() {
	v := t.s.Active()
	v.UrgedAt = instant(t.at)
	t.event(Event{Type: EventUrged, Step: v.Step, Visit: v.ID})
	t.notify(NoticeUrged, v.Step, v.askedUsers(t), map[string]string{"by": t.actor})
}

// askedUsers lists who can act in the visit now, each once.
func (v *Visit) askedUsers(t *turn) []string {
	var users []string
	for _, task := range t.s.OpenTasks() {
		if task.Visit == v.ID && !slices.Contains(users, task.UserID) {
			users = append(users, task.UserID)
		}
	}
	return users
}

// copyTo gives people a read-only copy; those who are involved already are passed over.
func (t *turn) copyTo(cmd Command) error {
	var added []string
	switch {
	case len(cmd.UserIDs) == 0:
		return errs.NewInvalid(errs.Field{Field: "user_ids", Code: "required"})
	case len(cmd.UserIDs) > maxAdded || len(t.s.CC)+len(cmd.UserIDs) > maxParticipants:
		return errs.NewInvalid(errs.Field{Field: "user_ids", Code: "too_many", Args: errs.Args("max", strconv.Itoa(maxAdded))})
	}
	for i, id := range cmd.UserIDs {
		if !t.env.Org.People[id].Active {
			return errs.NewInvalid(errs.Field{Field: fmt.Sprintf("user_ids[%d]", i), Code: "unknown"})
		}
		if id != t.s.Request.Requester && !slices.Contains(t.s.CC, id) && !slices.Contains(added, id) {
			added = append(added, id)
		}
	}
	t.s.CC = append(t.s.CC, added...)
	t.event(Event{Type: EventCopied, UserIDs: added, Comment: cmd.Comment})
	t.notify(NoticeCopied, "", added, map[string]string{"by": t.actor})
	return nil
}
