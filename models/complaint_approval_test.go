package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

var (
	askTransfer  = models.TransferAccountability{ToID: "dan", Reason: "leave"}
	askExtension = models.Extend{Milestone: "resolution", By: "1h", Reason: "spare part"}
)

func TestApproval_of_a_transfer_names_who_has_a_stake(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	step := c.do(time.Minute, "ann", models.ActionTransfer, askTransfer)
	o := step.State.Orders[0]
	require.Equal(t, []any{models.ApprovalStart, models.ChainTransfer, "ann", []string{"dan"}, step.State.Seq},
		[]any{o.Verb, o.Chain, o.RequesterID, o.Interested, o.Seq})
	require.Equal(t, "ann", o.Facts.Texts["transfer.from_id"])
	require.Equal(t, o.ID, step.State.Transfer.ApprovalID)
	require.Equal(t, "ann", step.State.AccountableID, "nothing moves before it is approved and accepted")
}

func TestApproval_asked_as_a_deputy_counts_both_as_interested(t *testing.T) {
	t.Parallel()
	o := company()
	c := newCourse(t, o, nil)
	deputy := actor(o, "ben")
	deputy.ActsFor = []models.Person{actor(o, "ann").Person}
	step, err := models.ApplyCase(&c.state, event(t, deputy, models.ActionExtend, askExtension), monday.Add(time.Minute), c.r)
	require.NoError(t, err)
	order := step.State.Orders[0]
	require.Equal(t, "ann", order.RequesterID)
	require.Equal(t, []string{"ben"}, order.Interested)
}

func TestApproved_transfer_waits_for_the_receiver(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionTransfer, askTransfer)
	step := c.decided(2*time.Minute, models.OutcomeApproved)
	require.Equal(t, "sup1", step.Events[0].Actor, "what a person decided is told in their name")
	require.Empty(t, step.State.Orders)
	require.Equal(t, "sup1", step.State.Transfer.ApprovedBy)
	c.do(3*time.Minute, "dan", models.ActionAcceptAccountability, nil)
	require.Equal(t, "dan", c.state.AccountableID)
}

func TestApproved_extension_moves_the_due_time_and_a_refused_one_does_not(t *testing.T) {
	t.Parallel()
	for outcome, moved := range map[models.ApprovalOutcome]time.Duration{
		models.OutcomeApproved: time.Hour, models.OutcomeRejected: 0, models.OutcomeWithdrawn: 0,
	} {
		c := newCourse(t, company(), nil)
		before := *c.promise("resolution").DueAt
		c.do(time.Minute, "ann", models.ActionExtend, askExtension)
		c.decided(2*time.Minute, outcome)
		require.Equal(t, moved, c.promise("resolution").DueAt.Sub(before), outcome)
		require.Nil(t, c.state.Extension)
		require.Empty(t, c.state.Orders)
	}
}

func TestReturned_request_stays_open(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionExtend, askExtension)
	c.decided(2*time.Minute, models.OutcomeReturned)
	require.NotNil(t, c.state.Extension)
	require.Len(t, c.state.Orders, 1)
	require.Equal(t, models.ApprovalStart, c.state.Orders[0].Verb)
}

func TestRequest_that_is_given_up_is_withdrawn(t *testing.T) {
	t.Parallel()
	for name, giveUp := range map[string]func(*course){
		"cancelled": func(c *course) { c.do(2*time.Minute, "sup1", models.ActionCancel, models.Because{Reason: "r"}) },
		"resolved":  func(c *course) { c.do(2*time.Minute, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}) },
	} {
		c := newCourse(t, company(), nil)
		c.do(time.Minute, "ann", models.ActionExtend, askExtension)
		giveUp(c)
		require.Len(t, c.state.Orders, 1, name)
		require.Equal(t, models.ApprovalWithdraw, c.state.Orders[0].Verb, name)
		require.Equal(t, c.state.Seq, c.state.Orders[0].Seq, name)
	}
}

func TestAnswer_of_an_approval_counts_once(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.do(time.Minute, "ann", models.ActionTransfer, askTransfer)
	d := models.ApprovalDecided{ApprovalID: c.state.Orders[0].ID, Outcome: models.OutcomeApproved, ByID: "sup1"}
	c.decided(2*time.Minute, models.OutcomeApproved)
	_, err := models.ApplyCase(&c.state, models.CaseDecided(d), monday.Add(3*time.Minute), c.r)
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
}

func TestExtension_approved_after_an_older_breach_was_inherited_is_refused(t *testing.T) {
	t.Parallel()
	o := company()
	c := newCourse(t, o, func(r *models.RecordCase) { r.Impact, r.Urgency = "low", "low" })
	younger := newCourse(t, o, func(r *models.RecordCase) { r.ID, r.Number = "case_2", "CMP-2" })
	younger.until(7 * time.Hour) // its four hours were over at two in the afternoon
	require.Equal(t, sla.Breached, younger.promise("resolution").State)
	c.do(7*time.Hour, "ann", models.ActionExtend, askExtension)
	older := c.state
	older.CreatedAt = monday.Add(-time.Minute)
	link := event(t, actor(o, "mia"), models.ActionLink, models.Link{CaseID: "case_2", Kind: models.LinkDuplicate})
	steps, err := models.ApplyPair(&older, &younger.state, link, monday.Add(7*time.Hour+time.Minute), c.r, c.r)
	require.NoError(t, err)
	c.take(steps[0])
	step := c.decided(7*time.Hour+2*time.Minute, models.OutcomeApproved)
	require.Nil(t, c.state.Extension, "more time may be asked for again, for another promise")
	require.Empty(t, c.state.Orders)
	require.Contains(t, eventTypes(step.Events), "extension_refused")
	require.Equal(t, "extension_too_late", step.Notices[0].Kind)
	require.Equal(t, "ann", step.Notices[0].UserID)
	require.Equal(t, sla.Breached, c.promise("resolution").State)
}

func TestExtension_is_not_asked_for_when_the_due_time_has_come(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	due := *c.promise("resolution").DueAt
	_, err := models.ApplyCase(&c.state, event(t, actor(c.r.Org, "ann"), models.ActionExtend, askExtension), due, c.r) // before the clock has ticked
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
	c.until(due.Sub(monday))
	require.NotContains(t, c.state.AllowedActions(actor(c.r.Org, "ann"), due), models.ActionExtend)
}
