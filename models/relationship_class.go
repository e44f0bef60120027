package models

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// The kinds of tasks of classification.
const (
	TaskReviewClass = "review_class" // the class is to be reviewed: confirm it, or propose another (M-26)
	TaskReviseClass = "revise_class" // the proposal was returned: propose again, or give it up
)

// The outcomes of a proposal of a class, as its row tells them.
const (
	GradingPending   = "pending"
	GradingApproved  = "approved"
	GradingRejected  = "rejected"
	GradingWithdrawn = "withdrawn"
)

// ruleConfirmed lets a review end with the class that there is, without an approval.
const ruleConfirmed = "confirmed"

// mayPropose reports whether a class may be proposed: nothing waits for its approval, or it was returned and not given up.
func (s *RelationshipState) mayPropose() bool {
	return s.Proposal == nil || s.Proposal.Returned && !s.givenUp(s.Proposal.ApprovalID)
}

// givenUp reports whether the approval is ordered to be withdrawn.
func (s *RelationshipState) givenUp(approvalID string) bool {
	return slices.ContainsFunc(s.Orders, func(o ApprovalOrder) bool { return o.ID == approvalID && o.Verb == ApprovalWithdraw })
}

// appraise records criteria beside those on record.
func (t *relationshipStep) appraise(data json.RawMessage) error {
	c, err := dataOf[Appraise](data)
	if err != nil {
		return err
	}
	if len(c.Criteria) == 0 {
		return errs.NewInvalid(errs.Field{Field: "criteria", Code: "required"})
	}
	faults := slices.DeleteFunc(t.rules.Classification.CheckCriteria(c.Criteria), func(f errs.Field) bool { return f.Code == "required" })
	if len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	t.record(c.Criteria)
	t.event("appraised", "criteria", c.Criteria)
	return nil
}

// record keeps criteria. Those that the policy does not ask for any more go.
func (t *relationshipStep) record(c classification.Criteria) {
	t.s.Criteria = t.recorded(c)
	t.s.AppraisedAt = &t.at
}

// recorded are the criteria on record that the policy still asks for, with others in their place or beside them.
func (t *relationshipStep) recorded(with classification.Criteria) classification.Criteria {
	all := classification.Criteria{}
	for _, name := range t.rules.Classification.Criteria() {
		if value, known := t.s.Criteria[name]; known {
			all[name] = value
		}
	}
	maps.Copy(all, with)
	return all
}

// classify proposes a class and asks for its approval (M-10, M-13): the class changes with the approval, and not before. What
// was returned is proposed again to the same approval. To propose the class that the client has is how a review is confirmed:
// it is allowed while the review's task is open, needs nobody's approval, and stands in the history of the class as approved
// by who confirmed it.
func (t *relationshipStep) classify(data json.RawMessage) error {
	c, err := dataOf[Classify](data)
	if err != nil {
		return err
	}
	proposed := classification.Class(c.ProposedClass)
	all := t.known(c.Criteria)
	confirms := c.ProposedClass == t.s.Class && t.s.Proposal == nil && t.has(TaskReviewClass, t.s.ID)
	if faults := t.gradingFaults(c, all, confirms); len(faults) > 0 {
		return errs.NewInvalid(faults...)
	}
	if len(c.Criteria) > 0 {
		t.record(c.Criteria)
	}
	computed := t.rules.Classification.Propose(all, classification.Class(t.s.Class))
	row := t.proposalRow(c.ProposedClass)
	row.Class, row.Criteria, row.Score, row.Computed, row.Reason = c.ProposedClass, all, computed.Score, string(computed.Class), c.Reason
	row.PolicyVersion = t.rules.Classification.Version()
	if len(t.rules.Classification.Missing(all)) > 0 {
		row.Computed = ""
	}
	points := int64(computed.Score.Points / 100)
	if confirms {
		row.Outcome, row.DecidedBy, row.DecidedAt = GradingApproved, []string{t.me.ID}, &t.at
		t.s.Review.Missed = 0
		t.event("class_confirmed", "class", c.ProposedClass, "computed", row.Computed, "points", points, "rule", ruleConfirmed)
		t.done(TaskDone, t.s.ID, TaskReviewClass)
		return nil
	}
	verb, event := ApprovalStart, "class_proposed"
	if p := t.s.Proposal; p != nil {
		verb, event = ApprovalResubmit, "class_proposed_again"
	} else {
		row.ApprovalID = id.Derive(id.Approval, row.ID, string(ApproveClass))
		t.s.Proposal = &ClassProposal{ID: row.ID, ApprovalID: row.ApprovalID, RequesterID: t.me.ID}
	}
	p := t.s.Proposal
	p.Class, p.Version, p.Returned = c.ProposedClass, row.PolicyVersion, false
	t.done(TaskDone, t.s.ID, TaskReviseClass)
	t.event(event, "class", p.Class, "computed", row.Computed, "points", points, "approval_id", p.ApprovalID)
	t.ask(ApproveClass, t.rules.Classification.Chain(), t.s.ID, verb, p.ApprovalID, ApprovalFacts{
		Texts:   map[string]string{"client.class": t.s.Class, "classification.proposed": p.Class, "classification.computed": row.Computed},
		Numbers: map[string]int64{"classification.points": points},
		Flags: map[string]bool{
			"classification.departs": p.Class != row.Computed,
			"classification.raises":  proposed.Better(classification.Class(t.s.Class)),
		},
	})
	t.inNameOf(p.ApprovalID, p.RequesterID)
	return nil
}

