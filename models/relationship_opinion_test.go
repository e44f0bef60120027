package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

func TestOpine_refuses(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	require.Equal(t, []string{"text:notblank"}, faultsOf(b.refused(days(1), "amy", models.RelationshipOpine, models.Opine{})))
	e := b.refused(days(1), "amy", models.RelationshipOpine, models.Opine{Text: "x", Departments: []string{"tech", "nowhere"}})
	require.Equal(t, []string{"department_ids[1]:unknown"}, faultsOf(e))
}

func TestOpinion_goes_straight_to_the_function_outside_the_sales_line(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	step := b.do(days(1), "amy", models.RelationshipOpine, models.Opine{Text: "Too slow", ContactID: "li", Departments: []string{"tech"}})
	row := step.Opinions[0]
	require.Equal(t, []any{"rae", "amy", models.OpinionOpen, []string{"rae"}}, []any{row.OwnerID, row.ByID, row.State, row.Monitors})
	require.Equal(t, daysOn(4), row.DueAt, "three working days")
	require.Equal(t, []string{"rae"}, b.tasks(models.TaskAnswerOpinion))
	require.Equal(t, []string{"mia", "rae", "tom"}, told(step, "opinion_received"), "who answers, to whom is reported, and the department concerned")
	require.NotContains(t, step.Events[0].Data, "text")
}

func TestOpinion_that_nobody_holds_goes_up_the_line(t *testing.T) {
	t.Parallel()
	r := relationshipRules(t, marketDepartment())
	r.Client.Class, r.Client.Status = "A", "active"
	delete(r.Org.Teams, "voices")
	b := newBond(t, r)
	step := b.do(days(1), "amy", models.RelationshipOpine, models.Opine{Text: "Too slow"})
	require.Equal(t, "sam", step.Opinions[0].OwnerID)
	require.Equal(t, true, step.Events[0].Data["unheld"], "the timeline says so")
}

// said is an opinion that rae is to answer.
func said(t require.TestingT) (*bond, models.AnswerOpinion) {
	b := activeBond(t, "A")
	b.do(days(1), "amy", models.RelationshipOpine, models.Opine{Text: "Too slow", ContactID: "li"})
	return b, models.AnswerOpinion{OpinionID: b.state.Opinions[0].ID, Answer: "We are sorry"}
}

func TestAnswer_refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		user   string
		change func(*models.AnswerOpinion)
		key    string
		faults []string
	}{
		"the_account_manager":  {"amy", func(*models.AnswerOpinion) {}, "relationship.not_yours", nil},
		"the_head":             {"mia", func(*models.AnswerOpinion) {}, "relationship.not_yours", nil},
		"one_that_is_not_open": {"rae", func(c *models.AnswerOpinion) { c.OpinionID = "opinion_1" }, "relationship.no_such", nil},
		"nothing":              {"rae", func(c *models.AnswerOpinion) { c.Answer = "" }, "invalid", []string{"answer:notblank"}},
		"a_commitment_of_the_past": {
			"rae", func(c *models.AnswerOpinion) { c.Commitment = &models.Commit{Text: "x", DueAt: daysOn(1)} }, "invalid", []string{"commitment.due_at:future"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := said(t)
			tc.change(&c)
			e := b.refused(days(2), tc.user, models.RelationshipAnswer, c)
			require.Equal(t, tc.key, e.Key)
			require.Equal(t, tc.faults, faultsOf(e))
		})
	}
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		b, c := said(t)
		b.do(days(1), "pam", models.RelationshipOpine, models.Opine{Text: "And too dear"})
		b.do(days(2), "rae", models.RelationshipAnswer, c)
		require.Equal(t, "relationship.no_such", b.refused(days(2), "rae", models.RelationshipAnswer, c).Key)
	})
}

func TestAnswer_tells_the_client_and_makes_the_commitment(t *testing.T) {
	t.Parallel()
	b, c := said(t)
	c.Commitment = &models.Commit{Text: "Two days at most", DueAt: daysOn(30), OwnerID: "tom"}
	step, err := b.attempt(daysOn(2), b.who("cara", "rae"), models.RelationshipAnswer, c)
	require.NoError(t, err)
	row := step.Opinions[0]
	require.Equal(t, []any{models.OpinionAnswered, "We are sorry", "cara", daysOn(2)}, []any{row.State, row.Answer, row.AnsweredBy, *row.AnsweredAt})
	require.Len(t, b.state.Commitments, 1)
	promise := step.Commitments[0]
	require.Equal(t, []any{row.CommitmentID, "tom", "li", row.ID}, []any{promise.ID, promise.OwnerID, promise.ContactID, promise.SubjectID})
	require.Equal(t, []models.ClientMessage{{Kind: models.MessageOpinionAnswered, ContactID: "li", Data: map[string]string{
		"client": "Blue Sky", "answer": "We are sorry", "commitment": "Two days at most", "due_at": "2026-04-08",
	}}}, step.Messages)
	require.Equal(t, []string{"amy"}, told(step, "opinion_settled"))
	require.Contains(t, b.factsOf(health.OpinionAnswered), row.ID)
	require.Empty(t, b.state.Opinions)
	require.Empty(t, b.tasks(models.TaskAnswerOpinion))
}

func TestAnswer_keeps_the_bound_of_open_commitments(t *testing.T) {
	t.Parallel()
	b, c := said(t)
	b.fillCommitments()
	c.Commitment = &models.Commit{Text: "x", DueAt: daysOn(9)}
	e := b.refused(days(2), "rae", models.RelationshipAnswer, c)
	require.Equal(t, []any{errs.Conflict, "relationship.too_many"}, []any{e.Code, e.Key})
}

func TestOpinion_that_is_late_is_told_once_and_stays_late(t *testing.T) {
	t.Parallel()
	b, c := said(t)
	due := b.state.Opinions[0].DueAt
	steps := b.pass(due.Add(days(2)))
	require.Equal(t, []string{"rae", "zoe"}, told(steps[0], "opinion_late"))
	require.Equal(t, models.OpinionLate, steps[0].Opinions[0].State)
	for _, s := range steps[1:] {
		require.NotContains(t, happened(s), "opinion_late")
	}
	b.do(days(20), "rae", models.RelationshipAnswer, c)
	require.Contains(t, b.factsOf(health.OpinionLate), c.OpinionID)
	require.Empty(t, b.factsOf(health.OpinionAnswered))
}
