package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

// shownHistory is how much of the histories of class and assessments the relationship itself shows, the latest of them.
const shownHistory = 20

// relationshipView shows the relationship with a client.
type relationshipView struct {
	ID               string                      `json:"id"`     // the client's
	Number           *string                     `json:"number"` // null: it has none
	ClientID         string                      `json:"client_id"`
	State            models.Stage                `json:"state"` // the stage, as every object of a process calls it
	Stage            models.Stage                `json:"stage"`
	Class            string                      `json:"class"`
	ClassSince       Time                        `json:"class_since"`
	ClassHistory     []classificationView        `json:"class_history"`
	Criteria         classification.Criteria     `json:"criteria"`
	AppraisedAt      *Time                       `json:"appraised_at"`
	Proposal         *proposalView               `json:"proposal"`
	ReviewDueAt      *Time                       `json:"review_due_at"`
	AccountManagerID *string                     `json:"account_manager_id"`
	Team             []postView                  `json:"team"`
	Plan             *clientPlanView             `json:"plan"`
	Levels           []levelView                 `json:"levels"`
	Assessments      []assessmentView            `json:"assessments"`
	AssessmentDueAt  *Time                       `json:"assessment_due_at"`
	Improvements     []improvementView           `json:"improvements"`
	Cadence          cadenceView                 `json:"cadence"`
	Commitments      []commitmentView            `json:"commitments"`
	Opinions         []opinionView               `json:"opinions"`
	Leads            []leadView                  `json:"leads"`
	HandOver         *handOverView               `json:"hand_over"`
	Rotation         rotationView                `json:"rotation"`
	Health           healthView                  `json:"health"`
	NextObligations  []obligationView            `json:"next_obligations"`
	Version          int64                       `json:"version"`
	PolicyVersion    *int                        `json:"policy_version"` // of the classification policy that gave the class; null: given with the client's data
	CreatedBy        string                      `json:"created_by"`
	CreatedAt        Time                        `json:"created_at"`
	UpdatedAt        Time                        `json:"updated_at"`
	ClosedAt         *Time                       `json:"closed_at"` // of the merge; null: it lives as long as the client
	AllowedActions   []models.RelationshipAction `json:"allowed_actions"`
}

// proposalView is a change of class that waits for its approval.
type proposalView struct {
	ID            string `json:"id"`
	ApprovalID    string `json:"approval_id"`
	Class         string `json:"class"`
	RequesterID   string `json:"requester_id"`
	PolicyVersion int    `json:"policy_version"`
	Returned      bool   `json:"returned"`
}

func toProposalView(p *models.ClassProposal) *proposalView {
	if p == nil {
		return nil
	}
	return &proposalView{p.ID, p.ApprovalID, p.Class, p.RequesterID, p.Version, p.Returned}
}

// postView is a post of the responsibility matrix and who holds it for the client.
type postView struct {
	Post     string  `json:"post"`
	Title    string  `json:"title"`
	UserID   *string `json:"user_id"`  // null: nobody holds it
	Assigned bool    `json:"assigned"` // for this client, not by the policy
}

// levelView is one level of relations (M-42): what it is, and what it ought to be.
type levelView struct {
	Level  cadence.Level `json:"level"`
	Have   *int          `json:"have"` // null: not assessed
	Target *int          `json:"target"`
}

type cadenceView struct {
	ContactEvery  *string     `json:"contact_every"` // ISO 8601; null: the class asks for none
	LastContactAt *Time       `json:"last_contact_at"`
	NextDueAt     *Time       `json:"next_due_at"`
	Missed        int         `json:"missed"` // in a row
	Breadth       breadthView `json:"breadth"`
	DormantAt     *Time       `json:"dormant_at"`
}

// breadthView is how many different contacts were spoken with in the period, and how many ought to be.
type breadthView struct {
	Have   int     `json:"have"`
	Want   int     `json:"want"`
	Within *string `json:"within"`
}

