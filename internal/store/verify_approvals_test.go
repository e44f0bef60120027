package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestVerify_finds_every_kind_of_corruption_of_an_approval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tamper string
		want   []string
	}{
		"outcome":        {`UPDATE approvals SET outcome = 'approved', ended_at = now() WHERE id = ?`, []string{"approval.access.surplus", "approval.projection.ended_at", "approval.projection.outcome"}},
		"subject":        {`UPDATE approvals SET subject_id = 'x' WHERE id = ?`, []string{"approval.projection.subject_id"}},
		"requester":      {`UPDATE approvals SET requester_id = 'x' WHERE id = ?`, []string{"approval.access.surplus", "approval.projection.requester_id"}},
		"time":           {`UPDATE approvals SET updated_at = now() WHERE id = ?`, []string{"approval.projection.updated_at"}},
		"lost event":     {`DELETE FROM timeline WHERE subject_id = ? AND seq = 2`, []string{"approval.timeline"}},
		"lost last":      {`DELETE FROM timeline WHERE subject_id = ? AND seq = (SELECT max(seq) FROM timeline t WHERE t.subject_id = timeline.subject_id)`, []string{"approval.timeline"}},
		"lost task":      {`DELETE FROM tasks WHERE approval_id = ? AND state = 'open'`, []string{"approval.tasks"}},
		"task of who":    {`UPDATE tasks SET user_id = 'x' WHERE approval_id = ? AND state = 'open'`, []string{"approval.tasks"}},
		"task of what":   {`UPDATE tasks SET subject_id = 'x' WHERE approval_id = ? AND state = 'open'`, []string{"approval.tasks"}},
		"open again":     {`UPDATE tasks SET state = 'open', done_at = NULL WHERE approval_id = ? AND state = 'done'`, []string{"approval.tasks"}},
		"lost copy":      {`DELETE FROM tasks WHERE approval_id = ? AND state = 'copy'`, []string{"approval.copies"}},
		"nobody asked":   {`UPDATE approvals SET state = jsonb_set(state, '{chain,visits}', '[]') WHERE id = ?`, []string{"approval.access.surplus", "approval.tasks", "approval.waits"}},
		"unseen":         {`DELETE FROM approval_access WHERE approval_id = ?`, []string{"approval.access.missing"}},
		"seen elsewhere": {`UPDATE approval_access SET open = NOT open WHERE approval_id = ?`, []string{"approval.access.missing", "approval.access.surplus"}},
		"seen":           {`INSERT INTO approval_access SELECT 'user_x', true, created_at, id FROM approvals WHERE id = ?`, []string{"approval.access.surplus"}},
		"seen, nothing":  {`INSERT INTO approval_access SELECT 'user_x', true, now(), 'approval_x' WHERE ? <> ''`, []string{"approval.access.surplus"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newCourt(t, store.Options{})
			k.deputise()
			s := k.askAbout(t, k.apply(t, k.record(k.one)))
			s = k.do(t, s, k.away, approval.Command{Verb: approval.CC, UserIDs: []string{k.reader.ID}})
			s = k.approve(t, s, k.two) // for one
			k.approve(t, k.approve(t, k.ask(t), k.one), k.boss)
			require.Empty(t, k.verify(t))
			require.NoError(t, k.DB().Exec(c.tamper, s.ID).Error)
			found := k.verify(t)
			require.Equal(t, c.want, rulesOf(found))
			for _, f := range found {
				require.NotEqual(t, f.Expected, f.Found)
				if name != "seen, nothing" {
					require.Equal(t, []string{s.ID, s.Number}, []string{f.CaseID, f.Number})
				}
			}
		})
	}
}

func TestVerify_of_approvals_ends_with_the_error_of_whoever_it_reports_to(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	require.NoError(t, k.DB().Exec("UPDATE approvals SET process = 'x', chain = 'x' WHERE id = ?", s.ID).Error)
	enough, reports := errors.New("enough"), 0
	rules := func(context.Context, *models.CaseState) (sla.Rules, error) { return clockRules, nil }
	require.ErrorIs(t, k.Verify(t.Context(), rules, func(store.Finding) error {
		reports++
		return enough
	}), enough)
	require.Equal(t, 1, reports)
}
