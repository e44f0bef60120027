package models

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
)

// TaskKeepCommitment is the kind of the task to keep a promise to the client.
const TaskKeepCommitment = "keep_commitment"

// The states of a commitment. One that is broken is still owed.
const (
	CommitmentOpen     = "open"
	CommitmentBroken   = "broken"
	CommitmentKept     = "kept"
	CommitmentKeptLate = "kept_late"
	CommitmentRevoked  = "revoked"
)

// commit registers a promise that somebody has made to the client (M-74).
func (t *relationshipStep) commit(data json.RawMessage) error {
	c, err := dataOf[Commit](data)
	if err != nil {
		return err
	}
	var f relationshipFaults
	t.checkPromise(&f, "", &c)
	if err := f.err(); err != nil {
		return err
	}
	return t.promise(c, t.actor)
}

// checkPromise reports what is wrong with a promise of people. It is theirs who make it unless they say otherwise.
func (t *relationshipStep) checkPromise(f *relationshipFaults, path string, c *Commit) {
	if c.OwnerID == "" {
		c.OwnerID = t.actor
	}
	f.text(path+"text", c.Text)
	f.future(path+"due_at", c.DueAt, t.at)
	f.person(path+"owner_id", c.OwnerID, t.rules.Org)
}

// promiseID is the id of a promise. What another process tells twice is one promise.
func (t *relationshipStep) promiseID(c Commit, by string) string {
	if by != System {
		return t.madeID(id.Commitment)
	}
	return id.Derive(id.Commitment, t.s.ID, fmt.Sprintf("%s/%d/%s", c.SubjectID, c.DueAt.Unix(), c.Text))
}

// promise keeps a promise to the client: somebody owes it from now on. One that a process has made is never lost: not when it
// has no owner here, nor when there are too many or its time has passed.
func (t *relationshipStep) promise(c Commit, by string) error {
	s, promiseID := t.s, t.promiseID(c, by)
	known := slices.ContainsFunc(s.Commitments, func(o CommitmentState) bool { return o.ID == promiseID }) ||
		slices.ContainsFunc(s.Facts, func(f health.Fact) bool { return f.ID == promiseID })
	if known {
		return nil
	}
	owner := t.rules.Org.active(c.OwnerID)
	if owner == "" {
		owner = t.rules.Org.answers(s.AccountManagerID)
	}
	o := CommitmentState{ID: promiseID, OwnerID: owner, DueAt: c.DueAt.UTC().Truncate(tick)}
	if remind := cadence.RemindAt(t.rules.Calendar, o.DueAt, t.rules.Cadence.Commitments.RemindBefore); remind.After(t.at) {
		o.RemindAt = &remind
	}
	s.Commitments = append(s.Commitments, o)
	t.Commitments = append(t.Commitments, &CommitmentRow{
		ID: o.ID, ClientID: s.ID, Text: c.Text, OwnerID: owner, ContactID: c.ContactID, SubjectID: c.SubjectID,
		State: CommitmentOpen, DueAt: o.DueAt, MadeBy: by, MadeAt: t.at,
	})
	t.event("committed", "id", o.ID, "owner_id", owner, "due_at", o.DueAt)
	t.task(TaskKeepCommitment, o.ID, owner, &o.DueAt, "rule", "commitment")
	t.tellOf(o.ID, "commitment_made", []string{owner}, "due_at", o.DueAt.Format(time.RFC3339))
	return nil
}

// owedBy finds an open commitment, and lets the actor act on it.
func (t *relationshipStep) owedBy(action RelationshipAction, data json.RawMessage) (OfCommitment, CommitmentState, error) {
	c, err := dataOf[OfCommitment](data)
	if err != nil {
		return c, CommitmentState{}, err
	}
	i := slices.IndexFunc(t.s.Commitments, func(o CommitmentState) bool { return o.ID == c.CommitmentID })
	if i < 0 {
		return c, CommitmentState{}, noSuch("commitment", c.CommitmentID)
	}
	return c, t.s.Commitments[i], t.mustOwn(action, t.s.Commitments[i].OwnerID)
}

// keep notes that a promise is kept. One that is kept late was broken, and that stays.
func (t *relationshipStep) keep(data json.RawMessage) error {
	c, o, err := t.owedBy(RelationshipKeep, data)
	if err != nil {
		return err
	}
	state := CommitmentKept
	switch {
	case o.Broken:
		state = CommitmentKeptLate
	case t.past(&o.DueAt): // the clock has not looked yet
		state = CommitmentKeptLate
		t.fact(health.CommitmentBroken, o.ID, 0)
	default:
		t.fact(health.CommitmentKept, o.ID, 0)
	}
	t.endCommitment(o, TaskDone, state, c.Note)
	return nil
}

// revoke takes a promise back, with the reason: it counts neither as kept nor as broken, unless it was broken before.
func (t *relationshipStep) revoke(data json.RawMessage) error {
	c, o, err := t.owedBy(RelationshipRevoke, data)
	if err != nil {
		return err
	}
	var f relationshipFaults
	if f.text("note", c.Note); f.err() != nil {
		return f.err()
	}
	if !o.Broken && t.past(&o.DueAt) { // the clock has not looked yet
		t.fact(health.CommitmentBroken, o.ID, 0)
	}
	t.endCommitment(o, TaskCancelled, CommitmentRevoked, c.Note)
	return nil
}

func (t *relationshipStep) endCommitment(o CommitmentState, task TaskState, state, note string) {
	t.s.Commitments = slices.DeleteFunc(t.s.Commitments, func(other CommitmentState) bool { return other.ID == o.ID })
	row := t.commitmentRow(o.ID)
	row.State, row.EndedAt, row.Note = state, &t.at, note
	t.done(task, o.ID, TaskKeepCommitment)
	t.event("commitment_"+state, "id", o.ID)
}

func (s *RelationshipState) commitmentDues() []Due {
	var dues []Due
	for _, o := range s.Commitments {
		d := once(DueCommitment, o.ID, o.OwnerID, o.DueAt, o.Broken)
		if o.RemindAt != nil && o.RemindAt.Before(d.At) {
			d.At = *o.RemindAt
		}
		dues = append(dues, d)
	}
	return dues
}

// commitmentsFall reminds owners of their promises, and tells when one is broken: once, and it is still owed.
func (t *relationshipStep) commitmentsFall() error {
	return t.by(ruleCadence, func() error {
		for i := range t.s.Commitments {
			o := &t.s.Commitments[i]
			if t.past(o.RemindAt) && !t.past(&o.DueAt) {
				o.RemindAt = nil
				t.event("commitment_reminded", "id", o.ID)
				t.tellOf(o.ID, "commitment_due", []string{o.OwnerID}, "due_at", o.DueAt.Format(time.RFC3339))
			}
			if o.Broken || !t.past(&o.DueAt) {
				continue
			}
			o.Broken, o.RemindAt = true, nil
			t.commitmentRow(o.ID).State = CommitmentBroken
			t.fact(health.CommitmentBroken, o.ID, 0)
			t.event("commitment_broken", "id", o.ID, "owner_id", o.OwnerID)
			t.tellOf(o.ID, "commitment_broken", []string{o.OwnerID, t.s.AccountManagerID, t.superior(o.OwnerID)}, "due_at", o.DueAt.Format(time.RFC3339))
		}
		return nil
	})
}
