package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
)

// The kinds of tasks about contacts.
const (
	TaskContactClient = "contact_client" // the next interaction is soon due
	TaskMeetClient    = "meet_client"    // the next appointment that somebody has made
)

// The kinds of interactions that people do not choose.
const (
	InteractionReception = "reception" // a reception told of it
	InteractionAction    = "action"    // a general action on a lead (U-05): no contact with the client
)

const (
	// recordedWithin is how long after it an interaction can still be recorded.
	recordedWithin = 90 * 24 * time.Hour
	// appointmentSlack is how much earlier than appointed somebody may have met the client.
	appointmentSlack = 24 * time.Hour
)

// InteractionKinds lists what an interaction may be: any way to speak with the client, and the five means (M-64).
func InteractionKinds() []string {
	return append([]string{"visit", "call", "meeting", "message", "email", "video", "event", "other"}, ReceptionKinds()...)
}

// interact records that somebody of ours was in contact with the client (A-13, M-80).
func (t *relationshipStep) interact(data json.RawMessage) error {
	c, err := dataOf[Interact](data)
	if err != nil {
		return err
	}
	var f relationshipFaults
	f.oneOf("kind", c.Kind, InteractionKinds())
	f.text("summary", c.Summary)
	c.At = c.At.UTC().Truncate(tick)
	f.recent("at", c.At, t.at)
	if c.NextAt != nil {
		f.future("next_at", *c.NextAt, t.at)
	}
	if err := f.err(); err != nil {
		return err
	}
	if c.LeadID != "" {
		i, err := t.openLeadOf(c.LeadID)
		if err != nil {
			return err
		}
		if MayActOn(t.s, RelationshipLeadAct, t.s.Leads[i].OwnerID, t.can) { // of anybody else it is no general action
			t.acted(i, c.At)
		}
	}
	row := &InteractionRow{
		ID: t.madeID(id.Interaction), ClientID: t.s.ID, UserID: t.actor, ContactID: c.ContactID, LeadID: c.LeadID,
		Kind: c.Kind, At: c.At, Summary: c.Summary, Quality: c.Quality, NextAt: c.NextAt, CreatedAt: t.at,
	}
	t.noteInteraction(row)
	t.appoint(row)
	return t.heard(c.At, c.ContactID)
}

// noteInteraction writes the row of an interaction, and tells of it by its ids alone.
func (t *relationshipStep) noteInteraction(row *InteractionRow) {
	t.Interactions = append(t.Interactions, row)
	data := []any{"id", row.ID, "kind", row.Kind, "at", row.At}
	for _, of := range [][2]string{{"contact_id", row.ContactID}, {"lead_id", row.LeadID}, {"subject_id", row.SubjectID}} {
		if of[1] != "" {
			data = append(data, of[0], of[1])
		}
	}
	t.event("interaction", data...)
}

// appoint keeps the next appointment of who was with the client as a task: their latest one. That for which they came now is
// kept.
func (t *relationshipStep) appoint(row *InteractionRow) {
	end := func(state TaskState, which func(Task) bool) {
		t.s.Tasks, t.tasks = settled(t.s.Tasks, t.tasks, Task{State: state, DoneBy: t.actor, DoneAt: &t.at}, func(task Task) bool {
			return task.Kind == TaskMeetClient && task.UserID == row.UserID && which(task)
		})
	}
	end(TaskDone, func(task Task) bool { return task.DueAt.Before(row.At.Add(appointmentSlack)) })
	if row.NextAt != nil {
		end(TaskCancelled, everyTask)
		due := row.NextAt.UTC().Truncate(tick)
		t.task(TaskMeetClient, row.ID, row.UserID, &due, "rule", "appointment")
	}
}

// met takes from another process that people of ours were with the client. To be told twice changes nothing more.
func (t *relationshipStep) met(f ClientFact) error {
	at := f.At.UTC().Truncate(tick)
	subject, _, _ := strings.Cut(f.ID, "/")
	t.noteInteraction(&InteractionRow{
		ID: id.Derive(id.Interaction, f.ID, "met"), ClientID: t.s.ID, UserID: t.s.AccountManagerID, SubjectID: subject,
		Kind: InteractionReception, At: at, CreatedAt: at,
	})
	return t.heard(at, "")
}

