package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// assessments serves the assessments of the relations with clients (M-41, M-42), and the plans to improve them (M-51).
type assessments struct{ *records }

type newAssessmentView struct {
	assessmentView
	Improvements []improvementItem `json:"improvements"` // that it has opened
}

type improvementItem struct {
	improvementView
	AllowedActions []string `json:"allowed_actions"`
}

func (h *assessments) kind() recordKind[models.AssessmentRow, assessmentView] {
	return recordKind[models.AssessmentRow, assessmentView]{
		records: h.records, what: "assessment", prefix: id.Assessment, read: h.store.Assessment, list: h.store.Assessments,
		about: func(r models.AssessmentRow) recordAbout {
			return recordAbout{clientID: r.ClientID, ownerID: r.ByID, part: []string{r.ByID}}
		},
		view: func(r models.AssessmentRow, _ []string) assessmentView { return toAssessmentView(r) },
		sees: models.MayReadRelationship,
	}
}

func (h *assessments) improvements() recordKind[models.ImprovementRow, improvementItem] {
	of := func(data any, improvementID string) any {
		switch d := data.(type) {
		case models.Improve:
			d.ImprovementID = improvementID
			return d
		case models.OfImprovement:
			d.ImprovementID = improvementID
			return d
		}
		return data
	}
	return recordKind[models.ImprovementRow, improvementItem]{
		records: h.records, what: "improvement", prefix: id.Improvement, among: "improvements", read: h.store.Improvement, list: h.store.Improvements,
		about: func(r models.ImprovementRow) recordAbout {
			part := []string{r.OwnerID}
			for _, a := range r.Actions {
				part = append(part, a.OwnerID)
			}
			return recordAbout{r.ClientID, r.OwnerID, part, r.State, r.EndedAt == nil}
		},
		view: func(r models.ImprovementRow, allowed []string) improvementItem {
			return improvementItem{toImprovementView(r), allowed}
		},
		sees: models.MayReadRelationship,
		actions: []recordAction{
			{"actions", models.RelationshipImprove, readAction[improveRequest], of, ""},
			{"complete-action", models.RelationshipImproved, readAction[improvedRequest], of, "action_id"},
			{"stop", models.RelationshipImproveStop, readAction[stopImprovingRequest], of, ""},
		},
		owners: func(r models.ImprovementRow, action models.RelationshipAction) []string {
			if action != models.RelationshipImproved {
				return []string{r.OwnerID}
			}
			var owners []string // of the actions that are not done
			for _, a := range plannedViews(r.Actions, r.Progress) {
				if a.EndedAt == nil {
					owners = append(owners, a.OwnerID)
				}
			}
			return owners
		},
	}
}

func (h *assessments) routes(r gin.IRouter) {
	read, improvements := need(models.PermClientRead), h.improvements()
	r.GET("/clients/:id/assessments", read, h.kind().page)
	r.POST("/clients/:id/assessments", read, h.create)
	r.GET("/clients/:id/improvements", read, improvements.page)
	for _, a := range improvements.actions {
		r.POST("/improvements/:id/"+a.name, read, improvements.act(a))
	}
}

type assessRequest struct {
	Levels   *levelsRequest `json:"levels" binding:"required"`
	Analysis string         `json:"analysis" binding:"max=20000"`
}

// levelsRequest is any of the levels of relation.
type levelsRequest struct {
	Key          *assessedRequest `json:"key"`
	Broad        *assessedRequest `json:"broad"`
	Organisation *assessedRequest `json:"organisation"`
}

type assessedRequest struct {
	Level    int    `json:"level" binding:"required,min=1,max=5"`
	Evidence string `json:"evidence" binding:"required,notblank,max=4000"`
}

func (r assessRequest) data(k *checks) any {
	d := models.Assess{Levels: map[cadence.Level]models.Assessed{}, Analysis: r.Analysis}
	if r.Levels == nil {
		return d
	}
	for level, a := range map[cadence.Level]*assessedRequest{
		cadence.Key: r.Levels.Key, cadence.Broad: r.Levels.Broad, cadence.Organisation: r.Levels.Organisation,
	} {
		if a != nil {
			d.Levels[level] = models.Assessed(*a)
		}
	}
	if len(d.Levels) == 0 {
		k.add("levels", "required")
	}
	return d
}

// create records an assessment of the relations with the client of the path, and answers it with the improvement plans that it
// has opened. 404 unknown client; 403 for who monitors it, or has no part in it; 409 conflict before the client has a class;
// 422 with every fault.
func (h *assessments) create(c *gin.Context) {
	view, err := h.created(c)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusCreated, view)
}

func (h *assessments) created(c *gin.Context) (newAssessmentView, error) {
	kind, improvements := h.kind(), h.improvements()
	assessmentID, err := kind.record(c, models.RelationshipAssess, readAction[assessRequest])
	if err != nil {
		return newAssessmentView{}, err
	}
	view, err := kind.outcome(c, assessmentID)
	if err != nil {
		return newAssessmentView{}, err
	}
	opened, err := h.store.ImprovementsFrom(c.Request.Context(), c.Param("id"), assessmentID)
	if err != nil {
		return newAssessmentView{}, unread(err)
	}
	s, err := h.stateOf(c, c.Param("id"))
	if err != nil {
		return newAssessmentView{}, unread(err)
	}
	return newAssessmentView{view, each(opened, func(r models.ImprovementRow) improvementItem { return improvements.show(c, s, r) })}, nil
}

type improveRequest struct {
	Actions []improvementActionRequest `json:"actions" binding:"required,min=1,max=50,dive"`
}

type improvementActionRequest struct {
	Title   string     `json:"title" binding:"required,notblank,max=200"`
	OwnerID string     `json:"owner_id" binding:"omitempty,typeid=user"` // the improvement plan's if absent
	DueAt   *time.Time `json:"due_at" binding:"required"`
}

func (r improveRequest) data(k *checks) any {
	d := models.Improve{}
	for i, a := range r.Actions {
		k.coming(indexed("actions", i, "due_at"), a.DueAt)
		d.Actions = append(d.Actions, models.PlanActivity{Title: a.Title, OwnerID: a.OwnerID, DueAt: valueOf(a.DueAt)})
	}
	return d
}

type improvedRequest struct {
	ActionID string `json:"action_id" binding:"required,typeid=step"`
	Note     string `json:"note" binding:"max=2000"`
}

func (r improvedRequest) data(*checks) any {
	return models.OfImprovement{ActionID: r.ActionID, Note: r.Note}
}

type stopImprovingRequest struct {
	Summary string `json:"summary" binding:"required,notblank,max=20000"`
}

func (r stopImprovingRequest) data(*checks) any { return models.OfImprovement{Note: r.Summary} }