type handOverView struct {
	FromID    string                `json:"from_id"`
	ToID      string                `json:"to_id"`
	ByID      string                `json:"by_id"`
	OfferedAt Time                  `json:"offered_at"`
	Items     []models.HandOverItem `json:"items"` // that are not accepted yet
}

type rotationView struct {
	Since Time  `json:"since"` // the account manager is the same
	DueAt *Time `json:"due_at"`
}

// healthView is the score with everything that it is made of: the points of the contributions sum to the score.
type healthView struct {
	Score         int                `json:"score"`
	PolicyVersion int                `json:"policy_version"`
	Contributions []contributionView `json:"contributions"`
}

type contributionView struct {
	Fact   *string `json:"fact"` // null: no fact made it
	Kind   *string `json:"kind"`
	Points int     `json:"points"`
	At     *Time   `json:"at"`
	Rule   string  `json:"rule"`
}

type obligationView struct {
	Kind    models.DueKind `json:"kind"`
	ID      *string        `json:"id"` // null where there is only one of the kind
	OwnerID *string        `json:"owner_id"`
	DueAt   Time           `json:"due_at"`
	Overdue bool           `json:"overdue"`
}

// full shows a relationship to the caller with all that belongs to it, judged by the rules in force now.
func (h *relationships) full(c *gin.Context, s models.RelationshipState) (relationshipView, error) {
	ctx := c.Request.Context()
	open, err := h.store.OpenRows(ctx, s.ID)
	if err != nil {
		return relationshipView{}, err
	}
	if !models.MayReadOpinions(&s, caller(c).Actor) {
		open.Opinions = slices.DeleteFunc(open.Opinions, func(o models.OpinionRow) bool { return !among(c, partOf(o)...) })
	}
	history, _, err := h.store.Classifications(ctx, s.ID, models.Page{Limit: shownHistory})
	if err != nil {
		return relationshipView{}, err
	}
	assessed, _, err := h.store.Assessments(ctx, models.RecordFilter{ClientID: s.ID}, models.Page{Limit: shownHistory})
	if err != nil {
		return relationshipView{}, err
	}
	rules, err := h.ruled(ctx)
	if err != nil {
		return relationshipView{}, err
	}
	fit, err := h.health(ctx, s, rules)
	if err != nil {
		return relationshipView{}, err
	}
	v := relationshipView{
		ID: s.ID, ClientID: s.ID, State: s.Stage, Stage: s.Stage, CreatedBy: models.System, Class: s.Class, ClassSince: Time(s.ClassSince), ClassHistory: each(history, toClassificationView),
		Criteria: s.Criteria, AppraisedAt: timePtr(s.AppraisedAt), ReviewDueAt: timePtr(s.Review.DueAt), AccountManagerID: filled(s.AccountManagerID),
		Proposal: toProposalView(s.Proposal), Team: teamViews(c, s, rules), Levels: levelViews(s, rules), Assessments: each(assessed, toAssessmentView), AssessmentDueAt: timePtr(s.Assess.DueAt),
		Improvements: each(open.Improvements, toImprovementView), Cadence: h.cadence(s, rules), Commitments: each(open.Commitments, toCommitmentView),
		Opinions: each(open.Opinions, toOpinionView), Leads: each(open.Leads, toLeadView), Rotation: rotationView{Time(s.ManagerSince), timePtr(s.Rotation.DueAt)},
		Health: fit, NextObligations: obligationViews(s, h.now()), Version: s.Seq, CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt),
		AllowedActions: models.AllowedRelationship(&s, caller(c).Actor, rules),
	}
	if v.Criteria == nil {
		v.Criteria = classification.Criteria{}
	}
	if s.ClassVersion != 0 {
		v.PolicyVersion = &s.ClassVersion
	}
	if s.Over() { // by its last step
		v.ClosedAt = timePtr(&s.UpdatedAt)
	}
	if o := s.HandOver; o != nil {
		v.HandOver = &handOverView{o.FromID, o.ToID, o.ByID, Time(o.OfferedAt), append([]models.HandOverItem{}, o.Items...)}
	}
	if row, ok := planNow(open.Plans, h.now()); ok {
		v.Plan = new(h.planView(c, row, s))
	}
	return v, nil
}

