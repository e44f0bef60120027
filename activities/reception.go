package activities

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// ReceptionStore is what this file needs of storage.
type ReceptionStore interface {
	// ReceptionState reads a reception's stored state.
	ReceptionState(ctx context.Context, id string) (models.ReceptionState, error)
	// ReceptionPlans reads what is recorded of its plan.
	ReceptionPlans(ctx context.Context, id string) (models.ReceptionPlans, error)
	// ReceptionNeeds reads the needs that were raised at it.
	ReceptionNeeds(ctx context.Context, id string) ([]models.NeedRow, error)
	// ReceptionFeedback reads what visitors said of it, in order.
	ReceptionFeedback(ctx context.Context, receptionID string) ([]models.FeedbackRow, error)
	// AdvanceReception writes what decide answers, in one transaction, if the stored state is the believed one (nil: none
	// yet). Otherwise it changes nothing and returns the stored state as behind. mail: messages must leave the product.
	AdvanceReception(ctx context.Context, id string, believed *models.ReceptionState, decide models.DecideReception) (behind *models.ReceptionState, mail bool, err error)
	// NextReceptionNumber gives the next number of the day (YYYYMMDD).
	NextReceptionNumber(ctx context.Context, day string) (string, error)
	// ResourcesByID reads the resources of the ids that exist.
	ResourcesByID(ctx context.Context, ids []string) (map[string]models.Resource, error)
	// AwayOf says when each of the users is away within the slot.
	AwayOf(ctx context.Context, users []string, slot models.Slot) (map[string][]models.Slot, error)
	// Deciders lists who has an open task of the approval.
	Deciders(ctx context.Context, approvalID string) ([]string, error)
	// Client reads a client.
	Client(ctx context.Context, id string) (models.Client, error)
	// Contacts reads a page of a client's contacts.
	Contacts(ctx context.Context, clientID string, p models.Page) ([]models.Contact, string, error)
	// Org is the organisation as it stands, or as it stood a moment ago.
	Org(ctx context.Context) (*models.Org, error)
	// FreshOrg is the organisation as it stands.
	FreshOrg(ctx context.Context) (*models.Org, error)
}

// ReceptionBook gives the rules that a reception is judged by, without what is recorded of it.
type ReceptionBook interface {
	OfReception(ctx context.Context, s *models.ReceptionState, org *models.Org) (models.ReceptionRules, error)
	ForNewReception(ctx context.Context, org *models.Org, teamID string) (models.ReceptionRules, error)
}

// Reception holds the dependencies of the process's activities.
type Reception struct {
	Store ReceptionStore
	Rules ReceptionBook
}

// AdvanceReception takes one step of a reception: it decides by the pinned rules and by people and resources as they stand,
// and writes state, plans, timeline, tasks, holdings and notices in one transaction. Idempotency key: reception id and step
// number; a step that somebody else took first is answered with the stored state and Behind. Refusals, also those of
// resources and budgets, are final; anything else is retried.
func (a *Reception) AdvanceReception(ctx context.Context, in models.AdvanceReception) (models.ReceptionAdvanced, error) {
	if in.Event.Action == models.ReceptionAdopt {
		s, err := a.Store.ReceptionState(ctx, in.ReceptionID)
		if err != nil {
			return models.ReceptionAdvanced{}, err
		}
		return a.behind(ctx, s, a.Store.Org)
	}
	read := a.Store.Org
	if in.Event.Action == models.ReceptionDeactivate { // what has changed is what is told
		read = a.Store.FreshOrg
	}
	out, err := a.attempt(ctx, in, read)
	again := 1
	if in.Event.Action == models.ReceptionDecide { // is told once: what is refused is lost
		again = 3
	}
	for ; again > 0 && errs.CodeOf(err) == errs.Invalid; again-- { // somebody unknown may have come, or somebody known have left, a moment ago
		out, err = a.attempt(ctx, in, a.Store.FreshOrg)
	}
	return out, err
}

func (a *Reception) attempt(ctx context.Context, in models.AdvanceReception, read func(context.Context) (*models.Org, error)) (models.ReceptionAdvanced, error) {
	org, err := read(ctx)
	if err != nil {
		return models.ReceptionAdvanced{}, err
	}
	rules, event, err := a.rules(ctx, in, org)
	if err != nil {
		return models.ReceptionAdvanced{}, err
	}
	var step models.ReceptionStep
	behind, mail, err := a.Store.AdvanceReception(ctx, in.ReceptionID, in.State, func(stored *models.ReceptionState) (models.ReceptionStep, error) {
		var err error
		step, err = models.ApplyReception(stored, event, in.At, rules)
		return step, err
	})
	if err != nil {
		return models.ReceptionAdvanced{}, err
	}
	if behind != nil {
		return a.behind(ctx, *behind, read)
	}
	var out models.ReceptionAdvanced
	if out.Advanced, err = models.Took(in.State, &step.State, mail); err != nil {
		return out, err
	}
	if len(step.Cases) > 0 {
		if out.Cases, err = a.cases(ctx, &step.State, org); err != nil {
			return out, err // a failure is retried, and then finds the step taken
		}
	}
	if step.Survey != nil {
		out.FollowUps, err = a.followUps(ctx, &step.State)
	}
	return out, err
}

