package api

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// interactions serves the contacts that people of ours had with clients (A-13, M-80).
type interactions struct{ *records }

func (h *interactions) kind() recordKind[models.InteractionRow, interactionView] {
	return recordKind[models.InteractionRow, interactionView]{
		records: h.records, what: "interaction", prefix: id.Interaction, place: "lead_id", read: h.store.Interaction, list: h.store.Interactions,
		about: func(r models.InteractionRow) recordAbout {
			return recordAbout{clientID: r.ClientID, ownerID: r.UserID, part: []string{r.UserID}}
		},
		view: func(r models.InteractionRow, _ []string) interactionView { return toInteractionView(r) },
		sees: models.MayReadRelationship,
	}
}

func (h *interactions) routes(r gin.IRouter) {
	read := need(models.PermClientRead)
	r.GET("/clients/:id/interactions", read, h.list)
	r.POST("/clients/:id/interactions", read, h.kind().create(models.RelationshipInteract,
		withContact(h.records, func(r interactRequest) string { return r.ContactID }), ""))
}

// list lists the interactions with a client by when they were, the latest first: all, or the caller's own. Filters: user_id,
// kind, which may also be a general action on a lead. 404 unknown client.
func (h *interactions) list(c *gin.Context) {
	q := queryOf(c)
	h.kind().filtered(c, q, models.RecordFilter{
		ClientID: c.Param("id"), UserID: q.id("user_id", id.User),
		Kind: oneOf(q, "kind", append(models.InteractionKinds(), models.InteractionReception, models.InteractionAction)...),
	})
}

type interactRequest struct {
	Kind      string     `json:"kind" binding:"required"`
	At        *time.Time `json:"at" binding:"required"`
	ContactID string     `json:"contact_id" binding:"omitempty,typeid=contact"`
	Summary   string     `json:"summary" binding:"required,notblank,max=4000"`
	Quality   string     `json:"quality" binding:"max=2000"`
	LeadID    string     `json:"lead_id" binding:"omitempty,typeid=lead"`
	NextAt    *time.Time `json:"next_at"`
}

func (r interactRequest) data(k *checks) any {
	k.oneOf("kind", r.Kind, models.InteractionKinds())
	k.recent("at", r.At)
	k.coming("next_at", r.NextAt)
	return models.Interact{
		Kind: r.Kind, At: valueOf(r.At), ContactID: r.ContactID, Summary: r.Summary, Quality: r.Quality, LeadID: r.LeadID, NextAt: r.NextAt,
	}
}
