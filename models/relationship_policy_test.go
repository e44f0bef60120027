package models_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/models"
)

func TestPolicy_that_asks_for_more_takes_effect_at_the_next_step(t *testing.T) {
	t.Parallel()
	r := relationshipRules(t, marketDepartment())
	r.Client.Class, r.Client.Status = "A", "active"
	asks := r.Cadence
	r.Cadence.Classes = maps.Clone(asks.Classes)
	r.Cadence.Classes["A"] = cadence.ClassRules{}
	r.Cadence.Rotation, r.Cadence.Leads = cadence.Rotation{}, cadence.Leads{FollowUpEvery: calendar.Period{}}
	b := newBond(t, r)
	b.do(days(1), "ben", models.RelationshipLead, models.OpenLead{Kind: models.KindLead, Title: "More of it"})
	due := func() map[models.DueKind]time.Time {
		all := map[models.DueKind]time.Time{}
		for _, d := range b.state.Obligations() {
			all[d.Kind] = d.DueAt
		}
		return all
	}
	review := due()[models.DueReview]
	require.Equal(t, map[models.DueKind]time.Time{models.DueReview: review}, due())

	b.r.Cadence = asks
	b.do(days(2), "amy", models.RelationshipAppraise, models.Appraise{Criteria: map[string]int{"potential": 80}})
	require.Equal(t, map[models.DueKind]time.Time{
		models.DueReview: review, models.DueAssessment: bondBegun.AddDate(0, 6, 0), models.DueContact: daysOn(14), models.DueDormancy: bondBegun.AddDate(0, 3, 0),
		models.DueRotation: bondBegun.AddDate(3, 0, 0), models.DueLead: daysOn(1).AddDate(0, 1, 0),
	}, due())
	before := due()
	b.do(days(3), "amy", models.RelationshipAppraise, models.Appraise{Criteria: map[string]int{"potential": 81}})
	require.Equal(t, before, due(), "what falls due already is not timed anew")
}
