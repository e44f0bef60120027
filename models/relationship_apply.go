package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/responsibility"
)

// RelationshipRules is what a relationship is judged by at this moment. It lives for years, so each step follows the rules in
// force; what they have promised to somebody (a due time, an approval) is kept.
type RelationshipRules struct {
	Classification *classification.Policy
	Cadence        cadence.Policy
	Matrix         *responsibility.Policy
	Calendar       *calendar.Calendar // of the cadence policy
	Org            *Org
	Client         Client   // as its row is
	Open           OpenRows // of what is open at the client; it is never changed
	Left           OpenRows // of what is owed to clients that were merged into this one and have ended; it is never changed
}

// The rules by which a relationship decides.
const (
	ruleClassification = "classification_policy"
	ruleCadence        = "cadence_policy"
	ruleResponsibility = "responsibility_policy"
	ruleNews           = "news"
)

// relationshipStep builds one RelationshipStep.
type relationshipStep struct {
	frame
	RelationshipStep
	s     *RelationshipState
	me    Person // in whose right the command is given
	can   Actor  // who gives it
	rules RelationshipRules
}

// ApplyRelationship decides one step of a relationship: it returns the new state with everything to write, or the refusal.
// The given state is not changed. A refused command has no effect at all.
func ApplyRelationship(old *RelationshipState, e RelationshipEvent, at time.Time, r RelationshipRules) (RelationshipStep, error) {
	t := &relationshipStep{s: &RelationshipState{}, rules: r}
	if old != nil {
		t.s = old.clone()
	}
	t.frame = frameOf(at, t.s.UpdatedAt, &t.s.EventSeq)
	t.RequestID, t.TraceID = e.Meta.RequestID, e.Meta.TraceID
	if err := t.take(old, e); err != nil {
		return RelationshipStep{}, err
	}
	t.finish()
	return t.RelationshipStep, nil
}

// clone copies what steps change in place.
func (s *RelationshipState) clone() *RelationshipState {
	c := *s
	c.Posts, c.Team, c.Criteria, c.Levels, c.Spoken = maps.Clone(s.Posts), maps.Clone(s.Team), maps.Clone(s.Criteria), maps.Clone(s.Levels), maps.Clone(s.Spoken)
	c.Plans, c.Improvements = slices.Clone(s.Plans), slices.Clone(s.Improvements)
	for i := range c.Plans {
		c.Plans[i].Activities = slices.Clone(c.Plans[i].Activities)
	}
	for i := range c.Improvements {
		c.Improvements[i].Actions = slices.Clone(c.Improvements[i].Actions)
	}
	c.Commitments, c.Opinions, c.Leads = slices.Clone(s.Commitments), slices.Clone(s.Opinions), slices.Clone(s.Leads)
	c.Facts, c.Tasks, c.Orders = slices.Clone(s.Facts), slices.Clone(s.Tasks), slices.Clone(s.Orders)
	if s.Proposal != nil {
		p := *s.Proposal
		c.Proposal = &p
	}
	if s.HandOver != nil {
		h := *s.HandOver
		h.Items = slices.Clone(h.Items)
		c.HandOver = &h
	}
	return &c
}

