package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestRecords_are_read_by_their_ids_and_listed_by_who_has_a_part(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	step := b.next(nil, b.everythingOpen)
	_, _, err := b.AdvanceRelationship(t.Context(), b.client.ID, nil, decided(step))
	require.NoError(t, err)
	ctx := t.Context()

	commitment, err := b.Commitment(ctx, step.Commitments[0].ID)
	require.NoError(t, err)
	require.Equal(t, *step.Commitments[0], commitment)
	opinion, err := b.Opinion(ctx, step.Opinions[0].ID)
	require.NoError(t, err)
	require.Equal(t, *step.Opinions[0], opinion)
	lead, err := b.Lead(ctx, step.Leads[0].ID)
	require.NoError(t, err)
	require.Equal(t, *step.Leads[0], lead)
	improvement, err := b.Improvement(ctx, step.Improvements[0].ID)
	require.NoError(t, err)
	require.Equal(t, *step.Improvements[0], improvement)
	assessment, err := b.Assessment(ctx, step.Assessment.ID)
	require.NoError(t, err)
	require.Equal(t, step.Assessment.Levels, assessment.Levels)
	interaction, err := b.Interaction(ctx, step.Interactions[0].ID)
	require.NoError(t, err)
	require.Equal(t, *step.Interactions[0], interaction)
	_, err = b.Commitment(ctx, id.New(id.Commitment))
	requireCode(t, errs.NotFound, err)
	from, err := b.ImprovementsFrom(ctx, b.client.ID, improvement.AssessmentID)
	require.NoError(t, err)
	require.Len(t, from, 1)
	states, err := b.RelationshipStates(ctx, []string{b.client.ID, id.New(id.Client)})
	require.NoError(t, err)
	require.Equal(t, map[string]models.RelationshipState{b.client.ID: step.State}, states)

	// Whoever has a part in a record, and only they, is shown it by the limit.
	for name, c := range map[string]struct {
		list func(of []string) (int, error)
		part []string
	}{
		"assessments": {func(of []string) (int, error) {
			rows, _, err := b.Assessments(ctx, models.RecordFilter{ClientID: b.client.ID, Of: of}, models.Page{})
			return len(rows), err
		}, []string{b.one.ID}},
		"improvements": {func(of []string) (int, error) {
			rows, _, err := b.Improvements(ctx, models.RecordFilter{ClientID: b.client.ID, Of: of}, models.Page{})
			return len(rows), err
		}, []string{b.one.ID}},
		"interactions": {func(of []string) (int, error) {
			rows, _, err := b.Interactions(ctx, models.RecordFilter{ClientID: b.client.ID, Of: of, UserID: b.one.ID, Kind: "visit"}, models.Page{})
			return len(rows), err
		}, []string{b.one.ID}},
		"commitments": {func(of []string) (int, error) {
			rows, _, err := b.Commitments(ctx, models.RecordFilter{ClientID: b.client.ID, Of: of}, models.Page{})
			return len(rows), err
		}, []string{b.one.ID, b.two.ID}},
		"opinions": {func(of []string) (int, error) {
			rows, _, err := b.Opinions(ctx, models.RecordFilter{ClientID: b.client.ID, Of: of}, models.Page{})
			return len(rows), err
		}, []string{b.one.ID, b.boss.ID}},
		"leads": {func(of []string) (int, error) {
			rows, _, err := b.Leads(ctx, models.LeadFilter{Of: of, OwnerID: b.two.ID, Stage: models.LeadNew, Open: new(true)}, models.Page{})
			return len(rows), err
		}, []string{b.one.ID, b.two.ID}},
	} {
		n, err := c.list(nil)
		require.NoError(t, err, name)
		require.Equal(t, 1, n, name)
		for _, user := range c.part {
			n, err = c.list([]string{user})
			require.NoError(t, err, name)
			require.Equal(t, 1, n, name)
		}
		n, err = c.list([]string{b.away.ID})
		require.NoError(t, err, name)
		require.Zero(t, n, name)
	}
	none, _, err := b.Leads(ctx, models.LeadFilter{Open: new(false)}, models.Page{})
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestRecords_are_on_one_page_each(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	var s *models.RelationshipState
	for range 5 {
		after := b.step(t, s, func(step *models.RelationshipStep) {
			at := step.State.UpdatedAt
			step.Interactions = []*models.InteractionRow{{ID: id.New(id.Interaction), ClientID: b.client.ID, UserID: b.one.ID, Kind: "call", At: at, CreatedAt: at}}
		})
		s = &after
	}
	seen := map[string]bool{}
	p, pages := models.Page{Limit: 2, Estimate: new(int64)}, 0
	for {
		rows, next, err := b.Interactions(t.Context(), models.RecordFilter{ClientID: b.client.ID}, p)
		require.NoError(t, err)
		for _, r := range rows {
			require.False(t, seen[r.ID])
			seen[r.ID] = true
		}
		pages++
		if p.Cursor = next; next == "" {
			break
		}
	}
	require.Len(t, seen, 5)
	require.Equal(t, 3, pages)
	_, _, err := b.Interactions(t.Context(), models.RecordFilter{}, models.Page{Cursor: "!"})
	requireCode(t, errs.Malformed, err)
}

// TestRecord_lists_walk_an_index: no list reads a whole table, however many rows there are.
func TestRecord_lists_walk_an_index(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	b.step(t, nil, b.everythingOpen)
	conns, err := b.DB().DB()
	require.NoError(t, err)
	conn, err := conns.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), `SET enable_seqscan = off`)
	require.NoError(t, err)
	defer conn.ExecContext(t.Context(), `RESET enable_seqscan`)
	for name, st := range store.RecordStatements(b.client.ID, b.one.ID) {
		rows, err := conn.QueryContext(t.Context(), "EXPLAIN "+st[0].(string), st[1:]...)
		require.NoError(t, err, name)
		var plan strings.Builder
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			plan.WriteString(line + "\n")
		}
		require.NoError(t, rows.Err())
		require.NotContains(t, plan.String(), "Seq Scan", name)
	}
}
