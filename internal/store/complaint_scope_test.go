package store

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/models"
)

// The API asks the row rule after a refusal only; that is right as long as this holds.
func TestScope_whoever_may_take_an_action_of_a_relation_may_see_the_case(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	taken := 0
	rapid.Check(t, func(rt *rapid.T) {
		user := rapid.SampledFrom([]string{"u1", "u2", "u3"})
		team := rapid.SampledFrom([]string{"", "t1", "t2", "t3"})
		person := rapid.Custom(func(rt *rapid.T) models.Person {
			return models.Person{
				ID: user.Draw(rt, "id"), TeamID: team.Draw(rt, "team"), Roles: rapid.SliceOfN(rapid.SampledFrom(models.Roles()), 0, 2).Draw(rt, "roles"),
				Supervises: slices.DeleteFunc(rapid.SliceOfN(team, 0, 2).Draw(rt, "supervises"), func(id string) bool { return id == "" }),
			}
		})
		s := models.CaseState{
			ID: "c", CreatedBy: user.Draw(rt, "creator"), AccountableID: user.Draw(rt, "accountable"), AssigneeID: user.Draw(rt, "handler"),
			TeamID: team.Draw(rt, "handler's team"), AccountableTeamID: team.Draw(rt, "accountable's team"),
			Status: rapid.SampledFrom([]models.CaseStatus{models.CaseOpen, models.CaseInProgress, models.CaseWaitingCustomer, models.CaseResolved}).Draw(rt, "status"),
		}
		switch rapid.IntRange(0, 2).Draw(rt, "offer") {
		case 1:
			s.Offer = &models.Offer{ToID: user.Draw(rt, "offered to")}
		case 2:
			s.Offer = &models.Offer{TeamID: team.Draw(rt, "offered to team")}
		}
		if rapid.Bool().Draw(rt, "transfer") {
			s.Transfer = &models.Transfer{ToID: user.Draw(rt, "receiver"), AskedBy: "u9", ApprovedAt: &at}
		}
		actor := models.Actor{Person: person.Draw(rt, "actor"), ActsFor: rapid.SliceOfN(person, 0, 1).Draw(rt, "acts for")}
		scope := scopeOf(actor)
		sees := scope.all || slices.ContainsFunc(principalsOf(&s), func(id string) bool { return slices.Contains(scope.principals, id) })
		for _, action := range models.CaseActions() {
			if _, err := models.CheckCase(&s, action, actor, at); err == nil && action.Related() {
				taken++
				require.True(rt, sees, action)
			}
		}
	})
	require.NotZero(t, taken)
}
