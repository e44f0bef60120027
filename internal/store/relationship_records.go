package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm/schema"

	"github.com/mcrflow/mcrflow/models"
)

// record is a kind of what is recorded of clients.
type record[R schema.Tabler] struct {
	table[R]
	order string // the instant by which it is listed
	part  string // whether one of the users $%d has a part in a row; empty where nobody asks for that
	place func(*R) (time.Time, string)
}

var (
	classificationRecords = record[models.ClassificationRow]{
		classifications, "requested_at", "", func(r *models.ClassificationRow) (time.Time, string) { return r.RequestedAt, r.ID },
	}
	planRecords       = record[models.PlanRow]{clientPlans, "starts_at", "", func(r *models.PlanRow) (time.Time, string) { return r.From, r.ID }}
	assessmentRecords = record[models.AssessmentRow]{
		assessments, "at", `by_id = ANY($%d)`, func(r *models.AssessmentRow) (time.Time, string) { return r.At, r.ID },
	}
	improvementRecords = record[models.ImprovementRow]{
		improvements, "created_at", `owner_id = ANY($%d)`, func(r *models.ImprovementRow) (time.Time, string) { return r.CreatedAt, r.ID },
	}
	interactionRecords = record[models.InteractionRow]{
		interactions, "at", `user_id = ANY($%d)`, func(r *models.InteractionRow) (time.Time, string) { return r.At, r.ID },
	}
	commitmentRecords = record[models.CommitmentRow]{
		commitments, "due_at", `(owner_id = ANY($%[1]d) OR made_by = ANY($%[1]d))`,
		func(r *models.CommitmentRow) (time.Time, string) { return r.DueAt, r.ID },
	}
	opinionRecords = record[models.OpinionRow]{
		opinions, "at", `(by_id = ANY($%[1]d) OR owner_id = ANY($%[1]d) OR monitors ?| $%[1]d)`,
		func(r *models.OpinionRow) (time.Time, string) { return r.At, r.ID },
	}
	leadRecords = record[models.LeadRow]{
		leads, "created_at", `(owner_id = ANY($%[1]d) OR created_by = ANY($%[1]d))`,
		func(r *models.LeadRow) (time.Time, string) { return r.CreatedAt, r.ID },
	}
)

// where begins the conditions of a list.
func (k record[R]) where(clientID string, of []string) *query {
	q := &query{}
	q.add(`true`)
	if clientID != "" {
		q.add(` AND client_id = $%d`, clientID)
	}
	if of != nil {
		q.add(` AND `+k.part, of)
	}
	return q
}

// statement is that of a page: the latest first, from where the page before has ended.
func (k record[R]) statement(where *query, after string, n int) (*query, error) {
	q := &query{args: where.args}
	q.text.WriteString(k.columns + `WHERE ` + where.text.String())
	if after != "" {
		at, id, err := place(after)
		if err != nil {
			return nil, err
		}
		q.add(` AND (`+k.order+`, id) < ($%d::text::timestamptz, $%d)`, at, id)
	}
	q.add(` ORDER BY `+k.order+` DESC, id DESC LIMIT $%d`, n)
	return q, nil
}

// page reads a page, and the cursor of the next one, empty on the last.
func (k record[R]) page(ctx context.Context, s *Store, where *query, p models.Page) ([]R, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	count := &query{args: where.args}
	count.text.WriteString(`SELECT FROM ` + k.name + ` WHERE ` + where.text.String())
	if err := count.estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q, err := k.statement(where, after, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, err := k.rows(ctx, s, q.text.String(), q.args...)
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	rows = rows[:limit]
	return rows, encodeCursor(placeAt(k.place(&rows[limit-1]))), nil
}

func (k record[R]) rows(ctx context.Context, s *Store, sql string, args ...any) ([]R, error) {
	rows := []R{}
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		found, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		return k.into(&rows)(found)
	})
	return rows, err
}

// one returns the row of an id, whoever asks; not_found when there is none.
func (k record[R]) one(ctx context.Context, s *Store, id string) (R, error) {
	rows, err := k.rows(ctx, s, k.columns+`WHERE id = $1`, id)
	if err == nil && len(rows) == 0 {
		err = notFound()
	}
	if err != nil {
		var none R
		return none, err
	}
	return rows[0], nil
}

