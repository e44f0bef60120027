package api_test

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// recorded is what was recorded of clients, the latest first.
type recorded struct {
	assessed  []models.AssessmentRow
	improved  []models.ImprovementRow
	contacts  []models.InteractionRow
	promised  []models.CommitmentRow
	voiced    []models.OpinionRow
	leads     []models.LeadRow
	filter    models.RecordFilter // of the latest list
	leadsAsOf models.LeadFilter
}

func (r *recorded) write(step models.RelationshipStep) {
	if a := step.Assessment; a != nil {
		r.assessed = append([]models.AssessmentRow{*a}, r.assessed...)
	}
	for _, v := range step.Improvements {
		r.improved = put(r.improved, *v, func(o models.ImprovementRow) bool { return o.ID == v.ID })
	}
	for _, v := range step.Interactions {
		r.contacts = put(r.contacts, *v, func(o models.InteractionRow) bool { return o.ID == v.ID })
	}
	for _, v := range step.Commitments {
		r.promised = put(r.promised, *v, func(o models.CommitmentRow) bool { return o.ID == v.ID })
	}
	for _, v := range step.Opinions {
		r.voiced = put(r.voiced, *v, func(o models.OpinionRow) bool { return o.ID == v.ID })
	}
	for _, v := range step.Leads {
		r.leads = put(r.leads, *v, func(o models.LeadRow) bool { return o.ID == v.ID })
	}
}

// open adds what is open to what a step is decided by.
func (r *recorded) open(o *models.OpenRows) {
	o.Improvements = kept(r.improved, func(v models.ImprovementRow) bool { return v.EndedAt == nil })
	o.Commitments = kept(r.promised, func(v models.CommitmentRow) bool { return v.EndedAt == nil })
	o.Opinions = kept(r.voiced, func(v models.OpinionRow) bool { return v.AnsweredAt == nil })
	o.Leads = kept(r.leads, func(v models.LeadRow) bool { return v.ClosedAt == nil })
}

func kept[R any](all []R, keep func(R) bool) []R {
	return slices.DeleteFunc(slices.Clone(all), func(r R) bool { return !keep(r) })
}

func theOne[R any](all []R, is func(R) bool) (R, error) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], nil
	}
	var none R
	return none, errs.New(errs.NotFound, "not_found")
}

// part reports whether one of the users is among those who have a part; without a limit everybody is.
func part(f []string, of ...string) bool {
	return f == nil || slices.ContainsFunc(of, func(u string) bool { return slices.Contains(f, u) })
}

func (s *bondRows) Assessment(_ context.Context, key string) (models.AssessmentRow, error) {
	return theOne(s.recorded.assessed, func(r models.AssessmentRow) bool { return r.ID == key })
}

func (s *bondRows) Improvement(_ context.Context, key string) (models.ImprovementRow, error) {
	return theOne(s.recorded.improved, func(r models.ImprovementRow) bool { return r.ID == key })
}

func (s *bondRows) ImprovementsFrom(_ context.Context, _, assessmentID string) ([]models.ImprovementRow, error) {
	return kept(s.recorded.improved, func(r models.ImprovementRow) bool { return r.AssessmentID == assessmentID }), nil
}

func (s *bondRows) Interaction(_ context.Context, key string) (models.InteractionRow, error) {
	return theOne(s.recorded.contacts, func(r models.InteractionRow) bool { return r.ID == key })
}

func (s *bondRows) Commitment(_ context.Context, key string) (models.CommitmentRow, error) {
	return theOne(s.recorded.promised, func(r models.CommitmentRow) bool { return r.ID == key })
}

func (s *bondRows) Opinion(_ context.Context, key string) (models.OpinionRow, error) {
	return theOne(s.recorded.voiced, func(r models.OpinionRow) bool { return r.ID == key })
}

func (s *bondRows) Lead(_ context.Context, key string) (models.LeadRow, error) {
	return theOne(s.recorded.leads, func(r models.LeadRow) bool { return r.ID == key })
}

func (s *bondRows) Assessments(_ context.Context, f models.RecordFilter, _ models.Page) ([]models.AssessmentRow, string, error) {
	s.recorded.filter = f
	return kept(s.recorded.assessed, func(r models.AssessmentRow) bool { return part(f.Of, r.ByID) }), "", nil
}

func (s *bondRows) Improvements(_ context.Context, f models.RecordFilter, _ models.Page) ([]models.ImprovementRow, string, error) {
	s.recorded.filter = f
	return kept(s.recorded.improved, func(r models.ImprovementRow) bool { return part(f.Of, r.OwnerID) }), "", nil
}

