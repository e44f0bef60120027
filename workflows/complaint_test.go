package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/workflows"
)

func TestComplaint(t *testing.T) {
	t.Parallel()

	t.Run("answered_resolved_and_closed_by_the_supervisor_ends_after_the_reopening_window", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"}),
			b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}), b.at(2*time.Hour, "sup1", models.ActionClose, nil))
		require.Equal(t, models.CaseClosed, b.run().Status)
		b.check()
		require.Equal(t, 4, len(b.store.steps), "record, respond, resolve, close: the end of the window is no step")
		require.WithinDuration(t, sample.Monday.Add(2*time.Hour+7*24*time.Hour), b.env.Now(), time.Second)
	})

	t.Run("silence_closes_a_resolved_case_after_three_working_days", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		require.Equal(t, models.CaseClosed, b.run().Status)
		b.check()
		require.Equal(t, time.Date(2026, 3, 12, 1, 1, 0, 0, time.UTC), b.when("closed", ""))
	})

	t.Run("unanswered_promises_warn_breach_and_climb_the_ladder_to_the_minute", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(48*time.Hour, "sup1", models.ActionCancel, models.Because{Reason: "test"}))
		require.Equal(t, models.CaseCancelled, b.run().Status)
		b.check()
		require.Equal(t, hm(9, 5), b.when("milestone_warned", "first_response"))
		require.Equal(t, hm(9, 10), b.when("milestone_breached", "first_response"))
		require.Equal(t, hm(14, 0), b.when("milestone_breached", "resolution"))
		told := map[string][]string{}
		for _, s := range b.store.steps {
			for _, n := range s.Notices {
				told[n.Kind] = append(told[n.Kind], n.UserID)
			}
		}
		require.Subset(t, told["milestone_breached"], []string{"sup1", "mia", "zoe"}, "supervisor, then manager, then director")
		require.Contains(t, told["milestone_warned"], "ann")
		require.Contains(t, b.timeline(), "escalated")
	})

	t.Run("waiting_pauses_the_promise_and_chases_until_it_gives_up", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionWait, models.Wait{Reason: "papers"}))
		require.Equal(t, models.CaseClosed, b.run().Status)
		b.check()
		require.Equal(t, 3, count(b.timeline(), "chased"), "three reminders before the case counts as unanswered")
		require.NotContains(t, breached(b), "resolution", "the paused promise is not broken")
		require.Contains(t, b.timeline(), "resolved")
	})

	t.Run("wait_ends_at_its_until", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		until := hm(10, 30)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionWait, models.Wait{Reason: "papers", Until: until.Format(time.RFC3339)}),
			b.at(3*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, until, b.when("resumed", ""))
	})

	t.Run("an_offer_expires_after_fifteen_working_minutes_and_the_handler_keeps_the_case", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionAssign, models.Assign{TeamID: "backoffice"}),
			b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, hm(9, 16), b.when("offer_expired", ""))
		require.Equal(t, "ann", b.store.cases[caseID].AssigneeID)
	})

	t.Run("two_members_accept_one_team_offer_and_one_gets_a_conflict", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionAssign, models.Assign{TeamID: "backoffice"}),
			b.at(2*time.Minute, "dan", models.ActionAccept, nil))
		second := b.at(2*time.Minute, "sup2", models.ActionAccept, nil)
		b.must(b.at(time.Hour, "dan", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(second, errs.Conflict)
	})

	t.Run("two_bounces_lead_to_adjudication", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		for i := range 2 {
			m := time.Duration(i*2+1) * time.Minute
			b.must(b.at(m, "ann", models.ActionAssign, models.Assign{AssigneeID: "ben"}), b.at(m+time.Minute, "ben", models.ActionDecline, models.Because{Reason: "no"}))
		}
		blocked := b.at(10*time.Minute, "ann", models.ActionAssign, models.Assign{AssigneeID: "dan"})
		b.must(b.at(11*time.Minute, "sup1", models.ActionAdjudicate, models.Adjudicate{AssigneeID: "ben", Reason: "yes"}),
			b.at(time.Hour, "ben", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(blocked, errs.Conflict)
	})

	t.Run("accountability_moves_when_approved_and_accepted", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionTransfer, models.TransferAccountability{ToID: "ben", Reason: "leave"}))
		early := b.at(3*time.Minute, "ben", models.ActionAcceptAccountability, nil)
		b.decided(4*time.Minute, models.OutcomeApproved)
		b.must(b.at(5*time.Minute, "ben", models.ActionAcceptAccountability, nil), b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(early, errs.Conflict)
		require.Equal(t, "ben", b.store.cases[caseID].AccountableID)
	})

	t.Run("an_approved_extension_moves_the_due_time", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionExtend, models.Extend{Milestone: "resolution", By: "2h", Reason: "part"}))
		b.decided(2*time.Minute, models.OutcomeApproved)
		b.decided(150*time.Second, models.OutcomeApproved) // told twice
		again := b.at(3*time.Minute, "ann", models.ActionExtend, models.Extend{Milestone: "resolution", By: "2h", Reason: "part"})
		b.must(b.at(50*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(again, errs.Conflict)
		require.Equal(t, hm(16, 0), b.when("milestone_breached", "resolution"), "four and two working hours from nine, lunch not counted")
	})

	t.Run("reopening_starts_a_new_cycle_and_the_second_raises_the_priority", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "sup1", models.ActionPrioritize, models.Prioritize{Impact: "low", Urgency: "low", Reason: "small"}))
		for i := range 2 {
			h := time.Duration(i+1) * time.Hour
			b.must(b.at(h, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}), b.at(h+time.Minute, "ann", models.ActionReopen, models.Because{Reason: "not solved"}))
		}
		b.must(b.at(4*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		s := b.store.cases[caseID]
		require.Equal(t, 2, s.ReopenCount)
		require.Equal(t, "P3", s.Priority)
	})

	t.Run("a_refused_record_ends_the_process_without_a_case", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		bad := b.at(0, "ann", models.ActionRecord, models.RecordCase{Type: models.TypeComplaint, FirstContactID: "nobody"})
		require.Equal(t, models.CaseStatus("rejected"), b.run().Status)
		b.refused(bad, errs.Invalid)
		require.Empty(t, b.store.cases)
	})

	t.Run("a_record_within_the_input_is_answered_when_it_is_sent_again_and_no_other_is_taken", func(t *testing.T) {
		t.Parallel()
		for _, after := range []time.Duration{0, time.Minute} { // while the first step is being taken, and later
			b := setup(t)
			record := b.event("record:1", "ann", models.ActionRecord, recordOf(models.TypeComplaint))
			b.opening = &record
			b.send(after, record)
			other := b.at(after, "ann", models.ActionRecord, recordOf(models.TypeInquiry))
			b.must(record.Meta.RequestID, b.at(after, "ann", models.ActionNote, models.Note{Text: "n"}), b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
			require.Equal(t, models.CaseClosed, b.run().Status)
			b.check()
			b.refused(other, errs.Conflict)
			require.Equal(t, 1, count(b.timeline(), "recorded"))
		}
	})

	t.Run("a_refused_record_within_the_input_ends_the_process_and_tells_why_to_whoever_sends_it_again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		bad := b.event("record:1", "ann", models.ActionRecord, models.RecordCase{Type: models.TypeComplaint, FirstContactID: "nobody"})
		b.opening = &bad
		b.send(0, bad)
		early := b.at(0, "ann", models.ActionNote, models.Note{Text: "n"})
		require.Equal(t, models.CaseStatus("rejected"), b.run().Status)
		b.refused(bad.Meta.RequestID, errs.Invalid)
		b.refused(early, errs.NotFound)
		require.Empty(t, b.store.cases)
	})

	t.Run("a_process_whose_first_command_never_comes_ends_by_itself", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, models.CaseStatus("rejected"), setup(t).run().Status)
	})

	t.Run("commands_before_the_record_are_not_found", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		early := b.at(0, "ann", models.ActionRespond, models.Respond{Message: "m"})
		b.run()
		b.refused(early, errs.NotFound)
	})

	t.Run("the_same_request_is_applied_once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionNote, models.Note{Text: "n"}, "note:same"),
			b.at(2*time.Minute, "ann", models.ActionNote, models.Note{Text: "n"}, "note:same"), b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, 1, count(b.timeline(), "noted"))
	})

	t.Run("a_step_is_written_once_however_often_the_store_fails", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() { b.store.broken = 8 }, 30*time.Second)
		b.must(b.at(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"}))
		b.env.RegisterDelayedCallback(func() { b.store.lost = 3 }, 29*time.Minute)
		b.must(b.at(30*time.Minute, "ann", models.ActionNote, models.Note{Text: "n"}), b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		require.Equal(t, 1, count(b.timeline(), "responded"))
		require.Equal(t, 1, count(b.timeline(), "noted"))
	})

	t.Run("a_case_that_another_transaction_moved_is_adopted", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() {
			b.leave("ann", "sup1")
			b.env.SignalWorkflow(models.ComplaintAdopt, nil)
		}, time.Minute)
		gone := b.at(2*time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
		b.must(b.at(3*time.Minute, "sup1", models.ActionRespond, models.Respond{Message: "m"}), b.at(4*time.Minute, "sup1", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(gone, errs.Forbidden)
		require.Equal(t, "sup1", b.store.cases[caseID].AccountableID)
	})

	t.Run("a_moved_case_is_adopted_also_when_the_signal_got_lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() { b.leave("ann", "sup1") }, time.Minute)
		gone := b.at(2*time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"})
		b.must(b.at(3*time.Minute, "sup1", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(gone, errs.Forbidden)
	})

	t.Run("what_was_missed_while_the_store_was_down_comes_before_the_commands_that_came_after_it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionRespond, models.Respond{Message: "m"}),
			b.at(2*time.Minute, "ann", models.ActionAssign, models.Assign{TeamID: "backoffice"}),
			b.at(3*time.Minute, "ann", models.ActionWait, models.Wait{Reason: "papers", Until: hm(9, 17).Add(-2 * time.Second).Format(time.RFC3339)}))
		b.env.RegisterDelayedCallback(func() { b.store.broken = 8 }, 16*time.Minute)
		late := b.at(17*time.Minute+time.Second, "dan", models.ActionAccept, nil)
		b.must(b.at(2*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		b.refused(late, errs.Conflict)
		require.Equal(t, []time.Time{hm(9, 17).Add(-2 * time.Second), hm(9, 17)}, []time.Time{b.when("resumed", ""), b.when("offer_expired", "")})
	})

	t.Run("messages_leave_once_for_each_step_that_has_some", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.store.mail = true
		b.must(b.record(models.TypeComplaint), b.at(time.Minute, "ann", models.ActionAssign, models.Assign{AssigneeID: "ben"}),
			b.at(2*time.Minute, "ben", models.ActionAccept, nil), b.at(time.Hour, "ben", models.ActionResolve, models.Resolve{Resolution: "r"}))
		b.run()
		b.check()
		var want []int64
		for _, s := range b.store.steps {
			if len(s.Notices) > 0 {
				want = append(want, s.State.Seq)
			}
		}
		require.ElementsMatch(t, want, b.outbox.seqs)
	})

	t.Run("continues_as_new_with_its_state", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.must(b.record(models.TypeComplaint))
		b.env.RegisterDelayedCallback(func() { b.env.SetContinueAsNewSuggested(true) }, time.Minute)
		b.must(b.at(30*time.Second, "ann", models.ActionNote, models.Note{Text: "n"}))
		b.env.ExecuteWorkflow(workflows.Complaint, models.ComplaintInput{CaseID: caseID})
		b.check()
		var next *workflow.ContinueAsNewError
		require.True(t, errors.As(b.env.GetWorkflowError(), &next))

		again := setup(t)
		again.store = b.store
		last := b.store.cases[caseID]
		again.env.RegisterActivity(&activities.Complaint{Store: b.store, Rules: shipped(t)})
		again.must(again.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
		again.env.ExecuteWorkflow(workflows.Complaint, models.ComplaintInput{CaseID: caseID, State: &last})
		require.NoError(t, again.env.GetWorkflowError())
		again.check()
		require.Equal(t, models.CaseClosed, b.store.cases[caseID].Status)
	})
}

// TestEveryActionHasAnUpdate sends each action in the first moment: a handler that is registered late would be unknown.
func TestEveryActionHasAnUpdate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.record(models.TypeComplaint))
	var sent []string
	for _, action := range models.CaseActions() {
		sent = append(sent, b.at(0, "zoe", action, nil))
	}
	b.must(b.at(time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "r"}))
	b.run()
	for i, request := range sent {
		err, answered := b.err[request]
		require.True(t, answered, "%s", models.CaseActions()[i])
		if err != nil {
			require.NotEqual(t, errs.Internal, errs.CodeOf(temporalx.FromTemporal(err)), "%s: %v", models.CaseActions()[i], err)
		}
	}
}
