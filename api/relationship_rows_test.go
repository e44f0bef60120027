package api_test

import (
	"context"
	"slices"
	"testing"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/models"
)

// noRelationships is a projection in which no relationship has begun.
type noRelationships struct {
	relationshipReader
	*world
}

type relationshipReader interface{ api.Relationships }

func (n noRelationships) Client(ctx context.Context, key string) (models.Client, error) {
	return n.world.Client(ctx, key)
}

func (n noRelationships) Contact(ctx context.Context, clientID, key string) (models.Contact, error) {
	return n.world.Contact(ctx, clientID, key)
}

func (noRelationships) Relationship(context.Context, models.Actor, string) (models.RelationshipState, error) {
	return models.RelationshipState{}, none()
}

func (noRelationships) RelationshipState(context.Context, string) (models.RelationshipState, error) {
	return models.RelationshipState{}, none()
}

func (noRelationships) OpenRows(context.Context, string) (models.OpenRows, error) {
	return models.OpenRows{}, nil
}

func (noRelationships) Overview(context.Context, models.Actor, string) (models.ClientOverview, error) {
	return models.ClientOverview{}, nil
}

func (noRelationships) Plan(context.Context, string) (models.PlanRow, error) {
	return models.PlanRow{}, none()
}

func (noRelationships) OpenOf(context.Context, string, string) ([]string, []string, error) {
	return nil, nil, nil
}

func (noRelationships) Standings(context.Context, string, int) ([]classification.Standing, error) {
	return nil, nil
}

func (noRelationships) Assessment(context.Context, string) (models.AssessmentRow, error) {
	return models.AssessmentRow{}, none()
}

func (noRelationships) Assessments(context.Context, models.RecordFilter, models.Page) ([]models.AssessmentRow, string, error) {
	return nil, "", nil
}

func (noRelationships) Improvement(context.Context, string) (models.ImprovementRow, error) {
	return models.ImprovementRow{}, none()
}

func (noRelationships) Improvements(context.Context, models.RecordFilter, models.Page) ([]models.ImprovementRow, string, error) {
	return nil, "", nil
}

func (noRelationships) Interaction(context.Context, string) (models.InteractionRow, error) {
	return models.InteractionRow{}, none()
}

func (noRelationships) Interactions(context.Context, models.RecordFilter, models.Page) ([]models.InteractionRow, string, error) {
	return nil, "", nil
}

func (noRelationships) Commitment(context.Context, string) (models.CommitmentRow, error) {
	return models.CommitmentRow{}, none()
}

func (noRelationships) Commitments(context.Context, models.RecordFilter, models.Page) ([]models.CommitmentRow, string, error) {
	return nil, "", nil
}

func (noRelationships) Opinion(context.Context, string) (models.OpinionRow, error) {
	return models.OpinionRow{}, none()
}

func (noRelationships) Opinions(context.Context, models.RecordFilter, models.Page) ([]models.OpinionRow, string, error) {
	return nil, "", nil
}

func (noRelationships) Lead(context.Context, string) (models.LeadRow, error) {
	return models.LeadRow{}, none()
}

func (noRelationships) Leads(context.Context, models.LeadFilter, models.Page) ([]models.LeadRow, string, error) {
	return nil, "", nil
}

func (noRelationships) RelationshipStates(context.Context, []string) (map[string]models.RelationshipState, error) {
	return nil, nil
}

// everyBond is a projection in which every id is a client with a relationship, or a plan of one.
type everyBond struct {
	noRelationships
	rows *bondRows
}

func everyRelationship(t testing.TB) everyBond {
	t.Helper()
	b := newRelationshipBench(t)
	b.classified("A")
	b.drafted(nil)
	return everyBond{noRelationships{world: b.world}, b.store}
}

func (e everyBond) Client(ctx context.Context, _ string) (models.Client, error) {
	return e.rows.Client(ctx, acme)
}

func (e everyBond) Relationship(ctx context.Context, _ models.Actor, _ string) (models.RelationshipState, error) {
	return e.rows.RelationshipState(ctx, acme)
}

func (e everyBond) RelationshipState(ctx context.Context, _ string) (models.RelationshipState, error) {
	return e.rows.RelationshipState(ctx, acme)
}

func (e everyBond) OpenRows(ctx context.Context, _ string) (models.OpenRows, error) {
	return e.rows.OpenRows(ctx, acme)
}

func (e everyBond) Plan(context.Context, string) (models.PlanRow, error) {
	return e.rows.planned[0], nil
}

func (e everyBond) Overview(ctx context.Context, actor models.Actor, _ string) (models.ClientOverview, error) {
	return e.rows.Overview(ctx, actor, acme)
}

func (e everyBond) Classifications(ctx context.Context, key string, p models.Page) ([]models.ClassificationRow, string, error) {
	return e.rows.Classifications(ctx, key, p)
}

