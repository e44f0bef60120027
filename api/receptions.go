package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// receptions serves visits to us and of ours. What is read comes from the projection; what is done goes to the reception's
// process, which alone decides whether it may be done.
type receptions struct {
	engine    Engine
	store     Receptions
	approvals Approvals
	clients   Clients
	people    People
	org       Organisation
	rules     *rulebook.Book
	now       func() time.Time
}

func (h *receptions) routes(r gin.IRouter) {
	read := need(models.PermReceptionCreate, models.PermReceptionReadAll)
	r.POST("/receptions", need(models.PermReceptionCreate), h.create)
	r.POST("/receptions/preview", need(models.PermReceptionCreate), h.preview)
	r.GET("/receptions", read, h.list)
	r.GET("/receptions/:id", read, h.get)
	r.GET("/receptions/:id/timeline", read, h.timeline)
	r.GET("/receptions/:id/invitations/:file", read, h.invitation)
	for _, command := range receptionCommands {
		r.POST("/receptions/:id/"+string(command.action), h.act(command))
	}
	r.POST("/receptions/:id/"+string(models.ReceptionRevise), h.act(receptionCommand{models.ReceptionRevise, h.readRevised}))
}

// list lists the receptions that the caller may see, newest first. Filters: state, kind, level, client_id, requester_id,
// team_id, host_id, starts_after (or then), starts_before.
func (h *receptions) list(c *gin.Context) {
	q := queryOf(c)
	f := models.ReceptionFilter{
		Status: oneOf(q, "state", models.ReceptionStatuses()...), Kind: oneOf(q, "kind", models.ReceptionKinds()...),
		Level: oneOf(q, "level", models.ReceptionLevels()...), ClientID: q.id("client_id", id.Client),
		RequesterID: q.id("requester_id", id.User), TeamID: q.id("team_id", id.Team), HostID: q.id("host_id", id.User),
		StartsFrom: q.time("starts_after"), StartsUntil: q.time("starts_before"),
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Receptions(c.Request.Context(), caller(c).Actor, f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(row models.ReceptionRow) receptionView { return h.view(c, row) })
}

// get answers one reception, with all that is recorded of it. 404 unknown, or not for the caller to know of.
func (h *receptions) get(c *gin.Context) {
	row, err := h.visible(c)
	var view fullReceptionView
	if err == nil {
		view, err = h.full(c, row)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

// timeline answers the events of a reception in order.
func (h *receptions) timeline(c *gin.Context) {
	timeline(c, func() (string, int64, error) {
		row, err := h.visible(c)
		return row.State.ID, row.State.EventSeq, err
	}, h.store.Timeline)
}

// visible reads the reception of the path under the row rule.
func (h *receptions) visible(c *gin.Context) (models.ReceptionRow, error) {
	return h.store.Reception(c.Request.Context(), caller(c).Actor, c.Param("id"))
}

// act takes an action on the reception of the path and answers the reception as it is then. 404 unknown or not for the
// caller to know of; 403 not theirs to do; 409 conflict when the state does not allow it, process_closed when it is over,
// resource_taken, budget_exceeded and budget_missing with every item that stands in the way.
func (h *receptions) act(command receptionCommand) gin.HandlerFunc {
	return func(c *gin.Context) {
		view, err := h.acted(c, command)
		if err != nil {
			fail(c, err)
			return
		}
		answer(c, http.StatusOK, view)
	}
}

func (h *receptions) acted(c *gin.Context, command receptionCommand) (fullReceptionView, error) {
	receptionID := c.Param("id")
	if !id.Valid(id.Reception, receptionID) {
		return fullReceptionView{}, notFound()
	}
	data, err := command.read(c, &checks{now: h.now()})
	if err == nil { // whoever may do it may see the reception
		_, err = h.engine.Update(c.Request.Context(), models.ReceptionWorkflowID(receptionID), string(command.action),
			receptionUpdateID(c, command.action), receptionEvent(c, command.action, data))
	}
	if err != nil && !h.carriedOut(c, receptionID, err) {
		return fullReceptionView{}, h.reason(c, err)
	}
	return h.outcome(c, receptionID)
}

// carriedOut reports whether the command that found no process was applied before: its answer got lost, and it has ended the
// process, which has continued as new since, so that the engine does not know the command any more.
func (h *receptions) carriedOut(c *gin.Context, receptionID string, err error) bool {
	if errs.CodeOf(err) != errs.NotFound {
		return false
	}
	row, err := h.store.Reception(c.Request.Context(), models.OutcomeReader(), receptionID)
	return err == nil && slices.Contains(row.State.Handled, commandID(c))
}

// reason is what the caller is told of a command that was not taken: not_found where they may not know of the reception.
func (h *receptions) reason(c *gin.Context, err error) error {
	switch errs.CodeOf(err) {
	case errs.Unavailable, errs.Pending, errs.RateLimited: // says nothing of the reception
		return err
	}
	row, readErr := h.visible(c)
	switch s := &row.State; {
	case readErr != nil:
		return readErr
	case errs.CodeOf(err) != errs.NotFound:
		return err
	case s.Over(h.now()):
		return errs.Wrap(err, errs.ProcessClosed, "reception.over", "number", s.Number, "state", string(s.Status))
	default: // its process is on its way to another run
		return errs.Wrap(err, errs.Unavailable, "unavailable.moment")
	}
}

// outcome reads a reception after the caller's command was applied.
func (h *receptions) outcome(c *gin.Context, receptionID string) (fullReceptionView, error) {
	row, err := h.store.Reception(c.Request.Context(), models.OutcomeReader(), receptionID)
	var view fullReceptionView
	if err == nil {
		view, err = h.full(c, row)
	}
	if err != nil {
		return view, unread(err)
	}
	return view, nil
}

// receptionEvent is a command of the caller; data may be nil.
func receptionEvent(c *gin.Context, action models.ReceptionAction, data any) models.ReceptionEvent {
	e := models.ReceptionEvent{Meta: metaOf(c), Action: action}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			panic(err) // a struct of texts, numbers and times that were read from JSON
		}
		e.Data = raw
	}
	return e
}

// receptionUpdateID names a command for the engine, as updateID does.
func receptionUpdateID(c *gin.Context, action models.ReceptionAction) string {
	return string(action) + ":" + commandID(c)
}
