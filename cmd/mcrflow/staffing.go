package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
)

// staffing takes users out of service, and to other teams, gives teams other supervisors, and users deputies: the cases move in the
// transaction that changes the people, and processes are told what it has written for them.
type staffing struct {
	store  *store.Store
	rules  *rulebook.Book
	engine *temporalx.Engine
	log    *slog.Logger
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
	st.tellNow(ctx, err)
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
	st.tellNow(ctx, err)
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
	st.tellNow(ctx, err)
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
	st.tellNow(ctx, err)
	return d, err
}

// RemoveDeputy implements api.Staffing.
func (st *staffing) RemoveDeputy(ctx context.Context, id string) error {
	_, err := st.store.DeleteDeputy(ctx, id)
	st.tellNow(ctx, err)
	return err
}

// tellNow tells processes what has just been written for them, unless it was not (err). Where that fails, keepTelling comes later.
func (st *staffing) tellNow(ctx context.Context, err error) {
	if err != nil {
		return
	}
	if err := st.tell(ctx); err != nil {
		st.log.WarnContext(ctx, "processes not told yet", "err", err)
	}
}

const (
	wordsAtOnce = 200              // are told before the next ones are read
	tellAgain   = 10 * time.Second // is when it is tried again
)

// tell tells processes what transactions have written for them. What the engine does not take stays, and holds up nothing behind it,
// unless the engine is away; what is for a process that is over is for nobody.
func (st *staffing) tell(ctx context.Context) error {
	var refused error
	for last := int64(0); ; {
		words, err := st.store.Words(ctx, last, wordsAtOnce)
		if err != nil || len(words) == 0 {
			return errors.Join(refused, err)
		}
		var told []int64
		for _, word := range words {
			if err = st.say(ctx, word); away(err) {
				break
			}
			if last = word.ID; err == nil {
				told = append(told, word.ID)
			} else if refused == nil {
				refused = err
			}
		}
		failed := st.store.Told(ctx, told)
		if away(err) || failed != nil {
			return errors.Join(refused, err, failed)
		}
	}
}

// away reports a failure of the engine, and not of what it was asked.
func away(err error) bool {
	code := errs.CodeOf(err)
	return code == errs.Unavailable || code == errs.RateLimited
}

// say tells one process one word; one that is over has nothing to learn.
func (st *staffing) say(ctx context.Context, word models.Word) error {
	var arg any
	if word.Arg != nil {
		arg = word.Arg
	}
	err := st.engine.Signal(ctx, word.WorkflowID, word.Signal, arg)
	if code := errs.CodeOf(err); err != nil && code != errs.NotFound && code != errs.ProcessClosed {
		return fmt.Errorf("tell %s %s: %w", word.WorkflowID, word.Signal, err)
	}
	return nil
}

// keepTelling tells what was left untold, because the engine was away or the program died, until the context ends.
func (st *staffing) keepTelling(ctx context.Context) {
	again := time.NewTicker(tellAgain)
	defer again.Stop()
	for {
		if err := st.tell(ctx); err != nil && ctx.Err() == nil {
			st.log.WarnContext(ctx, "processes not told yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}
