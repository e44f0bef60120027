package api

import (
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/models"
)

type receptionView struct {
	ID              string                   `json:"id"`
	Number          string                   `json:"number"`
	State           models.ReceptionStatus   `json:"state"`
	Kind            string                   `json:"kind"`
	Level           string                   `json:"level"`
	ClientID        string                   `json:"client_id"`
	Purpose         string                   `json:"purpose"`
	Needs           string                   `json:"needs"`
	StartsAt        *Time                    `json:"starts_at"`
	EndsAt          *Time                    `json:"ends_at"`
	Visitors        []visitorView            `json:"visitors"`
	Hosts           []string                 `json:"hosts"`
	RequesterID     string                   `json:"requester_id"`
	TeamID          *string                  `json:"team_id"`
	ReceptionistID  *string                  `json:"receptionist_id"`
	Activities      []activityView           `json:"activities"`
	Resources       []wantedResourceView     `json:"resources"`
	Currency        string                   `json:"currency"`
	Budget          []models.BudgetLine      `json:"budget"`
	Held            []models.BudgetLine      `json:"held"`
	Actual          []models.BudgetLine      `json:"actual"`
	Standard        string                   `json:"standard"`
	Departures      []models.Departure       `json:"departures"`
	DepartureReason string                   `json:"departure_reason"`
	Approval        *receptionApprovalView   `json:"approval"`
	Approvals       []receptionApprovalView  `json:"approvals"`
	Changes         []models.FieldChange     `json:"changes"`
	Checklist       []checklistView          `json:"checklist"`
	Invitations     []receptionInvitedView   `json:"invitations"`
	Score           *float64                 `json:"score"`
	SettleBy        *Time                    `json:"settle_by"`
	ClaimUntil      *Time                    `json:"claim_until"`
	PolicyVersion   int                      `json:"policy_version"`
	CalendarID      string                   `json:"calendar_id"`
	CalendarVersion int                      `json:"calendar_version"`
	Version         int64                    `json:"version"`
	CreatedBy       string                   `json:"created_by"`
	CreatedAt       Time                     `json:"created_at"`
	UpdatedAt       Time                     `json:"updated_at"`
	ClosedAt        *Time                    `json:"closed_at"`
	AllowedActions  []models.ReceptionAction `json:"allowed_actions"`
}

type visitorView struct {
	Name         string `json:"name"`
	Title        string `json:"title"`
	Organisation string `json:"organisation"`
	Identity     string `json:"identity"`
	Email        string `json:"email"`
	Phone        string `json:"phone"`
}

type activityView struct {
	ID       string  `json:"id"`
	Kind     string  `json:"kind"`
	StartsAt Time    `json:"starts_at"`
	EndsAt   Time    `json:"ends_at"`
	Place    string  `json:"place"`
	OwnerID  *string `json:"owner_id"`
	DoneAt   *Time   `json:"done_at"`
	DoneBy   *string `json:"done_by"`
}

type wantedResourceView struct {
	ResourceID string               `json:"resource_id"`
	StartsAt   *Time                `json:"starts_at"`
	EndsAt     *Time                `json:"ends_at"`
	Quantity   int                  `json:"quantity"`
	State      *models.BookingState `json:"state"` // null: not kept for the visit
}

type receptionApprovalView struct {
	ID        string                  `json:"id"`
	Purpose   models.ApprovalPurpose  `json:"purpose"`
	State     models.ApprovalStatus   `json:"state"`
	Outcome   *models.ApprovalOutcome `json:"outcome"`
	StartedAt Time                    `json:"started_at"`
	EndedAt   *Time                   `json:"ended_at"`
}

type checklistView struct {
	Name    string  `json:"name"`
	Title   string  `json:"title"`
	For     string  `json:"for"`
	OwnerID *string `json:"owner_id"`
	TeamID  *string `json:"team_id"`
	WarnAt  Time    `json:"warn_at"`
	DueAt   Time    `json:"due_at"`
	Late    bool    `json:"late"`
	DoneAt  *Time   `json:"done_at"`
	DoneBy  *string `json:"done_by"`
}

type receptionInvitedView struct {
	UID      string `json:"uid"`
	UserID   string `json:"user_id"`
	StartsAt Time   `json:"starts_at"`
	EndsAt   Time   `json:"ends_at"`
}

