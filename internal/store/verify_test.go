package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// lived is a case with a whole life: offered, accepted, closed, reopened, merged, taken apart and closed again.
func (d *desk) lived(t *testing.T) models.CaseState {
	t.Helper()
	s := d.apply(t, d.record(d.one))
	s = d.apply(t, offer(next(s, d.tick(), "offered"), d.two.ID, ""))
	s = d.apply(t, hand(next(s, d.tick(), "accepted"), d.two))
	s = d.apply(t, shut(next(s, d.tick(), "closed")))
	s = d.apply(t, reopen(next(s, d.tick(), "reopened"), d.one))
	survivor := d.record(d.two).State
	merged := shut(next(s, d.tick(), "merged"))
	merged.Events[0].Data = map[string]any{"into": survivor.ID}
	s = d.apply(t, merged)
	split := reopen(next(s, d.tick(), "unlinked"), d.one)
	split.Events[0].Data = map[string]any{"case_id": survivor.ID}
	s = d.apply(t, split)
	unrelated := next(s, d.tick(), "unlinked") // of a related case: nothing begins or ends
	unrelated.Events[0].Data = map[string]any{"case_id": "case_other"}
	return d.apply(t, unrelated)
}

func TestVerify_finds_nothing_in_what_steps_wrote(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	d.lived(t)
	s := d.apply(t, d.record(d.two))
	d.apply(t, shut(next(s, d.tick(), "cancelled")))
	require.Empty(t, d.verify(t))
}

func TestVerify_finds_every_kind_of_corruption(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tamper string
		want   []string
	}{
		"gap":            {`UPDATE case_handling SET during = tstzrange(lower(during), upper(during) - interval '1 ms') WHERE case_id = ? AND NOT upper_inf(during)`, []string{"handling.tiles"}},
		"late start":     {`UPDATE case_accountability SET during = tstzrange(lower(during) + interval '1 s', upper(during)) WHERE case_id = ?`, []string{"accountability.tiles"}},
		"no holder":      {`DELETE FROM case_accountability WHERE case_id = ? AND upper_inf(during)`, []string{"accountability.now", "accountability.tiles"}},
		"wrong holder":   {`UPDATE case_accountability SET user_id = 'x' WHERE case_id = ?`, []string{"accountability.now"}},
		"wrong kind":     {`UPDATE case_handling SET kind = 'awaiting_client' WHERE case_id = ?`, []string{"handling.now"}},
		"past the end":   {`UPDATE case_handling SET during = tstzrange(lower(during), upper(during) + interval '1 s') WHERE case_id = ? AND reason = 'accepted'`, []string{"handling.tiles"}},
		"lost event":     {`DELETE FROM timeline WHERE subject_id = ? AND seq = 2`, []string{"timeline.gapless"}},
		"lost last":      {`DELETE FROM timeline WHERE subject_id = ? AND seq = 8`, []string{"timeline.gapless"}},
		"lost reopening": {`DELETE FROM timeline WHERE subject_id = ? AND type = 'reopened'`, []string{"accountability.tiles", "handling.tiles", "timeline.gapless"}},
		"column":         {`UPDATE cases SET priority = 'P1' WHERE id = ?`, []string{"projection.priority"}},
		"owner column":   {`UPDATE cases SET assignee_id = 'x' WHERE id = ?`, []string{"projection.assignee_id"}},
		"due column":     {`UPDATE cases SET next_due_at = now() WHERE id = ?`, []string{"projection.next_due_at"}},
		"status column":  {`UPDATE cases SET status = 'closed' WHERE id = ?`, []string{"access.surplus", "projection.status"}},
		"task":           {`DELETE FROM tasks WHERE subject_id = ? AND state = 'open'`, []string{"tasks.open"}},
		"milestone":      {`UPDATE case_milestones SET cancelled_at = NULL WHERE case_id = ?`, []string{"milestones"}},
		"lost milestone": {`DELETE FROM case_milestones WHERE case_id = ?`, []string{"milestones"}},
		"more milestone": {`INSERT INTO case_milestones SELECT case_id, 'x', 1, state, clock, target, started_at FROM case_milestones WHERE case_id = ?`, []string{"milestones"}},
		"promise":        {`UPDATE cases SET state = jsonb_set(state, '{promises,0,total}', '1') WHERE id = ?`, []string{"promise.resolution.1.total"}},
		"unseen":         {`DELETE FROM case_access WHERE case_id = ?`, []string{"access.missing"}},
		"seen":           {`INSERT INTO case_access VALUES ('user_x', 'live', false, ?)`, []string{"access.surplus"}},
		"seen, nothing":  {`INSERT INTO case_access SELECT 'user_x', 'live', false, 'case_x' WHERE ? <> ''`, []string{"access.surplus"}},
		"told twice": {
			`WITH i AS (SELECT 1 WHERE ? <> '') INSERT INTO notifications SELECT 'note_x', user_id, kind, process, subject_id, data, key, created_at FROM notifications, i`,
			[]string{"notifications.unique"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, store.Options{})
			s := d.lived(t)
			healthy := d.apply(t, d.record(d.two))
			d.apply(t, d.told(healthy, models.Notice{Kind: "k", UserID: d.one.ID, Key: "2/k/"}))
			require.NoError(t, d.DB().Exec("DROP INDEX notifications_key_taken").Error) // it stands against one kind
			require.Empty(t, d.verify(t))
			require.NoError(t, d.DB().Exec(c.tamper, s.ID).Error)
			found := d.verify(t)
			require.Equal(t, c.want, rulesOf(found))
			for _, f := range found {
				require.NotEqual(t, f.Expected, f.Found)
				if name != "told twice" && name != "seen, nothing" {
					require.Equal(t, s.ID, f.CaseID)
					require.Equal(t, s.Number, f.Number)
				}
			}
		})
	}
}

func TestVerify_ends_with_the_error_of_whoever_it_reports_to_or_asks_for_rules(t *testing.T) {
	t.Parallel()
	d := newDesk(t, store.Options{})
	s := d.apply(t, d.record(d.one))
	enough := errors.New("enough")
	rules := func(context.Context, *models.CaseState) (sla.Rules, error) { return clockRules, nil }
	no := func(context.Context, *models.CaseState) (sla.Rules, error) { return sla.Rules{}, enough }
	require.ErrorIs(t, d.Verify(t.Context(), no, func(store.Finding) error { return nil }), enough)
	require.NoError(t, d.DB().Exec("UPDATE cases SET priority = 'P1', category = 'x' WHERE id = ?", s.ID).Error)
	reports := 0
	require.ErrorIs(t, d.Verify(t.Context(), rules, func(store.Finding) error {
		reports++
		return enough
	}), enough)
	require.Equal(t, 1, reports)
}
