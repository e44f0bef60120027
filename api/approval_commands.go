package api

import (
	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
)

// approvalCommand is one verb of people: how its body becomes the data of the command.
type approvalCommand struct {
	verb approval.Verb
	read func(c *gin.Context) (approval.Command, error)
}

// approvalCommands lists them all. Whether and by whom each may be used is not said here but in internal/approval.
var approvalCommands = []approvalCommand{
	verb[commentRequest](approval.Approve),
	verb[commentRequest](approval.Reject),
	verb[returnRequest](approval.Return),
	verb[handOverRequest](approval.Transfer),
	verb[handOverRequest](approval.Delegate),
	verb[addSignRequest](approval.AddSign),
	verb[removeSignRequest](approval.RemoveSign),
	verb[commentRequest](approval.TakeBack),
	verb[resubmitRequest](approval.Resubmit),
	verb[commentRequest](approval.Withdraw),
	verb[urgeRequest](approval.Urge),
	verb[copyRequest](approval.CC),
	verb[remarkRequest](approval.Comment),
}

// approvalRequest is the body of a verb; its tags say all that the body itself can break.
type approvalRequest interface{ command() approval.Command }

func verb[R approvalRequest](v approval.Verb) approvalCommand {
	return approvalCommand{v, func(c *gin.Context) (approval.Command, error) {
		var req R
		err := bind(c, &req)
		return req.command(), err
	}}
}

type commentRequest struct {
	Comment string `json:"comment" binding:"max=2000"`
}

func (r commentRequest) command() approval.Command { return approval.Command{Comment: r.Comment} }

type returnRequest struct {
	To      string `json:"to" binding:"required,name"`                         // requester, or an earlier step
	Resume  string `json:"resume" binding:"omitempty,oneof=resume walk_again"` // where the policy leaves it to the returner
	Comment string `json:"comment" binding:"max=2000"`
}

func (r returnRequest) command() approval.Command {
	return approval.Command{To: r.To, Resume: r.Resume, Comment: r.Comment}
}

type handOverRequest struct {
	ToID    string `json:"to_id" binding:"required,typeid=user"`
	Comment string `json:"comment" binding:"max=2000"`
}

func (r handOverRequest) command() approval.Command {
	return approval.Command{ToID: r.ToID, Comment: r.Comment}
}

type addSignRequest struct {
	Position approval.Position `json:"position" binding:"required,oneof=before after parallel"`
	UserIDs  []string          `json:"user_ids" binding:"required,min=1,max=20,unique,dive,typeid=user"`
	Comment  string            `json:"comment" binding:"max=2000"`
}

func (r addSignRequest) command() approval.Command {
	return approval.Command{Position: r.Position, UserIDs: r.UserIDs, Comment: r.Comment}
}

type removeSignRequest struct {
	UserID  string `json:"user_id" binding:"required,typeid=user"`
	Comment string `json:"comment" binding:"max=2000"`
}

func (r removeSignRequest) command() approval.Command {
	return approval.Command{UserID: r.UserID, Comment: r.Comment}
}

// resubmitRequest carries no facts: they are the asking process's to change, which would not learn of it here.
type resubmitRequest struct {
	Choices map[string][]string `json:"choices" binding:"max=50,dive,max=20,dive,typeid=user"`
	Comment string              `json:"comment" binding:"max=2000"`
}

func (r resubmitRequest) command() approval.Command {
	return approval.Command{Choices: r.Choices, Comment: r.Comment}
}

type urgeRequest struct{}

func (urgeRequest) command() approval.Command { return approval.Command{} }

type copyRequest struct {
	UserIDs []string `json:"user_ids" binding:"required,min=1,max=20,unique,dive,typeid=user"`
	Comment string   `json:"comment" binding:"max=2000"`
}

func (r copyRequest) command() approval.Command {
	return approval.Command{UserIDs: r.UserIDs, Comment: r.Comment}
}

type remarkRequest struct {
	Text string `json:"text" binding:"required,notblank,max=20000"`
}

func (r remarkRequest) command() approval.Command { return approval.Command{Comment: r.Text} }
