package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

const (
	duplicateWindow = 7 * 24 * time.Hour // in which a similar case of the same client may be the same matter
	recentCases     = 200                // of one client that are compared
	clockSkew       = time.Minute        // by which a caller's clock may be ahead of ours
)

// cases serves complaints and inquiries. What is read comes from the projection; what is done goes to the case's
// process, which alone decides whether it may be done.
type cases struct {
	engine Engine
	store  Cases
	people People
	rules  *rulebook.Book
	now    func() time.Time
}

func (h *cases) routes(r gin.IRouter) {
	read := need(models.PermCaseWork, models.PermCaseReadAll)
	r.POST("/cases", need(models.PermCaseCreate), h.create)
	r.GET("/cases", read, h.list)
	r.GET("/cases/:id", read, h.get)
	r.GET("/cases/:id/timeline", read, h.timeline)
	r.GET("/cases/:id/responsibility", read, h.responsibility)
	r.GET("/cases/:id/ledger", read, h.ledger)
	r.GET("/cases/:id/milestones/:name/receipt", read, h.receipt)
	for _, command := range caseCommands {
		r.POST("/cases/:id/"+string(command.action), h.act(command))
	}
}

type createCaseRequest struct {
	Type           models.CaseType     `json:"type" binding:"required,oneof=complaint inquiry"`
	ClientID       string              `json:"client_id" binding:"required,typeid=client"`
	Contact        *caseContactRequest `json:"contact" binding:"required"`
	Channel        string              `json:"channel" binding:"required,oneof=phone email web chat visit letter"`
	Subject        string              `json:"subject" binding:"required,notblank,max=200"`
	Description    string              `json:"description" binding:"max=20000"`
	Category       string              `json:"category" binding:"max=100"`
	Impact         string              `json:"impact" binding:"omitempty,oneof=low medium high"`  // medium if absent
	Urgency        string              `json:"urgency" binding:"omitempty,oneof=low medium high"` // medium if absent
	OccurredAt     *time.Time          `json:"occurred_at"`
	ExternalRef    string              `json:"external_ref" binding:"max=200"`
	FirstContactID string              `json:"first_contact_id" binding:"omitempty,typeid=user"` // the caller if absent
}

type caseContactRequest struct {
	Name  string `json:"name" binding:"max=200"`
	Phone string `json:"phone" binding:"omitempty,phone"`
	Email string `json:"email" binding:"omitempty,email,max=254"`
}

// command is the request as the process takes it, with what it must know of the client.
func (r *createCaseRequest) command(client models.Client) models.RecordCase {
	return models.RecordCase{
		Type: r.Type, ClientID: client.ID, ClientClass: client.Class, ClientRegion: client.Region,
		AccountManagerID: textOf(client.AccountManagerID), Contact: models.CaseContact(*r.Contact),
		Channel: r.Channel, Subject: strings.TrimSpace(r.Subject), Description: r.Description, Category: r.Category,
		Impact: or(r.Impact, "medium"), Urgency: or(r.Urgency, "medium"), OccurredAt: r.OccurredAt,
		ExternalRef: r.ExternalRef, FirstContactID: r.FirstContactID,
	}
}

// create records a case and starts its process; the first contact is accountable from then on (C-01). The answer names
// possible duplicates that the caller may see: cases of the same client within seven days with a similar subject. 422 with every fault.
func (h *cases) create(c *gin.Context) {
	caseID := newID(c, id.Case)
	view, err := h.recorded(c, caseID)
	if err != nil {
		if errs.CodeOf(err) == errs.Pending {
			c.Header("Location", c.Request.URL.Path+"/"+caseID)
		}
		fail(c, err)
		return
	}
	created(c, caseID, view)
}

func (h *cases) recorded(c *gin.Context, caseID string) (newCaseView, error) {
	var req createCaseRequest
	client, recent, err := h.readNew(c, &req)
	if err != nil {
		return newCaseView{}, err
	}
	recent = slices.DeleteFunc(recent, func(other models.CaseHead) bool { return other.ID == caseID }) // of an earlier attempt

	event := caseEvent(c, models.ActionRecord, req.command(client))
	reply, err := h.engine.Start(c.Request.Context(), models.ComplaintType, models.ComplaintWorkflowID(caseID), models.ComplaintInput{CaseID: caseID},
		string(models.ActionRecord), updateID(c, models.ActionRecord), event)
	if err != nil {
		return newCaseView{}, err
	}
	view, err := h.outcome(c, caseID, reply.Seq)
	return newCaseView{view, duplicateViews(models.PossibleDuplicates(req.Subject, recent))}, err
}

