package models

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/responsibility"
)

// TaskAnswerOpinion is the kind of the task to answer a client's opinion; MessageOpinionAnswered is the message that brings
// the client the answer and the company's commitment (D-09).
const (
	TaskAnswerOpinion      = "answer_opinion"
	MessageOpinionAnswered = "opinion_answered"
)

// The states of an opinion. One that is late is still owed an answer.
const (
	OpinionOpen     = "open"
	OpinionLate     = "late"
	OpinionAnswered = "answered"
)

// opine carries a client's opinion straight to the function outside the sales line (D-01, D-03): it answers, those who monitor
// and to whom is reported hear of it (D-04), and so do the departments concerned (D-09).
func (t *relationshipStep) opine(data json.RawMessage) error {
	c, err := dataOf[Opine](data)
	if err != nil {
		return err
	}
	var f relationshipFaults
	f.text("text", c.Text)
	for i, team := range c.Departments {
		if _, known := t.rules.Org.Teams[team]; !known {
			f.add(at("department_ids", i, ""), "unknown")
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	parts, err := t.who(responsibility.DirectFeedback)
	if err != nil {
		return err
	}
	s, owner := t.s, parts.FirstMonitor
	held := owner != ""
	if !held {
		owner = t.rules.Org.answers(t.superior(s.AccountManagerID))
	}
	o := OpinionState{ID: t.madeID(id.Opinion), OwnerID: owner, ByID: t.actor, DueAt: t.worked(t.rules.Cadence.Opinions.AnswerWithin)}
	s.Opinions = append(s.Opinions, o)
	t.Opinions = append(t.Opinions, &OpinionRow{
		ID: o.ID, ClientID: s.ID, ContactID: c.ContactID, Text: c.Text, Departments: c.Departments, ByID: o.ByID, At: t.at,
		OwnerID: owner, Monitors: parts.AllMonitors(), State: OpinionOpen, DueAt: o.DueAt,
	})
	about := []any{"id", o.ID, "owner_id", owner, "due_at", o.DueAt, "department_ids", c.Departments}
	if !held {
		about = append(about, "unheld", true) // nobody holds the post outside the line: the policy or the organisation lacks it
	}
	t.event("opinion_received", about...)
	t.task(TaskAnswerOpinion, o.ID, owner, &o.DueAt, "rule", ruleResponsibility)
	told := append(append(parts.AllMonitors(), reportsTo(parts, t.me.ID)...), owner)
	for _, team := range c.Departments {
		told = append(told, t.rules.Org.TeamSupervisor(team))
	}
	t.tell("opinion_received", told, "opinion_id", o.ID, "due_at", o.DueAt.Format(time.RFC3339))
	return nil
}

// answer answers an opinion: only who owns it may, and the client is told, with what the company commits itself to (D-09).
func (t *relationshipStep) answer(data json.RawMessage) error {
	c, err := dataOf[AnswerOpinion](data)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.s.Opinions, func(o OpinionState) bool { return o.ID == c.OpinionID })
	if i < 0 {
		return noSuch("opinion", c.OpinionID)
	}
	o := t.s.Opinions[i]
	if err := t.mustOwn(RelationshipAnswer, o.OwnerID); err != nil {
		return err
	}
	var f relationshipFaults
	f.text("answer", c.Answer)
	if c.Commitment != nil {
		t.checkPromise(&f, "commitment.", c.Commitment)
	}
	if err := f.err(); err != nil {
		return err
	}
	row := t.opinionRow(o.ID)
	row.State, row.Answer, row.AnsweredBy, row.AnsweredAt = OpinionAnswered, c.Answer, t.actor, &t.at
	message := map[string]string{"client": t.rules.Client.Name, "answer": c.Answer}
	if p := c.Commitment; p != nil {
		if len(t.s.Commitments) >= MaxOpenCommitments {
			return errs.New(errs.Conflict, "relationship.too_many", "what", "commitment", "max", strconv.Itoa(MaxOpenCommitments))
		}
		if p.SubjectID = o.ID; p.ContactID == "" {
			p.ContactID = row.ContactID
		}
		row.CommitmentID = t.promiseID(*p, t.actor)
		message["commitment"], message["due_at"] = p.Text, t.day(p.DueAt)
		if err := t.promise(*p, t.actor); err != nil {
			return err
		}
	}
	late := o.Late || t.past(&o.DueAt)
	if late {
		t.fact(health.OpinionLate, o.ID, 0) // what is late stays late
	} else {
		t.fact(health.OpinionAnswered, o.ID, 0)
	}
	t.s.Opinions = slices.Delete(t.s.Opinions, i, i+1)
	t.done(TaskDone, o.ID, TaskAnswerOpinion)
	t.event("opinion_answered", "id", o.ID, "late", late)
	t.tell("opinion_settled", []string{o.ByID, t.s.AccountManagerID}, "opinion_id", o.ID)
	t.Messages = append(t.Messages, ClientMessage{Kind: MessageOpinionAnswered, ContactID: row.ContactID, Data: message})
	return nil
}

func (s *RelationshipState) opinionDues() []Due {
	var dues []Due
	for _, o := range s.Opinions {
		dues = append(dues, once(DueOpinion, o.ID, o.OwnerID, o.DueAt, o.Late))
	}
	return dues
}

// opinionsFall tells of opinions that were not answered in time: once, and they are still owed.
func (t *relationshipStep) opinionsFall() error {
	return t.by(ruleCadence, func() error {
		for i := range t.s.Opinions {
			o := &t.s.Opinions[i]
			if o.Late || !t.past(&o.DueAt) {
				continue
			}
			o.Late = true
			row := t.opinionRow(o.ID)
			row.State = OpinionLate
			t.fact(health.OpinionLate, o.ID, 0)
			t.event("opinion_late", "id", o.ID, "owner_id", o.OwnerID)
			t.tellOf(o.ID, "opinion_late", append([]string{o.OwnerID, t.superior(o.OwnerID)}, row.Monitors...), "opinion_id", o.ID, "due_at", o.DueAt.Format(time.RFC3339))
		}
		return nil
	})
}
