// Package rulebook gives compiled rules by version. Published versions never change, so each is compiled once and kept.
package rulebook

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// Source reads published versions. Which is in force is asked each time: another process may just have published one.
type Source interface {
	PolicyInForce(ctx context.Context, kind string) (version int, err error)
	// BothInForce is PolicyInForce and CalendarInForce at once; a version of 0 means that there is none.
	BothInForce(ctx context.Context, kind, calendarID string) (policyVersion, calendarVersion int, err error)
	Policy(ctx context.Context, kind string, version int) (models.PolicyVersion, error)
	CalendarInForce(ctx context.Context, id string) (version int, err error)
	Calendar(ctx context.Context, id string, version int) (models.CalendarVersion, error)
}

// Book is safe for concurrent use.
type Book struct {
	source           Source
	slas             *shelf[*policy.CompiledSLA]
	approvals        *shelf[*approval.Policy]
	receptions       *shelf[*policy.CompiledReception]
	surveys          *shelf[*survey.Book]
	campaigns        *shelf[*campaign.Policy]
	cadences         *shelf[*cadence.Policy]
	classifications  *shelf[*classification.Policy]
	healths          *shelf[*health.Policy]
	responsibilities *shelf[*responsibility.Policy]
	calendars        *lru.Cache[string, *calendar.Calendar]
	turned           atomic.Pointer[turned]
}

// New returns a book over the source.
func New(source Source) *Book {
	return &Book{
		source:           source,
		slas:             newShelf(source, policy.KindSLA, unnumbered(policy.CompileSLA)),
		approvals:        newShelf(source, approval.Kind, approval.Compile),
		receptions:       newShelf(source, policy.KindReception, unnumbered(policy.CompileReception)),
		surveys:          newShelf(source, survey.Kind, survey.Compile),
		campaigns:        newShelf(source, campaign.Kind, asIs[campaign.Policy]),
		cadences:         newShelf(source, cadence.Kind, asIs[cadence.Policy]),
		classifications:  newShelf(source, classification.Kind, classification.Compile),
		healths:          newShelf(source, health.PolicyKind, health.Compile),
		responsibilities: newShelf(source, responsibility.Kind, responsibility.Compile),
		calendars:        cache[string, *calendar.Calendar](),
	}
}

// unnumbered is a compilation to what does not know its version.
func unnumbered[D, P any](compile func(D) (P, error)) func(D, int) (P, error) {
	return func(doc D, _ int) (P, error) { return compile(doc) }
}

// SLA returns one version of the sla policy.
func (b *Book) SLA(ctx context.Context, version int) (*policy.CompiledSLA, error) {
	return b.slas.version(ctx, version)
}

// LatestSLA returns the sla policy in force and its version.
func (b *Book) LatestSLA(ctx context.Context) (*policy.CompiledSLA, int, error) {
	return b.slas.latest(ctx)
}

// Approval returns one version of the approval policy.
func (b *Book) Approval(ctx context.Context, version int) (*approval.Policy, error) {
	return b.approvals.version(ctx, version)
}

// LatestApproval returns the approval policy in force.
func (b *Book) LatestApproval(ctx context.Context) (*approval.Policy, error) {
	p, _, err := b.approvals.latest(ctx)
	return p, err
}

// Surveys returns one version of the survey templates.
func (b *Book) Surveys(ctx context.Context, version int) (*survey.Book, error) {
	return b.surveys.version(ctx, version)
}

// LatestSurveys returns the survey templates in force; the book knows its version.
func (b *Book) LatestSurveys(ctx context.Context) (*survey.Book, error) {
	p, _, err := b.surveys.latest(ctx)
	return p, err
}

// Campaign returns one version of the campaign policy. The document is shared: nobody may change it.
func (b *Book) Campaign(ctx context.Context, version int) (*campaign.Policy, error) {
	return b.campaigns.version(ctx, version)
}

// LatestCampaign returns the campaign policy in force, its version, and its calendar in force.
func (b *Book) LatestCampaign(ctx context.Context) (*campaign.Policy, int, *calendar.Calendar, error) {
	return inForce(ctx, b, b.campaigns, func(p *campaign.Policy) string { return p.Calendar })
}

// Cadence returns one version of the cadence policy. The document is shared: nobody may change it.
func (b *Book) Cadence(ctx context.Context, version int) (*cadence.Policy, error) {
	return b.cadences.version(ctx, version)
}

// LatestCadence returns the cadence policy in force, its version, and its calendar in force.
func (b *Book) LatestCadence(ctx context.Context) (*cadence.Policy, int, *calendar.Calendar, error) {
	return inForce(ctx, b, b.cadences, func(p *cadence.Policy) string { return p.Calendar })
}

