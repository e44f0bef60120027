package api

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/models"
)

// receptionCommand is one action of people on a reception: its name, and how its body becomes the data of the command.
type receptionCommand struct {
	action models.ReceptionAction
	read   func(c *gin.Context, k *checks) (any, error)
}

// receptionCommands lists them all but revise, whose body is a plan. Whether and by whom each may be taken is not said here
// but in models.CheckReception.
var receptionCommands = []receptionCommand{
	{models.ReceptionSubmit, readAction[emptyRequest]},
	{models.ReceptionWithdraw, readAction[emptyRequest]},
	{models.ReceptionPrepare, readAction[prepareRequest]},
	{models.ReceptionStart, readAction[emptyRequest]},
	{models.ReceptionTickOff, readAction[tickOffRequest]},
	{models.ReceptionRaiseNeed, readAction[raiseNeedRequest]},
	{models.ReceptionSolveNeed, readAction[solveNeedRequest]},
	{models.ReceptionComplete, readAction[emptyRequest]},
	{models.ReceptionFeedback, readAction[feedbackRequest]},
	{models.ReceptionClaim, readAction[claimRequest]},
	{models.ReceptionPay, readAction[payRequest]},
	{models.ReceptionReturnClaim, readAction[reasonRequest]},
	{models.ReceptionClose, readAction[closeReceptionRequest]},
	{models.ReceptionCancel, readAction[reasonRequest]},
}

type prepareRequest struct {
	Items          []string `json:"items" binding:"max=50,unique,dive,name"` // names of the check-list
	ReceptionistID string   `json:"receptionist_id" binding:"omitempty,typeid=user"`
}

func (r prepareRequest) data(*checks) any { return models.PrepareReception(r) }

type tickOffRequest struct {
	ActivityID string `json:"activity_id" binding:"required,typeid=activity"`
}

func (r tickOffRequest) data(*checks) any { return models.TickOff(r) }

type raiseNeedRequest struct {
	Text    string          `json:"text" binding:"required,notblank,max=2000"`
	OwnerID string          `json:"owner_id" binding:"omitempty,typeid=user"`         // the receptionist if absent
	Kind    models.CaseType `json:"kind" binding:"omitempty,oneof=complaint inquiry"` // inquiry if absent
}

func (r raiseNeedRequest) data(*checks) any { return models.RaiseNeed(r) }

type solveNeedRequest struct {
	NeedID   string `json:"need_id" binding:"required,typeid=need"`
	Solution string `json:"solution" binding:"required,notblank,max=2000"`
}

func (r solveNeedRequest) data(*checks) any { return models.SolveNeed(r) }

type feedbackRequest struct {
	Score        *int   `json:"score" binding:"omitnil,min=1,max=5"`
	Comment      string `json:"comment" binding:"max=2000"`
	Shortcomings string `json:"shortcomings" binding:"max=2000"`
	Visitor      string `json:"visitor" binding:"max=200"`
}

// data asks for a rating, or words, or both.
func (r feedbackRequest) data(k *checks) any {
	o := models.ReceptionOpinion{Comment: r.Comment, Shortcomings: r.Shortcomings, Visitor: r.Visitor}
	switch {
	case r.Score != nil:
		o.Score = *r.Score
	case strings.TrimSpace(r.Comment+r.Shortcomings) == "":
		k.add("comment", "required")
	}
	return o
}

type claimRequest struct {
	Items    []claimItemRequest `json:"items" binding:"required,min=1,max=200,dive"`
	Currency string             `json:"currency" binding:"omitempty,currency"` // the reception's if absent
}

type claimItemRequest struct {
	Item     models.CostType `json:"item" binding:"required,oneof=transport lodging meals gifts other"`
	Amount   int64           `json:"amount" binding:"min=1,max=100000000000000"` // minor units
	Currency string          `json:"currency" binding:"omitempty,currency"`      // the claim's if absent
	Receipt  string          `json:"receipt" binding:"required,notblank,max=100"`
	Note     string          `json:"note" binding:"max=500"`
}

func (r claimRequest) data(k *checks) any {
	for i, item := range r.Items {
		if slices.ContainsFunc(r.Items[:i], func(o claimItemRequest) bool { return o.Receipt != "" && o.Receipt == item.Receipt }) {
			k.add(indexed("items", i, "receipt"), "receipt_claimed")
		}
	}
	return models.ClaimExpenses{Currency: r.Currency, Items: each(r.Items, func(i claimItemRequest) models.ClaimItem { return models.ClaimItem(i) })}
}

type payRequest struct {
	Reference string `json:"reference" binding:"max=200"`
	Comment   string `json:"comment" binding:"max=2000"`
}

func (r payRequest) data(*checks) any { return models.PayClaim(r) }

type closeReceptionRequest struct {
	Summary      string `json:"summary" binding:"required,notblank,max=20000"`
	Shortcomings string `json:"shortcomings" binding:"max=20000"`
}

func (r closeReceptionRequest) data(*checks) any { return models.CloseReception(r) }
