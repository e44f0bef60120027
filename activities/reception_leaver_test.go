package activities_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// leaving is a store of receptions that finds, so many times, that somebody has left since the organisation was read.
type leaving struct {
	activities.ReceptionStore
	leavers, asked int
}

func (l *leaving) Org(context.Context) (*models.Org, error)      { return &models.Org{}, nil }
func (l *leaving) FreshOrg(context.Context) (*models.Org, error) { return &models.Org{}, nil }

func (l *leaving) ResourcesByID(context.Context, []string) (map[string]models.Resource, error) {
	return nil, nil
}

func (l *leaving) AwayOf(context.Context, []string, models.Slot) (map[string][]models.Slot, error) {
	return nil, nil
}

func (l *leaving) AdvanceReception(context.Context, string, *models.ReceptionState, models.DecideReception) (*models.ReceptionState, bool, error) {
	l.asked++
	if l.asked <= l.leavers {
		return nil, false, errs.New(errs.Invalid, "reception.user_inactive")
	}
	return nil, false, nil
}

// ruled gives a reception no rules.
type ruled struct{ activities.ReceptionBook }

func (ruled) ForNewReception(context.Context, *models.Org, string) (models.ReceptionRules, error) {
	return models.ReceptionRules{}, nil
}

func TestAdvanceReception_looks_again_who_is_there(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		action         models.ReceptionAction
		leavers, asked int
		want           errs.Code
	}{
		"nobody has left":                {models.ReceptionStart, 0, 1, ""},
		"a command":                      {models.ReceptionStart, 1, 2, ""},
		"a command that names a leaver":  {models.ReceptionStart, 9, 2, errs.Invalid},
		"a decision is told only once":   {models.ReceptionDecide, 3, 4, ""},
		"a decision, however often told": {models.ReceptionDecide, 9, 4, errs.Invalid},
	} {
		store := &leaving{leavers: tc.leavers}
		a := &activities.Reception{Store: store, Rules: ruled{}}
		_, err := a.AdvanceReception(t.Context(), models.AdvanceReception{Event: models.ReceptionEvent{Action: tc.action}})
		require.Equal(t, tc.asked, store.asked, name)
		if tc.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Equal(t, tc.want, errs.CodeOf(err), name)
		}
	}
}
