package models

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// TaskFollowLead is the kind of the task to take the next general action on a lead or an opportunity (U-05).
const TaskFollowLead = "follow_lead"

// The outcomes of a lead or an opportunity.
const (
	LeadWon  = "won"
	LeadLost = "lost"
)

// rank is the place of a stage in their order; -1 for none.
func (l LeadStage) rank() int { return slices.Index(LeadStages(), l) }

// kind is that of what is at this stage: what is screened is an opportunity.
func (l LeadStage) kind() LeadKind {
	if l.rank() >= LeadScreening.rank() {
		return KindOpportunity
	}
	return KindLead
}

// stagesOf lists the stages of a kind in their order.
func stagesOf(kind LeadKind) []string {
	var stages []string
	for _, l := range LeadStages() {
		if l.kind() == kind {
			stages = append(stages, string(l))
		}
	}
	return stages
}

// openLead opens a lead or an opportunity (U-04, S-25). It is theirs who found it unless they say otherwise.
func (t *relationshipStep) openLead(data json.RawMessage) error {
	c, err := dataOf[OpenLead](data)
	if err != nil {
		return err
	}
	var f relationshipFaults
	f.oneOf("kind", string(c.Kind), []string{string(KindLead), string(KindOpportunity)})
	f.text("title", c.Title)
	if stages := stagesOf(c.Kind); stages != nil {
		if c.Stage == "" {
			c.Stage = LeadStage(stages[0])
		}
		f.oneOf("stage", string(c.Stage), stages)
	}
	if c.OwnerID == "" {
		c.OwnerID = t.actor
	}
	f.person("owner_id", c.OwnerID, t.rules.Org)
	if c.Amount != nil && *c.Amount < 0 {
		f.add("amount", "not_negative")
	}
	if c.Amount != nil && c.Currency == "" {
		c.Currency = t.rules.Client.Currency
	}
	if (c.Amount != nil || c.Currency != "") && !ValidCurrency(c.Currency) {
		f.add("currency", "currency")
	}
	if err := f.err(); err != nil {
		return err
	}
	l := LeadState{ID: t.madeID(id.Lead), Stage: c.Stage, OwnerID: c.OwnerID, ActedAt: t.at, Follow: t.followAfter(t.at)}
	t.s.Leads = append(t.s.Leads, l)
	t.Leads = append(t.Leads, &LeadRow{
		ID: l.ID, ClientID: t.s.ID, Kind: c.Kind, Title: c.Title, OwnerID: l.OwnerID, Stage: l.Stage, Amount: c.Amount, Currency: c.Currency,
		ActedAt: t.at, DueAt: l.Follow.DueAt, CreatedBy: t.actor, CreatedAt: t.at,
	})
	t.event("lead_opened", "id", l.ID, "kind", string(c.Kind), "stage", string(l.Stage), "owner_id", l.OwnerID)
	t.tell("lead_opened", []string{l.OwnerID}, "lead_id", l.ID)
	return nil
}

// followAfter is the obligation to take a general action on a lead after the latest one. The zero rule asks for none.
func (t *relationshipStep) followAfter(acted time.Time) Obligation {
	every := t.rules.Cadence.Leads.FollowUpEvery
	if every.IsZero() {
		return Obligation{}
	}
	return t.remindedBefore(*next(every, acted, t.at, t.zone()).DueAt)
}

// openLeadOf is the place of an open lead or opportunity.
func (t *relationshipStep) openLeadOf(leadID string) (int, error) {
	i := slices.IndexFunc(t.s.Leads, func(l LeadState) bool { return l.ID == leadID })
	if i < 0 {
		return 0, noSuch("lead", leadID)
	}
	return i, nil
}

// promoteLead takes a lead or an opportunity to a later stage, never to an earlier one (S-21).
func (t *relationshipStep) promoteLead(data json.RawMessage) error {
	c, err := dataOf[OfLead](data)
	if err != nil {
		return err
	}
	i, err := t.openLeadOf(c.LeadID)
	if err != nil {
		return err
	}
	l := &t.s.Leads[i]
	if err := t.mustOwn(RelationshipLeadStage, l.OwnerID); err != nil {
		return err
	}
	var f relationshipFaults
	if f.oneOf("stage", string(c.Stage), append(stagesOf(KindLead), stagesOf(KindOpportunity)...)); f.err() != nil {
		return f.err()
	}
	if c.Stage.rank() <= l.Stage.rank() {
		return errs.New(errs.Conflict, "relationship.stage_backwards", "from", string(l.Stage), "to", string(c.Stage))
	}
	from := l.Stage
	l.Stage = c.Stage
	row := t.leadRow(l.ID)
	row.Stage = c.Stage
	if c.Stage.kind() == KindOpportunity {
		row.Kind = KindOpportunity
	}
	t.event("lead_promoted", "id", l.ID, "from", string(from), "to", string(c.Stage), "kind", string(row.Kind))
	return nil
}

