package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// asking is a follow-up after a case, whose first message is on its way by e-mail.
type asking struct {
	*mailing
	*activities.FollowUp
	state models.FollowUpState
}

func newAsking(t *testing.T) *asking {
	t.Helper()
	a := &asking{mailing: newMailing(t, 1)}
	a.FollowUp = &activities.FollowUp{Store: a.mailing.Store, Rules: a.mailing.Rules, Questions: a.mailing.Questions, Now: func() time.Time { return a.now }}
	a.state.ID = id.New(id.Invitation)
	a.take(t, models.FollowUpBegins(models.FollowUpPlan{
		InvitationID: a.state.ID, Purpose: models.PurposeCase, SubjectID: "case_1", Number: "CMP-1", Process: models.ComplaintProcess,
		ClientID: "client_00000000000000000000000001", ClientClass: "B", Recipient: models.Recipient{Name: "p1", Email: "p1@example.com"},
	}))
	require.NotNil(t, a.state.Sending)
	return a
}

// take takes a step, from the state as it is stored.
func (a *asking) take(t *testing.T, e models.FollowUpEvent) {
	t.Helper()
	in := models.AdvanceFollowUp{InvitationID: a.state.ID, Event: e, At: a.now}
	if a.state.Seq > 0 {
		in.State = &a.state
	}
	out, err := a.AdvanceFollowUp(t.Context(), in)
	require.NoError(t, err)
	next, err := out.Onto(in.State)
	require.NoError(t, err)
	a.state = *next
}

// tries tries to send the message that is on its way.
func (a *asking) tries(t *testing.T) (models.FollowUpSentData, error) {
	t.Helper()
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	env.RegisterActivity(a.Ask)
	value, err := env.ExecuteActivity(a.Ask, models.AskFollowUp{
		InvitationID: a.state.ID, SurveyVersion: a.state.SurveyVersion, Wave: a.state.Sending.Wave, Channel: a.state.Sending.Channel,
	})
	var sent models.FollowUpSentData
	if err == nil {
		require.NoError(t, value.Get(&sent))
	}
	return sent, err
}

func TestFollowUp_that_could_not_leave_is_decided_anew_when_it_can(t *testing.T) {
	t.Parallel()
	down := func(models.ChannelKind, string) error {
		return &channel.Error{Class: channel.Down, Reason: "unreachable"}
	}
	for name, c := range map[string]struct {
		at        time.Time
		meanwhile func(*testing.T, *asking)
		result    models.SendResult
		status    models.FollowUpStatus
		notBefore time.Time
	}{
		"by_day_it_leaves": {at: time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC), result: models.SendTaken, status: models.FollowUpAsked},
		"at_night_it_waits_for_morning": {
			at: time.Date(2026, 3, 9, 19, 0, 0, 0, time.UTC), result: models.SendPostponed, status: models.FollowUpPlanned,
			notBefore: time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC),
		},
		"who_has_opted_out_by_another_link_is_not_asked": {
			at: time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC), result: models.SendPostponed, status: models.FollowUpSkipped,
			meanwhile: func(t *testing.T, a *asking) {
				require.NoError(t, a.OptOut(t.Context(), "another", []string{"email:p1@example.com"}, a.now))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAsking(t)
			a.fate = down
			_, err := a.tries(t)
			require.Error(t, err)
			if c.meanwhile != nil {
				c.meanwhile(t, a)
			}
			a.now, a.fate = c.at, nil
			sent, err := a.tries(t)
			require.NoError(t, err)
			require.Equal(t, c.result, sent.Result)
			require.Equal(t, c.result == models.SendTaken, len(a.sent) == 1)
			a.take(t, models.FollowUpSentBy(sent))
			require.Equal(t, c.status, a.state.Status)
			if !c.notBefore.IsZero() {
				require.Equal(t, c.notBefore, *a.state.NotBefore)
			}
		})
	}
}
