package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/models"
)

type previewRequest struct {
	Chain       string               `json:"chain" binding:"required,max=100"`
	RequesterID string               `json:"requester_id" binding:"omitempty,typeid=user"` // the caller if absent
	Facts       map[string]factValue `json:"facts" binding:"max=100"`
	Choices     map[string][]string  `json:"choices" binding:"max=50,dive,max=20,dive,typeid=user"`
}

// factValue is a fact as it stands in a body: a text, a whole number, true or false, or a list of texts.
type factValue struct{ value any }

// errFact refuses a value that no fact can have.
var errFact = errors.New("no fact")

// UnmarshalJSON reads the value as the type that it is written as.
func (f *factValue) UnmarshalJSON(b []byte) error {
	var text string
	var number int64
	var flag bool
	var list []string
	switch {
	case string(b) == "null":
	case json.Unmarshal(b, &text) == nil:
		f.value = text
	case json.Unmarshal(b, &number) == nil:
		f.value = number
	case json.Unmarshal(b, &flag) == nil:
		f.value = flag
	case json.Unmarshal(b, &list) == nil:
		f.value = list
	}
	if f.value == nil {
		return errFact
	}
	return nil
}

// facts sorts the values by their types.
func (r previewRequest) facts() approval.Facts {
	f := approval.Facts{
		Texts: map[string]string{}, Numbers: map[string]int64{}, Flags: map[string]bool{}, Lists: map[string][]string{},
	}
	for name, v := range r.Facts {
		switch v := v.value.(type) {
		case string:
			f.Texts[name] = v
		case int64:
			f.Numbers[name] = v
		case bool:
			f.Flags[name] = v
		case []string:
			f.Lists[name] = v
		}
	}
	return f
}

type previewView struct {
	Chain         string            `json:"chain"`
	PolicyVersion int               `json:"policy_version"`
	RequesterID   string            `json:"requester_id"`
	Steps         []previewStepView `json:"steps"`
}

type previewStepView struct {
	ID     string              `json:"id"`
	Name   string              `json:"name"`
	Title  string              `json:"title"`
	Mode   approval.Mode       `json:"mode"`
	Due    *previewDueView     `json:"due"`
	Nobody *string             `json:"nobody"`
	People []previewPersonView `json:"people"`
	Why    previewWhyView      `json:"why"`
}

type previewDueView struct {
	After string `json:"after"`
	Clock string `json:"clock"`
}

// previewWhyView says why the step is asked: the branch of the chain, the conditions that hold and the facts they look at.
type previewWhyView struct {
	Branch   int               `json:"branch"`
	When     string            `json:"when"`
	StepWhen *string           `json:"step_when"`
	Facts    map[string]string `json:"facts"`
}

type previewPersonView struct {
	UserID string     `json:"user_id"`
	Spared bool       `json:"spared"`
	Why    reasonView `json:"why"`
}

// reasonView says why a person is asked: the rule, its arguments, and what the organisation looks like.
type reasonView struct {
	Rule string            `json:"rule"`
	Args map[string]string `json:"args"`
	Org  []orgFactView     `json:"org"`
	At   Time              `json:"at"`
}

type orgFactView struct {
	Relation string `json:"relation"`
	Of       string `json:"of"`
	Is       string `json:"is"`
}

// preview answers which steps and people a request would meet under the policy in force, and why; nothing is begun. 403 for
// somebody else's request without policy.publish, 422 with every fault, 409 nobody_to_approve when no step is asked.
func (h *approvals) preview(c *gin.Context) {
	view, err := h.previewed(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

func (h *approvals) previewed(c *gin.Context) (previewView, error) {
	var req previewRequest
	f, err := softened(bind(c, &req))
	if err != nil {
		return previewView{}, err
	}
	requester := or(req.RequesterID, caller(c).User.ID)
	if requester != caller(c).User.ID && !may(c, models.PermPolicyPublish) {
		return previewView{}, forbidden(models.PermPolicyPublish)
	}
	ctx := c.Request.Context()
	policy, err := h.rules.LatestApproval(ctx)
	if err != nil {
		return previewView{}, err
	}
	chain, err := policy.Chain(req.Chain)
	if err != nil && !f.has("chain") {
		f.add("chain", "unknown_chain", "name", req.Chain, "known", strings.Join(policy.Names(), ", "))
	}
	if err := f.err(); err != nil {
		return previewView{}, err
	}
	org, err := h.org.Org(ctx)
	if err != nil {
		return previewView{}, err
	}
	steps, err := chain.Preview(approval.Request{Requester: requester, Facts: req.facts(), Choices: req.Choices}, h.now(), org.ForApprovals())
	if err != nil {
		return previewView{}, ofRequester(err)
	}
	return previewView{
		Chain: req.Chain, PolicyVersion: policy.Version(), RequesterID: requester,
		Steps: each(steps, func(s approval.PreviewStep) previewStepView { return toPreviewStep(c, s) }),
	}, nil
}

// ofRequester calls the fault of the requester as the body does.
func ofRequester(err error) error {
	f, other := softened(err)
	if other != nil {
		return other
	}
	named := make(faults, len(f))
	for i, fault := range f {
		if fault.Field == "requester" {
			fault.Field = "requester_id"
		}
		named[i] = fault
	}
	return named.err()
}

func toPreviewStep(c *gin.Context, s approval.PreviewStep) previewStepView {
	v := previewStepView{
		ID: s.Step, Name: s.Step, Title: word(c, "step", s.Step), Mode: s.Mode, Nobody: filled(s.Nobody),
		Why: previewWhyView{Branch: s.WhyStep.Branch, When: s.WhyStep.When, StepWhen: filled(s.WhyStep.StepWhen), Facts: filledMap(s.WhyStep.Facts)},
		People: each(s.People, func(p approval.PreviewPerson) previewPersonView {
			return previewPersonView{UserID: p.UserID, Spared: p.Spared, Why: reasonView{
				Rule: p.Why.Rule, Args: filledMap(p.Why.Args), At: Time(p.Why.At),
				Org: each(p.Why.Org, func(f approval.OrgFact) orgFactView { return orgFactView(f) }),
			}}
		}),
	}
	if !s.Due.After.IsZero() {
		v.Due = &previewDueView{After: isoSpan(s.Due.After), Clock: string(s.Due.Clock)}
	}
	return v
}

// filledMap is a map of facts as it is answered: {} when there is none, and its instants as all answers write them.
func filledMap(m map[string]string) map[string]string {
	shown := make(map[string]string, len(m))
	for key, v := range m {
		shown[key] = instantText(v)
	}
	return shown
}