// actOnLead records a general action on a lead or an opportunity (U-05).
func (t *relationshipStep) actOnLead(data json.RawMessage) error {
	c, err := dataOf[OfLead](data)
	if err != nil {
		return err
	}
	i, err := t.openLeadOf(c.LeadID)
	if err != nil {
		return err
	}
	if err := t.mustOwn(RelationshipLeadAct, t.s.Leads[i].OwnerID); err != nil {
		return err
	}
	at := t.at
	var f relationshipFaults
	f.text("note", c.Note)
	if c.At != nil {
		at = c.At.UTC().Truncate(tick)
		f.recent("at", at, t.at)
	}
	if err := f.err(); err != nil {
		return err
	}
	t.noteInteraction(&InteractionRow{
		ID: t.madeID(id.Interaction), ClientID: t.s.ID, UserID: t.actor, LeadID: c.LeadID, Kind: InteractionAction, At: at,
		Summary: c.Note, CreatedAt: t.at,
	})
	t.acted(i, at)
	return nil
}

// acted counts a general action on a lead, whenever it was: the latest decides when the next one is due.
func (t *relationshipStep) acted(i int, at time.Time) {
	l := &t.s.Leads[i]
	if !at.After(l.ActedAt) {
		return
	}
	l.ActedAt = at
	row := t.leadRow(l.ID)
	row.ActedAt = at
	every := t.rules.Cadence.Leads.FollowUpEvery
	if due := every.After(at, t.zone()); l.Follow.DueAt != nil && !due.After(*l.Follow.DueAt) {
		return // it was before a time that was missed since: the next one is owed all the same
	}
	l.Follow = t.followAfter(at)
	row.DueAt = l.Follow.DueAt
	t.done(TaskDone, l.ID, TaskFollowLead)
}

// closeLead ends a lead or an opportunity, won or lost, with a note on why.
func (t *relationshipStep) closeLead(data json.RawMessage) error {
	c, err := dataOf[OfLead](data)
	if err != nil {
		return err
	}
	i, err := t.openLeadOf(c.LeadID)
	if err != nil {
		return err
	}
	l := t.s.Leads[i]
	if err := t.mustOwn(RelationshipLeadClose, l.OwnerID); err != nil {
		return err
	}
	var f relationshipFaults
	f.oneOf("outcome", c.Outcome, []string{LeadWon, LeadLost})
	f.text("note", c.Note)
	if err := f.err(); err != nil {
		return err
	}
	t.s.Leads = slices.Delete(t.s.Leads, i, i+1)
	row := t.leadRow(l.ID)
	row.Outcome, row.Note, row.ClosedAt, row.DueAt = c.Outcome, c.Note, &t.at, nil
	t.done(TaskDone, l.ID, TaskFollowLead)
	t.event("lead_closed", "id", l.ID, "outcome", c.Outcome)
	return nil
}

func (s *RelationshipState) leadDues() []Due {
	var dues []Due
	for _, l := range s.Leads {
		dues = append(dues, l.Follow.due(DueLead, l.ID, l.OwnerID)...)
	}
	return dues
}

// leadsFall asks for the next general action, and tells the owner when there was none in time. The superior learns of it by
// the weekly digest.
func (t *relationshipStep) leadsFall() error {
	return t.by(ruleCadence, func() error {
		for i := range t.s.Leads {
			l := &t.s.Leads[i]
			if t.past(l.Follow.DueAt) {
				due, missed := *l.Follow.DueAt, l.Follow.Missed+1
				l.Follow = t.followAfter(due)
				l.Follow.Missed = missed
				t.leadRow(l.ID).DueAt = l.Follow.DueAt
				t.event("lead_missed", "id", l.ID, "owner_id", l.OwnerID, "due_at", due, "missed", missed)
				t.tellOf(l.ID, "lead_missed", []string{l.OwnerID}, "lead_id", l.ID, "due_at", due.Format(time.RFC3339))
			}
			if t.past(l.Follow.RemindAt) {
				l.Follow.RemindAt = nil
				t.done(TaskCancelled, l.ID, TaskFollowLead) // of the time before
				t.task(TaskFollowLead, l.ID, l.OwnerID, l.Follow.DueAt, "rule", ruleCadence)
			}
		}
		return nil
	})
}
