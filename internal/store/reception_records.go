package store

import (
	"context"

	"github.com/mcrflow/mcrflow/models"
)

// ReceptionNeeds lists the needs that were raised at a reception, in order. It does not ask who may see it.
func (s *Store) ReceptionNeeds(ctx context.Context, receptionID string) ([]models.NeedRow, error) {
	return read[models.NeedRow](ctx, s, `SELECT n.id, n.text, n.kind, coalesce(e.owner_id, '') AS owner_id, n.raised_by, e.raised_at, n.solution,
			n.solved_by, e.solved_at, coalesce(n.case_id, '') AS case_id
		FROM receptions r CROSS JOIN jsonb_to_recordset(coalesce(nullif(r.state -> 'needs', 'null'), '[]'))
			e (id text, owner_id text, raised_at timestamptz, solved_at timestamptz)
		JOIN reception_needs n ON n.id = e.id
		WHERE r.id = $1 ORDER BY e.raised_at, n.id`, receptionID)
}

// ReceptionFeedback lists what visitors said, in order. It does not ask who may see it.
func (s *Store) ReceptionFeedback(ctx context.Context, receptionID string) ([]models.FeedbackRow, error) {
	return read[models.FeedbackRow](ctx, s, `SELECT id, score, comment, shortcomings, visitor, by_id AS by, at FROM reception_feedback
		WHERE reception_id = $1 ORDER BY at, id`, receptionID)
}

// ReceptionClaims lists the expense claims of a reception, in order. It does not ask who may see it.
func (s *Store) ReceptionClaims(ctx context.Context, receptionID string) ([]models.ClaimRow, error) {
	return read[models.ClaimRow](ctx, s, `SELECT id, state, items, total, currency, by_id AS by, comment, created_at, updated_at FROM reception_claims
		WHERE reception_id = $1 ORDER BY created_at, id`, receptionID)
}

// ReceptionInvitations lists what stands, or stood, in diaries for a reception. It does not ask who may see it.
func (s *Store) ReceptionInvitations(ctx context.Context, receptionID string) ([]models.InvitationRow, error) {
	return read[models.InvitationRow](ctx, s, `SELECT uid, user_id, sequence, starts_at, ends_at, cancelled, updated_at FROM reception_invitations
		WHERE reception_id = $1 ORDER BY starts_at, uid`, receptionID)
}

// BudgetWarnings lists the items of a subject that are in a weak budget of which more is held and spent than was granted,
// as it stands now: approvers are shown them. It does not ask who may see it.
func (s *Store) BudgetWarnings(ctx context.Context, subjectID string) ([]models.BudgetWarning, error) {
	return read[models.BudgetWarning](ctx, s, `SELECT i.item, b.id AS budget_id, b.cost_type, b.held + b.committed - b.amount AS over, b.currency
		FROM (`+itemsOfSubject+`) i JOIN budgets b ON b.id = i.budget_id
		WHERE b.control = 'weak' AND b.held + b.committed > b.amount AND i.held + i.committed > 0 ORDER BY 1, 2`, subjectID)
}
