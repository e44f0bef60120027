package api

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// opinions serves the direct feedback of clients' opinions (D-01 to D-09). A form goes outside the sales line: it is read by
// who wrote it, who answers and who monitors it, the client's team, and who may read all; whoever else has a part in the
// relationship does not.
type opinions struct{ *records }

type opinionItem struct {
	opinionView
	AllowedActions []string `json:"allowed_actions"`
}

func (h *opinions) kind() recordKind[models.OpinionRow, opinionItem] {
	return recordKind[models.OpinionRow, opinionItem]{
		records: h.records, what: "opinion", prefix: id.Opinion, read: h.store.Opinion, list: h.store.Opinions,
		about: func(r models.OpinionRow) recordAbout {
			return recordAbout{r.ClientID, r.OwnerID, partOf(r), r.State, r.AnsweredAt == nil}
		},
		view: func(r models.OpinionRow, allowed []string) opinionItem { return opinionItem{toOpinionView(r), allowed} },
		sees: models.MayReadOpinions,
		actions: []recordAction{{"answer", models.RelationshipAnswer, readAction[answerRequest], func(data any, opinionID string) any {
			d := data.(models.AnswerOpinion)
			d.OpinionID = opinionID
			return d
		}, ""}},
	}
}

// partOf lists who has a part in an opinion: they may read it.
func partOf(r models.OpinionRow) []string { return append([]string{r.ByID, r.OwnerID}, r.Monitors...) }

func (h *opinions) routes(r gin.IRouter) {
	read, kind := need(models.PermClientRead), h.kind()
	r.GET("/clients/:id/opinions", read, kind.page)
	r.POST("/clients/:id/opinions", read, kind.create(models.RelationshipOpine,
		withContact(h.records, func(r opineRequest) string { return r.ContactID }), "opinions"))
	r.GET("/opinions/:id", read, kind.get)
	for _, a := range kind.actions {
		r.POST("/opinions/:id/"+a.name, read, kind.act(a))
	}
}

type opineRequest struct {
	Text        string   `json:"text" binding:"required,notblank,max=20000"`
	ContactID   string   `json:"contact_id" binding:"omitempty,typeid=contact"`
	Departments []string `json:"department_ids" binding:"max=20,unique,dive,typeid=team"`
}

func (r opineRequest) data(*checks) any {
	return models.Opine{Text: r.Text, ContactID: r.ContactID, Departments: r.Departments}
}

type answerRequest struct {
	Answer     string          `json:"answer" binding:"required,notblank,max=20000"`
	Commitment *promiseRequest `json:"commitment"`
}

// promiseRequest is what the company commits itself to with an answer.
type promiseRequest struct {
	Text    string     `json:"text" binding:"required,notblank,max=2000"`
	DueAt   *time.Time `json:"due_at" binding:"required"`
	OwnerID string     `json:"owner_id" binding:"omitempty,typeid=user"` // the caller if absent
}

func (r answerRequest) data(k *checks) any {
	d := models.AnswerOpinion{Answer: r.Answer}
	if p := r.Commitment; p != nil {
		k.coming("commitment.due_at", p.DueAt)
		d.Commitment = &models.Commit{Text: p.Text, DueAt: valueOf(p.DueAt), OwnerID: p.OwnerID}
	}
	return d
}