// inNameOf lets an order stay that of who has asked first: an approval has one requester. Whoever acts in their place has a
// stake in it as well.
func (t *relationshipStep) inNameOf(approvalID, requesterID string) {
	i := slices.IndexFunc(t.s.Orders, func(o ApprovalOrder) bool { return o.ID == approvalID })
	if o := &t.s.Orders[i]; o.RequesterID != requesterID {
		o.Interested, o.RequesterID = append(o.Interested, o.RequesterID), requesterID
	}
}

// proposalRow is the row of the proposal that was returned, or else that of a new one.
func (t *relationshipStep) proposalRow(class string) *ClassificationRow {
	if t.s.Proposal != nil {
		return t.gradingRow(t.s.Proposal.ID)
	}
	row := &ClassificationRow{
		ID: t.newID(id.Grading, "class/"+class), ClientID: t.s.ID, FromClass: t.s.Class, RequestedBy: t.me.ID, RequestedAt: t.at, Outcome: GradingPending,
	}
	t.Classifications = append(t.Classifications, row)
	return row
}

// gradingFaults is what is wrong with a proposal. A criterion that nobody knows leaves the policy without a class of its own,
// not people without a proposal; but the gate opens to no reason (M-13), and judges by what is known.
func (t *relationshipStep) gradingFaults(c Classify, all classification.Criteria, confirms bool) []errs.Field {
	faults := slices.DeleteFunc(t.rules.Classification.CheckCriteria(all), func(f errs.Field) bool { return f.Code == "required" })
	faults = append(faults, t.rules.Classification.CheckManual(all, classification.Class(c.ProposedClass))...)
	if c.ProposedClass == t.s.Class && t.s.Stage != StageProspect && !confirms {
		faults = append(faults, errs.Field{Field: "proposed_class", Code: "same_class", Args: errs.Args("class", c.ProposedClass)})
	}
	f := relationshipFaults(faults)
	f.text("reason", c.Reason)
	return f
}

// has reports whether a task of the kind about something is open.
func (t *relationshipStep) has(kind, about string) bool {
	return slices.ContainsFunc(t.s.Tasks, func(o Task) bool { return o.Kind == kind && o.Why["about"] == about })
}