// heard counts an interaction for the cadence, whenever it was. The order in which interactions become known makes no
// difference: the latest decides when the next one is due, and each interval counts once.
func (t *relationshipStep) heard(at time.Time, contactID string) error {
	s := t.s
	if s.LastContact == nil || at.After(*s.LastContact) {
		s.LastContact = &at
	}
	if contactID != "" {
		s.Spoken = spokenWith(s.Spoken, contactID, at)
	}
	t.notMissed(at)
	dormant := cadence.DormantAt(t.class(), at, t.zone())
	switch s.Stage {
	case StageProspect, StageLost, StageMerged:
		return nil
	case StageDormant:
		if !dormant.IsZero() && !dormant.After(t.at) {
			return nil // it was so long ago that the client would be dormant again
		}
		t.activate()
		t.contactKept(at)
		return t.retimeContact()
	case StageClassified, StagePlanned:
		t.activate()
	}
	t.contactKept(at)
	if due := cadence.NextContact(t.class(), at, t.zone()); s.Contact.DueAt == nil && due.After(t.at) || s.Contact.DueAt != nil && due.After(*s.Contact.DueAt) {
		t.done(TaskDone, s.ID, TaskContactClient)
		s.Contact = t.remindedBefore(due)
	}
	if s.DormantAt == nil && dormant.After(t.at) || s.DormantAt != nil && dormant.After(*s.DormantAt) {
		s.DormantAt = &dormant
	}
	return nil
}

// activate makes the relationship an active one: by rule, whoever met the client.
func (t *relationshipStep) activate() {
	from := t.s.Stage
	t.s.Stage = StageActive
	_ = t.by(ruleCadence, func() error {
		t.event("active", "from", string(from))
		return nil
	})
}

// notMissed takes back that contacts were missed, when an interaction becomes known only afterwards: those that it would have put
// off. So it makes no difference whether an interaction is known before or after the time at which it was due.
func (t *relationshipStep) notMissed(at time.Time) {
	s, next := t.s, cadence.NextContact(t.class(), at, t.zone())
	known, later := len(s.Facts), 0
	s.Facts = slices.DeleteFunc(slices.Clone(s.Facts), func(f health.Fact) bool {
		missed := f.Kind == health.ContactMissed && !f.At.Before(at)
		if missed && f.At.After(next) {
			later++
		}
		return missed && !f.At.After(next)
	})
	if len(s.Facts) < known { // those in a row are the ones since
		s.Contact.Missed = min(s.Contact.Missed, later)
	}
}

// contactKept keeps the fact that the cadence was kept in the interval in which an interaction was. There is one such fact for
// each interval since the class holds, dated by the latest interaction in it: volume alone raises nothing (U-13).
func (t *relationshipStep) contactKept(at time.Time) {
	if t.class().ContactEvery.IsZero() || at.Before(t.s.ClassSince) {
		return
	}
	end := cadence.NextContact(t.class(), t.s.ClassSince, t.zone())
	for !end.After(at) {
		end = cadence.NextContact(t.class(), end, t.zone())
	}
	t.keepFact(health.Fact{ID: contactFact(end), Kind: health.ContactKept, At: at, Seq: at.UnixMicro()}) // the latest counts, in whatever order
}

// contactFact is the id of the fact on the contact that was due at an instant.
func contactFact(due time.Time) string { return fmt.Sprintf("contact/%d", due.Unix()) }

// spokenWith notes the latest conversation with a contact. Of too many contacts those are kept with whom it was last.
func spokenWith(spoken map[string]time.Time, contactID string, at time.Time) map[string]time.Time {
	if spoken == nil {
		spoken = map[string]time.Time{}
	}
	if at.After(spoken[contactID]) {
		spoken[contactID] = at
	}
	if len(spoken) > KeptContacts {
		delete(spoken, slices.MinFunc(slices.Collect(maps.Keys(spoken)), func(a, b string) int {
			if c := spoken[a].Compare(spoken[b]); c != 0 {
				return c
			}
			return strings.Compare(a, b)
		}))
	}
	return spoken
}

// remindedBefore is an obligation that is due at an instant, with the reminder that the policy gives its person.
func (t *relationshipStep) remindedBefore(due time.Time) Obligation {
	remind := cadence.RemindAt(t.rules.Calendar, due, t.rules.Cadence.RemindBefore)
	return Obligation{DueAt: &due, RemindAt: &remind}
}

