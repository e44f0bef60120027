package api

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// receptionPreviewView is what a plan would meet: the standard that applies to it, what a submission would still lack, and
// who would approve it.
type receptionPreviewView struct {
	Standard   string             `json:"standard"`
	Departures []models.Departure `json:"departures"`
	Missing    []fieldFault       `json:"missing"`
	Approval   previewView        `json:"approval"`
}

// preview judges a plan as a request of the caller; nothing is begun and nothing is held. 422 with every fault of what the
// plan says, 409 nobody_to_approve when no step of the chain would be asked.
func (h *receptions) preview(c *gin.Context) {
	view, err := h.previewed(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

func (h *receptions) previewed(c *gin.Context) (receptionPreviewView, error) {
	now := h.now()
	cmd, rules, err := h.readNew(c)
	if err != nil {
		return receptionPreviewView{}, err
	}
	data, err := json.Marshal(cmd)
	if err != nil {
		return receptionPreviewView{}, err
	}
	// The draft that a creation would make, which is thrown away.
	draft, err := models.ApplyReception(nil, models.ReceptionEvent{Meta: metaOf(c), Action: models.ReceptionRecord, Data: data}, now, rules)
	if err != nil {
		return receptionPreviewView{}, err
	}
	approvers, err := h.approvers(c, rules, &draft.State)
	if err != nil {
		return receptionPreviewView{}, err
	}
	texts, locale := edgeOf(c).texts, localeOf(c)
	return receptionPreviewView{
		Standard: draft.State.Standard, Departures: append([]models.Departure{}, draft.State.Departures...),
		Missing: each(cmd.Plan.Missing(cmd.ClientClass, now, rules), func(f errs.Field) fieldFault {
			return fieldFault{Field: f.Field, Code: f.Code, Message: faultText(texts, locale, f)}
		}),
		Approval: approvers,
	}, nil
}

// approvers is who would decide on the draft, and why.
func (h *receptions) approvers(c *gin.Context, rules models.ReceptionRules, s *models.ReceptionState) (previewView, error) {
	policy, err := h.rules.LatestApproval(c.Request.Context())
	if err != nil {
		return previewView{}, err
	}
	name := rules.Policy.Document().Approval.Chain
	chain, err := policy.Chain(name)
	if err != nil { // the policy on receptions names a chain that was taken away
		return previewView{}, errs.Wrap(err, errs.Conflict, "approval.no_chain", "name", name)
	}
	request := approval.Request{Requester: s.RequesterID, Facts: approval.Facts(s.ApprovalFacts())}
	steps, err := chain.Preview(request, h.now(), rules.Org.ForApprovals())
	return previewView{
		Chain: name, PolicyVersion: policy.Version(), RequesterID: s.RequesterID,
		Steps: each(steps, func(s approval.PreviewStep) previewStepView { return toPreviewStep(c, s) }),
	}, err
}