// behind answers with a stored state, and with all that its steps may have left to do.
func (a *Reception) behind(ctx context.Context, s models.ReceptionState, read func(context.Context) (*models.Org, error)) (models.ReceptionAdvanced, error) {
	out := models.ReceptionAdvanced{Advanced: models.MovedOn(&s)}
	if s.AsksVisitors() {
		var err error
		if out.FollowUps, err = a.followUps(ctx, &s); err != nil {
			return out, err
		}
	}
	if !slices.ContainsFunc(s.Needs, func(n models.ReceptionNeed) bool { return n.CaseOf }) {
		return out, nil
	}
	org, err := read(ctx)
	if err == nil {
		out.Cases, err = a.cases(ctx, &s, org)
	}
	return out, err
}

// followUps are the visitors to ask how it was.
func (a *Reception) followUps(ctx context.Context, s *models.ReceptionState) ([]models.FollowUpPlan, error) {
	plans, err := a.Store.ReceptionPlans(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	client, err := a.Store.Client(ctx, s.ClientID)
	if err != nil {
		return nil, err
	}
	contacts, _, err := a.Store.Contacts(ctx, s.ClientID, models.Page{Limit: 200})
	return s.SurveyPlans(plans.Current, client, contacts), err
}

// cases are those that take over what was asked and not solved.
func (a *Reception) cases(ctx context.Context, s *models.ReceptionState, org *models.Org) ([]models.NeedCase, error) {
	texts, err := a.Store.ReceptionNeeds(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	plans, err := a.Store.ReceptionPlans(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	client, err := a.Store.Client(ctx, s.ClientID)
	return s.NeedCases(texts, plans.Current, client, org), err
}

// rules reads all that the decision needs, and completes the event that begins a reception.
func (a *Reception) rules(ctx context.Context, in models.AdvanceReception, org *models.Org) (models.ReceptionRules, models.ReceptionEvent, error) {
	rules, err := a.pinned(ctx, in, org)
	if err != nil {
		return rules, in.Event, err
	}
	var plans []models.ReceptionPlan
	if in.Event.Action == models.ReceptionRecord || in.Event.Action == models.ReceptionRevise {
		var c models.PlanReception
		if err := json.Unmarshal(in.Event.Data, &c); err != nil {
			return rules, in.Event, errs.Wrap(err, errs.Malformed, "malformed.command")
		}
		plans = append(plans, c.Plan)
		if in.State == nil {
			c.ID = in.ReceptionID
			if c.Number, err = a.Store.NextReceptionNumber(ctx, in.At.In(rules.Calendar.Location()).Format("20060102")); err != nil {
				return rules, in.Event, err
			}
			if in.Event.Data, err = json.Marshal(c); err != nil {
				return rules, in.Event, err
			}
		}
	}
	if in.State != nil {
		if rules.Plans, err = a.Store.ReceptionPlans(ctx, in.ReceptionID); err != nil {
			return rules, in.Event, err
		}
		plans = append(plans, rules.Plans.Current)
		if p := rules.Plans.Approved; p != nil {
			plans = append(plans, *p)
		}
		if n := len(in.State.Approvals); n > 0 && in.State.Approvals[n-1].Outcome == "" {
			if rules.Deciders, err = a.Store.Deciders(ctx, in.State.Approvals[n-1].ID); err != nil {
				return rules, in.Event, err
			}
		}
	}
	if in.Event.Action == models.ReceptionClose {
		said, err := a.Store.ReceptionFeedback(ctx, in.ReceptionID)
		if err != nil {
			return rules, in.Event, err
		}
		for _, f := range said {
			rules.Shortcomings = append(rules.Shortcomings, f.Shortcomings)
		}
	}
	return rules, in.Event, a.world(ctx, in.State, plans, &rules)
}

// pinned are the rules that the reception began with, or those in force for a new one.
func (a *Reception) pinned(ctx context.Context, in models.AdvanceReception, org *models.Org) (models.ReceptionRules, error) {
	if in.State != nil {
		return a.Rules.OfReception(ctx, in.State, org)
	}
	requester := in.Event.Meta.Actor.ID
	if requester == models.System {
		var c models.PlanReception
		if err := json.Unmarshal(in.Event.Data, &c); err != nil {
			return models.ReceptionRules{}, errs.Wrap(err, errs.Malformed, "malformed.command")
		}
		requester = c.RequesterID
	}
	return a.Rules.ForNewReception(ctx, org, org.Users[requester].TeamID)
}

// world reads the resources that the plans name or the reception has, and when those who shall receive are away.
func (a *Reception) world(ctx context.Context, s *models.ReceptionState, plans []models.ReceptionPlan, rules *models.ReceptionRules) error {
	var resources, hosts []string
	if s != nil {
		for _, b := range s.Bookings {
			resources = append(resources, b.ResourceID)
		}
	}
	var from, until time.Time
	for _, p := range plans {
		for _, w := range p.Resources {
			resources = append(resources, w.ResourceID)
		}
		if p.StartsAt == nil || p.EndsAt == nil {
			continue
		}
		hosts = append(hosts, p.Hosts...)
		if from.IsZero() || p.StartsAt.Before(from) {
			from = *p.StartsAt
		}
		if p.EndsAt.After(until) {
			until = *p.EndsAt
		}
	}
	var err error
	if rules.Resources, err = a.Store.ResourcesByID(ctx, unique(resources)); err == nil {
		rules.Away, err = a.Store.AwayOf(ctx, unique(hosts), models.Slot{From: from, Until: until})
	}
	return err
}

func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
