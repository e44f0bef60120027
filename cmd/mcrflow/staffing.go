package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// staffing takes users out of service, and to other teams, gives teams other supervisors, and users deputies: the cases move in the
// transaction that changes the people, and processes are told what it has written for them.
type staffing struct {
	store *store.Store
	rules *rulebook.Book
	words *teller
}

// Deactivate implements api.Staffing.
func (st *staffing) Deactivate(ctx context.Context, userID string, meta models.Meta, at time.Time) (models.User, error) {
	org, err := st.store.Org(ctx)
	if err != nil {
		return models.User{}, err
	}
	d := models.Deactivate{UserID: userID, HeirID: org.Supervisor(userID)}
	u, err := st.store.DeactivateUser(ctx, d, meta, at, func(s models.CaseState) (models.CaseStep, error) {
		if d.HeirID == "" {
			return models.CaseStep{}, errs.New(errs.Conflict, "user.no_heir")
		}
		return st.step(ctx, org, &s, models.CaseEvent{Meta: meta, Action: models.ActionDeactivate}, d, at)
	})
	st.tellUnless(ctx, err)
	return u, err
}

// Move implements api.Staffing.
func (st *staffing) Move(ctx context.Context, u models.User, password string, meta models.Meta, at time.Time) (models.User, error) {
	org, err := st.store.Org(ctx)
	if err != nil {
		return models.User{}, err
	}
	org = org.With(models.OrgUserOf(u))
	u, err = st.store.MoveUser(ctx, u, password, func(s models.CaseState) (models.CaseStep, error) {
		return st.step(ctx, org, &s, models.CaseEvent{Meta: meta, Action: models.ActionChangeTeam}, models.ChangeTeam{UserID: u.ID}, at)
	})
	st.tellUnless(ctx, err)
	return u, err
}

// Lead implements api.Staffing.
func (st *staffing) Lead(ctx context.Context, t models.Team, meta models.Meta, at time.Time) (models.Team, error) {
	org, err := st.store.Org(ctx)
	if err != nil {
		return models.Team{}, err
	}
	org = org.WithTeam(t)
	t, err = st.store.LeadTeam(ctx, t, func(s models.CaseState, from string) (models.CaseStep, error) {
		return st.step(ctx, org, &s, models.CaseEvent{Meta: meta, Action: models.ActionChangeLead}, models.ChangeLead{TeamID: t.ID, FromID: from}, at)
	})
	st.tellUnless(ctx, err)
	return t, err
}

// step decides the step of a case that follows from a change of people, in the organisation as it will be; data is what the event
// says.
func (st *staffing) step(ctx context.Context, org *models.Org, s *models.CaseState, e models.CaseEvent, data any, at time.Time) (models.CaseStep, error) {
	var err error
	if e.Data, err = json.Marshal(data); err != nil {
		return models.CaseStep{}, err
	}
	rules, err := st.rules.OfCase(ctx, s, org)
	if err != nil {
		return models.CaseStep{}, err
	}
	return models.ApplyCase(s, e, at, rules)
}

// AddDeputy implements api.Staffing.
func (st *staffing) AddDeputy(ctx context.Context, d models.Deputy, fits func(others []models.Deputy) error) (models.Deputy, error) {
	d, err := st.store.CreateDeputy(ctx, d, fits)
	st.tellUnless(ctx, err)
	return d, err
}

// RemoveDeputy implements api.Staffing.
func (st *staffing) RemoveDeputy(ctx context.Context, id string) error {
	_, err := st.store.DeleteDeputy(ctx, id)
	st.tellUnless(ctx, err)
	return err
}

// tellUnless tells processes what has just been written for them, unless it was not.
func (st *staffing) tellUnless(ctx context.Context, err error) {
	if err == nil {
		st.words.Tell(ctx)
	}
}
