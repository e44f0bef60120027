package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

func TestLead_refuses(t *testing.T) {
	t.Parallel()
	minus, money := int64(-1), int64(100)
	for name, tc := range map[string]struct {
		c    models.OpenLead
		want []string
	}{
		"an_unknown_kind":            {models.OpenLead{Kind: "rumour", Title: "x"}, []string{"kind:oneof"}},
		"no_title":                   {models.OpenLead{Kind: models.KindLead}, []string{"title:notblank"}},
		"a_lead_that_is_screened":    {models.OpenLead{Kind: models.KindLead, Title: "x", Stage: models.LeadScreening}, []string{"stage:oneof"}},
		"an_opportunity_that_is_new": {models.OpenLead{Kind: models.KindOpportunity, Title: "x", Stage: models.LeadNew}, []string{"stage:oneof"}},
		"who_has_left":               {models.OpenLead{Kind: models.KindLead, Title: "x", OwnerID: "gus"}, []string{"owner_id:inactive"}},
		"less_than_nothing":          {models.OpenLead{Kind: models.KindLead, Title: "x", Amount: &minus}, []string{"amount:not_negative"}},
		"a_currency_that_is_none":    {models.OpenLead{Kind: models.KindLead, Title: "x", Amount: &money, Currency: "yuan"}, []string{"currency:currency"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, faultsOf(activeBond(t, "A").refused(days(1), "amy", models.RelationshipLead, tc.c)))
		})
	}
}

// hinted is a lead of pam's.
func hinted(t require.TestingT) (*bond, models.OfLead) {
	b := activeBond(t, "A")
	b.do(days(1), "pam", models.RelationshipLead, models.OpenLead{Kind: models.KindLead, Title: "A second plant"})
	return b, models.OfLead{LeadID: b.state.Leads[0].ID, Note: "They build in May"}
}

func TestLead_is_only_ever_promoted(t *testing.T) {
	t.Parallel()
	b, of := hinted(t)
	stage := func(to models.LeadStage) models.OfLead {
		c := of
		c.Stage = to
		return c
	}
	require.Equal(t, []string{"stage:oneof"}, faultsOf(b.refused(days(2), "pam", models.RelationshipLeadStage, stage("dreamt"))))
	require.Equal(t, "relationship.stage_backwards", b.refused(days(2), "pam", models.RelationshipLeadStage, stage(models.LeadNew)).Key)
	step := b.do(days(2), "pam", models.RelationshipLeadStage, stage(models.LeadQualified))
	require.Equal(t, models.KindLead, step.Leads[0].Kind)
	step = b.do(days(3), "pam", models.RelationshipLeadStage, stage(models.LeadNegotiation))
	require.Equal(t, []any{models.KindOpportunity, models.LeadNegotiation}, []any{step.Leads[0].Kind, step.Leads[0].Stage}, "what is screened is an opportunity")
	e := b.refused(days(4), "pam", models.RelationshipLeadStage, stage(models.LeadScreening))
	require.Equal(t, "relationship.stage_backwards", e.Key)
	require.Equal(t, map[string]string{"from": "negotiation", "to": "screening"}, e.Args)
	require.Equal(t, "relationship.no_such", b.refused(days(4), "pam", models.RelationshipLeadStage, models.OfLead{LeadID: "lead_1"}).Key)
}

func TestLead_belongs_to_its_owner(t *testing.T) {
	t.Parallel()
	b, of := hinted(t)
	b.do(days(1), "rob", models.RelationshipLead, models.OpenLead{Kind: models.KindOpportunity, Title: "Service"})
	of.Stage, of.Outcome = models.LeadQualified, models.LeadWon
	for _, action := range []models.RelationshipAction{models.RelationshipLeadStage, models.RelationshipLeadAct, models.RelationshipLeadClose} {
		require.Equal(t, "relationship.not_yours", b.refused(days(2), "rob", action, of).Key, action)
	}
	b.do(days(2), "amy", models.RelationshipLeadAct, of)
}

