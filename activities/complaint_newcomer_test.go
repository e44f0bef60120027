package activities_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// lagging is a ledger whose kept organisation is a moment old.
type lagging struct {
	*ledger
	fresh  *models.Org
	looked int
}

func (l *lagging) FreshOrg(context.Context) (*models.Org, error) {
	l.looked++
	return l.fresh, nil
}

func TestAdvance_knows_who_came_a_moment_ago(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.record(t, "case_1", now)
	fresh := *d.ledger.org
	fresh.Users = maps.Clone(fresh.Users)
	fresh.Users["eve"] = models.OrgUser{ID: "eve", TeamID: "hotline", Active: true, Roles: []models.Role{models.RoleServiceAgent}}
	store := &lagging{ledger: d.ledger, fresh: &fresh}
	d.Store = store

	out, err := d.advance("case_1", d.event(t, "ann", models.ActionAssign, models.Assign{AssigneeID: "eve"}), now.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, "eve", out.State.Offer.ToID)
	require.Equal(t, 1, store.looked)
	require.Equal(t, 2, d.ledger.written, "the first look wrote nothing")

	_, err = d.advance("case_1", d.event(t, "ann", models.ActionNote, models.Note{Text: "n", Visibility: "internal"}), now.Add(2*time.Minute))
	require.NoError(t, err)
	require.Equal(t, 1, store.looked, "who is known is not looked up again")
	_, err = d.advance("case_1", d.event(t, "ann", models.ActionAssign, models.Assign{AssigneeID: "nobody"}), now.Add(3*time.Minute))
	require.Equal(t, errs.Invalid, errs.CodeOf(err), "and who is nobody is refused after the second look")
	require.Equal(t, 2, store.looked)
}

// moving is a ledger that finds somebody in another team than the step says.
type moving struct {
	lagging
	team string
}

func (m *moving) AdvanceCase(ctx context.Context, id string, believed *models.CaseState, decide models.DecideCases) (models.CasesAdvanced, error) {
	return m.ledger.AdvanceCase(ctx, id, believed, func(states map[string]models.CaseState) ([]models.CaseStep, error) {
		steps, err := decide(states)
		if err == nil && steps[0].State.TeamID != m.team {
			err = models.ErrPeopleMoved
		}
		return steps, err
	})
}

func TestAdvance_decides_again_when_somebody_has_just_come_to_another_team(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.ledger.org.Users["ann"]
	ann.TeamID = "backoffice"
	store := &moving{lagging{ledger: d.ledger, fresh: d.ledger.org.With(ann)}, "backoffice"}
	d.Store = store
	require.Equal(t, "backoffice", d.record(t, "case_1", now).TeamID)
	require.Equal(t, 1, store.looked)
}
