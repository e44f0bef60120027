package store

import (
	"context"
	"math"
	"strconv"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// campaignRow is what a models.CampaignRow is made of.
type campaignRow struct {
	State models.CampaignState
	RunID *string
}

const campaignColumns = `SELECT c.state, r.id AS run_id FROM campaigns c
	LEFT JOIN LATERAL (SELECT id FROM campaign_runs WHERE campaign_id = c.id ORDER BY n DESC LIMIT 1) r ON true WHERE `

// Campaign returns a campaign with its latest run; not_found when there is none.
func (s *Store) Campaign(ctx context.Context, id string) (models.CampaignRow, error) {
	return only(s.campaigns(ctx, campaignColumns+`c.id = $1`, id))
}

// Campaigns lists campaigns with their latest runs, the newest first, and the cursor of the next page, empty on the last.
func (s *Store) Campaigns(ctx context.Context, f models.CampaignFilter, p models.Page) ([]models.CampaignRow, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	if err := campaignsBefore(f, "").estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q := campaignList(f, after, limit+1)
	rows, err := s.campaigns(ctx, q.text.String(), q.args...)
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	return rows[:limit], encodeCursor(rows[limit-1].State.ID), nil
}

// campaignsBefore finds the campaigns of a filter.
func campaignsBefore(f models.CampaignFilter, after string) *query {
	q := &query{}
	q.add(campaignColumns + `true`)
	if f.Status != "" {
		q.add(` AND c.status = $%d`, string(f.Status))
	}
	if after != "" {
		q.add(` AND c.id < $%d`, after)
	}
	return q
}

// campaignList is the statement of a page.
func campaignList(f models.CampaignFilter, after string, n int) *query {
	q := campaignsBefore(f, after)
	q.add(` ORDER BY c.id DESC LIMIT $%d`, n)
	return q
}

// campaigns reads campaigns, and their latest runs in a second query.
func (s *Store) campaigns(ctx context.Context, sql string, args ...any) ([]models.CampaignRow, error) {
	found, err := read[campaignRow](ctx, s, sql, args...)
	if err != nil {
		return nil, err
	}
	rows := make([]models.CampaignRow, len(found))
	var ids []string
	for i, c := range found {
		rows[i].State = c.State
		if c.RunID != nil {
			ids = append(ids, *c.RunID)
		}
	}
	if len(ids) == 0 {
		return rows, nil
	}
	runs, err := read[models.RunRow](ctx, s, `SELECT `+runColumns+` FROM campaign_runs r WHERE r.id = ANY($1)`, ids)
	for i := range runs {
		for k := range rows {
			if rows[k].State.ID == runs[i].CampaignID {
				rows[k].Run = &runs[i]
			}
		}
	}
	return rows, err
}

// Run returns a run with its counts; not_found when there is none.
func (s *Store) Run(ctx context.Context, id string) (models.RunRow, error) {
	return only(read[models.RunRow](ctx, s, runByID, id))
}

// RunOf returns the n-th run of a campaign with its counts, 0 the latest; not_found when there is none.
func (s *Store) RunOf(ctx context.Context, campaignID string, n int) (models.RunRow, error) {
	return only(read[models.RunRow](ctx, s, `SELECT `+runColumns+` FROM campaign_runs r WHERE r.campaign_id = $1 AND (r.n = $2 OR $2 = 0)
		ORDER BY r.n DESC LIMIT 1`, campaignID, n))
}

const runByID = `SELECT ` + runColumns + ` FROM campaign_runs r WHERE r.id = $1`

// only is the one row that was asked for.
func only[T any](rows []T, err error) (T, error) {
	if err == nil && len(rows) == 0 {
		err = errs.New(errs.NotFound, "campaign.unknown")
	}
	if err != nil {
		var none T
		return none, err
	}
	return rows[0], nil
}

// Runs lists the runs of a campaign with their counts, the latest first, and the cursor of the next page, empty on the last.
func (s *Store) Runs(ctx context.Context, campaignID string, p models.Page) ([]models.RunRow, string, error) {
	after, err := afterNumber(p, math.MaxInt32)
	if err != nil {
		return nil, "", err
	}
	var q query
	q.add(`SELECT `+runColumns+` FROM campaign_runs r WHERE r.campaign_id = $%d`, campaignID)
	if err := q.estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	if after != 0 {
		q.add(` AND r.n < $%d`, after)
	}
	q.add(` ORDER BY r.n DESC LIMIT $%d`, limit+1)
	rows, err := read[models.RunRow](ctx, s, q.text.String(), q.args...)
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	return rows[:limit], encodeCursor(strconv.Itoa(rows[limit-1].N)), nil
}

// Recipients lists the recipients of a run in the order of sending, those of one state if it is given, and the cursor of
// the next page, empty on the last.
func (s *Store) Recipients(ctx context.Context, runID string, state models.RecipientState, p models.Page) ([]models.RecipientRow, string, error) {
	after, err := afterNumber(p, math.MaxInt64)
	if err != nil {
		return nil, "", err
	}
	if err := recipientsAfter(runID, state, 0).estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q := recipientList(runID, state, after, limit+1)
	found, err := read[storedRecipient](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return nil, "", err
	}
	rows := make([]models.RecipientRow, len(found))
	for i := range found {
		rows[i] = found[i].row()
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	return rows[:limit], encodeCursor(strconv.FormatInt(rows[limit-1].Place, 10)), nil
}

func recipientsAfter(runID string, state models.RecipientState, after int64) *query {
	q := &query{}
	q.add(`SELECT `+recipientColumns+` FROM campaign_recipients r WHERE r.run_id = $%d`, runID)
	if state != "" {
		q.add(` AND r.state = $%d`, string(state))
	}
	if after > 0 {
		q.add(` AND r.place > $%d`, after)
	}
	return q
}

// recipientList is the statement of a page.
func recipientList(runID string, state models.RecipientState, after int64, n int) *query {
	q := recipientsAfter(runID, state, after)
	q.add(` ORDER BY r.place LIMIT $%d`, n)
	return q
}