// unclassify takes the proposal back. It stays until its approval has answered; to take it back twice changes nothing.
func (t *relationshipStep) unclassify(data json.RawMessage) error {
	c, err := dataOf[Because](data)
	if err != nil {
		return err
	}
	if t.giveUp(t.s.Proposal.ApprovalID) {
		t.event("class_taken_back", "class", t.s.Proposal.Class, "reason", c.Reason)
		t.done(TaskCancelled, t.s.ID, TaskReviseClass)
	}
	return nil
}

// giveUp orders an approval to be withdrawn, in its requester's name, and reports whether it was not ordered before.
func (t *relationshipStep) giveUp(approvalID string) bool {
	i := slices.IndexFunc(t.s.Orders, func(o ApprovalOrder) bool { return o.ID == approvalID })
	if i < 0 || t.s.Orders[i].Verb == ApprovalWithdraw {
		return false
	}
	t.s.Orders[i].Verb, t.s.Orders[i].Seq = ApprovalWithdraw, t.s.Seq+1
	return true
}

// classDecided takes the answer of the approval: the class holds from this instant, or nothing changes.
func (t *relationshipStep) classDecided(d ApprovalDecided) error {
	p := t.s.Proposal
	if p == nil || p.ApprovalID != d.ApprovalID || p.Returned && d.Outcome == OutcomeReturned {
		return errs.New(errs.Conflict, "relationship.other_approval")
	}
	if d.Outcome == OutcomeReturned {
		p.Returned = true
		t.event("class_returned", "class", p.Class, "comment", d.Comment, "approval_id", p.ApprovalID)
		if !t.s.givenUp(p.ApprovalID) {
			reviser := t.reviser(p.RequesterID, t.s.AccountManagerID)
			t.task(TaskReviseClass, t.s.ID, reviser, nil, "rule", ruleApproval, "class", p.Class, "comment", d.Comment)
			t.tell("class_returned", []string{reviser}, "class", p.Class, "comment", d.Comment)
		}
		return nil
	}
	row := t.gradingRow(p.ID)
	row.DecidedBy, row.DecidedAt = deciders(d), &t.at
	t.s.Proposal = nil
	t.done(TaskCancelled, t.s.ID, TaskReviseClass)
	switch d.Outcome {
	case OutcomeApproved:
		row.Outcome = GradingApproved
		return t.grade(*p, row.DecidedBy)
	case OutcomeRejected:
		row.Outcome = GradingRejected
	case OutcomeWithdrawn:
		row.Outcome = GradingWithdrawn
	default:
		return errs.NewInvalid(errs.Field{Field: "outcome", Code: "oneof", Args: errs.Args("values", "approved, rejected, returned, withdrawn")})
	}
	t.event("class_"+row.Outcome, "class", p.Class, "comment", d.Comment, "approval_id", p.ApprovalID)
	t.tell("class_"+row.Outcome, []string{p.RequesterID}, "class", p.Class, "comment", d.Comment)
	return nil
}

// reviser is who revises what was returned: who asked for it, unless they may not any more; then its owner.
func (t *relationshipStep) reviser(requesterID, ownerID string) string {
	u := t.rules.Org.Users[requesterID]
	if ownerID == "" || requesterID == t.s.AccountManagerID || u.Active && May(u.Roles, PermRelationshipManage) {
		return requesterID
	}
	return ownerID
}

// deciders are the people who have decided: all who approved, or who else has answered.
func deciders(d ApprovalDecided) []string {
	by := []string{}
	if d.Outcome == OutcomeApproved {
		by = append(by, d.Approvers...)
	} else if d.ByID != "" {
		by = append(by, d.ByID)
	}
	return slices.DeleteFunc(by, func(u string) bool { return u == System })
}

// grade gives the client a class: what it asks of us from now on falls due anew.
func (t *relationshipStep) grade(p ClassProposal, by []string) error {
	s := t.s
	from := s.Class
	s.Class, s.ClassSince, s.ClassVersion, s.Review = p.Class, t.at, p.Version, Obligation{}
	if s.Stage == StageProspect {
		s.Stage = StageClassified
	}
	t.event("classified", "from", from, "to", p.Class, "by", by, "version", p.Version, "approval_id", p.ApprovalID)
	t.tell("class_changed", append(t.s.team(), s.AccountManagerID, p.RequesterID), "from", from, "class", p.Class)
	t.done(TaskDone, s.ID, TaskReviewClass)
	return t.by(ruleClassification, func() error {
		t.wantPlan()
		return t.retime()
	})
}