// retimeContact sets anew when the next interaction is due, and when the relationship is dormant without any. What the rules
// of now would have asked for earlier is asked for from now on.
func (t *relationshipStep) retimeContact() error {
	s, rules := t.s, t.class()
	t.done(TaskCancelled, s.ID, TaskContactClient)
	s.Contact, s.DormantAt = Obligation{}, nil
	if s.Stage != StageClassified && s.Stage != StagePlanned && s.Stage != StageActive {
		return nil // of a prospect nothing is due yet, of who is dormant or lost nothing more
	}
	last := s.ClassSince
	if s.LastContact != nil && s.LastContact.After(last) {
		last = *s.LastContact
	}
	ahead := func(after func(cadence.ClassRules, time.Time, *time.Location) time.Time) (time.Time, bool) {
		due := after(rules, last, t.zone())
		if !due.After(t.at) {
			due = after(rules, t.at, t.zone())
		}
		return due, !due.IsZero()
	}
	if due, ok := ahead(cadence.NextContact); ok {
		s.Contact = t.remindedBefore(due)
	}
	if due, ok := ahead(cadence.DormantAt); ok {
		s.DormantAt = &due
	}
	return nil
}

func (s *RelationshipState) contactDues() []Due {
	dues := s.Contact.due(DueContact, "", s.AccountManagerID)
	if s.DormantAt != nil {
		dues = append(dues, Due{Kind: DueDormancy, OwnerID: s.AccountManagerID, DueAt: *s.DormantAt, At: *s.DormantAt})
	}
	return dues
}

// contactFalls reminds the account manager of the client, notes that nobody has spoken with them in time, and in the end that
// the relationship is dormant.
func (t *relationshipStep) contactFalls() error {
	return t.by(ruleCadence, func() error {
		s := t.s
		if t.past(s.DormantAt) {
			t.sleep()
			return nil
		}
		if t.past(s.Contact.DueAt) {
			t.contactMissed()
		}
		if t.past(s.Contact.RemindAt) { // over holidays the reminder of the next one may come at once
			s.Contact.RemindAt = nil
			t.remindOfContact()
		}
		return nil
	})
}

// past reports whether an instant has come; nil never does.
func (t *relationshipStep) past(at *time.Time) bool { return at != nil && !t.at.Before(*at) }

// remindOfContact asks the account manager to speak with the client, and with how many more of its people (M-45).
func (t *relationshipStep) remindOfContact() {
	why := []string{"rule", ruleCadence}
	if have, want := cadence.Breadth(t.class(), t.s.Spoken, t.at, t.zone()); have < want {
		why = append(why, "contacts", strconv.Itoa(have), "wanted", strconv.Itoa(want), "missing", strconv.Itoa(want-have))
	}
	t.done(TaskCancelled, t.s.ID, TaskContactClient) // of the time before
	t.task(TaskContactClient, t.s.ID, t.s.AccountManagerID, t.s.Contact.DueAt, why...)
}

// contactMissed notes that the cadence was not kept; the task to speak with the client stays. The superior learns of it by
// the weekly digest.
func (t *relationshipStep) contactMissed() {
	s, due := t.s, *t.s.Contact.DueAt
	missed := s.Contact.Missed + 1
	t.keepFact(health.Fact{ID: contactFact(due), Kind: health.ContactMissed, At: due, Seq: 1}) // whatever is known of a contact counts more
	t.event("contact_missed", "due_at", due, "missed", missed)
	t.tell("contact_missed", []string{s.AccountManagerID}, "due_at", due.Format(time.RFC3339))
	s.Contact = Obligation{}
	if every := t.class().ContactEvery; !every.IsZero() {
		s.Contact = t.remindedBefore(*next(every, due, t.at, t.zone()).DueAt)
		s.Contact.Missed = missed
	}
}

// sleep makes the relationship dormant: nobody has spoken with the client for too long. Of a dormant client no contact is due.
func (t *relationshipStep) sleep() {
	s := t.s
	from := s.Stage
	s.Stage, s.Contact, s.DormantAt = StageDormant, Obligation{}, nil
	t.done(TaskCancelled, s.ID, TaskContactClient)
	t.event("dormant", "from", string(from))
	t.tell("client_dormant", []string{s.AccountManagerID, t.superior(s.AccountManagerID)})
}
