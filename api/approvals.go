package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// approvals serves the approvals of every process. What is read comes from the projection; what is done goes to the
// approval's own process, which alone decides whether it may be done. There is no permission for them: who has a part in an
// approval may see it, whatever their role.
type approvals struct {
	engine Engine
	store  Approvals
	people People
	org    Organisation
	rules  *rulebook.Book
	now    func() time.Time
}

func (h *approvals) routes(r gin.IRouter) {
	r.GET("/approvals", h.list)
	r.POST("/approvals/batch", h.batch)
	r.POST("/approvals/preview", need(models.PermPolicyRead), h.preview)
	r.GET("/approvals/:id", h.get)
	r.GET("/approvals/:id/timeline", h.timeline)
	for _, command := range approvalCommands {
		r.POST("/approvals/:id/"+string(command.verb), h.act(command))
	}
}

// list lists the approvals that the caller may see, newest first. Filters: process, subject_id, requester_id, outcome, open.
func (h *approvals) list(c *gin.Context) {
	q := queryOf(c)
	f := models.ApprovalFilter{
		Process: q.text("process"), SubjectID: q.text("subject_id"), RequesterID: q.id("requester_id", id.User),
		Outcome: oneOf(q, "outcome", approval.Approved, approval.Rejected, approval.Withdrawn), Open: q.bool("open"),
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Approvals(c.Request.Context(), caller(c).Actor, f, p)
	if err != nil {
		fail(c, err)
		return
	}
	views := make([]approvalView, len(rows))
	for i, row := range rows {
		if views[i], err = h.view(c, row); err != nil {
			fail(c, err)
			return
		}
	}
	list(c, views, next, func(v approvalView) approvalView { return v })
}

// get answers one approval. 404 unknown, or not for the caller to know of.
func (h *approvals) get(c *gin.Context) {
	row, err := h.visible(c, c.Param("id"))
	var view approvalView
	if err == nil {
		view, err = h.view(c, row)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

// timeline answers the events of an approval in order.
func (h *approvals) timeline(c *gin.Context) {
	timeline(c, func() (string, int64, error) {
		row, err := h.visible(c, c.Param("id"))
		return row.State.ID, row.State.EventSeq, err
	}, h.store.Timeline)
}

// visible reads an approval under the row rule.
func (h *approvals) visible(c *gin.Context, approvalID string) (models.ApprovalRow, error) {
	return h.store.Approval(c.Request.Context(), caller(c).Actor, approvalID)
}

// act does what the verb says to the approval of the path and answers the approval as it is then. 404 unknown or not for the
// caller to know of; 403 not_participant, self_approval; 409 with the code of the refusal otherwise.
func (h *approvals) act(command approvalCommand) gin.HandlerFunc {
	return func(c *gin.Context) {
		view, err := h.acted(c, command)
		if err != nil {
			fail(c, err)
			return
		}
		answer(c, http.StatusOK, view)
	}
}

func (h *approvals) acted(c *gin.Context, command approvalCommand) (approvalView, error) {
	approvalID := c.Param("id")
	if !id.Valid(id.Approval, approvalID) {
		return approvalView{}, notFound()
	}
	cmd, err := command.read(c)
	if err == nil && command.verb == approval.Resubmit {
		err = h.resubmittable(c, approvalID)
	}
	var seq int64
	if err == nil {
		seq, err = h.update(c, approvalID, command.verb, cmd, metaOf(c))
	}
	if err != nil {
		return approvalView{}, h.reason(c, approvalID, err)
	}
	// Whoever has done something may read what came of it, even if that ended their part in it.
	row, err := h.store.ApprovalAfter(c.Request.Context(), approvalID, seq)
	if err != nil {
		return approvalView{}, unread(err)
	}
	view, err := h.view(c, row)
	if err != nil {
		return approvalView{}, unread(err)
	}
	return view, nil
}

// resubmittable refuses to resubmit here what is changed and submitted again on the object itself.
func (h *approvals) resubmittable(c *gin.Context, approvalID string) error {
	row, err := h.visible(c, approvalID)
	if err == nil && !row.State.TakesResubmission() {
		return errs.New(errs.Conflict, "approval.resubmit_there", "number", row.State.Number)
	}
	return err
}

// update sends a command to the process of an approval, and returns the step that it made.
func (h *approvals) update(c *gin.Context, approvalID string, verb approval.Verb, cmd approval.Command, meta models.Meta) (int64, error) {
	data, err := json.Marshal(cmd)
	if err != nil {
		return 0, err
	}
	reply, err := h.engine.Update(c.Request.Context(), models.ApprovalWorkflowID(approvalID), string(verb), string(verb)+":"+meta.RequestID,
		models.ApprovalEvent{Meta: meta, Verb: verb, Data: data})
	if errs.CodeOf(err) == errs.NotFound { // its answer may have got lost, with the end of a process that has continued as new since
		row, readErr := h.store.Approval(c.Request.Context(), models.OutcomeReader(), approvalID)
		if readErr == nil && slices.Contains(row.State.Handled, meta.RequestID) {
			return row.State.Seq, nil
		}
	}
	return reply.Seq, err
}

// reason is what the caller is told of a command that was not taken: not_found where they may not know of the approval.
func (h *approvals) reason(c *gin.Context, approvalID string, err error) error {
	switch errs.CodeOf(err) {
	case errs.Unavailable, errs.Pending, errs.RateLimited: // says nothing of the approval
		return err
	}
	row, readErr := h.visible(c, approvalID)
	switch {
	case readErr != nil:
		return readErr
	case errs.CodeOf(err) != errs.NotFound:
		return h.named(c, err)
	case row.State.Chain.Outcome == "": // its process is on its way to another run
		return errs.Wrap(err, errs.Unavailable, "unavailable.moment")
	default:
		return errs.Wrap(err, errs.ProcessClosed, "approval.over", "outcome", string(row.State.Chain.Outcome))
	}
}
