package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// AdvanceRelationship takes the step of a client's relationship that decide returns: state, who may see it, the client's
// class, account manager and status, the rows of what the step is about, timeline, tasks and messages are written in one
// transaction (see advance). decide is asked again when the client's row has changed since it was read
// (models.ClientChange.Version); unavailable when that happens again and again. Nobody inactive is given a task or becomes
// the owner of something: that is invalid relationship.user_inactive. A plan whose period meets another one's is conflict
// relationship.plan_overlaps. The errors of decide come back as they are.
//
// The rows are locked in this order: relationship, client, users. Who changes a client without a step locks the client, or
// two of them by their ids, and then users at most; so nobody waits for each other.
func (s *Store) AdvanceRelationship(ctx context.Context, clientID string, believed *models.RelationshipState, decide models.DecideRelationship) (behind *models.RelationshipState, mail bool, err error) {
	behind, mail, err = advance(ctx, s, &steppedRelationship, clientID, believed, decide)
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.ConstraintName == "client_plans_overlap" {
		err = errs.Wrap(err, errs.Conflict, "relationship.plan_overlaps")
	}
	return behind, mail, err
}

var steppedRelationship = stepped[models.RelationshipState, models.RelationshipStep]{
	noun: "relationship", table: "relationships", inactive: errs.New(errs.Invalid, "relationship.user_inactive"),
	head: func(s *models.RelationshipState) head { return head{s.ID, s.Seq, s.EventSeq} },
	parts: func(p *models.RelationshipStep) (*models.RelationshipState, []models.TimelineEvent) {
		return &p.State, p.Events
	},
	people: keepers,
	whole:  wholeRelationship,
	write:  (*writer).relationship,
}

