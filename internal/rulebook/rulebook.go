// Package rulebook gives compiled rules by version. Published versions never change, so each is compiled once and kept.
package rulebook

import (
	"context"
	"encoding/json"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/policy"
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
	source    Source
	policies  *lru.Cache[int, *policy.CompiledSLA]
	calendars *lru.Cache[string, *calendar.Calendar]
}

// New returns a book over the source.
func New(source Source) (*Book, error) {
	policies, err := lru.New[int, *policy.CompiledSLA](kept)
	if err != nil {
		return nil, err
	}
	calendars, err := lru.New[string, *calendar.Calendar](kept)
	if err != nil {
		return nil, err
	}
	return &Book{source: source, policies: policies, calendars: calendars}, nil
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
	calendarID := p.Document().Calendar
	if own := org.Teams[teamID].CalendarID; own != "" {
		calendarID = own
	}
	c, err := b.LatestCalendar(ctx, calendarID)
	return models.CaseRules{Policy: p, PolicyVersion: version, Calendar: c, Org: org}, err
}