// readNew reads and checks the body of a new case: what its fields hold and what they refer to, all faults at once. The
// process would refuse bad values as well, but only after it has been started. A client that was merged is client_merged.
//
// It returns the client and its recent cases that the caller may see.
func (h *cases) readNew(c *gin.Context, req *createCaseRequest) (client models.Client, recent []models.CaseHead, err error) {
	ctx, now := c.Request.Context(), h.now()
	f, err := softened(bind(c, req))
	if err != nil {
		return client, nil, err
	}
	req.FirstContactID = or(req.FirstContactID, caller(c).User.ID)
	if !f.has("client_id") {
		client, recent, err = h.store.ClientForCase(ctx, caller(c).Actor, req.ClientID, now.Add(-duplicateWindow), recentCases)
		if errs.CodeOf(err) == errs.NotFound {
			f.add("client_id", "unknown")
		} else if err != nil {
			return client, nil, err
		}
	}
	if !f.has("first_contact_id") {
		first := caller(c).User // known already
		if first.ID != req.FirstContactID {
			if first, err = activeUser(ctx, h.people, &f, "first_contact_id", &req.FirstContactID); err != nil {
				return client, nil, err
			}
		}
		if !f.has("first_contact_id") && !models.May(first.Roles, models.PermCaseWork) {
			f.add("first_contact_id", "takes_no_cases")
		}
	}
	if req.Contact != nil && req.Contact.Phone == "" && req.Contact.Email == "" {
		f.add("contact", "contact_unreachable")
	}
	switch at := req.OccurredAt; {
	case at == nil:
	case at.After(now.Add(clockSkew)):
		f.add("occurred_at", "past")
	case at.Before(now.AddDate(-1, 0, 0)):
		f.add("occurred_at", "within_year")
	}
	if err := f.err(); err != nil {
		return client, nil, err
	}
	return client, recent, client.Open()
}

// list lists the cases that the caller may see, newest first. Filters: state, type, priority, assignee_id,
// accountable_id, client_id, breached, due_before.
func (h *cases) list(c *gin.Context) {
	q := queryOf(c)
	f := models.CaseFilter{
		Status: oneOf(q, "state", models.CaseOpen, models.CaseInProgress, models.CaseWaitingCustomer, models.CaseResolved,
			models.CaseClosed, models.CaseCancelled),
		Type: oneOf(q, "type", models.TypeComplaint, models.TypeInquiry), Priority: oneOf(q, "priority", "P1", "P2", "P3", "P4"),
		AssigneeID: q.id("assignee_id", id.User), AccountableID: q.id("accountable_id", id.User), ClientID: q.id("client_id", id.Client),
		Breached: q.bool("breached"), DueBefore: q.time("due_before"),
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Cases(c.Request.Context(), caller(c).Actor, f, p)
	if err != nil {
		fail(c, err)
		return
	}
	views := make([]caseView, len(rows))
	for i, row := range rows {
		if views[i], err = h.view(c, row); err != nil {
			fail(c, err)
			return
		}
	}
	list(c, views, next, func(v caseView) caseView { return v })
}

// get answers one case. 404 unknown, or not for the caller to know of.
func (h *cases) get(c *gin.Context) {
	row, err := h.visible(c)
	if err != nil {
		fail(c, err)
		return
	}
	view, err := h.view(c, row)
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

// timeline answers the events of a case in order.
func (h *cases) timeline(c *gin.Context) {
	timeline(c, func() (string, int64, error) {
		row, err := h.visible(c)
		return row.State.ID, row.State.EventSeq, err
	}, h.store.Timeline)
}

// visible reads the case of the path under the row rule.
func (h *cases) visible(c *gin.Context) (models.CaseRow, error) {
	return h.store.Case(c.Request.Context(), caller(c).Actor, c.Param("id"))
}

// outcome reads a case after the caller's command was applied as the step.
func (h *cases) outcome(c *gin.Context, caseID string, seq int64) (caseView, error) {
	row, err := h.store.CaseAfter(c.Request.Context(), caseID, seq)
	if err != nil {
		return caseView{}, unread(err)
	}
	view, err := h.view(c, row)
	if err != nil {
		return caseView{}, unread(err)
	}
	return view, nil
}

// unread makes the failure to read the outcome of a command pending: the command is done, and must not look as if it
// could be given again.
func unread(err error) error { return errs.Wrap(err, errs.Pending, "pending.unread") }

// caseEvent is a command of the caller; data may be nil.
func caseEvent(c *gin.Context, action models.CaseAction, data any) models.CaseEvent {
	e := models.CaseEvent{Meta: metaOf(c), Action: action}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			panic(err) // a struct of strings
		}
		e.Data = raw
	}
	return e
}

// updateID names a command for the engine. The action is part of it: the engine keeps one answer per id, whatever the
// update was called.
func updateID(c *gin.Context, action models.CaseAction) string {
	return string(action) + ":" + commandID(c)
}

// softened takes the faults out of an invalid error, so that others can be added; any other error stays one.
func softened(err error) (faults, error) {
	var e *errs.Error
	if errors.As(err, &e) && e.Code == errs.Invalid {
		return e.Fields, nil
	}
	return nil, err
}

// has reports whether a fault of the field, or within it, was noted.
func (f faults) has(field string) bool {
	return slices.ContainsFunc(f, func(e errs.Field) bool {
		return e.Field == field || strings.HasPrefix(e.Field, field+".")
	})
}
