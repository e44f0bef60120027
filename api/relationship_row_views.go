package api

import (
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/models"
)

// What is recorded of a relationship, as its lists and the relationship itself show it.

// classificationView shows a proposal of a class and what became of it. Points are those of the criteria by weight, 0 to 100.
type classificationView struct {
	ID            string                  `json:"id"`
	FromClass     *string                 `json:"from_class"`
	Class         string                  `json:"class"`
	Computed      *string                 `json:"computed"` // null: given at import
	Criteria      classification.Criteria `json:"criteria"`
	Points        float64                 `json:"points"`
	Parts         []scorePartView         `json:"parts"`
	PolicyVersion int                     `json:"policy_version"`
	Reason        string                  `json:"reason"`
	RequestedBy   string                  `json:"requested_by"`
	RequestedAt   Time                    `json:"requested_at"`
	ApprovalID    *string                 `json:"approval_id"`
	Outcome       string                  `json:"outcome"`
	DecidedBy     []string                `json:"decided_by"`
	DecidedAt     *Time                   `json:"decided_at"`
}

// scorePartView is what one criterion brings to the points.
type scorePartView struct {
	Criterion string  `json:"criterion"`
	Value     int     `json:"value"`
	Weight    int     `json:"weight"`
	Points    float64 `json:"points"`
}

func toClassificationView(r models.ClassificationRow) classificationView {
	v := classificationView{
		ID: r.ID, FromClass: filled(r.FromClass), Class: r.Class, Computed: filled(r.Computed), Criteria: r.Criteria, Points: hundredths(r.Score.Points),
		Parts: each(r.Score.Parts, func(p classification.Part) scorePartView {
			return scorePartView{p.Criterion, p.Value, p.Weight, hundredths(p.Points)}
		}),
		PolicyVersion: r.PolicyVersion, Reason: r.Reason, RequestedBy: r.RequestedBy, RequestedAt: Time(r.RequestedAt), ApprovalID: filled(r.ApprovalID),
		Outcome: r.Outcome, DecidedBy: append([]string{}, r.DecidedBy...), DecidedAt: timePtr(r.DecidedAt),
	}
	if v.Criteria == nil {
		v.Criteria = classification.Criteria{}
	}
	return v
}

// hundredths are points as the policy counts them, in hundredths, as people read them.
func hundredths(points int) float64 { return float64(points) / 100 }

type assessmentView struct {
	ID       string                            `json:"id"`
	At       Time                              `json:"at"`
	ByID     string                            `json:"by_id"`
	Levels   map[cadence.Level]models.Assessed `json:"levels"`
	Targets  map[cadence.Level]int             `json:"targets"`
	Warnings []cadence.Level                   `json:"warnings"` // levels ahead of the one that comes first (M-43)
	Analysis string                            `json:"analysis"`
	Monitors []string                          `json:"monitor_ids"` // the first one first
}

func toAssessmentView(r models.AssessmentRow) assessmentView {
	v := assessmentView{
		ID: r.ID, At: Time(r.At), ByID: r.ByID, Levels: r.Levels, Targets: r.Targets, Warnings: append([]cadence.Level{}, r.Warnings...),
		Analysis: r.Analysis, Monitors: append([]string{}, r.Monitors...),
	}
	if v.Levels == nil {
		v.Levels = map[cadence.Level]models.Assessed{}
	}
	if v.Targets == nil {
		v.Targets = map[cadence.Level]int{}
	}
	return v
}

type improvementView struct {
	ID           string                `json:"id"`
	AssessmentID string                `json:"assessment_id"`
	Level        cadence.Level         `json:"level"`
	FromLevel    int                   `json:"from_level"`
	Target       int                   `json:"target"`
	OwnerID      string                `json:"owner_id"`
	State        string                `json:"state"`
	DueAt        Time                  `json:"due_at"`
	Actions      []plannedActivityView `json:"actions"`
	Summary      string                `json:"summary"`
	CreatedAt    Time                  `json:"created_at"`
	EndedAt      *Time                 `json:"ended_at"`
}

func toImprovementView(r models.ImprovementRow) improvementView {
	return improvementView{
		ID: r.ID, AssessmentID: r.AssessmentID, Level: r.Level, FromLevel: r.FromLevel, Target: r.Target, OwnerID: r.OwnerID, State: r.State,
		DueAt: Time(r.DueAt), Actions: plannedViews(r.Actions, r.Progress), Summary: r.Summary, CreatedAt: Time(r.CreatedAt), EndedAt: timePtr(r.EndedAt),
	}
}

// plannedActivityView is an activity of a plan, or an action of an improvement plan, with how it stands.
type plannedActivityView struct {
	ID          string  `json:"id"`
	Kind        *string `json:"kind"` // null: an action of an improvement plan
	Title       string  `json:"title"`
	OwnerID     string  `json:"owner_id"`
	DueAt       Time    `json:"due_at"`
	State       string  `json:"state"` // planned, due, late, done, dropped
	Late        bool    `json:"late"`
	EndedAt     *Time   `json:"ended_at"`
	EndedBy     *string `json:"ended_by"`
	Note        string  `json:"note"`
	ReceptionID *string `json:"reception_id"`
}

