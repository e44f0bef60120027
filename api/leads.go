package api

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// leads serves leads and opportunities: small objects with stages and general actions (U-04, U-05, S-25).
type leads struct{ *records }

type leadItem struct {
	leadView
	AllowedActions []string `json:"allowed_actions"`
}

func (h *leads) kind() recordKind[models.LeadRow, leadItem] {
	of := func(data any, leadID string) any {
		d := data.(models.OfLead)
		d.LeadID = leadID
		return d
	}
	return recordKind[models.LeadRow, leadItem]{
		records: h.records, what: "lead", prefix: id.Lead, read: h.store.Lead,
		list: func(ctx context.Context, f models.RecordFilter, p models.Page) ([]models.LeadRow, string, error) {
			return h.store.Leads(ctx, models.LeadFilter{ClientID: f.ClientID, Of: f.Of}, p)
		},
		about: func(r models.LeadRow) recordAbout {
			return recordAbout{r.ClientID, r.OwnerID, []string{r.OwnerID, r.CreatedBy}, or(r.Outcome, "open"), r.Outcome == ""}
		},
		view: func(r models.LeadRow, allowed []string) leadItem { return leadItem{toLeadView(r), allowed} },
		sees: models.MayReadRelationship,
		actions: []recordAction{
			{"act", models.RelationshipLeadAct, readAction[actOnLeadRequest], of, ""},
			{"stage", models.RelationshipLeadStage, readAction[leadStageRequest], of, ""},
			{"close", models.RelationshipLeadClose, readAction[closeLeadRequest], of, ""},
		},
	}
}

func (h *leads) routes(r gin.IRouter) {
	read, kind := need(models.PermClientRead), h.kind()
	r.GET("/clients/:id/leads", read, kind.page)
	r.POST("/clients/:id/leads", read, kind.create(models.RelationshipLead, readAction[leadRequest], "leads"))
	r.GET("/leads", read, h.list)
	r.GET("/leads/:id", read, kind.get)
	for _, a := range kind.actions {
		r.POST("/leads/:id/"+a.name, read, kind.act(a))
	}
}

// list lists leads and opportunities over all clients, the latest first: those of one owner, or without one all that the
// caller may see, which are their own unless they may read all. Filters: owner_id, stage, open. 403 for another's.
func (h *leads) list(c *gin.Context) {
	q := queryOf(c)
	f := models.LeadFilter{OwnerID: q.id("owner_id", id.User), Stage: oneOf(q, "stage", models.LeadStages()...), Open: q.bool("open")}
	p := q.page()
	actor, ctx := caller(c).Actor, c.Request.Context()
	err := q.err()
	if err == nil && !inRight(actor, models.RelationshipProcess, models.PermRelationshipReadAll) {
		f.Of = principals(actor)
		if f.OwnerID != "" && !among(c, f.OwnerID) {
			err = forbidden(models.PermRelationshipReadAll)
		}
	}
	var rows []models.LeadRow
	var next string
	if err == nil {
		rows, next, err = h.store.Leads(ctx, f, p)
	}
	var states map[string]models.RelationshipState
	if err == nil {
		states, err = h.store.RelationshipStates(ctx, each(rows, func(r models.LeadRow) string { return r.ClientID }))
	}
	if err != nil {
		fail(c, err)
		return
	}
	kind := h.kind()
	list(c, rows, next, func(r models.LeadRow) leadItem {
		s, begun := states[r.ClientID]
		if !begun {
			return kind.show(c, nil, r)
		}
		return kind.show(c, &s, r)
	})
}

type leadRequest struct {
	Kind     models.LeadKind  `json:"kind" binding:"required,oneof=lead opportunity"`
	Title    string           `json:"title" binding:"required,notblank,max=200"`
	OwnerID  string           `json:"owner_id" binding:"omitempty,typeid=user"`                                                 // the caller if absent
	Stage    models.LeadStage `json:"stage" binding:"omitempty,oneof=new qualified screening negotiation agreement fulfilment"` // the first of its kind if absent
	Amount   *int64           `json:"amount" binding:"omitempty,min=0,max=100000000000000"`                                     // minor units
	Currency string           `json:"currency" binding:"omitempty,currency"`                                                    // the client's if absent
}

func (r leadRequest) data(*checks) any { return models.OpenLead(r) }

type actOnLeadRequest struct {
	Note string     `json:"note" binding:"required,notblank,max=4000"`
	At   *time.Time `json:"at"` // now if absent
}

func (r actOnLeadRequest) data(k *checks) any {
	k.recent("at", r.At)
	return models.OfLead{Note: r.Note, At: r.At}
}

type leadStageRequest struct {
	Stage models.LeadStage `json:"stage" binding:"required,oneof=new qualified screening negotiation agreement fulfilment"`
}

func (r leadStageRequest) data(*checks) any { return models.OfLead{Stage: r.Stage} }

type closeLeadRequest struct {
	Outcome string `json:"outcome" binding:"required,oneof=won lost"`
	Note    string `json:"note" binding:"required,notblank,max=2000"`
}

func (r closeLeadRequest) data(*checks) any { return models.OfLead{Outcome: r.Outcome, Note: r.Note} }