// handlers of what people do, by action.
var relationshipHandlers = map[RelationshipAction]func(*relationshipStep, json.RawMessage) error{
	RelationshipAppraise: (*relationshipStep).appraise, RelationshipClassify: (*relationshipStep).classify, RelationshipUnclassify: (*relationshipStep).unclassify,
	RelationshipTeam: (*relationshipStep).assignPosts,
	RelationshipPlan: (*relationshipStep).draftPlan, RelationshipPlanRevise: (*relationshipStep).revisePlan, RelationshipPlanSubmit: (*relationshipStep).submitPlan,
	RelationshipPlanWithdraw: (*relationshipStep).withdrawPlan, RelationshipPlanDone: (*relationshipStep).activityDone,
	RelationshipPlanDrop: (*relationshipStep).activityDropped, RelationshipPlanClose: (*relationshipStep).closePlan,
	RelationshipAssess: (*relationshipStep).assess, RelationshipImprove: (*relationshipStep).improve, RelationshipImproved: (*relationshipStep).improved,
	RelationshipImproveStop: (*relationshipStep).stopImproving,
	RelationshipInteract:    (*relationshipStep).interact,
	RelationshipCommit:      (*relationshipStep).commit, RelationshipKeep: (*relationshipStep).keep, RelationshipRevoke: (*relationshipStep).revoke,
	RelationshipOpine: (*relationshipStep).opine, RelationshipAnswer: (*relationshipStep).answer,
	RelationshipLead: (*relationshipStep).openLead, RelationshipLeadStage: (*relationshipStep).promoteLead, RelationshipLeadAct: (*relationshipStep).actOnLead,
	RelationshipLeadClose: (*relationshipStep).closeLead,
	RelationshipHandOver:  (*relationshipStep).offerAccount, RelationshipAccept: (*relationshipStep).acceptAccount, RelationshipDecline: (*relationshipStep).declineAccount,
	RelationshipLose: (*relationshipStep).lose, RelationshipRegain: (*relationshipStep).regain,
}

// what the clock looks at, in this order.
var relationshipClock = []func(*relationshipStep) error{
	(*relationshipStep).reviewFalls, (*relationshipStep).plansFall, (*relationshipStep).assessmentFalls, (*relationshipStep).improvementsFall,
	(*relationshipStep).contactFalls, (*relationshipStep).commitmentsFall, (*relationshipStep).opinionsFall, (*relationshipStep).leadsFall,
	(*relationshipStep).rotationFalls,
}

func (t *relationshipStep) take(old *RelationshipState, e RelationshipEvent) error {
	switch {
	case e.Action == RelationshipBegin && old != nil:
		return errs.New(errs.Conflict, "relationship.exists")
	case e.Action == RelationshipBegin:
		return t.begin()
	case old == nil:
		return errs.New(errs.NotFound, "relationship.unknown")
	case t.s.Over():
		return errs.New(errs.ProcessClosed, "relationship.over", "state", string(t.s.Stage))
	}
	if into := t.rules.Client.MergedIntoID; into != nil && e.Action != RelationshipMerged { // nobody could tell, until now
		return t.gone(e, *into)
	}
	t.assignTeam() // people and rules may have changed since
	if e.Action != RelationshipMerged {
		if err := t.align(); err != nil { // the row may have changed since, too
			return err
		}
		t.inherit()
		if err := t.newlyAsked(); err != nil {
			return err
		}
	}
	switch e.Action {
	case RelationshipTick:
		return t.fall()
	case RelationshipDecide:
		return t.decide(e.Data)
	case RelationshipFact:
		return t.learn(e.Data)
	case RelationshipAlign:
		if len(t.events) == 0 {
			return errs.New(errs.Conflict, "relationship.aligned")
		}
		return nil
	case RelationshipLeft:
		return t.left(e.Data)
	case RelationshipMerged:
		return t.merged(e)
	}
	me, err := CheckRelationship(t.s, e.Action, e.Meta.Actor)
	if err != nil {
		return err
	}
	t.can = e.Meta.Actor
	t.actFor(me)
	return relationshipHandlers[e.Action](t, e.Data)
}

// actFor lets the actor act in the right of a person.
func (t *relationshipStep) actFor(me Person) {
	t.me, t.actor, t.behalf = me, t.can.ID, ""
	if me.ID != t.actor {
		t.behalf = me.ID
	}
}

// mustOwn lets the actor act on something that has an owner, in the right of the first person, of those in whose name they may,
// to whom the action's rule gives it.
func (t *relationshipStep) mustOwn(action RelationshipAction, ownerID string) error {
	return t.mustOwnUpTo(action, ownerID, 0)
}

// mustOwnUpTo is mustOwn for something that comes to an amount, up to which deputies may go.
func (t *relationshipStep) mustOwnUpTo(action RelationshipAction, ownerID string, amount int64) error {
	r, _ := ruleOf(action)
	me, ok := r.permittedOn(t.s, ownerID, t.can, amount)
	if !ok {
		return r.forbidden()
	}
	t.actFor(me)
	return nil
}

