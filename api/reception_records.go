package api

import (
	"context"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// fullReceptionView is a reception with what is recorded beside its state; lists leave that out.
type fullReceptionView struct {
	receptionView
	RaisedNeeds []raisedNeedView      `json:"raised_needs"`
	Claims      []claimView           `json:"claims"`
	Feedback    []feedbackView        `json:"feedback"`
	Summary     *receptionSummaryView `json:"summary"`
	SplitOrders []models.SplitWarning `json:"split_orders"` // null for those who need not know
}

type raisedNeedView struct {
	ID       string          `json:"id"`
	Text     string          `json:"text"`
	Kind     models.CaseType `json:"kind"`
	OwnerID  string          `json:"owner_id"`
	RaisedBy string          `json:"raised_by"`
	RaisedAt Time            `json:"raised_at"`
	Solution *string         `json:"solution"`
	SolvedBy *string         `json:"solved_by"`
	SolvedAt *Time           `json:"solved_at"`
	CaseID   *string         `json:"case_id"`
}

type claimView struct {
	ID        string            `json:"id"`
	State     models.ClaimState `json:"state"`
	Items     []claimItemView   `json:"items"`
	Total     int64             `json:"total"`
	Currency  string            `json:"currency"`
	By        string            `json:"by"`
	Comment   *string           `json:"comment"`
	CreatedAt Time              `json:"created_at"`
	UpdatedAt Time              `json:"updated_at"`
}

type claimItemView struct {
	Item    models.CostType `json:"item"`
	Amount  int64           `json:"amount"`
	Receipt string          `json:"receipt"`
	Note    string          `json:"note"`
}

type feedbackView struct {
	ID           string `json:"id"`
	Score        *int   `json:"score"`
	Comment      string `json:"comment"`
	Shortcomings string `json:"shortcomings"`
	Visitor      string `json:"visitor"`
	By           string `json:"by"`
	At           Time   `json:"at"`
}

type receptionSummaryView struct {
	Summary      string              `json:"summary"`
	Shortcomings string              `json:"shortcomings"`
	Score        *float64            `json:"score"`
	Budget       []models.BudgetLine `json:"budget"`
	Actual       []models.BudgetLine `json:"actual"`
	Currency     string              `json:"currency"`
}

// full shows a reception to the caller with everything that is recorded of it.
func (h *receptions) full(c *gin.Context, row models.ReceptionRow) (fullReceptionView, error) {
	ctx, s := c.Request.Context(), &row.State
	v := fullReceptionView{receptionView: h.view(c, row), Summary: toReceptionSummary(row.Summary)}
	needs, err := recorded(ctx, s.ID, len(s.Needs) > 0, h.store.ReceptionNeeds)
	if err != nil {
		return v, err
	}
	claims, err := recorded(ctx, s.ID, s.Claims > 0, h.store.ReceptionClaims)
	if err != nil {
		return v, err
	}
	visited := slices.Contains([]models.ReceptionStatus{models.ReceptionCompleted, models.ReceptionSettling, models.ReceptionClosed}, s.Status)
	feedback, err := recorded(ctx, s.ID, visited, h.store.ReceptionFeedback)
	if err != nil {
		return v, err
	}
	v.RaisedNeeds, v.Claims, v.Feedback = each(needs, toRaisedNeed), each(claims, toClaimView), each(feedback, toFeedbackView)
	v.SplitOrders, err = h.splitOrders(c, row)
	return v, err
}

// recorded reads what is recorded of a reception, if there can be any.
func recorded[T any](ctx context.Context, receptionID string, some bool, read func(context.Context, string) ([]T, error)) ([]T, error) {
	if !some {
		return nil, nil
	}
	return read(ctx, receptionID)
}

// splitOrders finds, while an approval is open, the requests that cross the policy's limit only together with this one. They
// are for those who decide, and for whoever may read every reception; nil for anybody else.
func (h *receptions) splitOrders(c *gin.Context, row models.ReceptionRow) ([]models.SplitWarning, error) {
	ctx, s := c.Request.Context(), &row.State
	if a, ok := s.Approval(); !ok || a.Outcome != "" || s.StartsAt == nil {
		return nil, nil
	} else if !may(c, models.PermReceptionReadAll) {
		if decides, err := h.decides(c, s, a.ID); err != nil || !decides {
			return nil, err
		}
	}
	org, err := h.org.Org(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := h.rules.OfReception(ctx, s, org)
	if err != nil {
		return nil, err
	}
	warnings := []models.SplitWarning{}
	if split := rules.Policy.Document().Split; split != nil {
		within := split.Within.Duration + time.Duration(split.Within.Days)*24*time.Hour
		others, err := h.store.OtherReceptions(ctx, s.StartsAt.Add(-within), s.StartsAt.Add(within), s.Currency)
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, s.SplitOrders(row.Plans.Current, others, rules)...)
	}
	return warnings, nil
}

// decides reports whether the caller, or somebody whose deputy they are, has a part in the approval other than having asked.
func (h *receptions) decides(c *gin.Context, s *models.ReceptionState, approvalID string) (bool, error) {
	me := caller(c)
	if me.User.ID == s.RequesterID {
		return false, nil
	}
	a, err := h.approvals.Approval(c.Request.Context(), me.Actor, approvalID)
	if errs.CodeOf(err) == errs.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	involved := a.State.ReadPrincipals()
	return slices.ContainsFunc(me.Actor.In(models.ReceptionProcess), func(p models.Person) bool {
		return p.ID != s.RequesterID && slices.Contains(involved, p.ID)
	}), nil
}

func toRaisedNeed(n models.NeedRow) raisedNeedView {
	return raisedNeedView{
		ID: n.ID, Text: n.Text, Kind: n.Kind, OwnerID: n.OwnerID, RaisedBy: n.RaisedBy, RaisedAt: Time(n.RaisedAt), Solution: filled(n.Solution),
		SolvedBy: filled(n.SolvedBy), SolvedAt: timePtr(n.SolvedAt), CaseID: filled(n.CaseID),
	}
}

func toClaimView(x models.ClaimRow) claimView {
	return claimView{
		ID: x.ID, State: x.State, Total: x.Total, Currency: x.Currency, By: x.By, Comment: filled(x.Comment),
		Items:     each(x.Items, func(i models.ClaimItem) claimItemView { return claimItemView{i.Item, i.Amount, i.Receipt, i.Note} }),
		CreatedAt: Time(x.CreatedAt), UpdatedAt: Time(x.UpdatedAt),
	}
}

func toFeedbackView(f models.FeedbackRow) feedbackView {
	v := feedbackView{ID: f.ID, Comment: f.Comment, Shortcomings: f.Shortcomings, Visitor: f.Visitor, By: f.By, At: Time(f.At)}
	if f.Score > 0 {
		v.Score = &f.Score
	}
	return v
}

func toReceptionSummary(s *models.ReceptionSummary) *receptionSummaryView {
	if s == nil {
		return nil
	}
	return &receptionSummaryView{
		Summary: s.Summary, Shortcomings: s.Shortcomings, Score: s.Score, Currency: s.Currency,
		Budget: append([]models.BudgetLine{}, s.Budget...), Actual: append([]models.BudgetLine{}, s.Actual...),
	}
}
