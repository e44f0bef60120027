package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/models"
)

// verifiedRelationship is a relationship with everything that is written of it.
type verifiedRelationship struct {
	ID, Stage, AccountManagerID string

	NextAt               *time.Time
	CreatedAt, UpdatedAt time.Time
	Seq                  int64
	State                models.RelationshipState

	ClientClass, ClientManagerID, ClientStatus string

	timeline                timelineFacts
	tasks, principals, open []string
	approved                string // the class that was approved last
}

// verifyRelationships holds every relationship against its rules. The case id of a finding is the id of the client.
//
//   - relationship.projection.<column>: what is stored beside the state is what the state says.
//   - relationship.client.<column>: class, account manager and status in the client's row are those of the state. A row that
//     was changed a moment ago may be ahead of a process that is not told yet.
//   - relationship.timeline: events are numbered from 1 without gaps, up to the number in the state.
//   - relationship.tasks: the open tasks are those of the state.
//   - relationship.access: exactly those see a relationship who have a part in it.
//   - relationship.open: the rows of what is open, with their owners, are what the state has open. What is owed to a client that was
//     merged is the survivor's, from the next step of the survivor on.
//   - relationship.proposal: a proposed class waits for an approval that was ordered.
//   - relationship.class: the class is the one that was approved last, or else that of the import.
func (v *verifier) verifyRelationships(ctx context.Context, conn *pgx.Conn) error {
	for after := ""; ; {
		relationships, err := loadRelationships(ctx, conn, after)
		if err != nil || len(relationships) == 0 {
			return err
		}
		for i := range relationships {
			if v.relationship(&relationships[i]); v.err != nil {
				return v.err
			}
		}
		after = relationships[len(relationships)-1].ID
	}
}

// loadRelationships reads the next relationships with all that belongs to them, in one snapshot.
func loadRelationships(ctx context.Context, conn *pgx.Conn, after string) ([]verifiedRelationship, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(ctx)
	rows, err := tx.Query(ctx, `SELECT r.id, r.stage, coalesce(r.account_manager_id, '') AS account_manager_id, r.next_at, r.created_at, r.updated_at, r.seq, r.state,
			c.class AS client_class, coalesce(c.account_manager_id, '') AS client_manager_id, c.status AS client_status
		FROM relationships r JOIN clients c ON c.id = r.id WHERE r.id > $1 ORDER BY r.id LIMIT $2`, after, verifyBatch)
	if err != nil {
		return nil, err
	}
	relationships, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[verifiedRelationship])
	if err != nil || len(relationships) == 0 {
		return nil, err
	}
	byID, ids := map[string]*verifiedRelationship{}, make([]string, len(relationships))
	for i := range relationships {
		byID[relationships[i].ID], ids[i] = &relationships[i], relationships[i].ID
	}
	var b pgx.Batch
	each(&b, `SELECT subject_id AS case_id, count(*), min(seq) AS first, max(seq) AS last FROM timeline WHERE subject_id = ANY($1) GROUP BY 1`,
		ids, func(t timelineFacts) { byID[t.CaseID].timeline = t })
	each(&b, `SELECT subject_id AS case_id, id || ' ' || holder AS id FROM tasks
		WHERE subject_id = ANY($1) AND state = 'open' AND process = '`+models.RelationshipProcess+`' ORDER BY 2`,
		ids, func(t owned) { byID[t.CaseID].tasks = append(byID[t.CaseID].tasks, t.ID) })
	each(&b, `SELECT client_id AS case_id, principal AS id FROM relationship_access WHERE client_id = ANY($1) ORDER BY 2`,
		ids, func(p owned) { byID[p.CaseID].principals = append(byID[p.CaseID].principals, p.ID) })
	each(&b, `SELECT client_id AS case_id, 'classification ' || id AS id FROM classifications WHERE client_id = ANY($1) AND outcome = 'pending'
		UNION ALL SELECT client_id, 'plan ' || id || ' ' || owner_id FROM client_plans WHERE client_id = ANY($1) AND status IN ('draft', 'in_approval', 'approved')
		UNION ALL SELECT client_id, 'improvement ' || id || ' ' || owner_id FROM improvements WHERE client_id = ANY($1) AND state = 'open'
		UNION ALL SELECT client_id, 'commitment ' || id || ' ' || owner_id FROM commitments WHERE client_id = ANY($1) AND ended_at IS NULL
		UNION ALL SELECT client_id, 'opinion ' || id || ' ' || owner_id FROM opinions WHERE client_id = ANY($1) AND answered_at IS NULL
		UNION ALL SELECT client_id, 'lead ' || id || ' ' || owner_id FROM leads WHERE client_id = ANY($1) AND outcome = ''`,
		ids, func(o owned) { byID[o.CaseID].open = append(byID[o.CaseID].open, o.ID) })
	each(&b, `SELECT DISTINCT ON (client_id) client_id AS case_id, class AS id FROM classifications
		WHERE client_id = ANY($1) AND outcome = 'approved' ORDER BY client_id, decided_at DESC, id DESC`,
		ids, func(c owned) { byID[c.CaseID].approved = c.ID })
	return relationships, tx.SendBatch(ctx, &b).Close()
}

