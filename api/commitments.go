package api

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// commitments serves the promises to clients (M-74). Whether one may be kept or revoked, its client's process decides.
type commitments struct{ *records }

type commitmentItem struct {
	commitmentView
	AllowedActions []string `json:"allowed_actions"`
}

func (h *commitments) kind() recordKind[models.CommitmentRow, commitmentItem] {
	of := func(data any, commitmentID string) any {
		d := data.(models.OfCommitment)
		d.CommitmentID = commitmentID
		return d
	}
	return recordKind[models.CommitmentRow, commitmentItem]{
		records: h.records, what: "commitment", prefix: id.Commitment, among: "commitments", read: h.store.Commitment, list: h.store.Commitments,
		about: func(r models.CommitmentRow) recordAbout {
			return recordAbout{r.ClientID, r.OwnerID, []string{r.OwnerID, r.MadeBy}, r.State, r.EndedAt == nil}
		},
		view: func(r models.CommitmentRow, allowed []string) commitmentItem {
			return commitmentItem{toCommitmentView(r), allowed}
		},
		sees: models.MayReadRelationship,
		actions: []recordAction{
			{"keep", models.RelationshipKeep, readAction[keepRequest], of, ""},
			{"revoke", models.RelationshipRevoke, readAction[revokeRequest], of, ""},
		},
	}
}

func (h *commitments) routes(r gin.IRouter) {
	read, kind := need(models.PermClientRead), h.kind()
	r.GET("/clients/:id/commitments", read, kind.page)
	r.POST("/clients/:id/commitments", read, kind.create(models.RelationshipCommit,
		withContact(h.records, func(r commitRequest) string { return r.ContactID }), ""))
	for _, a := range kind.actions {
		r.POST("/commitments/:id/"+a.name, read, kind.act(a))
	}
}

type commitRequest struct {
	Text      string     `json:"text" binding:"required,notblank,max=2000"`
	DueAt     *time.Time `json:"due_at" binding:"required"`
	OwnerID   string     `json:"owner_id" binding:"omitempty,typeid=user"` // the caller if absent
	ContactID string     `json:"contact_id" binding:"omitempty,typeid=contact"`
}

func (r commitRequest) data(k *checks) any {
	k.coming("due_at", r.DueAt)
	return models.Commit{Text: r.Text, DueAt: valueOf(r.DueAt), OwnerID: r.OwnerID, ContactID: r.ContactID}
}

type keepRequest struct {
	Note string `json:"note" binding:"max=2000"`
}

func (r keepRequest) data(*checks) any { return models.OfCommitment{Note: r.Note} }

type revokeRequest struct {
	Reason string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r revokeRequest) data(*checks) any { return models.OfCommitment{Note: r.Reason} }
