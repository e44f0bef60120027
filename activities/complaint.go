// Package activities holds every side effect that a workflow may ask for: one file per process.
package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// CaseStore is what this file needs of storage.
type CaseStore interface {
	// CaseState reads a case's stored state.
	CaseState(ctx context.Context, id string) (models.CaseState, error)
	// AdvanceCases locks the cases, and when their stored steps are the known ones (0: none yet; absent: any), writes in one
	// transaction what decide answers. Otherwise it changes nothing and returns the stored states as behind.
	AdvanceCases(ctx context.Context, ids []string, known map[string]int64, decide models.DecideCases) (models.CasesAdvanced, error)
	// AdvanceCase does the same to one case whose stored state is believed to be known (nil: none yet).
	AdvanceCase(ctx context.Context, id string, believed *models.CaseState, decide models.DecideCases) (models.CasesAdvanced, error)
	// Complainant is who came to us with a case, as somebody to ask.
	Complainant(ctx context.Context, id string) (models.Recipient, error)
	// NextCaseNumber gives the next number of the type on the day (YYYYMMDD).
	NextCaseNumber(ctx context.Context, t models.CaseType, day string) (string, error)
	// Org is the organisation as it stands, or as it stood a moment ago.
	Org(ctx context.Context) (*models.Org, error)
	// FreshOrg is the organisation as it stands.
	FreshOrg(ctx context.Context) (*models.Org, error)
}

// Rulebook gives the rules that a case is judged by.
type Rulebook interface {
	OfCase(ctx context.Context, s *models.CaseState, org *models.Org) (models.CaseRules, error)
	ForNewCase(ctx context.Context, org *models.Org, teamID string) (models.CaseRules, error)
}

// Complaint holds the dependencies of the process's activities.
type Complaint struct {
	Store CaseStore
	Rules Rulebook
}

// Advance takes one step of a case: it decides by the pinned rules and writes the new state, the timeline, tasks,
// responsibility and notices in one transaction. Idempotency key: case id and step number; a step that somebody else took
// first is answered with the stored state and Behind. Refusals (conflict, forbidden, invalid) are final; anything else is
// retried.
func (a *Complaint) Advance(ctx context.Context, in models.AdvanceCase) (models.CaseAdvanced, error) {
	if in.Event.Action == models.ActionAdopt {
		s, err := a.Store.CaseState(ctx, in.CaseID)
		if err != nil {
			return models.CaseAdvanced{}, err
		}
		return a.behind(ctx, s)
	}
	out, err := a.attempt(ctx, in, a.Store.Org)
	if errs.CodeOf(err) == errs.Invalid || errors.Is(err, models.ErrPeopleMoved) { // somebody may have come or moved a moment ago
		return a.attempt(ctx, in, a.Store.FreshOrg)
	}
	return out, err
}

func (a *Complaint) attempt(ctx context.Context, in models.AdvanceCase, read func(context.Context) (*models.Org, error)) (models.CaseAdvanced, error) {
	org, err := read(ctx)
	if err != nil {
		return models.CaseAdvanced{}, err
	}
	ids, known, decide, err := a.prepare(ctx, in, org)
	if err != nil {
		return models.CaseAdvanced{}, err
	}
	var s models.CaseState
	kept := func(stored map[string]models.CaseState) ([]models.CaseStep, error) {
		steps, err := decide(stored)
		if err == nil {
			s = steps[0].State
		}
		return steps, err
	}
	var advanced models.CasesAdvanced
	if len(ids) == 1 {
		advanced, err = a.Store.AdvanceCase(ctx, in.CaseID, in.State, kept)
	} else {
		advanced, err = a.Store.AdvanceCases(ctx, ids, known, kept)
	}
	if err != nil {
		return models.CaseAdvanced{}, err
	}
	if stored, ok := advanced.Behind[in.CaseID]; ok {
		return a.behind(ctx, stored)
	}
	out := models.CaseAdvanced{Touched: ids[1:]}
	if out.Advanced, err = models.Took(in.State, &s, advanced.Mail[in.CaseID]); err != nil {
		return out, err
	}
	if q := s.Survey; q != nil && (in.State == nil || in.State.Survey == nil || in.State.Survey.InvitationID != q.InvitationID) {
		out.FollowUp, err = a.followUp(ctx, &s)
	}
	return out, err // a failure is retried, and then finds the step taken
}