// view shows a reception to the caller, with what they may do about it now.
func (h *receptions) view(c *gin.Context, row models.ReceptionRow) receptionView {
	s, plan := &row.State, row.Plans.Current
	v := receptionView{
		ID: s.ID, Number: s.Number, State: s.Status, Kind: s.Kind, Level: s.Level, ClientID: s.ClientID, Purpose: plan.Purpose, Needs: plan.Needs,
		StartsAt: timePtr(s.StartsAt), EndsAt: timePtr(s.EndsAt), Hosts: append([]string{}, s.Hosts...), RequesterID: s.RequesterID,
		Visitors: each(plan.Visitors, func(v models.Visitor) visitorView { return visitorView(v) }),
		TeamID:   filled(s.TeamID), ReceptionistID: filled(s.ReceptionistID), Activities: activityViews(row), Resources: wantedViews(row),
		Currency: s.Currency, Budget: append([]models.BudgetLine{}, s.Budget...), Held: heldLines(s), Actual: append([]models.BudgetLine{}, s.Actual()...),
		Standard: s.Standard, Departures: append([]models.Departure{}, s.Departures...), DepartureReason: plan.DepartureReason,
		Approvals: each(s.Approvals, toReceptionApproval), Changes: append([]models.FieldChange{}, changesSeen(row.Plans)...),
		Checklist: each(s.Checklist, func(e models.ChecklistEntry) checklistView { return toChecklistView(c, e) }),
		Invitations: each(s.Invited, func(i models.Invited) receptionInvitedView {
			return receptionInvitedView{i.UID, i.UserID, Time(i.StartsAt), Time(i.EndsAt)}
		}),
		Score: s.Score(), SettleBy: timePtr(s.SettleBy), ClaimUntil: timePtr(s.ClaimUntil),
		PolicyVersion: s.PolicyVersion, CalendarID: s.CalendarID, CalendarVersion: s.CalendarVersion, Version: s.Seq,
		CreatedBy: s.CreatedBy, CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt), ClosedAt: timePtr(s.ClosedAt),
		AllowedActions: s.AllowedActions(caller(c).Actor, h.now()),
	}
	if a, ok := s.Approval(); ok {
		v.Approval = new(toReceptionApproval(a))
	}
	return v
}

// changesSeen is how the plan differs from what approvers know: from the one that stands while a change of it is decided,
// else from the one that they saw last.
func changesSeen(p models.ReceptionPlans) []models.FieldChange {
	switch {
	case p.Approved != nil:
		return p.Approved.Changes(p.Current)
	case p.Submitted != nil:
		return p.Submitted.Changes(p.Current)
	default:
		return nil
	}
}

// activityViews shows the activities with their places, which the state does not know. The state has those of the plan, in
// its order.
func activityViews(row models.ReceptionRow) []activityView {
	views := make([]activityView, len(row.State.Activities))
	for i, a := range row.State.Activities {
		views[i] = activityView{
			ID: a.ID, Kind: a.Kind, StartsAt: Time(a.StartsAt), EndsAt: Time(a.EndsAt), OwnerID: filled(a.OwnerID), DoneAt: timePtr(a.DoneAt),
			DoneBy: filled(a.DoneBy),
		}
		if i < len(row.Plans.Current.Activities) {
			views[i].Place = row.Plans.Current.Activities[i].Place
		}
	}
	return views
}

// wantedViews shows the resources of the plan and how firmly each is kept.
func wantedViews(row models.ReceptionRow) []wantedResourceView {
	plan := row.Plans.Current
	return each(plan.Resources, func(w models.WantedResource) wantedResourceView {
		if w.StartsAt == nil {
			w.StartsAt = plan.StartsAt
		}
		if w.EndsAt == nil {
			w.EndsAt = plan.EndsAt
		}
		v := wantedResourceView{ResourceID: w.ResourceID, StartsAt: timePtr(w.StartsAt), EndsAt: timePtr(w.EndsAt), Quantity: max(w.Quantity, 1)}
		for _, b := range row.State.Bookings { // it may be kept for longer, while a change is decided
			if w.StartsAt != nil && w.EndsAt != nil && b.ResourceID == w.ResourceID && !b.StartsAt.After(*w.StartsAt) && !b.EndsAt.Before(*w.EndsAt) {
				v.State = &b.State
			}
		}
		return v
	})
}

// heldLines is what is set aside for the reception, by type of cost.
func heldLines(s *models.ReceptionState) []models.BudgetLine {
	lines := []models.BudgetLine{}
	for _, m := range s.Money {
		i := slices.IndexFunc(lines, func(l models.BudgetLine) bool { return l.Item == m.CostType })
		switch {
		case m.Held == 0:
		case i >= 0:
			lines[i].Amount += m.Held
		default:
			lines = append(lines, models.BudgetLine{Item: m.CostType, Amount: m.Held})
		}
	}
	return lines
}

func toReceptionApproval(a models.ReceptionApproval) receptionApprovalView {
	v := receptionApprovalView{ID: a.ID, Purpose: a.Purpose, StartedAt: Time(a.StartedAt), EndedAt: timePtr(a.EndedAt)}
	switch {
	case a.Outcome != "":
		v.State, v.Outcome = models.ApprovalStatus(a.Outcome), &a.Outcome
	case a.Returned:
		v.State = models.ApprovalReturned
	default:
		v.State = models.ApprovalOpen
	}
	return v
}

func toChecklistView(c *gin.Context, e models.ChecklistEntry) checklistView {
	return checklistView{
		Name: e.Name, Title: word(c, "item", e.Name), For: e.For, OwnerID: filled(e.OwnerID), TeamID: filled(e.TeamID), WarnAt: Time(e.WarnAt),
		DueAt: Time(e.DueAt), Late: e.Late, DoneAt: timePtr(e.DoneAt), DoneBy: filled(e.DoneBy),
	}
}
