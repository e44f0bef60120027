package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// campaigns serves campaigns and what became of their runs. What is read comes from the projection; what is done goes to
// the campaign's process, which alone decides whether it may be done.
type campaigns struct {
	engine Engine
	store  Campaigns
	rules  *rulebook.Book
	now    func() time.Time
}

func (h *campaigns) routes(r gin.IRouter) {
	read, manage := need(models.PermCampaignRead), needInRight(models.CampaignProcess, models.PermCampaignManage)
	r.POST("/campaigns", manage, h.create)
	r.GET("/campaigns", read, h.list)
	r.GET("/campaigns/:id", read, h.get)
	r.PATCH("/campaigns/:id", manage, h.patch)
	r.GET("/campaigns/:id/progress", read, h.progress)
	r.GET("/campaigns/:id/runs", read, h.runs)
	r.GET("/campaigns/:id/recipients", read, h.recipients)
	r.GET("/campaigns/:id/timeline", read, h.timeline)
	r.POST("/campaigns/:id/forecast", read, h.forecast)
	r.POST("/campaigns/:id/launch", needInRight(models.CampaignProcess, models.PermCampaignLaunch), h.act(models.CampaignLaunch))
	for _, action := range []models.CampaignAction{models.CampaignPause, models.CampaignResume, models.CampaignStop} {
		r.POST("/campaigns/:id/"+string(action), manage, h.act(action))
	}
}

// list lists campaigns, the newest first. Filter: state.
func (h *campaigns) list(c *gin.Context) {
	q := queryOf(c)
	f := models.CampaignFilter{Status: oneOf(q, "state", models.CampaignStatuses()...)}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Campaigns(c.Request.Context(), f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, func(row models.CampaignRow) campaignView { return h.view(c, row) })
}

// get answers one campaign. 404 unknown.
func (h *campaigns) get(c *gin.Context) {
	row, err := h.store.Campaign(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.State.Version)
	answer(c, http.StatusOK, h.view(c, row))
}

// timeline answers the events of a campaign in order.
func (h *campaigns) timeline(c *gin.Context) {
	timeline(c, func() (string, int64, error) {
		row, err := h.store.Campaign(c.Request.Context(), c.Param("id"))
		return row.State.ID, row.State.EventSeq, err
	}, h.store.Timeline)
}

// create records a campaign as a draft and starts its process. 422 with every fault of the definition.
func (h *campaigns) create(c *gin.Context) {
	campaignID := newID(c, id.Campaign)
	row, err := h.recorded(c, campaignID)
	if err != nil {
		if errs.CodeOf(err) == errs.Pending {
			c.Header("Location", c.Request.URL.Path+"/"+campaignID)
		}
		fail(c, err)
		return
	}
	etag(c, row.State.Version)
	created(c, campaignID, h.view(c, row))
}

func (h *campaigns) recorded(c *gin.Context, campaignID string) (models.CampaignRow, error) {
	ctx := c.Request.Context()
	var req campaignRequest
	bad, err := softened(bind(c, &req))
	if err != nil {
		return models.CampaignRow{}, err
	}
	cmd := models.DefineCampaign{}
	if err := h.define(ctx, &cmd.Definition, req, bad); err != nil {
		return models.CampaignRow{}, err
	}
	_, err = h.engine.Start(ctx, models.CampaignType, models.CampaignWorkflowID(campaignID), models.CampaignInput{CampaignID: campaignID},
		string(models.CampaignCreate), campaignUpdateID(c, models.CampaignCreate), campaignEvent(c, models.CampaignCreate, cmd))
	if err != nil {
		return models.CampaignRow{}, err
	}
	return h.outcome(c, campaignID)
}

// patch changes the definition, also while the campaign runs: who has not been asked yet is asked by the new one. 404
// unknown, 409 when it is over, 412 when If-Match is stale, 422 with every fault of the definition as it would be.
func (h *campaigns) patch(c *gin.Context) {
	var req campaignRequest
	bad, err := softened(bind(c, &req))
	if err != nil {
		fail(c, err)
		return
	}
	ctx, tries := c.Request.Context(), 0
	row, err := change(c, func(row models.CampaignRow) int64 { return row.State.Version }, h.store.Campaign,
		func(row *models.CampaignRow) error { return h.define(ctx, &row.State.Definition, req, bad) },
		func(ctx context.Context, row models.CampaignRow) (models.CampaignRow, error) {
			tries++ // what is sent differs by try, and the engine keeps one answer per id
			_, err := h.engine.Update(ctx, models.CampaignWorkflowID(row.State.ID), string(models.CampaignChange),
				fmt.Sprintf("%s:%d", campaignUpdateID(c, models.CampaignChange), tries),
				campaignEvent(c, models.CampaignChange, models.DefineCampaign{Definition: row.State.Definition, Version: row.State.Version}))
			if err != nil {
				return row, h.reason(c, err)
			}
			return h.outcome(c, row.State.ID)
		})
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.State.Version)
	answer(c, http.StatusOK, h.view(c, row))
}

// act takes an action on the campaign of the path and answers the campaign as it is then. 404 unknown; 403 not theirs to
// do; 409 when the state does not allow it.
func (h *campaigns) act(action models.CampaignAction) gin.HandlerFunc {
	return func(c *gin.Context) {
		row, err := h.acted(c, action)
		if err != nil {
			fail(c, err)
			return
		}
		etag(c, row.State.Version)
		answer(c, http.StatusOK, h.view(c, row))
	}
}

func (h *campaigns) acted(c *gin.Context, action models.CampaignAction) (models.CampaignRow, error) {
	campaignID := c.Param("id")
	if !id.Valid(id.Campaign, campaignID) {
		return models.CampaignRow{}, notFound()
	}
	data, err := readAction[emptyRequest](c, &checks{now: h.now()})
	if err == nil {
		_, err = h.engine.Update(c.Request.Context(), models.CampaignWorkflowID(campaignID), string(action), campaignUpdateID(c, action),
			campaignEvent(c, action, data))
	}
	if err != nil {
		return models.CampaignRow{}, h.reason(c, err)
	}
	return h.outcome(c, campaignID)
}

// reason is what the caller is told of a command that was not taken.
func (h *campaigns) reason(c *gin.Context, err error) error {
	if errs.CodeOf(err) != errs.NotFound {
		return err
	}
	if _, readErr := h.store.Campaign(c.Request.Context(), c.Param("id")); readErr != nil {
		return readErr
	}
	return errs.Wrap(err, errs.Unavailable, "unavailable.moment") // its process is on its way to another run
}

// outcome reads a campaign after the caller's command was applied.
func (h *campaigns) outcome(c *gin.Context, campaignID string) (models.CampaignRow, error) {
	row, err := h.store.Campaign(c.Request.Context(), campaignID)
	if err != nil {
		return row, unread(err)
	}
	return row, nil
}

// campaignEvent is a command of the caller; data may be nil.
func campaignEvent(c *gin.Context, action models.CampaignAction, data any) models.CampaignEvent {
	e := models.CampaignEvent{Meta: metaOf(c), Action: action}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			panic(err) // a struct of texts, numbers and times that were read from JSON
		}
		e.Data = raw
	}
	return e
}

// campaignUpdateID names a command for the engine, as updateID does.
func campaignUpdateID(c *gin.Context, action models.CampaignAction) string {
	return string(action) + ":" + commandID(c)
}