// Classification returns one version of the classification policy.
func (b *Book) Classification(ctx context.Context, version int) (*classification.Policy, error) {
	return b.classifications.version(ctx, version)
}

// LatestClassification returns the classification policy in force; the policy knows its version.
func (b *Book) LatestClassification(ctx context.Context) (*classification.Policy, error) {
	p, _, err := b.classifications.latest(ctx)
	return p, err
}

// Health returns one version of the health policy.
func (b *Book) Health(ctx context.Context, version int) (*health.Policy, error) {
	return b.healths.version(ctx, version)
}

// LatestHealth returns the health policy in force; it knows its version.
func (b *Book) LatestHealth(ctx context.Context) (*health.Policy, error) {
	p, _, err := b.healths.latest(ctx)
	return p, err
}

// Responsibility returns one version of the responsibility policy.
func (b *Book) Responsibility(ctx context.Context, version int) (*responsibility.Policy, error) {
	return b.responsibilities.version(ctx, version)
}

// LatestResponsibility returns the responsibility policy in force; it knows its version.
func (b *Book) LatestResponsibility(ctx context.Context) (*responsibility.Policy, error) {
	p, _, err := b.responsibilities.latest(ctx)
	return p, err
}

// Calendar returns one version of a calendar.
func (b *Book) Calendar(ctx context.Context, id string, version int) (*calendar.Calendar, error) {
	if c, ok := b.calendars.Get(key(id, version)); ok {
		return c, nil
	}
	row, err := b.source.Calendar(ctx, id, version)
	if err != nil {
		return nil, err
	}
	var doc calendar.Document
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("calendar %s version %d: %w", row.ID, row.Version, err)
	}
	doc.ID, doc.Version = row.ID, row.Version
	c, err := calendar.New(doc)
	if err != nil {
		return nil, fmt.Errorf("calendar %s version %d: %w", row.ID, row.Version, err)
	}
	b.calendars.Add(key(row.ID, row.Version), c)
	return c, nil
}

// LatestCalendar returns the calendar's version in force.
func (b *Book) LatestCalendar(ctx context.Context, id string) (*calendar.Calendar, error) {
	version, err := b.source.CalendarInForce(ctx, id)
	if err != nil {
		return nil, err
	}
	return b.Calendar(ctx, id, version)
}

func key(id string, version int) string { return fmt.Sprintf("%s/%d", id, version) }

// OfCase returns the rules that a case was promised: the policy and calendar versions pinned when it began.
func (b *Book) OfCase(ctx context.Context, s *models.CaseState, org *models.Org) (models.CaseRules, error) {
	p, err := b.SLA(ctx, s.PolicyVersion)
	if err != nil {
		return models.CaseRules{}, err
	}
	c, err := b.Calendar(ctx, s.CalendarID, s.CalendarVersion)
	return models.CaseRules{Policy: p, PolicyVersion: s.PolicyVersion, Calendar: c, Org: org}, err
}

// ForNewCase returns the rules in force for a case of the team: the team's calendar, else the policy's.
func (b *Book) ForNewCase(ctx context.Context, org *models.Org, teamID string) (models.CaseRules, error) {
	p, version, c, err := b.promises(ctx, org, teamID)
	return models.CaseRules{Policy: p, PolicyVersion: version, Calendar: c, Org: org}, err
}

// promises returns the sla policy in force and its version, and the calendar in force of the team, else the policy's.
func (b *Book) promises(ctx context.Context, org *models.Org, teamID string) (*policy.CompiledSLA, int, *calendar.Calendar, error) {
	return inForce(ctx, b, b.slas, func(p *policy.CompiledSLA) string { return calendarOf(org, teamID, p.Document().Calendar) })
}

// inForce returns the policy in force, its version, and the calendar in force that it is counted by. Policies rarely change:
// both are asked for at once, with the calendar of the version that was in force last time.
func inForce[P any](ctx context.Context, b *Book, s *shelf[P], calendarOf func(P) string) (p P, version int, c *calendar.Calendar, err error) {
	newest := int(s.newest.Load())
	if last, ok := s.kept.Get(newest); ok {
		id := calendarOf(last)
		policyVersion, calendarVersion, err := b.source.BothInForce(ctx, s.kind, id)
		if err != nil {
			return p, 0, nil, err
		}
		if policyVersion == newest && calendarVersion > 0 {
			c, err := b.Calendar(ctx, id, calendarVersion)
			return last, newest, c, err
		}
	}
	if p, version, err = s.latest(ctx); err != nil {
		return p, 0, nil, err
	}
	c, err = b.LatestCalendar(ctx, calendarOf(p))
	return p, version, c, err
}

// calendarOf names the calendar of a team: its own, else the one that a policy names.
func calendarOf(org *models.Org, teamID, ofPolicy string) string {
	return cmp.Or(org.Teams[teamID].CalendarID, ofPolicy)
}