// behind answers with a stored state, and with what its steps may have left to do.
func (a *Complaint) behind(ctx context.Context, s models.CaseState) (models.CaseAdvanced, error) {
	plan, err := a.followUp(ctx, &s)
	return models.CaseAdvanced{Advanced: models.MovedOn(&s), FollowUp: plan}, err
}

// followUp is whom to ask about the resolution; nil: nobody.
func (a *Complaint) followUp(ctx context.Context, s *models.CaseState) (*models.FollowUpPlan, error) {
	if s.SurveyPlan(models.Recipient{}) == nil {
		return nil, nil
	}
	who, err := a.Store.Complainant(ctx, s.ID)
	return s.SurveyPlan(who), err
}

// prepare reads all that the decision needs, so that the transaction holds its locks for no other read: the cases that the
// step concerns (the addressed one first), the step that it must follow, and the pure decision itself.
func (a *Complaint) prepare(ctx context.Context, in models.AdvanceCase, org *models.Org) (ids []string, known map[string]int64, _ models.DecideCases, err error) {
	ids, known = []string{in.CaseID}, map[string]int64{in.CaseID: 0}
	if in.State == nil {
		decide, err := a.record(ctx, in, org)
		return ids, known, decide, err
	}
	known[in.CaseID] = in.State.Seq
	rules, err := a.Rules.OfCase(ctx, in.State, org)
	if err != nil {
		return nil, nil, nil, err
	}
	partnerID, two := in.Event.Partner(in.State)
	if !two {
		return ids, known, func(stored map[string]models.CaseState) ([]models.CaseStep, error) {
			s := stored[in.CaseID]
			step, err := models.ApplyCase(&s, in.Event, in.At, rules)
			return []models.CaseStep{step}, err
		}, nil
	}
	partner, err := a.partner(ctx, in.Event.Action, partnerID)
	if err != nil {
		return nil, nil, nil, err
	}
	if partner.ID == in.CaseID {
		return nil, nil, nil, errs.New(errs.Conflict, "case.link_cycle")
	}
	partnerRules, err := a.Rules.OfCase(ctx, &partner, org)
	return append(ids, partner.ID), known, func(stored map[string]models.CaseState) ([]models.CaseStep, error) {
		s, other := stored[in.CaseID], stored[partner.ID]
		return models.ApplyPair(&s, &other, in.Event, in.At, rules, partnerRules)
	}, err
}

// partner finds the other case: for a link, merges are followed to the case that lives on.
func (a *Complaint) partner(ctx context.Context, action models.CaseAction, id string) (models.CaseState, error) {
	for seen := map[string]bool{}; !seen[id]; {
		seen[id] = true
		s, err := a.Store.CaseState(ctx, id)
		if errs.CodeOf(err) == errs.NotFound {
			return s, errs.NewInvalid(errs.Field{Field: "case_id", Code: "unknown"})
		}
		if err != nil || s.Merge == nil || action == models.ActionUnlink {
			return s, err
		}
		id = s.Merge.Into
	}
	return models.CaseState{}, fmt.Errorf("merges of case %s form a circle", id)
}

// record prepares the first step: the case gets its number, and the rules now in force are pinned.
func (a *Complaint) record(ctx context.Context, in models.AdvanceCase, org *models.Org) (models.DecideCases, error) {
	var data models.RecordCase
	if err := json.Unmarshal(in.Event.Data, &data); err != nil {
		return nil, errs.Wrap(err, errs.Malformed, "malformed.command")
	}
	rules, err := a.Rules.ForNewCase(ctx, org, org.Users[data.FirstContactID].TeamID)
	if err != nil {
		return nil, err
	}
	data.ID = in.CaseID
	if data.Number, err = a.Store.NextCaseNumber(ctx, data.Type, in.At.In(rules.Calendar.Location()).Format("20060102")); err != nil {
		return nil, err
	}
	e := in.Event
	if e.Data, err = json.Marshal(data); err != nil {
		return nil, err
	}
	return func(map[string]models.CaseState) ([]models.CaseStep, error) {
		step, err := models.ApplyCase(nil, e, in.At, rules)
		return []models.CaseStep{step}, err
	}, nil
}