func (s *bondRows) Interactions(_ context.Context, f models.RecordFilter, _ models.Page) ([]models.InteractionRow, string, error) {
	s.recorded.filter = f
	return kept(s.recorded.contacts, func(r models.InteractionRow) bool { return part(f.Of, r.UserID) }), "", nil
}

func (s *bondRows) Commitments(_ context.Context, f models.RecordFilter, _ models.Page) ([]models.CommitmentRow, string, error) {
	s.recorded.filter = f
	return kept(s.recorded.promised, func(r models.CommitmentRow) bool { return part(f.Of, r.OwnerID, r.MadeBy) }), "", nil
}

func (s *bondRows) Opinions(_ context.Context, f models.RecordFilter, _ models.Page) ([]models.OpinionRow, string, error) {
	s.recorded.filter = f
	return kept(s.recorded.voiced, func(r models.OpinionRow) bool { return part(f.Of, append(r.Monitors, r.ByID, r.OwnerID)...) }), "", nil
}

func (s *bondRows) Leads(_ context.Context, f models.LeadFilter, _ models.Page) ([]models.LeadRow, string, error) {
	s.recorded.leadsAsOf = f
	return kept(s.recorded.leads, func(r models.LeadRow) bool { return part(f.Of, r.OwnerID, r.CreatedBy) }), "", nil
}

func (s *bondRows) RelationshipStates(context.Context, []string) (map[string]models.RelationshipState, error) {
	return s.states, nil
}

// graders is a store of candidates and of what clients are graded by, in memory.
type graders struct {
	world     *world
	shadows   []models.PolicyShadow
	standings []classification.Standing
	sales     []models.ClientSales
}

var _ api.Grading = (*graders)(nil)

func (g *graders) CreatePolicyShadow(ctx context.Context, p models.PolicyShadow) (models.PolicyShadow, error) {
	if v, err := g.world.LatestPolicy(ctx, p.Kind); err == nil {
		p.BasedOn = v.Version
	}
	g.shadows = append(g.shadows, p)
	return p, nil
}

func (g *graders) PolicyShadow(_ context.Context, kind, key string) (models.PolicyShadow, error) {
	return theOne(g.shadows, func(p models.PolicyShadow) bool { return p.Kind == kind && (p.ID == key || p.ID == "") })
}

func (g *graders) PolicyShadows(context.Context, string, models.Page) ([]models.PolicyShadow, string, error) {
	return g.shadows, "", nil
}

func (g *graders) PublishPolicyShadow(ctx context.Context, key string, force bool, v models.PolicyVersion) (models.PolicyVersion, error) {
	i := slices.IndexFunc(g.shadows, func(p models.PolicyShadow) bool { return p.ID == key })
	s := &g.shadows[i]
	latest, err := g.world.LatestPolicy(ctx, v.Kind)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		return v, err
	}
	if latest.Version != s.BasedOn && !force {
		return v, errs.New(errs.Conflict, "shadow.outdated", "based_on", strconv.Itoa(s.BasedOn), "in_force", strconv.Itoa(latest.Version))
	}
	v.Body = s.Body
	v, err = g.world.PublishPolicy(ctx, v)
	s.PublishedAs, s.PublishedAt = &v.Version, &v.PublishedAt
	return v, err
}

func (g *graders) Standings(_ context.Context, after string, limit int) ([]classification.Standing, error) {
	rest := kept(g.standings, func(s classification.Standing) bool { return s.ClientID > after })
	return rest[:min(limit, len(rest))], nil
}

func (g *graders) ClientNames(_ context.Context, ids []string) (map[string]string, error) {
	names := map[string]string{}
	for _, key := range ids {
		names[key] = "name of " + key
	}
	return names, nil
}

func (g *graders) ClientSales(_ context.Context, f models.SalesFilter) ([]models.ClientSales, error) {
	return kept(g.sales, func(s models.ClientSales) bool { return f.Currency == "" || f.Currency == s.Currency }), nil
}

// everyShadow is a store in which every id is a candidate: the shipped policy.
func everyShadow(t testing.TB) *graders {
	t.Helper()
	g := &graders{}
	w := newWorld(t, func(d *api.Deps) { d.Grading = g })
	g.world = w
	object(t, w.do("boss", "POST", "/api/v1"+shadowsPath, shippedClassification(t), "Content-Type", "application/yaml"), 201)
	g.shadows[0].ID = ""
	return g
}

const shadowsPath = "/policies/classification/shadows"

// firms are ids of clients in their order.
func firms(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = id.Derive(id.Client, "firms", strconv.Itoa(i))
	}
	slices.Sort(ids)
	return ids
}