func (e everyBond) ClientPlans(ctx context.Context, key string, p models.Page) ([]models.PlanRow, string, error) {
	return e.rows.ClientPlans(ctx, key, p)
}

func (e everyBond) Timeline(ctx context.Context, key string, after int64, limit int) ([]models.TimelineEvent, error) {
	return e.rows.Timeline(ctx, key, after, limit)
}

// bondRows is the projection.
type bondRows struct {
	api.Relationships
	world             *world
	states            map[string]models.RelationshipState
	grades            []models.ClassificationRow
	planned           []models.PlanRow
	events            []models.TimelineEvent
	cases, receptions []string // that a hand-over offers
	overview          models.ClientOverview
	unreadable        error
	recorded          recorded
}

func (s *bondRows) write(clientID string, step models.RelationshipStep) {
	s.states[clientID] = step.State
	s.events = append(s.events, step.Events...)
	s.recorded.write(step)
	for _, r := range step.Classifications {
		s.grades = put(s.grades, *r, func(o models.ClassificationRow) bool { return o.ID == r.ID })
	}
	for _, r := range step.Plans {
		s.planned = put(s.planned, *r, func(o models.PlanRow) bool { return o.ID == r.ID })
	}
	if c := step.Client; c != nil {
		row := s.world.clients.byID[clientID]
		row.Class, row.Status, row.AccountManagerID = c.Class, c.Status, c.AccountManagerID
		row.Version++
		s.world.clients.put(clientID, row)
	}
}

// put replaces a row, or adds it in front.
func put[R any](rows []R, r R, same func(R) bool) []R {
	if i := slices.IndexFunc(rows, same); i >= 0 {
		rows[i] = r
		return rows
	}
	return append([]R{r}, rows...)
}

func (s *bondRows) Client(ctx context.Context, key string) (models.Client, error) {
	return s.world.Client(ctx, key)
}

func (s *bondRows) Contact(ctx context.Context, clientID, key string) (models.Contact, error) {
	return s.world.Contact(ctx, clientID, key)
}

func (s *bondRows) Relationship(ctx context.Context, actor models.Actor, clientID string) (models.RelationshipState, error) {
	state, err := s.RelationshipState(ctx, clientID)
	if err == nil && !models.MayReadRelationship(&state, actor) {
		return models.RelationshipState{}, none()
	}
	return state, err
}

func (s *bondRows) RelationshipState(_ context.Context, clientID string) (models.RelationshipState, error) {
	state, begun := s.states[clientID]
	if !begun {
		return state, none()
	}
	return state, s.unreadable
}

func (s *bondRows) OpenRows(_ context.Context, clientID string) (models.OpenRows, error) {
	var o models.OpenRows
	for _, r := range s.grades {
		if r.ClientID == clientID && r.Outcome == models.GradingPending {
			o.Classifications = append(o.Classifications, r)
		}
	}
	for _, r := range s.planned {
		if r.ClientID == clientID && slices.Contains([]models.PlanStatus{models.PlanDraft, models.PlanInApproval, models.PlanApproved}, r.Status) {
			o.Plans = append(o.Plans, r)
		}
	}
	s.recorded.open(&o)
	return o, nil
}

func (s *bondRows) Timeline(_ context.Context, _ string, after int64, limit int) ([]models.TimelineEvent, error) {
	rest := s.events[min(int(after), len(s.events)):]
	return rest[:min(limit, len(rest))], nil
}

func (s *bondRows) Overview(_ context.Context, actor models.Actor, clientID string) (models.ClientOverview, error) {
	o := s.overview
	if state, begun := s.states[clientID]; begun && models.MayReadRelationship(&state, actor) {
		o.Relationship, o.Plans, o.Classifications = &state, s.planned, s.grades
	}
	return o, nil
}

func (s *bondRows) Classifications(_ context.Context, _ string, p models.Page) ([]models.ClassificationRow, string, error) {
	if len(s.grades) > p.Limit {
		return s.grades[:p.Limit], "more", nil
	}
	return s.grades, "", nil
}

func (s *bondRows) Plan(_ context.Context, planID string) (models.PlanRow, error) {
	for _, r := range s.planned {
		if r.ID == planID {
			return r, nil
		}
	}
	return models.PlanRow{}, none()
}

func (s *bondRows) ClientPlans(_ context.Context, _ string, p models.Page) ([]models.PlanRow, string, error) {
	if len(s.planned) > p.Limit {
		return s.planned[:p.Limit], "more", nil
	}
	return s.planned, "", nil
}

func (s *bondRows) OpenOf(_ context.Context, _, userID string) ([]string, []string, error) {
	if userID != amy {
		return nil, nil, nil
	}
	return s.cases, s.receptions, nil
}
