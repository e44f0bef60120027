package api

import (
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// batchWidth is how many items of a batch are decided at the same time.
const batchWidth = 8

type batchRequest struct {
	Items []batchItemRequest `json:"items" binding:"required,min=1,max=100,unique=ApprovalID,dive"`
}

type batchItemRequest struct {
	ApprovalID string        `json:"approval_id" binding:"required,typeid=approval"`
	Action     approval.Verb `json:"action" binding:"required,oneof=approve reject"`
	Comment    string        `json:"comment" binding:"max=2000"`
}

// batchItemView is how one item went: its status and, unless it succeeded, the problem.
type batchItemView struct {
	ApprovalID string        `json:"approval_id"`
	Action     approval.Verb `json:"action"`
	Status     int           `json:"status"`
	Code       *errs.Code    `json:"code"`
	Detail     *string       `json:"detail"`
}

// batch approves or rejects many approvals. Each item succeeds or fails for itself; the answer lists all, in the order in
// which they were given. A repetition under the same Idempotency-Key decides nothing twice and tries again what could not
// be done for the moment.
func (h *approvals) batch(c *gin.Context) {
	var req batchRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	refused := make([]error, len(req.Items))
	meta := metaOf(c)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(batchWidth, len(req.Items)) {
		workers.Go(func() {
			for i := range next {
				refused[i] = h.decided(c, req.Items[i], meta)
			}
		})
	}
	for i := range req.Items {
		next <- i
	}
	close(next)
	workers.Wait()

	views := make([]batchItemView, len(req.Items))
	for i, item := range req.Items {
		views[i] = batchItemView{ApprovalID: item.ApprovalID, Action: item.Action, Status: http.StatusOK}
		if err := refused[i]; err != nil {
			e := asError(c.Request.Context(), err)
			if e == nil { // the caller hung up
				fail(c, err)
				return
			}
			p := newProblem(c, statusOf(e.Code), e)
			views[i].Status, views[i].Code, views[i].Detail = p.Status, &p.Code, &p.Detail
			logProblem(c, e, p.Status, err)
			if e.Code.Retryable() {
				notFinal(c)
			}
		}
	}
	answer(c, http.StatusOK, struct {
		Items []batchItemView `json:"items"`
	}{views})
}

// decided decides one item. Its command id follows from that of the batch, so that it is applied once however often the
// batch is repeated.
func (h *approvals) decided(c *gin.Context, item batchItemRequest, meta models.Meta) error {
	meta.RequestID = id.Derive(id.Request, meta.RequestID, item.ApprovalID)
	if _, err := h.update(c, item.ApprovalID, item.Action, approval.Command{Comment: item.Comment}, meta); err != nil {
		return h.reason(c, item.ApprovalID, err)
	}
	return nil
}