func (v *verifier) relationship(r *verifiedRelationship) {
	s := &r.State
	v.id, v.number = r.ID, ""
	for _, f := range []struct {
		column        string
		state, stored any
	}{
		{"stage", string(s.Stage), r.Stage},
		{"account_manager_id", s.AccountManagerID, r.AccountManagerID},
		{"next_at", moment(s.NextAt), moment(r.NextAt)},
		{"created_at", moment(&s.CreatedAt), moment(&r.CreatedAt)},
		{"updated_at", moment(&s.UpdatedAt), moment(&r.UpdatedAt)},
		{"seq", s.Seq, r.Seq},
	} {
		v.expect("relationship.projection."+f.column, fmt.Sprint(f.state), fmt.Sprint(f.stored))
	}
	if r.ClientStatus != models.ClientMerged {
		v.expect("relationship.client.class", s.Class, r.ClientClass)
		v.expect("relationship.client.account_manager_id", s.AccountManagerID, r.ClientManagerID)
		v.expect("relationship.client.status", s.Stage.ClientStatus(), r.ClientStatus)
	}
	v.expect("relationship.timeline", span(s.EventSeq, 1, s.EventSeq), span(r.timeline.Count, r.timeline.First, r.timeline.Last))
	var tasks []string
	for _, t := range s.Tasks {
		tasks = append(tasks, t.ID+" "+t.UserID)
	}
	v.listed("relationship.tasks", tasks, r.tasks)
	v.listed("relationship.access", s.ReadPrincipals(), r.principals)
	expected, open := openOf(s), r.open
	if s.Over() {
		expected, open = slices.DeleteFunc(expected, isOwed), slices.DeleteFunc(open, isOwed)
	}
	v.listed("relationship.open", expected, open)
	if p := s.Proposal; p != nil && !slices.ContainsFunc(s.Orders, func(o models.ApprovalOrder) bool { return o.ID == p.ApprovalID }) {
		v.expect("relationship.proposal", p.ApprovalID, "")
	}
	if r.approved != "" {
		v.expect("relationship.class", r.approved, s.Class)
	}
}

// isOwed reports whether something open, in the words of loadRelationships, is owed to the client and passes to a survivor.
func isOwed(open string) bool {
	kind, _, _ := strings.Cut(open, " ")
	return slices.Contains([]string{"commitment", "opinion", "lead"}, kind)
}

// openOf lists what a state has open, in the words of loadRelationships.
func openOf(s *models.RelationshipState) []string {
	var open []string
	if s.Proposal != nil {
		open = append(open, "classification "+s.Proposal.ID)
	}
	for _, p := range s.Plans {
		open = append(open, "plan "+p.ID+" "+p.OwnerID)
	}
	for _, i := range s.Improvements {
		open = append(open, "improvement "+i.ID+" "+i.OwnerID)
	}
	for _, c := range s.Commitments {
		open = append(open, "commitment "+c.ID+" "+c.OwnerID)
	}
	for _, o := range s.Opinions {
		open = append(open, "opinion "+o.ID+" "+o.OwnerID)
	}
	for _, l := range s.Leads {
		open = append(open, "lead "+l.ID+" "+l.OwnerID)
	}
	return open
}

// surplusRelationshipAccess finds rows of relationships that there are not; the others are compared one by one.
const surplusRelationshipAccess = `SELECT v.client_id AS case_id, '' AS number, 'relationship.access' AS rule, '' AS expected, v.principal AS found
	FROM relationship_access v LEFT JOIN relationships r ON r.id = v.client_id WHERE r.id IS NULL`