// health scores the facts by the policy in force; nothing of it is stored.
func (h *relationships) health(ctx context.Context, s models.RelationshipState, rules models.RelationshipRules) (healthView, error) {
	policy, err := h.rules.LatestHealth(ctx)
	if err != nil {
		return healthView{}, err
	}
	score := policy.Score(s.Facts, h.now(), rules.Calendar.Location())
	return healthView{score.Points, score.Version, each(score.Contributions, func(x health.Contribution) contributionView {
		v := contributionView{Fact: filled(x.Fact), Kind: filled(string(x.Kind)), Points: x.Points, Rule: x.Rule}
		if !x.At.IsZero() {
			v.At = timePtr(&x.At)
		}
		return v
	})}, nil
}

func (h *relationships) cadence(s models.RelationshipState, rules models.RelationshipRules) cadenceView {
	class := rules.Cadence.Rules(s.Class)
	have, want := cadence.Breadth(class, s.Spoken, h.now(), rules.Calendar.Location())
	return cadenceView{
		ContactEvery: isoPeriod(class.ContactEvery), LastContactAt: timePtr(s.LastContact), NextDueAt: timePtr(s.Contact.DueAt), Missed: s.Contact.Missed,
		Breadth: breadthView{have, want, isoPeriod(class.Breadth.Within)}, DormantAt: timePtr(s.DormantAt),
	}
}

// isoPeriod writes a period of the wall calendar as ISO 8601 (P14D, P3M, P1Y, PT90S); null for none.
func isoPeriod(p calendar.Period) *string {
	text := p.String()
	if text == "" {
		return nil
	}
	mark := "P"
	if strings.HasSuffix(text, "s") || strings.HasSuffix(text, "h") { // a time, not a date
		mark = "PT"
	}
	text = mark + strings.ToUpper(strings.TrimSuffix(text, "o")) // 3mo
	return &text
}

// teamViews shows every post of the matrix in the reader's language.
func teamViews(c *gin.Context, s models.RelationshipState, rules models.RelationshipRules) []postView {
	return each(rules.Matrix.Posts(), func(post string) postView {
		_, assigned := s.Posts[post]
		return postView{post, rules.Matrix.Title(post, localeOf(c)), filled(s.Team[post]), assigned}
	})
}

func levelViews(s models.RelationshipState, rules models.RelationshipRules) []levelView {
	targets := rules.Cadence.Rules(s.Class).Targets
	return each(cadence.Levels(), func(l cadence.Level) levelView {
		v := levelView{Level: l}
		if have, ok := s.Levels[l]; ok {
			v.Have = &have
		}
		if target := targets.Of(l); target > 0 {
			v.Target = &target
		}
		return v
	})
}

// obligationViews shows what is owed, the earliest first.
func obligationViews(s models.RelationshipState, now time.Time) []obligationView {
	return each(s.Obligations(), func(d models.Due) obligationView {
		return obligationView{d.Kind, filled(d.ID), filled(d.OwnerID), Time(d.DueAt), d.DueAt.Before(now)}
	})
}

// planNow is the plan in force, else the open one with the latest period; false when there is none.
func planNow(open []models.PlanRow, now time.Time) (models.PlanRow, bool) {
	if i := slices.IndexFunc(open, func(p models.PlanRow) bool {
		return p.Status == models.PlanApproved && !now.Before(p.From) && now.Before(p.Until)
	}); i >= 0 {
		return open[i], true
	}
	if len(open) == 0 {
		return models.PlanRow{}, false
	}
	return slices.MaxFunc(open, func(a, b models.PlanRow) int { return a.From.Compare(b.From) }), true
}
