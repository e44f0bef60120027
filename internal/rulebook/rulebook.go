// Package rulebook gives compiled rules by version. Published versions never change, so each is compiled once and kept.
package rulebook

import (
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

// kept is how many compiled versions of each kind stay in memory.
const kept = 256

// Source reads published versions.
type Source interface {
	LatestPolicy(ctx context.Context, kind string) (models.PolicyVersion, error)
	Policy(ctx context.Context, kind string, version int) (models.PolicyVersion, error)
	LatestCalendar(ctx context.Context, id string) (models.CalendarVersion, error)
	Calendar(ctx context.Context, id string, version int) (models.CalendarVersion, error)
}

// Book is safe for concurrent use.
type Book struct {
	source           Source
	policies         *lru.Cache[int, *policy.CompiledSLA]
	approvals        *lru.Cache[int, *approval.Policy]
	receptions       *lru.Cache[int, *policy.CompiledReception]
	surveys          *lru.Cache[int, *survey.Book]
	campaigns        *lru.Cache[int, *campaign.Policy]
	cadences         *lru.Cache[int, *cadence.Policy]
	calendars        *lru.Cache[string, *calendar.Calendar]
	classifications  *lru.Cache[int, *classification.Policy]
	healths          *lru.Cache[int, *health.Policy]
	responsibilities *lru.Cache[int, *responsibility.Policy]
	turned           atomic.Pointer[turned]
}

// New returns a book over the source.
func New(source Source) (*Book, error) {
	policies, err := lru.New[int, *policy.CompiledSLA](kept)
	if err != nil {
		return nil, err
	}
	approvals, err := lru.New[int, *approval.Policy](kept)
	if err != nil {
		return nil, err
	}
	receptions, err := lru.New[int, *policy.CompiledReception](kept)
	if err != nil {
		return nil, err
	}
	surveys, err := lru.New[int, *survey.Book](kept)
	if err != nil {
		return nil, err
	}
	campaigns, err := lru.New[int, *campaign.Policy](kept)
	if err != nil {
		return nil, err
	}
	classifications, err := lru.New[int, *classification.Policy](kept)
	if err != nil {
		return nil, err
	}
	cadences, err := lru.New[int, *cadence.Policy](kept)
	if err != nil {
		return nil, err
	}
	healths, err := lru.New[int, *health.Policy](kept)
	if err != nil {
		return nil, err
	}
	responsibilities, err := lru.New[int, *responsibility.Policy](kept)
	if err != nil {
		return nil, err
	}
	calendars, err := lru.New[string, *calendar.Calendar](kept)
	if err != nil {
		return nil, err
	}
	return &Book{
		source: source, policies: policies, approvals: approvals, receptions: receptions, surveys: surveys,
		campaigns: campaigns, cadences: cadences, calendars: calendars, classifications: classifications,
		healths: healths, responsibilities: responsibilities,
	}, nil
}

// SLA returns one version of the sla policy.
func (b *Book) SLA(ctx context.Context, version int) (*policy.CompiledSLA, error) {
	if c, ok := b.policies.Get(version); ok {
		return c, nil
	}
	row, err := b.source.Policy(ctx, policy.KindSLA, version)
	if err != nil {
		return nil, err
	}
	return b.compile(row)
}

// LatestSLA returns the sla policy in force and its version.
func (b *Book) LatestSLA(ctx context.Context) (*policy.CompiledSLA, int, error) {
	row, err := b.source.LatestPolicy(ctx, policy.KindSLA)
	if err != nil {
		return nil, 0, err
	}
	if c, ok := b.policies.Get(row.Version); ok {
		return c, row.Version, nil
	}
	c, err := b.compile(row)
	return c, row.Version, err
}

func (b *Book) compile(row models.PolicyVersion) (*policy.CompiledSLA, error) {
	var doc policy.SLA
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	c, err := policy.CompileSLA(doc)
	if err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	b.policies.Add(row.Version, c)
	return c, nil
}

// Approval returns one version of the approval policy.
func (b *Book) Approval(ctx context.Context, version int) (*approval.Policy, error) {
	if p, ok := b.approvals.Get(version); ok {
		return p, nil
	}
	row, err := b.source.Policy(ctx, approval.Kind, version)
	if err != nil {
		return nil, err
	}
	return b.compileApproval(row)
}

// LatestApproval returns the approval policy in force.
func (b *Book) LatestApproval(ctx context.Context) (*approval.Policy, error) {
	row, err := b.source.LatestPolicy(ctx, approval.Kind)
	if err != nil {
		return nil, err
	}
	if p, ok := b.approvals.Get(row.Version); ok {
		return p, nil
	}
	return b.compileApproval(row)
}

func (b *Book) compileApproval(row models.PolicyVersion) (*approval.Policy, error) {
	var doc approval.Document
	if err := json.Unmarshal(row.Body, &doc); err != nil {
		return nil, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
	}
	p, err := approval.Compile(doc, row.Version)
	if err != nil { // not errs.Invalid: no caller can put a stored policy right
		return nil, fmt.Errorf("policy %s version %d: %v", row.Kind, row.Version, err)
	}
	b.approvals.Add(row.Version, p)
	return p, nil
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
	return b.open(row)
}

// LatestCalendar returns the calendar's version in force.
func (b *Book) LatestCalendar(ctx context.Context, id string) (*calendar.Calendar, error) {
	row, err := b.source.LatestCalendar(ctx, id)
	if err != nil {
		return nil, err
	}
	if c, ok := b.calendars.Get(key(id, row.Version)); ok {
		return c, nil
	}
	return b.open(row)
}

func (b *Book) open(row models.CalendarVersion) (*calendar.Calendar, error) {
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
	p, version, err := b.LatestSLA(ctx)
	if err != nil {
		return models.CaseRules{}, err
	}
	c, err := b.calendarOf(ctx, org, teamID)
	return models.CaseRules{Policy: p, PolicyVersion: version, Calendar: c, Org: org}, err
}

// calendarOf returns the calendar in force of a team: its own, else the organisation's, which the sla policy names.
func (b *Book) calendarOf(ctx context.Context, org *models.Org, teamID string) (*calendar.Calendar, error) {
	if own := org.Teams[teamID].CalendarID; own != "" {
		return b.LatestCalendar(ctx, own)
	}
	p, _, err := b.LatestSLA(ctx)
	if err != nil {
		return nil, err
	}
	return b.LatestCalendar(ctx, p.Document().Calendar)
}