// team lists who holds a post for the client.
func (s *RelationshipState) team() []string { return slices.Sorted(maps.Values(s.Team)) }

// reviewEvery is how often the client's class is reviewed; zero: never.
func (t *relationshipStep) reviewEvery() calendar.Period {
	return t.rules.Classification.Contract(classification.Class(t.s.Class)).ReviewEvery
}

// retimeReview sets the first review of a class that is new. Later ones follow each other, whatever else is timed anew: none
// is ever lost.
func (t *relationshipStep) retimeReview() error {
	every := t.reviewEvery()
	switch {
	case every.IsZero():
		t.s.Review = Obligation{}
	case t.s.Review.DueAt == nil:
		due := every.After(t.s.ClassSince, t.zone())
		t.s.Review = Obligation{DueAt: &due}
	}
	return nil
}

// reviewFalls opens the review of the class (M-26), with a proposal from the facts of now. One that nobody has done when the
// next falls due was missed: the superior is told, and the new one takes its place.
func (t *relationshipStep) reviewFalls() error {
	due := t.s.Review.DueAt
	if due == nil || t.at.Before(*due) {
		return nil
	}
	every := t.reviewEvery()
	if every.IsZero() {
		t.s.Review = Obligation{}
		return nil
	}
	return t.by(ruleClassification, func() error {
		s := t.s
		missed := s.Review.Missed
		if t.has(TaskReviewClass, s.ID) {
			missed++
			t.done(TaskCancelled, s.ID, TaskReviewClass)
			t.event("review_missed", "missed", missed)
			t.tell("review_missed", []string{t.superior(s.AccountManagerID)}, "class", s.Class, "missed", strconv.Itoa(missed))
		}
		s.Review = next(every, *due, t.at, t.zone())
		s.Review.Missed = missed
		t.openReview()
		return nil
	})
}

// known are the criteria on record, with others beside them or in their place, and what the client's sales say.
func (t *relationshipStep) known(with classification.Criteria) classification.Criteria {
	return t.rules.Classification.With(t.recorded(with), t.rules.Client.Sales12m, t.rules.Client.Currency)
}

// openReview gives the account manager the task to review the class, and says what the policy would propose.
func (t *relationshipStep) openReview() {
	known := t.known(nil)
	missing := t.rules.Classification.Missing(known)
	p := t.rules.Classification.Propose(known, classification.Class(t.s.Class))
	if len(missing) > 0 {
		p.Class = "" // of what is not known, the policy makes no class
	}
	points := strconv.Itoa(p.Score.Points / 100)
	due := t.worked(t.rules.Cadence.Classification.ReviewWithin)
	t.event("review_due", "class", t.s.Class, "proposed", string(p.Class), "points", points, "missing", missing)
	t.task(TaskReviewClass, t.s.ID, t.s.AccountManagerID, &due,
		"rule", ruleClassification, "class", t.s.Class, "proposed", string(p.Class), "points", points, "missing", strings.Join(missing, ", "))
	t.tell("review_due", []string{t.s.AccountManagerID}, "class", t.s.Class, "proposed", string(p.Class), "points", points, "due_at", due.Format(time.RFC3339))
}

// worked is when a span of working time that begins now is over. Where the calendar has no working time it counts 24 hours a
// day, as cadence.RemindAt does.
func (t *relationshipStep) worked(s sla.Span) time.Time {
	if due, err := s.Due(t.at, sla.Working, t.rules.Calendar); err == nil {
		return due
	}
	return t.at.Add(time.Duration(s.Days)*24*time.Hour + s.Duration)
}

func (s *RelationshipState) reviewDues() []Due {
	return s.Review.due(DueReview, "", s.AccountManagerID)
}
