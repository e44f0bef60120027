package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

var followUpDiagram = diagramOf("follow-up")

func TestFollowUpDiagram_has_the_states_of_the_code(t *testing.T) {
	t.Parallel()
	d, _ := followUpDiagram()
	d.shows(t, texts([]models.FollowUpStatus{
		models.FollowUpPlanned, models.FollowUpAsked, models.FollowUpAnswered, models.FollowUpExpired, models.FollowUpSkipped,
		models.FollowUpFailed, models.FollowUpWithdrawn,
	})...)
	for _, end := range d.Process.Ends {
		require.True(t, (&models.FollowUpState{Status: models.FollowUpStatus(end.ID)}).Over(), end.ID)
	}
}

// TestFollowUpDiagram_shows_what_can_happen lets everything happen in every state that differs: what leads from state to
// state are exactly the flows of the diagram.
func TestFollowUpDiagram_shows_what_can_happen(t *testing.T) {
	t.Parallel()
	_, flows := followUpDiagram()
	r := askingRules(t, agency())
	walked := map[[2]string]bool{}
	seen := map[string]bool{}
	type node struct {
		state models.FollowUpState
		rules models.FollowUpRules
	}
	var open []node
	note := func(from string, step models.FollowUpStep, r models.FollowUpRules) {
		s := step.State
		if to := string(s.Status); from != to {
			walked[[2]string{from, to}] = true
		}
		r.Invitation = step.Invitation
		// All that decides about what can happen.
		key := fmt.Sprint(s.Purpose, s.Status, s.Sending != nil, s.Tried, s.Reminded, s.NotBefore != nil, s.RemindAt != nil, s.SettleAt != nil,
			s.AnsweredAt != nil, s.OptedOut, r.Facts.OptedOut, r.Invitation.Recipient.Phone)
		if !seen[key] {
			seen[key] = true
			open = append(open, node{s, r})
		}
	}
	walked[[2]string{"begun", "planned"}] = true // by the same step that decides for the first time
	onlyMail := msLi
	onlyMail.Phone = ""
	for _, who := range []models.Recipient{msLi, onlyMail} {
		for _, facts := range []models.PersonFacts{{}, {OptedOut: true}} {
			asks := r
			asks.Facts = facts
			step, err := models.ApplyFollowUp(nil, models.FollowUpBegins(questionPlan(models.PurposeReception, who)), monday, asks)
			require.NoError(t, err)
			note("planned", step, asks)
		}
	}
	answers := func() []models.FollowUpEvent {
		var list []models.FollowUpEvent
		for _, a := range []models.Response{{Answers: scored(5)}, {Answers: scored(1), Partial: true}, {OptOut: true}, {Answers: scored(5), OptOut: true}} {
			list = append(list, respond(t, recipient, a))
		}
		return list
	}
	for _, e := range answers() { // to a campaign's link
		first := r
		first.Invitation = &models.SurveyInvitation{
			ID: "invitation_1", Purpose: models.PurposeCampaign, Template: "service_day", SurveyVersion: 1, Recipient: msLi,
			CreatedAt: monday, AskedAt: &monday, ExpiresAt: monday.Add(7 * daylong),
		}
		walked[[2]string{"answered_first", "asked"}] = true
		step, err := models.ApplyFollowUp(nil, e, monday.Add(time.Hour), first)
		require.NoError(t, err)
		note("asked", step, first)
	}
	for len(open) > 0 {
		n := open[0]
		open = open[1:]
		s := n.state
		list := append(answers(), models.FollowUpEvent{Action: models.FollowUpWithdraw})
		if sending := s.Sending; sending != nil {
			for _, result := range []models.SendResult{models.SendTaken, models.SendRejected, models.SendPostponed} {
				list = append(list, models.FollowUpSentBy(models.FollowUpSentData{Wave: sending.Wave, Channel: sending.Channel, Result: result, Reason: "address"}))
			}
		}
		for _, e := range list {
			if step, err := models.ApplyFollowUp(&s, e, s.UpdatedAt.Add(time.Minute), n.rules); err == nil {
				note(string(s.Status), step, n.rules)
			}
		}
		if s.NextAt != nil {
			step, err := models.ApplyFollowUp(&s, models.FollowUpEvent{Action: models.FollowUpTick}, later(s.UpdatedAt, *s.NextAt), n.rules)
			require.NoError(t, err)
			note(string(s.Status), step, n.rules)
		}
	}
	require.Equal(t, flows, walked)
}
