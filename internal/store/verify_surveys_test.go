package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

func TestVerify_finds_every_kind_of_corruption_of_a_survey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tamper string
		want   []string
	}{
		"score":          {`UPDATE invitations SET score = 5 WHERE id = ?`, []string{"follow_up.invitation.score", "survey.score"}},
		"verdict":        {`UPDATE invitations SET verdict = 'neutral' WHERE id = ?`, []string{"follow_up.invitation.verdict", "survey.case", "survey.verdict"}},
		"answer":         {`UPDATE invitations SET answers = jsonb_set(answers, '{perceived,score}', '5') WHERE id = ?`, []string{"survey.answers"}},
		"counted":        {`UPDATE answers SET score = 4 WHERE invitation_id = ? AND question = 'satisfaction'`, []string{"survey.answers"}},
		"gap":            {`UPDATE answers SET gap = 0 WHERE invitation_id = ? AND question = 'perceived'`, []string{"survey.answers"}},
		"of whom":        {`UPDATE answers SET accountable_id = 'x' WHERE invitation_id = ? AND question = 'perceived'`, []string{"survey.answers"}},
		"lost answer":    {`DELETE FROM answers WHERE invitation_id = ? AND question = 'good'`, []string{"survey.answers"}},
		"no case":        {`UPDATE invitations SET case_id = NULL WHERE id = ?`, []string{"follow_up.invitation.case_id", "survey.case"}},
		"shared case":    {`UPDATE invitations SET case_id = (SELECT case_id FROM invitations WHERE id = ?)`, []string{"follow_up.invitation.case_id", "survey.case"}},
		"never recorded": {`UPDATE follow_ups SET updated_at = timestamptz '2026-11-20', state = jsonb_set(state, '{updated_at}', '"2026-11-20T00:00:00Z"') WHERE id = ?`, []string{"survey.case"}},
		"subject":        {`UPDATE follow_ups SET subject_id = 'x' WHERE id = ?`, []string{"follow_up.projection.subject_id"}},
		"status":         {`UPDATE follow_ups SET status = 'asked' WHERE id = ?`, []string{"follow_up.projection.status"}},
		"whom":           {`UPDATE invitations SET client_id = 'x' WHERE id = ?`, []string{"follow_up.invitation.client_id", "survey.answers"}},
		"withdrawn":      {`UPDATE invitations SET withdrawn = true WHERE id = ?`, []string{"follow_up.invitation.withdrawn"}},
		"time":           {`UPDATE invitations SET asked_at = now() WHERE id = ?`, []string{"follow_up.invitation.asked_at"}},
		"lost event":     {`DELETE FROM timeline WHERE subject_id = ? AND seq = 2`, []string{"follow_up.timeline"}},
		"a task": {
			`INSERT INTO tasks (id, process, kind, subject_id, user_id, state, due_at, created_at, started_by) SELECT 'x', 'follow_up', 'k', id, 'u', 'open', 'infinity', now(), 's' FROM invitations WHERE id = ?`,
			[]string{"follow_up.tasks"},
		},
		"no process": {`DELETE FROM follow_ups WHERE id = ?`, []string{"survey.follow_up"}},
		"no invitation": {
			`WITH gone AS (SELECT ?::text AS id), a AS (INSERT INTO follow_ups SELECT 'x', status, purpose, subject_id, client_id, created_at, updated_at, seq, jsonb_set(state, '{id}', '"x"')
				FROM follow_ups JOIN gone USING (id) RETURNING 1) SELECT * FROM a`,
			[]string{"survey.invitation"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPoll(t, store.Options{})
			visit := scored("satisfaction", 1)
			visit["expected"], visit["perceived"] = survey.Answer{Score: ptr(4)}, survey.Answer{Score: ptr(2)}
			visit["good"] = survey.Answer{Choices: []string{"welcome", "meals"}}
			s := p.answer(t, p.ask(t, p.plan(models.PurposeReception, "reception_1", somebody())), visit)
			p.answer(t, p.ask(t, p.plan(models.PurposeCase, "case_1", somebody())), complete(1))
			p.begin(t, p.plan(models.PurposeCase, "case_1", models.Recipient{Name: "without an address"}))
			require.Empty(t, p.verify(t))
			require.NoError(t, p.DB().Exec(c.tamper, s.ID).Error)
			found := p.verify(t)
			require.Equal(t, c.want, rulesOf(found))
			for _, f := range found {
				require.NotEqual(t, f.Expected, f.Found)
			}
		})
	}
}

func TestVerify_of_surveys_ends_with_the_error_of_whoever_it_reports_to_or_asks_for_templates(t *testing.T) {
	t.Parallel()
	p := newPoll(t, store.Options{})
	s := p.answer(t, p.ask(t, p.plan(models.PurposeCase, "case_1", wang)), complete(5))
	enough, reports := errors.New("enough"), 0
	none := func(context.Context, int) (*survey.Book, error) { return nil, enough }
	require.ErrorIs(t, p.VerifySurveys(t.Context(), none, func(store.Finding) error { return nil }), enough)
	require.NoError(t, p.DB().Exec("UPDATE invitations SET score = 1, expires_at = ? WHERE id = ?", time.Unix(0, 0), s.ID).Error)
	require.ErrorIs(t, p.VerifySurveys(t.Context(), p.books, func(store.Finding) error {
		reports++
		return enough
	}), enough)
	require.Equal(t, 1, reports)
}