// Assessment returns one assessment of whatever client, for who has asked already who may see it; not_found when there is none.
// So it is with the other records that are read by their id.
func (s *Store) Assessment(ctx context.Context, id string) (models.AssessmentRow, error) {
	return assessmentRecords.one(ctx, s, id)
}

// Improvement returns one improvement plan.
func (s *Store) Improvement(ctx context.Context, id string) (models.ImprovementRow, error) {
	return improvementRecords.one(ctx, s, id)
}

// Interaction returns one interaction.
func (s *Store) Interaction(ctx context.Context, id string) (models.InteractionRow, error) {
	return interactionRecords.one(ctx, s, id)
}

// Commitment returns one promise to a client.
func (s *Store) Commitment(ctx context.Context, id string) (models.CommitmentRow, error) {
	return commitmentRecords.one(ctx, s, id)
}

// Opinion returns one opinion of a client.
func (s *Store) Opinion(ctx context.Context, id string) (models.OpinionRow, error) {
	return opinionRecords.one(ctx, s, id)
}

// Lead returns one lead or opportunity.
func (s *Store) Lead(ctx context.Context, id string) (models.LeadRow, error) {
	return leadRecords.one(ctx, s, id)
}

const openedBy = `WHERE client_id = $1 AND assessment_id = $2 ORDER BY created_at, id`

// ImprovementsFrom lists the improvement plans that an assessment of the client has opened.
func (s *Store) ImprovementsFrom(ctx context.Context, clientID, assessmentID string) ([]models.ImprovementRow, error) {
	return improvementRecords.rows(ctx, s, improvements.columns+openedBy, clientID, assessmentID)
}

// Assessments lists assessments, the latest first, and the cursor of the next page, empty on the last. It does not ask who
// may see them beyond what the filter says; so it is with the other lists of records.
func (s *Store) Assessments(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.AssessmentRow, string, error) {
	return assessmentRecords.page(ctx, s, assessmentRecords.where(f.ClientID, f.Of), p)
}

// Improvements lists improvement plans, the latest first.
func (s *Store) Improvements(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.ImprovementRow, string, error) {
	return improvementRecords.page(ctx, s, improvementRecords.where(f.ClientID, f.Of), p)
}

// Interactions lists interactions by when they were, the latest first.
func (s *Store) Interactions(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.InteractionRow, string, error) {
	return interactionRecords.page(ctx, s, interactionsWhere(f), p)
}

func interactionsWhere(f models.RecordFilter) *query {
	q := interactionRecords.where(f.ClientID, f.Of)
	if f.UserID != "" {
		q.add(` AND user_id = $%d`, f.UserID)
	}
	if f.Kind != "" {
		q.add(` AND kind = $%d`, f.Kind)
	}
	return q
}

// Commitments lists promises, the last one due first.
func (s *Store) Commitments(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.CommitmentRow, string, error) {
	return commitmentRecords.page(ctx, s, commitmentRecords.where(f.ClientID, f.Of), p)
}

// Opinions lists opinions, the latest first.
func (s *Store) Opinions(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.OpinionRow, string, error) {
	return opinionRecords.page(ctx, s, opinionRecords.where(f.ClientID, f.Of), p)
}

// Leads lists leads and opportunities, the latest first.
func (s *Store) Leads(ctx context.Context, f models.LeadFilter, p models.Page) ([]models.LeadRow, string, error) {
	return leadRecords.page(ctx, s, leadsWhere(f), p)
}

func leadsWhere(f models.LeadFilter) *query {
	q := leadRecords.where(f.ClientID, f.Of)
	if f.OwnerID != "" {
		q.add(` AND owner_id = $%d`, f.OwnerID)
	}
	if f.Stage != "" {
		q.add(` AND stage = $%d`, string(f.Stage))
	}
	if f.Open != nil {
		q.add(` AND (outcome = '') = $%d`, *f.Open)
	}
	return q
}

// RelationshipStates returns the stored states of several clients' relationships by the client's id, whoever asks; those that
// have not begun are missing.
func (s *Store) RelationshipStates(ctx context.Context, clientIDs []string) (map[string]models.RelationshipState, error) {
	states := make(map[string]models.RelationshipState, len(clientIDs))
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT state FROM relationships WHERE id = ANY($1)`, clientIDs)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[models.RelationshipState])
		for _, state := range all {
			states[state.ID] = state
		}
		return err
	})
	return states, err
}