func TestLead_asks_for_a_general_action_each_month(t *testing.T) {
	t.Parallel()
	b, of := hinted(t)
	due := *b.state.Leads[0].Follow.DueAt
	require.Equal(t, daysOn(1).AddDate(0, 1, 0), due)
	b.pass(due.Add(-time.Minute))
	require.Equal(t, []string{"pam"}, b.tasks(models.TaskFollowLead))
	steps := b.pass(due)
	last := steps[len(steps)-1]
	require.Equal(t, []string{"pam"}, told(last, "lead_missed"), "the superior hears of it in the weekly digest")
	require.Equal(t, due.AddDate(0, 1, 0), *b.state.Leads[0].Follow.DueAt)
	require.Equal(t, 1, b.state.Leads[0].Follow.Missed)
	require.Equal(t, due.AddDate(0, 1, 0), *last.Leads[0].DueAt)

	require.Equal(t, []string{"note:notblank"}, faultsOf(b.refused(days(40), "pam", models.RelationshipLeadAct, models.OfLead{LeadID: of.LeadID})))
	heard := b.state.LastContact
	step := b.do(days(40), "pam", models.RelationshipLeadAct, of)
	require.Equal(t, []any{models.InteractionAction, of.LeadID, "They build in May"},
		[]any{step.Interactions[0].Kind, step.Interactions[0].LeadID, step.Interactions[0].Summary})
	require.Equal(t, heard, b.state.LastContact, "a general action is no contact with the client")
	require.Empty(t, b.tasks(models.TaskFollowLead))
	require.Equal(t, daysOn(40).AddDate(0, 1, 0), *b.state.Leads[0].Follow.DueAt)
	require.Zero(t, b.state.Leads[0].Follow.Missed)
}

func TestLead_counts_an_interaction_about_it_as_its_action(t *testing.T) {
	t.Parallel()
	b, of := hinted(t)
	c := spoke(days(10), "li")
	c.LeadID = of.LeadID
	b.do(days(11), "amy", models.RelationshipInteract, c)
	require.Equal(t, daysOn(10), b.state.Leads[0].ActedAt)
	c.At = daysOn(5)
	b.do(days(12), "amy", models.RelationshipInteract, c)
	require.Equal(t, daysOn(10), b.state.Leads[0].ActedAt, "the latest counts")
	require.Equal(t, daysOn(10).AddDate(0, 1, 0), *b.state.Leads[0].Follow.DueAt)
}

func TestLead_is_closed_won_or_lost_with_a_note(t *testing.T) {
	t.Parallel()
	b, of := hinted(t)
	e := b.refused(days(2), "pam", models.RelationshipLeadClose, models.OfLead{LeadID: of.LeadID, Outcome: "forgotten"})
	require.Equal(t, []string{"outcome:oneof", "note:notblank"}, faultsOf(e))
	of.Outcome = models.LeadWon
	step := b.do(days(2), "pam", models.RelationshipLeadClose, of)
	row := step.Leads[0]
	require.Equal(t, []any{models.LeadWon, "They build in May", daysOn(2)}, []any{row.Outcome, row.Note, *row.ClosedAt})
	require.Nil(t, row.DueAt)
	require.Empty(t, b.state.Leads)
	require.Equal(t, "relationship.wrong_state", b.refused(days(3), "amy", models.RelationshipLeadClose, of).Key)
}

func TestLead_is_owed_its_next_action_whatever_is_recorded_late(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	lead := b.state.Leads[0]
	b.pass(bondBegun.AddDate(0, 1, 2)) // the first month is missed
	missed := b.state.Leads[0].Follow
	require.Equal(t, 1, missed.Missed)
	late := bondBegun.AddDate(0, 0, 1)
	b.do(b.state.UpdatedAt.Sub(bondBegun)+time.Hour, "amy", models.RelationshipLeadAct, models.OfLead{LeadID: lead.ID, Note: "called", At: &late})
	require.Equal(t, missed.DueAt, b.state.Leads[0].Follow.DueAt)
	require.Equal(t, late, b.state.Leads[0].ActedAt)
}

func TestLead_of_others_is_not_acted_on_by_who_only_mentions_it(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	before := b.state.Leads[0]
	b.do(24*time.Hour, "cara", models.RelationshipInteract, models.Interact{Kind: "call", At: bondBegun.Add(20 * time.Hour), Summary: "x", LeadID: before.ID})
	require.Equal(t, before, b.state.Leads[0])
}
