package api

import (
	"errors"
	"maps"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

type approvalView struct {
	ID             string                `json:"id"`
	Number         string                `json:"number"`
	Process        string                `json:"process"`
	SubjectID      string                `json:"subject_id"`
	Subject        string                `json:"subject"`
	Chain          string                `json:"chain"`
	Purpose        string                `json:"purpose"`
	ClientID       *string               `json:"client_id"`
	RequesterID    string                `json:"requester_id"`
	State          models.ApprovalStatus `json:"state"`
	Outcome        *approval.Outcome     `json:"outcome"`
	OutcomeBy      *string               `json:"outcome_by"`
	OutcomeRule    *string               `json:"outcome_rule"`
	PolicyVersion  int                   `json:"policy_version"`
	Steps          []approvalStepView    `json:"steps"`
	CC             []string              `json:"cc"`
	Facts          map[string]any        `json:"facts"`
	Changes        []models.FieldChange  `json:"changes"`
	Departures     []models.Departure    `json:"departures"`
	Over           *int64                `json:"over"`
	Currency       *string               `json:"currency"`
	CreatedBy      string                `json:"created_by"`
	CreatedAt      Time                  `json:"created_at"`
	UpdatedAt      Time                  `json:"updated_at"`
	EndedAt        *Time                 `json:"ended_at"`
	ClosedAt       *Time                 `json:"closed_at"` // as ended_at: every process object has it
	Version        int64                 `json:"version"`
	AllowedActions []approval.Verb       `json:"allowed_actions"`
}

type approvalStepView struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Title        string            `json:"title"`
	Mode         approval.Mode     `json:"mode"`
	State        string            `json:"state"`
	Rule         *string           `json:"rule"`
	OpenedAt     *Time             `json:"opened_at"`
	ClosedAt     *Time             `json:"closed_at"`
	DueAt        *Time             `json:"due_at"`
	Participants []participantView `json:"participants"`
}

type participantView struct {
	UserID     string   `json:"user_id"`
	OnBehalfOf *string  `json:"on_behalf_of"`
	Rules      []string `json:"rules"`
	Position   *string  `json:"position"`
	AddedBy    *string  `json:"added_by"`
	State      string   `json:"state"`
	Opinion    *string  `json:"opinion"`
	DecidedAt  *Time    `json:"decided_at"`
	DueAt      *Time    `json:"due_at"`
	Comment    *string  `json:"comment"`
}

// view shows an approval to the caller, in their language and with what they may do to it now.
func (h *approvals) view(c *gin.Context, row models.ApprovalRow) (approvalView, error) {
	s := &row.State
	policy, err := h.rules.Approval(c.Request.Context(), s.Chain.PolicyVersion)
	if err != nil {
		return approvalView{}, err
	}
	chain, err := policy.Chain(s.Chain.Chain)
	if err != nil {
		return approvalView{}, err
	}
	v := approvalView{
		ID: s.ID, Number: s.Number, Process: s.Process, SubjectID: s.SubjectID, Subject: row.Subject, Chain: s.Chain.Chain,
		Purpose: s.Purpose, RequesterID: s.Chain.Request.Requester, State: s.Status(), OutcomeBy: filled(s.Chain.OutcomeBy),
		OutcomeRule: filled(s.Chain.OutcomeRule), PolicyVersion: s.Chain.PolicyVersion,
		Steps: each(chain.Steps(s.Chain), func(step approval.StepView) approvalStepView { return toStepView(c, step) }),
		CC:    append([]string{}, s.Chain.CC...), Facts: flatFacts(s.Chain.Request.Facts),
		Changes: append([]models.FieldChange{}, s.Changes...), Departures: append([]models.Departure{}, s.Departures...),
		Currency: filled(s.Currency), ClientID: row.ClientID, CreatedBy: or(s.CreatedBy, s.Chain.Request.Requester), CreatedAt: Time(s.CreatedAt),
		UpdatedAt: Time(s.UpdatedAt), EndedAt: timePtr(s.Chain.EndedAt), ClosedAt: timePtr(s.Chain.EndedAt),
		Version: s.Seq, AllowedActions: s.AllowedVerbs(caller(c).User.ID, h.now()),
	}
	if s.Chain.Outcome != "" {
		v.Outcome = &s.Chain.Outcome
	}
	if s.Currency != "" {
		v.Over = &s.OverBy
	}
	return v, nil
}

func toStepView(c *gin.Context, s approval.StepView) approvalStepView {
	return approvalStepView{
		ID: s.ID, Name: s.ID, Title: word(c, "step", s.ID), Mode: s.Mode, State: s.State, Rule: filled(s.Rule),
		OpenedAt: timePtr(s.OpenedAt), ClosedAt: timePtr(s.ClosedAt), DueAt: timePtr(s.DueAt),
		Participants: each(s.Participants, func(p approval.ParticipantView) participantView {
			return participantView{
				UserID: p.UserID, OnBehalfOf: filled(p.OnBehalfOf), Rules: append([]string{}, p.Rules...),
				Position: filled(string(p.Position)), AddedBy: filled(p.AddedBy), State: p.State, Opinion: filled(string(p.Opinion)),
				DecidedAt: timePtr(p.DecidedAt), DueAt: timePtr(p.DueAt), Comment: filled(p.Comment),
			}
		}),
	}
}

// word is the reader's word for a name of the family; a name that a policy made up stands for itself.
func word(c *gin.Context, family, name string) string {
	if text, ok := edgeOf(c).texts.Lookup(localeOf(c), "word."+family+"."+name, nil); ok {
		return text
	}
	return name
}

// flatFacts shows facts by name, as a preview takes them.
func flatFacts(f approval.Facts) map[string]any {
	all := make(map[string]any, len(f.Texts)+len(f.Numbers)+len(f.Flags)+len(f.Lists))
	for name, v := range f.Texts {
		all[name] = v
	}
	for name, v := range f.Numbers {
		all[name] = v
	}
	for name, v := range f.Flags {
		all[name] = v
	}
	for name, v := range f.Lists {
		all[name] = v
	}
	return all
}

// named puts the name of the person whom a refusal is about in the place of their id.
func (h *approvals) named(c *gin.Context, err error) error {
	var e *errs.Error
	if !errors.As(err, &e) || !id.Valid(id.User, e.Args["user"]) {
		return err
	}
	user, readErr := h.people.User(c.Request.Context(), e.Args["user"])
	if readErr != nil {
		return err // the text is less telling, but no less true
	}
	told := *e
	told.Args = maps.Clone(e.Args)
	told.Args["user"] = user.DisplayName
	return &told
}
