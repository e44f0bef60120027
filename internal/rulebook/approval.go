package rulebook

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// OfApproval returns the rules of a running approval: the policy and calendar versions pinned when it began.
func (b *Book) OfApproval(ctx context.Context, s *models.ApprovalState, org *models.Org) (models.ApprovalRules, error) {
	p, err := b.Approval(ctx, s.Chain.PolicyVersion)
	if err != nil {
		return models.ApprovalRules{}, err
	}
	c, err := b.Calendar(ctx, s.CalendarID, s.CalendarVersion)
	if err != nil {
		return models.ApprovalRules{}, err
	}
	return b.approvalRules(p, s.Chain.Chain, c, org)
}

// ForNewApproval returns the rules for a new approval: the policy in the version that the order names, else that in force;
// the calendar of the requester's team, else the organisation's.
func (b *Book) ForNewApproval(ctx context.Context, o models.ApprovalOrder, org *models.Org) (models.ApprovalRules, error) {
	var p *approval.Policy
	var err error
	if o.Version > 0 {
		p, err = b.Approval(ctx, o.Version)
	} else {
		p, err = b.LatestApproval(ctx)
	}
	if err != nil {
		return models.ApprovalRules{}, err
	}
	_, _, c, err := b.promises(ctx, org, org.Users[o.RequesterID].TeamID)
	if err != nil {
		return models.ApprovalRules{}, err
	}
	return b.approvalRules(p, o.Chain, c, org)
}

// people is the organisation as approvals look at it. A snapshot serves many steps, and is turned once.
func (b *Book) people(org *models.Org) approval.Org {
	if last := b.turned.Load(); last != nil && last.from == org {
		return last.to
	}
	to := org.ForApprovals()
	b.turned.Store(&turned{org, to})
	return to
}

// turned is a snapshot of the organisation that was turned into the form that approvals look at.
type turned struct {
	from *models.Org
	to   approval.Org
}

func (b *Book) approvalRules(p *approval.Policy, chain string, c *calendar.Calendar, org *models.Org) (models.ApprovalRules, error) {
	compiled, err := p.Chain(chain)
	return models.ApprovalRules{
		Chain: compiled, CalendarID: c.ID(), CalendarVersion: c.Version(),
		Env: approval.Env{Org: b.people(org), Deadline: func(from time.Time, span sla.Span, clock sla.ClockKind) time.Time {
			due, err := span.Due(from, clock, c)
			if err != nil { // the calendar ends before that: better by the clock than never
				due, _ = span.Due(from, sla.Elapsed, calendar.Always())
			}
			return due
		}},
	}, err
}
