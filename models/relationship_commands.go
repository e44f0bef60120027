package models

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/classification"
)

// The data of the commands, by action. Texts are checked for length by who reads them from outside.
type (
	// Appraise is the data of appraise: criteria that are recorded, beside those recorded before.
	Appraise struct {
		Criteria classification.Criteria `json:"criteria"`
	}

	// Classify is the data of classify. Criteria are recorded as by appraise; those not given count as recorded before.
	Classify struct {
		ProposedClass string                  `json:"proposed_class"`
		Reason        string                  `json:"reason"`
		Criteria      classification.Criteria `json:"criteria,omitempty"`
	}

	// AssignPosts is the data of team: post → user; an empty user leaves the post to the policy again.
	AssignPosts struct {
		Posts map[string]string `json:"posts"`
	}

	// PlanDraftData is the data of plan and plan-revise: the whole plan. From and Until are the first and last day.
	PlanDraftData struct {
		PlanID     string          `json:"plan_id,omitempty"` // of plan-revise
		From       string          `json:"from"`              // 2026-01-01
		Until      string          `json:"until"`             // 2026-12-31
		Goals      []string        `json:"goals"`
		Chain      []ChainContact  `json:"decision_chain,omitempty"` // M-44
		Activities []PlanActivity  `json:"activities,omitempty"`
		Budget     []PlannedBudget `json:"budget,omitempty"` // resources by period (M-30)
		Currency   string          `json:"currency,omitempty"`
	}

	// ChainContact is somebody in the client's purchase decision chain, as the plan sees them.
	ChainContact struct {
		ContactID string   `json:"contact_id"`
		Role      string   `json:"role"`
		Influence int      `json:"influence"` // 0 to 10
		Attitude  string   `json:"attitude,omitempty"`
		Strength  int      `json:"strength"` // of the relation, 0 to 5
		KnownBy   []string `json:"known_by_ids,omitempty"`
	}

	// PlanActivity is one activity of a plan.
	PlanActivity struct {
		ID      string    `json:"id,omitempty"` // of one that the plan has already; else it is given one
		Kind    string    `json:"kind"`
		Title   string    `json:"title"`
		OwnerID string    `json:"owner_id,omitempty"` // the plan's owner if absent
		DueAt   time.Time `json:"due_at"`
	}

	// PlannedBudget is money or other resources of one period. Amounts are minor units.
	PlannedBudget struct {
		Period string `json:"period"` // 2026-Q1, 2026-03, or 2026-H1
		Item   string `json:"item"`
		Amount int64  `json:"amount"`
	}

	// OfPlan is the data of plan-submit, plan-withdraw, plan-done, plan-drop and plan-close.
	OfPlan struct {
		PlanID     string `json:"plan_id"`
		ActivityID string `json:"activity_id,omitempty"`
		Note       string `json:"note,omitempty"` // a reason, a note on what was done, or the summary (M-62)
	}

	// Assess is the data of assess (M-41, M-42): any of the levels, each with its evidence.
	Assess struct {
		Levels   map[cadence.Level]Assessed `json:"levels"`
		Analysis string                     `json:"analysis,omitempty"`
	}

	// Assessed is one level of relations.
	Assessed struct {
		Level    int    `json:"level"` // 1 to 5
		Evidence string `json:"evidence"`
	}

	// Improve is the data of improve: actions that are added to an improvement plan (M-51).
	Improve struct {
		ImprovementID string         `json:"improvement_id"`
		Actions       []PlanActivity `json:"actions"` // kinds are ignored
	}

	// OfImprovement is the data of improved and improve-stop.
	OfImprovement struct {
		ImprovementID string `json:"improvement_id"`
		ActionID      string `json:"action_id,omitempty"`
		Note          string `json:"note,omitempty"`
	}

	// Interact is the data of interact. At is when it was, not in the future.
	Interact struct {
		Kind      string     `json:"kind"`
		At        time.Time  `json:"at"`
		ContactID string     `json:"contact_id,omitempty"`
		Summary   string     `json:"summary"`
		Quality   string     `json:"quality,omitempty"` // what came of it: U-13 judges more than the count
		LeadID    string     `json:"lead_id,omitempty"`
		NextAt    *time.Time `json:"next_at,omitempty"` // the next appointment
	}

	// Commit is the data of commit: a promise to the client.
	Commit struct {
		Text      string    `json:"text"`
		DueAt     time.Time `json:"due_at"`
		OwnerID   string    `json:"owner_id,omitempty"` // who makes it if absent
		ContactID string    `json:"contact_id,omitempty"`
		SubjectID string    `json:"subject_id,omitempty"` // of the case, reception or opinion in which it was made
	}

	// OfCommitment is the data of keep and revoke.
	OfCommitment struct {
		CommitmentID string `json:"commitment_id"`
		Note         string `json:"note,omitempty"`
	}

	// Opine is the data of opine: the opinion feedback form (D-02).
	Opine struct {
		Text        string   `json:"text"`
		ContactID   string   `json:"contact_id,omitempty"`
		Departments []string `json:"department_ids,omitempty"` // teams that are concerned (D-09)
	}

	// AnswerOpinion is the data of answer: what the client is told, and the company's commitment to them (D-09).
	AnswerOpinion struct {
		OpinionID  string  `json:"opinion_id"`
		Answer     string  `json:"answer"`
		Commitment *Commit `json:"commitment,omitempty"`
	}

	// OpenLead is the data of lead. Amount is in minor units.
	OpenLead struct {
		Kind     LeadKind  `json:"kind"`
		Title    string    `json:"title"`
		OwnerID  string    `json:"owner_id,omitempty"` // the caller if absent
		Stage    LeadStage `json:"stage,omitempty"`    // the first of its kind if absent
		Amount   *int64    `json:"amount,omitempty"`
		Currency string    `json:"currency,omitempty"`
	}

	// OfLead is the data of lead-stage, lead-act and lead-close.
	OfLead struct {
		LeadID  string     `json:"lead_id"`
		Stage   LeadStage  `json:"stage,omitempty"`
		Outcome string     `json:"outcome,omitempty"` // won or lost
		Note    string     `json:"note,omitempty"`
		At      *time.Time `json:"at,omitempty"` // of lead-act: when it was, not in the future; now if absent
	}

	// OfferAccount is the data of hand-over. Cases and Receptions are those open ones of the client in which the account
	// manager has a part: who gives the command looks them up.
	OfferAccount struct {
		ToID       string   `json:"to_id"`
		Reason     string   `json:"reason"`
		Cases      []string `json:"cases,omitempty"`
		Receptions []string `json:"receptions,omitempty"`
	}

	// AcceptAccount is the data of accept; no items: all that is left. Cases and Receptions are as of OfferAccount, at this
	// moment: they go along with the account.
	AcceptAccount struct {
		Items      []HandOverItem `json:"items,omitempty"`
		Cases      []string       `json:"cases,omitempty"`
		Receptions []string       `json:"receptions,omitempty"`
	}

	// MergedClient is the data of merged.
	MergedClient struct {
		IntoID string `json:"into_id"`
	}
)
