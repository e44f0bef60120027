package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/internal/temporalx"
	"github.com/mcrflow/mcrflow/models"
)

// leavers takes users out of service, and to other teams, and gives teams other supervisors: the cases move in the transaction
// that changes the user or the team, and their processes are told.
type leavers struct {
	store  *store.Store
	rules  *rulebook.Book
	engine *temporalx.Engine
	log    *slog.Logger
}

// Deactivate implements api.Deactivator.
func (l *leavers) Deactivate(ctx context.Context, userID string, meta models.Meta, at time.Time) (models.User, error) {
	org, err := l.store.Org(ctx)
	if err != nil {
		return models.User{}, err
	}
	data, err := json.Marshal(models.Deactivate{UserID: userID, HeirID: org.Supervisor(userID)})
	if err != nil {
		return models.User{}, err
	}
	u, touched, err := l.store.DeactivateUser(ctx, userID, at, func(s models.CaseState) (models.CaseStep, error) {
		if org.Supervisor(userID) == "" {
			return models.CaseStep{}, errs.New(errs.Conflict, "user.no_heir")
		}
		rules, err := l.rules.OfCase(ctx, &s, org)
		if err != nil {
			return models.CaseStep{}, err
		}
		return models.ApplyCase(&s, models.CaseEvent{Meta: meta, Action: models.ActionDeactivate, Data: data}, at, rules)
	})
	if err != nil {
		return u, err
	}
	l.adopt(ctx, touched)
	l.tell(ctx, userID, data, meta)
	return u, nil
}

// Move implements api.Deactivator.
func (l *leavers) Move(ctx context.Context, u models.User, password string, meta models.Meta, at time.Time) (models.User, error) {
	org, err := l.store.Org(ctx)
	if err != nil {
		return models.User{}, err
	}
	org = org.With(models.OrgUserOf(u))
	data, err := json.Marshal(models.ChangeTeam{UserID: u.ID})
	if err != nil {
		return models.User{}, err
	}
	u, touched, err := l.store.MoveUser(ctx, u, password, func(s models.CaseState) (models.CaseStep, error) {
		rules, err := l.rules.OfCase(ctx, &s, org)
		if err != nil {
			return models.CaseStep{}, err
		}
		return models.ApplyCase(&s, models.CaseEvent{Meta: meta, Action: models.ActionChangeTeam, Data: data}, at, rules)
	})
	l.adopt(ctx, touched)
	return u, err
}

// Lead implements api.Deactivator.
func (l *leavers) Lead(ctx context.Context, t models.Team, meta models.Meta, at time.Time) (models.Team, error) {
	org, err := l.store.Org(ctx)
	if err != nil {
		return models.Team{}, err
	}
	was, err := l.store.Team(ctx, t.ID)
	if err != nil {
		return models.Team{}, err
	}
	org = org.WithTeam(t)
	t, touched, err := l.store.LeadTeam(ctx, t, func(s models.CaseState, from string) (models.CaseStep, error) {
		data, err := json.Marshal(models.ChangeLead{TeamID: t.ID, FromID: from})
		if err != nil {
			return models.CaseStep{}, err
		}
		rules, err := l.rules.OfCase(ctx, &s, org)
		if err != nil {
			return models.CaseStep{}, err
		}
		return models.ApplyCase(&s, models.CaseEvent{Meta: meta, Action: models.ActionChangeLead, Data: data}, at, rules)
	})
	if err != nil {
		return t, err
	}
	l.adopt(ctx, touched)
	if from := was.SupervisorID; from != nil && (t.SupervisorID == nil || *t.SupervisorID != *from) {
		l.ledAnew(ctx, *from)
	}
	return t, nil
}

// ledAnew tells the approvals that ask somebody who no longer supervises a team. One that is not told goes on asking them.
func (l *leavers) ledAnew(ctx context.Context, fromID string) {
	approvals, err := l.store.OpenApprovalsOf(ctx, fromID)
	for _, id := range approvals {
		err = errors.Join(err, l.engine.Signal(ctx, models.ApprovalWorkflowID(id), models.ApprovalNewLead, fromID))
	}
	if err != nil {
		l.log.WarnContext(ctx, "approvals not told of a new supervisor", "user_id", fromID, "err", err)
	}
}

// adopt tells the processes of cases that moved to take the stored state over.
func (l *leavers) adopt(ctx context.Context, cases []string) {
	for _, id := range cases {
		// A process that is not told now finds the stored state ahead at its next step, and adopts it then.
		if err := l.engine.Signal(ctx, models.ComplaintWorkflowID(id), models.ComplaintAdopt, nil); err != nil {
			l.log.WarnContext(ctx, "process not told that its case moved", "case_id", id, "err", err)
		}
	}
}

// tell tells the approvals, receptions and relationships in which the user had a part; each finds somebody else. One that is not told now
// finds out at its next step, at the latest when the clock looks at it.
func (l *leavers) tell(ctx context.Context, userID string, data []byte, meta models.Meta) {
	approvals, err := l.store.OpenApprovalsOf(ctx, userID)
	for _, id := range approvals {
		err = errors.Join(err, l.engine.Signal(ctx, models.ApprovalWorkflowID(id), models.ApprovalOrgChanged, nil))
	}
	receptions, readErr := l.store.OpenReceptionsOf(ctx, userID)
	for _, id := range receptions {
		e := models.ReceptionEvent{Meta: meta, Action: models.ReceptionDeactivate, Data: data}
		err = errors.Join(err, l.engine.Signal(ctx, models.ReceptionWorkflowID(id), models.ReceptionLeft, e))
	}
	relationships, relErr := l.store.RelationshipsOf(ctx, userID)
	for _, id := range relationships {
		e := models.RelationshipEvent{Meta: meta, Action: models.RelationshipLeft, Data: data}
		err = errors.Join(err, l.engine.Signal(ctx, models.RelationshipWorkflowID(id), models.RelationshipChanged, e))
	}
	if err = errors.Join(err, readErr, relErr); err != nil {
		l.log.WarnContext(ctx, "processes not told of a leaver", "user_id", userID, "err", err)
	}
}

// catchUp tells processes of leavers of whom they were not told, because the program died at that moment.
func (l *leavers) catchUp(ctx context.Context) error {
	ids, err := l.store.LeaversWithTasks(ctx)
	if err != nil {
		return err
	}
	org, err := l.store.FreshOrg(ctx)
	for _, userID := range ids {
		data, jsonErr := json.Marshal(models.Deactivate{UserID: userID, HeirID: org.Supervisor(userID)})
		if err = errors.Join(err, jsonErr); err == nil {
			l.tell(ctx, userID, data, models.Meta{Actor: models.Actor{Person: models.Person{ID: models.System}}})
		}
	}
	return err
}