// keepers lists who gets a task or something of the client by the step. An account manager who stands in the client's row
// already has it whether they are there or not; a step that gives the client to one writes the row.
func keepers(old *models.RelationshipState, step *models.RelationshipStep) []string {
	ids := callers(step.Tasks)
	before := map[string]string{}
	if old != nil {
		before = ownersOf(old)
	}
	for what, owner := range ownersOf(&step.State) {
		if owner != before[what] {
			ids = append(ids, owner)
		}
	}
	if old != nil && step.Client != nil && step.State.AccountManagerID != old.AccountManagerID {
		ids = append(ids, step.State.AccountManagerID)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// ownersOf is whose each open thing of a client is, by its id.
func ownersOf(s *models.RelationshipState) map[string]string {
	of := map[string]string{}
	for _, p := range s.Plans {
		of[p.ID] = p.OwnerID
		for _, a := range p.Activities {
			of[a.ID] = a.OwnerID
		}
	}
	for _, i := range s.Improvements {
		of[i.ID] = i.OwnerID
		for _, a := range i.Actions {
			of[a.ID] = a.OwnerID
		}
	}
	for _, c := range s.Commitments {
		of[c.ID] = c.OwnerID
	}
	for _, o := range s.Opinions {
		of[o.ID] = o.OwnerID
	}
	for _, l := range s.Leads {
		of[l.ID] = l.OwnerID
	}
	if s.HandOver != nil {
		of["hand_over"] = s.HandOver.ToID
	}
	return of
}

// wholeRelationship reports rows of another client.
func wholeRelationship(_ *models.RelationshipState, step *models.RelationshipStep) error {
	clientID := step.State.ID
	var others []string
	note := func(rowID, of string) {
		if of != clientID {
			others = append(others, rowID)
		}
	}
	for _, r := range step.Classifications {
		note(r.ID, r.ClientID)
	}
	for _, r := range step.Plans {
		note(r.ID, r.ClientID)
	}
	if r := step.Assessment; r != nil {
		note(r.ID, r.ClientID)
	}
	for _, r := range step.Improvements {
		note(r.ID, r.ClientID)
	}
	for _, r := range step.Interactions {
		note(r.ID, r.ClientID)
	}
	for _, r := range step.Commitments {
		note(r.ID, r.ClientID)
	}
	for _, r := range step.Opinions {
		note(r.ID, r.ClientID)
	}
	for _, r := range step.Leads {
		note(r.ID, r.ClientID)
	}
	if len(others) > 0 {
		return fmt.Errorf("relationship %s: step %d writes %v of another client", clientID, step.State.Seq, others)
	}
	return nil
}

// The rows of what a relationship is about.
var (
	classifications = tableOf[models.ClassificationRow]()
	clientPlans     = tableOf[models.PlanRow]()
	assessments     = tableOf[models.AssessmentRow]()
	improvements    = tableOf[models.ImprovementRow]()
	interactions    = tableOf[models.InteractionRow]()
	commitments     = tableOf[models.CommitmentRow]()
	opinions        = tableOf[models.OpinionRow]()
	leads           = tableOf[models.LeadRow]()
)

func planOver(p *models.PlanRow) bool { return p.Status.Over() }

// relationship queues everything that one step writes.
func (w *writer) relationship(old *models.RelationshipState, step *models.RelationshipStep) {
	s := &step.State
	facts := []any{s.ID, string(s.Stage), s.AccountManagerID, s.NextAt, s.UpdatedAt, s.Seq, s}
	if old == nil {
		w.batch.Queue(`INSERT INTO relationships (id, stage, account_manager_id, next_at, updated_at, seq, state, created_at)
			VALUES ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8)`, append(facts, s.CreatedAt)...)
	} else { // that there is a row of the step before is counted: a division by zero ends the transaction
		w.batch.Queue(`WITH step AS (UPDATE relationships SET stage = $2, account_manager_id = nullif($3, ''), next_at = $4, updated_at = $5, seq = $6, state = $7
			WHERE id = $1 AND seq = $6 - 1 RETURNING 1) SELECT 1 / count(*) FROM step`, facts...)
	}
	w.clientChange(s, step.Client)
	o := &origin{
		process: models.RelationshipProcess, subjectID: s.ID, about: s.ID, startedBy: models.System, seq: s.Seq, at: s.UpdatedAt, traceID: step.TraceID,
	}
	w.events(o, step.Events)
	w.tasks(o, step.Tasks)
	w.relationshipAccess(old, s)
	classifications.put(w, step.Classifications, func(r *models.ClassificationRow) bool { return r.DecidedAt != nil })
	clientPlans.put(w, step.Plans, planOver)
	if step.Assessment != nil {
		assessments.put(w, []*models.AssessmentRow{step.Assessment}, func(*models.AssessmentRow) bool { return true })
	}
	improvements.put(w, step.Improvements, func(r *models.ImprovementRow) bool { return r.EndedAt != nil })
	interactions.put(w, step.Interactions, func(*models.InteractionRow) bool { return true })
	commitments.put(w, step.Commitments, func(r *models.CommitmentRow) bool { return r.EndedAt != nil })
	opinions.put(w, step.Opinions, func(r *models.OpinionRow) bool { return r.AnsweredAt != nil })
	leads.put(w, step.Leads, func(r *models.LeadRow) bool { return r.ClosedAt != nil })
	w.notices(o, step.Notices)
	w.contactMail(o, step.Messages)
	w.succeedCalls(s.ID, step.Calls)
}

// callsAt finds the invitations to whose people at the client the user is to call.
const callsAt = `SELECT t.subject_id FROM tasks t JOIN invitations i ON i.id = t.subject_id
	WHERE i.client_id = $3 AND t.holder = $2 AND t.state = 'open' AND t.kind = '` + models.TaskSurveyCall + `'`

// succeedCalls gives the calls that somebody was to make to people of the client to who follows them, as inheritCalls does for a leaver.
func (w *writer) succeedCalls(clientID string, d *models.Deactivate) {
	if d == nil {
		return
	}
	word := models.CallSucceeded(*d)
	w.batch.Queue(`INSERT INTO words (workflow_id, signal, arg) SELECT $1 || c.subject_id, $4, $5::jsonb FROM (`+callsAt+`) c`,
		models.FollowUpWorkflowID(""), d.UserID, clientID, word.Signal, string(word.Arg))
	w.batch.Queue(giveCalls(callsAt), d.HeirID, d.UserID, clientID)
}

// clientChange writes what of the client's row is the relationship's to say. A row of another version than the step has seen
// ends the transaction by a division by zero. A client that was merged stays so: its process is told in a moment.
func (w *writer) clientChange(s *models.RelationshipState, c *models.ClientChange) {
	if c == nil {
		return
	}
	w.batch.Queue(`WITH client AS (UPDATE clients SET class = $2, account_manager_id = $3, status = CASE WHEN merged_into_id IS NULL THEN $4 ELSE status END,
			version = version + 1, updated_at = $5
		WHERE id = $1 AND version = $6 RETURNING 1) SELECT 1 / count(*) FROM client`,
		s.ID, c.Class, c.AccountManagerID, c.Status, s.UpdatedAt, c.Version)
}

// relationshipAccess writes who may see the relationship from now on, where that changed.
func (w *writer) relationshipAccess(old, s *models.RelationshipState) {
	var before []string
	if old != nil {
		before = old.ReadPrincipals()
	}
	now := s.ReadPrincipals()
	if gone := without(before, now); len(gone) > 0 {
		w.batch.Queue(`DELETE FROM relationship_access WHERE principal = ANY($1) AND client_id = $2`, gone, s.ID)
	}
	if come := without(now, before); len(come) > 0 {
		w.batch.Queue(`INSERT INTO relationship_access (principal, client_id) SELECT unnest($1::text[]), $2`, come, s.ID)
	}
}

// contactMail makes the e-mails to people at the client, each address once: to one of them, or to all who are still there.
// They are in the contact's language; who looks after them is called by name.
func (w *writer) contactMail(o *origin, messages []models.ClientMessage) {
	if !w.email || len(messages) == 0 {
		return
	}
	n := len(messages)
	ids, kinds, contacts, data := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, m := range messages {
		ids[i] = id.Derive(id.Message, o.subjectID, fmt.Sprintf("%d/%d/client", o.seq, i))
		kinds[i], contacts[i], data[i] = m.Kind, m.ContactID, "{}"
		if len(m.Data) > 0 {
			data[i] = *jsonText(m.Data)
		}
	}
	w.batch.Queue(`INSERT INTO deliveries (id, subject_id, step_seq, channel, contact_email, kind, data, not_before, created_at)
		SELECT n.id || '_' || md5(lower(c.email)), $1, $2, 'email', c.email, n.kind,
			n.data::jsonb || CASE WHEN c.locale = '' THEN '{}' ELSE jsonb_build_object('locale', c.locale) END
				|| coalesce((SELECT jsonb_build_object('manager', u.display_name) FROM users u WHERE u.id = n.data::jsonb ->> 'manager_id'), '{}'), $3, $3
		FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) n(id, kind, contact, data)
		CROSS JOIN LATERAL (SELECT DISTINCT ON (lower(k.email)) k.email, k.locale FROM contacts k
			WHERE k.client_id = $1 AND (n.contact = '' OR k.id = n.contact) AND k.email <> '' AND NOT k.has_left AND k.merged_into_id IS NULL
			ORDER BY lower(k.email), k.id) c
		ON CONFLICT (id) DO NOTHING`, o.subjectID, o.seq, o.at, ids, kinds, contacts, data).Exec(w.counts(o))
}
