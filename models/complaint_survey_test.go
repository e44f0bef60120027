package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// surveyed lets time pass and then the case learn what its follow-up tells.
func (c *course) surveyed(after time.Duration, f models.FollowUpFact) models.CaseStep {
	c.t.Helper()
	c.until(after)
	if f.InvitationID == "" {
		f.InvitationID = c.state.Survey.InvitationID
	}
	e := models.CaseSurveyed(f)
	step, err := models.ApplyCase(&c.state, e, monday.Add(after), c.r)
	require.NoError(c.t, err)
	require.Contains(c.t, step.State.Handled, e.Meta.RequestID, "by which the process finds a step that was written while its answer got lost")
	return c.take(step)
}

// answer is what a follow-up tells of an answer.
func answer(score int, v survey.Verdict) models.FollowUpFact {
	return models.FollowUpFact{Status: models.FollowUpAnswered, Score: &score, Verdict: v}
}

func eventTypes(events []models.TimelineEvent) (types []string) {
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

func TestResolvedCase_asks_the_client(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	li := models.Recipient{Name: "Ms Li", Email: "li@blue.example"}
	require.Nil(t, c.state.SurveyPlan(li), "not before it is resolved")
	c.do(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
	p := c.state.SurveyPlan(li)
	require.Equal(t, []any{models.PurposeCase, "case_1", "ann", "case/case_1", "", li.Email},
		[]any{p.Purpose, p.SubjectID, p.AccountableID, p.Parent, p.FirstID, p.Recipient.Email})
	require.Equal(t, p, c.state.SurveyPlan(li), "it is planned once")
	c.do(2*time.Hour, "ann", models.ActionReopen, models.Because{Reason: "not solved"})
	require.Nil(t, c.state.SurveyPlan(li))
	require.Equal(t, c.state.Seq, c.state.Survey.Off, "the question is let be")
	c.do(3*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
	require.NotEqual(t, p.InvitationID, c.state.SurveyPlan(li).InvitationID, "each resolution is asked about")
}

func TestCaseOfABadAnswer_asks_the_second_question(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), func(r *models.RecordCase) { r.ResponseID = "invitation_1" })
	c.do(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
	p := c.state.SurveyPlan(models.Recipient{Name: "Ms Li", Email: "li@blue.example"})
	require.Equal(t, []any{models.PurposeRecovery, "invitation_1"}, []any{p.Purpose, p.FirstID})
	l := begun(t, askingRules(t, agency()), *p, monday)
	require.Equal(t, []any{"recovery", "invitation_1", "invitation_1"}, []any{l.state.Template, l.state.FirstID, l.r.Invitation.FirstID})
}

func TestAnswer_decides_about_the_case(t *testing.T) {
	t.Parallel()
	resolved := func(t *testing.T) *course {
		c := newCourse(t, company(), nil)
		c.do(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
		step := c.surveyed(2*time.Hour, models.FollowUpFact{Status: models.FollowUpAsked, Channel: campaign.ByEmail})
		require.Equal(t, []string{"survey_sent"}, eventTypes(step.Events))
		return c
	}
	t.Run("satisfied_closes_it", func(t *testing.T) {
		t.Parallel()
		c := resolved(t)
		step := c.surveyed(3*time.Hour, answer(4, survey.Satisfied))
		require.Equal(t, models.CaseClosed, c.state.Status)
		require.Equal(t, models.System, step.Events[0].Actor, "in nobody's name")
		require.Subset(t, eventTypes(step.Events), []string{"survey_answered", "closed"})
		require.True(t, c.state.Survey.Answered)
	})
	t.Run("dissatisfied_reopens_it_with_a_call_back_task", func(t *testing.T) {
		t.Parallel()
		c := newCourse(t, company(), nil)
		c.do(time.Minute, "sup1", models.ActionPrioritize, models.Prioritize{Impact: "low", Urgency: "low", Reason: "small"})
		c.do(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
		step := c.surveyed(3*time.Hour, answer(2, survey.Dissatisfied))
		require.Equal(t, []any{models.CaseInProgress, 1}, []any{c.state.Status, c.state.ReopenCount})
		require.Subset(t, eventTypes(step.Events), []string{"survey_answered", "reopened"})
		found := false
		for _, task := range c.state.Tasks {
			if task.Kind == models.TaskCallBack {
				found = true
				require.Equal(t, []any{"ann", "2"}, []any{task.UserID, task.Why["score"]})
			}
		}
		require.True(t, found)
		c.do(4*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "better"})
		priority := c.state.Priority
		c.surveyed(5*time.Hour, answer(1, survey.Dissatisfied))
		require.Equal(t, 2, c.state.ReopenCount)
		require.Less(t, c.state.Priority, priority, "the second time it is more urgent")
	})
	t.Run("neither_satisfied_nor_dissatisfied_is_only_noted", func(t *testing.T) {
		t.Parallel()
		c := resolved(t)
		step := c.surveyed(3*time.Hour, answer(3, survey.Neutral))
		require.Equal(t, []string{"survey_answered"}, eventTypes(step.Events))
		require.Equal(t, models.CaseResolved, c.state.Status)
	})
	t.Run("dissatisfied_reopens_it_also_after_silence_has_closed_it", func(t *testing.T) {
		t.Parallel()
		c := resolved(t)
		c.surveyed(5*24*time.Hour, answer(1, survey.Dissatisfied))
		require.Contains(t, func() (all []string) {
			for _, s := range c.steps {
				all = append(all, eventTypes(s.Events)...)
			}
			return all
		}(), "closed")
		require.Equal(t, models.CaseInProgress, c.state.Status)
	})
	t.Run("what_no_longer_counts_is_only_noted", func(t *testing.T) {
		t.Parallel()
		c := resolved(t)
		first := c.state.Survey.InvitationID
		c.do(3*time.Hour, "ann", models.ActionReopen, models.Because{Reason: "not solved"})
		stale := answer(5, survey.Satisfied)
		stale.InvitationID = first
		require.Equal(t, []string{"survey_answered"}, eventTypes(c.surveyed(4*time.Hour, stale).Events))
		require.Equal(t, models.CaseInProgress, c.state.Status)
		c.do(5*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"})
		require.Equal(t, []string{"survey_answered"}, eventTypes(c.surveyed(6*time.Hour, stale).Events), "about the resolution before")
		c.surveyed(7*time.Hour, answer(5, survey.Satisfied))
		require.Equal(t, models.CaseClosed, c.state.Status)
		require.Equal(t, []string{"survey_answered"}, eventTypes(c.surveyed(8*time.Hour, answer(1, survey.Dissatisfied)).Events), "an answer counts once")
	})
}