// plannedViews shows activities, each with its progress.
func plannedViews(activities []models.PlanActivity, progress []models.PlanProgress) []plannedActivityView {
	stands := make(map[string]models.PlanProgress, len(progress))
	for _, p := range progress {
		stands[p.ActivityID] = p
	}
	return each(activities, func(a models.PlanActivity) plannedActivityView {
		p := stands[a.ID]
		return plannedActivityView{
			ID: a.ID, Kind: filled(a.Kind), Title: a.Title, OwnerID: a.OwnerID, DueAt: Time(a.DueAt), State: or(p.State, models.ActivityPlanned), Late: p.Late,
			EndedAt: timePtr(p.At), EndedBy: filled(p.ByID), Note: p.Note, ReceptionID: filled(p.ReceptionID),
		}
	})
}

type commitmentView struct {
	ID        string  `json:"id"`
	ClientID  string  `json:"client_id"`
	Text      string  `json:"text"`
	OwnerID   string  `json:"owner_id"`
	ContactID *string `json:"contact_id"`
	SubjectID *string `json:"subject_id"` // of the case, reception or opinion in which it was made
	State     string  `json:"state"`
	DueAt     Time    `json:"due_at"`
	MadeBy    string  `json:"made_by"`
	MadeAt    Time    `json:"made_at"`
	EndedAt   *Time   `json:"ended_at"`
	Note      string  `json:"note"`
}

func toCommitmentView(r models.CommitmentRow) commitmentView {
	return commitmentView{
		ID: r.ID, ClientID: r.ClientID, Text: r.Text, OwnerID: r.OwnerID, ContactID: filled(r.ContactID), SubjectID: filled(r.SubjectID), State: r.State,
		DueAt: Time(r.DueAt), MadeBy: r.MadeBy, MadeAt: Time(r.MadeAt), EndedAt: timePtr(r.EndedAt), Note: r.Note,
	}
}

type opinionView struct {
	ID           string   `json:"id"`
	ClientID     string   `json:"client_id"`
	ContactID    *string  `json:"contact_id"`
	Text         string   `json:"text"`
	Departments  []string `json:"department_ids"`
	ByID         string   `json:"by_id"`
	At           Time     `json:"at"`
	OwnerID      string   `json:"owner_id"` // who answers
	Monitors     []string `json:"monitor_ids"`
	State        string   `json:"state"`
	DueAt        Time     `json:"due_at"`
	Answer       string   `json:"answer"`
	AnsweredBy   *string  `json:"answered_by"`
	AnsweredAt   *Time    `json:"answered_at"`
	CommitmentID *string  `json:"commitment_id"`
}

func toOpinionView(r models.OpinionRow) opinionView {
	return opinionView{
		ID: r.ID, ClientID: r.ClientID, ContactID: filled(r.ContactID), Text: r.Text, Departments: append([]string{}, r.Departments...), ByID: r.ByID,
		At: Time(r.At), OwnerID: r.OwnerID, Monitors: append([]string{}, r.Monitors...), State: r.State, DueAt: Time(r.DueAt), Answer: r.Answer,
		AnsweredBy: filled(r.AnsweredBy), AnsweredAt: timePtr(r.AnsweredAt), CommitmentID: filled(r.CommitmentID),
	}
}

type leadView struct {
	ID        string           `json:"id"`
	ClientID  string           `json:"client_id"`
	Kind      models.LeadKind  `json:"kind"`
	Title     string           `json:"title"`
	OwnerID   string           `json:"owner_id"`
	Stage     models.LeadStage `json:"stage"`
	Outcome   *string          `json:"outcome"` // null while it is open
	Amount    *int64           `json:"amount"`  // minor units
	Currency  *string          `json:"currency"`
	ActedAt   Time             `json:"acted_at"`
	DueAt     *Time            `json:"due_at"` // of the next general action
	CreatedBy string           `json:"created_by"`
	CreatedAt Time             `json:"created_at"`
	ClosedAt  *Time            `json:"closed_at"`
	Note      string           `json:"note"`
}

func toLeadView(r models.LeadRow) leadView {
	return leadView{
		ID: r.ID, ClientID: r.ClientID, Kind: r.Kind, Title: r.Title, OwnerID: r.OwnerID, Stage: r.Stage, Outcome: filled(r.Outcome), Amount: r.Amount,
		Currency: filled(r.Currency), ActedAt: Time(r.ActedAt), DueAt: timePtr(r.DueAt), CreatedBy: r.CreatedBy, CreatedAt: Time(r.CreatedAt),
		ClosedAt: timePtr(r.ClosedAt), Note: r.Note,
	}
}

type interactionView struct {
	ID        string  `json:"id"`
	ClientID  string  `json:"client_id"`
	UserID    string  `json:"user_id"`
	ContactID *string `json:"contact_id"`
	LeadID    *string `json:"lead_id"`
	SubjectID *string `json:"subject_id"` // the reception that it was
	Kind      string  `json:"kind"`
	At        Time    `json:"at"`
	Summary   string  `json:"summary"`
	Quality   string  `json:"quality"`
	NextAt    *Time   `json:"next_at"`
	CreatedAt Time    `json:"created_at"`
}

func toInteractionView(r models.InteractionRow) interactionView {
	return interactionView{
		ID: r.ID, ClientID: r.ClientID, UserID: r.UserID, ContactID: filled(r.ContactID), LeadID: filled(r.LeadID), SubjectID: filled(r.SubjectID),
		Kind: r.Kind, At: Time(r.At), Summary: r.Summary, Quality: r.Quality, NextAt: timePtr(r.NextAt), CreatedAt: Time(r.CreatedAt),
	}
}