// fall lets everything happen that is due.
func (t *relationshipStep) fall() error {
	if t.s.Stage == StageLost {
		return nil
	}
	for _, look := range relationshipClock {
		if err := look(t); err != nil {
			return err
		}
	}
	return nil
}

// finish numbers the step and sets when the clock must look again.
func (t *relationshipStep) finish() {
	s := t.s
	s.Seq++
	s.UpdatedAt = t.at
	s.Handled = handle(s.Handled, t.RequestID)
	s.NextAt = s.NextCheckpoint()
	t.told()
	if status := s.Stage.ClientStatus(); status != t.rules.Client.Status || s.Class != t.rules.Client.Class || s.AccountManagerID != text(t.rules.Client.AccountManagerID) {
		t.Client = &ClientChange{Class: s.Class, Status: status, Version: t.rules.Client.Version}
		if s.AccountManagerID != "" {
			t.Client.AccountManagerID = &s.AccountManagerID
		}
	}
	t.State, t.Events, t.Notices, t.Tasks = *s, t.events, t.notices, t.tasks
}

// ClientStatus is what the client's row says of a relationship at this stage.
func (s Stage) ClientStatus() string {
	switch s {
	case StageActive, StageDormant, StageLost, StageMerged:
		return string(s)
	}
	return "prospect"
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// begin takes the client as its row is: with the class of its import, and from now on under the rules of that class.
func (t *relationshipStep) begin() error {
	c := t.rules.Client
	*t.s = RelationshipState{
		ID: c.ID, Stage: StageProspect, Class: c.Class, ClassSince: t.at, AccountManagerID: text(c.AccountManagerID), ManagerSince: t.at, CreatedAt: t.at,
	}
	switch c.Status {
	case "active", "dormant", "lost":
		t.s.Stage = Stage(c.Status)
	}
	t.assignTeam()
	t.event("begun", "class", c.Class, "stage", string(t.s.Stage))
	return t.by(ruleCadence, func() error { return t.retime() })
}

// retime sets the obligations that follow from the class anew. What was promised to somebody stays as it is.
func (t *relationshipStep) retime() error {
	for _, again := range []func(*relationshipStep) error{
		(*relationshipStep).retimeReview, (*relationshipStep).retimeAssessment, (*relationshipStep).retimeContact, (*relationshipStep).retimeRotation,
	} {
		if err := again(t); err != nil {
			return err
		}
	}
	return nil
}

// newlyAsked times what the policies of now ask for, and those before did not. What falls due already goes on in its rhythm.
func (t *relationshipStep) newlyAsked() error {
	s, class := t.s, t.class()
	if s.Stage == StageLost {
		return nil
	}
	for _, o := range []struct {
		asked bool
		time  func(*relationshipStep) error
	}{
		{s.Review.DueAt == nil && !t.reviewEvery().IsZero(), (*relationshipStep).retimeReview},
		{s.Assess.DueAt == nil && !class.AssessEvery.IsZero(), (*relationshipStep).retimeAssessment},
		{s.Contact.DueAt == nil && !class.ContactEvery.IsZero() || s.DormantAt == nil && !class.DormantAfter.IsZero(), (*relationshipStep).retimeContact},
		{s.Rotation.DueAt == nil, (*relationshipStep).retimeRotation},
	} {
		if !o.asked {
			continue
		}
		if err := t.by(ruleCadence, func() error { return o.time(t) }); err != nil {
			return err
		}
	}
	for i := range s.Leads {
		if l := &s.Leads[i]; l.Follow.DueAt == nil && !t.rules.Cadence.Leads.FollowUpEvery.IsZero() {
			l.Follow = t.followAfter(l.ActedAt)
			t.leadRow(l.ID).DueAt = l.Follow.DueAt
		}
	}
	return nil
}

// assignTeam finds who holds the posts for the client.
func (t *relationshipStep) assignTeam() {
	t.s.Team = t.rules.Matrix.Holders(t.s.Posts, t.rules.Org.ForClient(t.s.AccountManagerID))
}

// who assigns an item of the responsibility matrix.
func (t *relationshipStep) who(item string) (responsibility.Assignment, error) {
	return t.rules.who(t.s, item)
}

// who is who has which part in the item for the client.
func (r RelationshipRules) who(s *RelationshipState, item string) (responsibility.Assignment, error) {
	return r.Matrix.Assign(item, s.Posts, r.Org.ForClient(s.AccountManagerID))
}

// class are the rules of cadence for the client's class.
func (t *relationshipStep) class() cadence.ClassRules { return t.rules.Cadence.Rules(t.s.Class) }

func (t *relationshipStep) zone() *time.Location { return t.rules.Calendar.Location() }

// fact keeps a fact for the health of the relationship; the latest of an id counts.
func (t *relationshipStep) fact(kind health.Kind, factID string, value int) {
	t.keepFact(health.Fact{ID: factID, Kind: kind, At: t.at, Seq: t.s.Seq + 1, Value: value})
}

func (t *relationshipStep) keepFact(f health.Fact) { t.s.Facts = health.Merge(t.s.Facts, f, KeptFacts) }

// task gives somebody a task about something of this client. One of the same kind about the same thing is given once; of a lost
// client nobody can do anything, and the task is given when the client is regained.
func (t *relationshipStep) task(kind, about, userID string, due *time.Time, why ...string) {
	if userID = t.rules.Org.answers(userID); userID == "" || t.s.Stage == StageLost {
		return
	}
	if slices.ContainsFunc(t.s.Tasks, func(o Task) bool { return o.Kind == kind && o.UserID == userID && o.Why["about"] == about }) {
		return
	}
	again := fmt.Sprintf("%s/%d", about, t.s.Seq+1) // what comes again in a year is another task
	t.s.Tasks = append(t.s.Tasks, t.open(again, kind, userID, due, append([]string{"about", about}, why...)...))
}

// done ends the tasks of a kind about something.
func (t *relationshipStep) done(state TaskState, about string, kinds ...string) {
	t.s.Tasks, t.tasks = settled(t.s.Tasks, t.tasks, Task{State: state, DoneBy: t.actor, DoneAt: &t.at}, func(task Task) bool {
		return task.Why["about"] == about && (len(kinds) == 0 || slices.Contains(kinds, task.Kind))
	})
}

// newID is the id of what this step makes: the same when the step is taken again.
func (t *relationshipStep) newID(prefix, what string) string {
	return id.DeriveAt(prefix, t.s.ID, fmt.Sprintf("%d/%s", t.s.Seq+1, what), t.at)
}

// madeID is the id of what a person's command makes, one of its kind: it carries the UUID of the command, by which whoever gave
// it finds what came of it.
func (t *relationshipStep) madeID(prefix string) string {
	if _, suffix, ok := strings.Cut(t.RequestID, "_"); ok && id.Valid(prefix, prefix+"_"+suffix) {
		return prefix + "_" + suffix
	}
	return t.newID(prefix, prefix)
}

// superior is who is told beside a person: the nearest active one above them.
func (t *relationshipStep) superior(userID string) string { return t.rules.Org.Supervisor(userID) }

// tell tells people something in the product and by e-mail.
func (t *relationshipStep) tell(kind string, users []string, pairs ...string) {
	t.notify(t.s.Seq+1, kind, users, append([]string{"client", t.rules.Client.Name}, pairs...)...)
}

// ask orders an approval and returns its id. Who acts in the requester's place has a stake in it like the requester.
func (t *relationshipStep) ask(purpose ApprovalPurpose, chain, subjectID string, verb ApprovalVerb, approvalID string, facts ApprovalFacts) {
	o := ApprovalOrder{
		Verb: verb, Seq: t.s.Seq + 1, ID: approvalID, Purpose: purpose, Chain: chain, SubjectID: subjectID,
		RequesterID: t.me.ID, Facts: facts,
	}
	if t.actor != t.me.ID && t.actor != System {
		o.Interested = []string{t.actor}
	}
	t.s.Orders = append(slices.DeleteFunc(t.s.Orders, func(other ApprovalOrder) bool { return other.ID == approvalID }), o)
}

// decide takes what an approval answers. One that was never asked, or has answered before, changes nothing.
func (t *relationshipStep) decide(data json.RawMessage) error {
	d, err := dataOf[ApprovalDecided](data)
	if err != nil {
		return err
	}
	asked := slices.IndexFunc(t.s.Orders, func(o ApprovalOrder) bool { return o.ID == d.ApprovalID })
	if asked < 0 {
		return errs.New(errs.Conflict, "relationship.other_approval")
	}
	purpose := t.s.Orders[asked].Purpose
	if d.Outcome != OutcomeReturned {
		t.s.Orders = slices.Delete(t.s.Orders, asked, asked+1)
	}
	if d.ByID != "" && d.ByID != System {
		t.actor = d.ByID
	}
	if purpose == ApprovePlan {
		return t.planDecided(d)
	}
	return t.classDecided(d)
}

// What a relationship asks an approval for.
const (
	ApproveClass ApprovalPurpose = "classification"
	ApprovePlan  ApprovalPurpose = "plan"
)

// RelationshipBegins is the event that begins the process of a client; taken again, it has no effect.
func RelationshipBegins(clientID string) RelationshipEvent {
	return RelationshipEvent{Meta: Meta{RequestID: id.Derive(id.Request, clientID, string(RelationshipBegin))}, Action: RelationshipBegin}
}

// RelationshipDecidedBy is what a relationship is told of its approval: an outcome that is told twice counts once.
func RelationshipDecidedBy(d ApprovalDecided) RelationshipEvent {
	return RelationshipEvent{Meta: Meta{RequestID: fmt.Sprintf("approval:%s:%d", d.ApprovalID, d.Seq)}, Action: RelationshipDecide, Data: raw(d)}
}

// RelationshipToldBy is the event of what another process tells.
func RelationshipToldBy(n ClientNews) RelationshipEvent {
	return RelationshipEvent{Action: RelationshipFact, Data: raw(n)}
}

// learn takes what another process tells. What is known already, or was overtaken by something later, changes nothing.
func (t *relationshipStep) learn(data json.RawMessage) error {
	news, err := dataOf[ClientNews](data)
	if err != nil {
		return err
	}
	return t.by(ruleNews, func() error {
		for _, f := range news.Facts {
			before := t.s.Facts
			t.keepFact(health.Fact{ID: f.ID, Kind: f.Kind, At: f.At.UTC(), Seq: f.Seq})
			if slices.Equal(before, t.s.Facts) {
				continue
			}
			t.event("learned", "kind", string(f.Kind), "id", f.ID)
			if f.Contact {
				if err := t.met(f); err != nil {
					return err
				}
			}
			if f.Commitment != nil {
				if err := t.promise(*f.Commitment, System); err != nil {
					return err
				}
			}
		}
		if len(t.events) == 0 {
			return errs.New(errs.Conflict, "relationship.known_fact")
		}
		return nil
	})
}

func (t *relationshipStep) gradingRow(id string) *ClassificationRow {
	return edited(&t.Classifications, t.rules.Open.Classifications, id, func(r *ClassificationRow) string { return r.ID })
}

func (t *relationshipStep) planRow(id string) *PlanRow {
	return edited(&t.Plans, t.rules.Open.Plans, id, func(r *PlanRow) string { return r.ID })
}

func (t *relationshipStep) improvementRow(id string) *ImprovementRow {
	return edited(&t.Improvements, t.rules.Open.Improvements, id, func(r *ImprovementRow) string { return r.ID })
}

func (t *relationshipStep) commitmentRow(id string) *CommitmentRow {
	return edited(&t.Commitments, t.rules.Open.Commitments, id, func(r *CommitmentRow) string { return r.ID })
}

func (t *relationshipStep) opinionRow(id string) *OpinionRow {
	return edited(&t.Opinions, t.rules.Open.Opinions, id, func(r *OpinionRow) string { return r.ID })
}

func (t *relationshipStep) leadRow(id string) *LeadRow {
	return edited(&t.Leads, t.rules.Open.Leads, id, func(r *LeadRow) string { return r.ID })
}
