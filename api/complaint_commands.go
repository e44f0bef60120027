package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

// caseCommand is one action of people on a case: its name, and how its body becomes the data of the command.
type caseCommand struct {
	action models.CaseAction
	read   func(c *gin.Context, k *checks) (any, error)
}

// caseCommands lists them all. Whether and by whom each may be taken is not said here but in models.CheckCase.
var caseCommands = []caseCommand{
	command[messageRequest](models.ActionRespond),
	command[assignRequest](models.ActionAssign),
	command[emptyRequest](models.ActionAccept),
	command[reasonRequest](models.ActionDecline),
	command[adjudicateRequest](models.ActionAdjudicate),
	command[waitRequest](models.ActionWait),
	command[emptyRequest](models.ActionResume),
	command[clientMessageRequest](models.ActionClientMessage),
	command[noteRequest](models.ActionNote),
	command[prioritizeRequest](models.ActionPrioritize),
	command[reasonRequest](models.ActionEscalate),
	command[transferRequest](models.ActionTransfer),
	command[emptyRequest](models.ActionAcceptAccountability),
	command[reasonRequest](models.ActionRefuseAccountability),
	command[extendRequest](models.ActionExtend),
	command[resolveRequest](models.ActionResolve),
	command[reasonRequest](models.ActionReopen),
	command[closeRequest](models.ActionClose),
	command[reasonRequest](models.ActionCancel),
	command[linkRequest](models.ActionLink),
	command[unlinkRequest](models.ActionUnlink),
}

// actionRequest is the body of an action. data checks what its tags cannot say and returns the data of the command.
type actionRequest interface {
	data(k *checks) any
}

func command[R actionRequest](action models.CaseAction) caseCommand {
	return caseCommand{action, readAction[R]}
}

// readAction reads the body of an action and checks it, with every fault at once.
func readAction[R actionRequest](c *gin.Context, k *checks) (any, error) {
	var req R
	f, err := softened(bind(c, &req))
	if err != nil {
		return nil, err
	}
	k.faults = f
	data := req.data(k)
	if k.failed != nil {
		return nil, k.failed
	}
	return data, k.err()
}

// checks is what the body of an action is held against.
type checks struct {
	faults
	now      time.Time
	known    func(caseID string) error // the row rule, for another case
	clientID string                    // whose contacts may be named
	failed   error                     // a check could not be made
}

// act takes an action on the case of the path and answers the case as it is then. 404 unknown or not for the caller to
// know of; 403 not theirs to do; 409 conflict when the state does not allow it, process_closed when the case is over.
func (h *cases) act(command caseCommand) gin.HandlerFunc {
	return func(c *gin.Context) {
		view, err := h.acted(c, command)
		if err != nil {
			fail(c, err)
			return
		}
		answer(c, http.StatusOK, view)
	}
}

func (h *cases) acted(c *gin.Context, command caseCommand) (caseView, error) {
	caseID := c.Param("id")
	if !id.Valid(id.Case, caseID) {
		return caseView{}, notFound()
	}
	if !command.action.Related() { // else whoever may do it may see the case
		if _, err := h.visible(c); err != nil {
			return caseView{}, err
		}
	}
	data, err := command.read(c, &checks{now: h.now(), known: func(caseID string) error {
		_, err := h.store.Case(c.Request.Context(), caller(c).Actor, caseID)
		return err
	}})
	if err != nil {
		return caseView{}, h.reason(c, caseID, err)
	}
	seq, err := h.update(c, caseID, command.action, data)
	if err != nil {
		return caseView{}, err
	}
	return h.outcome(c, caseID, seq)
}

// update sends a command to the process of a case, and returns the step that it has become. A process that is not running any
// more has ended with the case.
func (h *cases) update(c *gin.Context, caseID string, action models.CaseAction, data any) (int64, error) {
	ctx, process := c.Request.Context(), models.ComplaintWorkflowID(caseID)
	send := func() (models.Reply, error) {
		return h.engine.Update(ctx, process, string(action), updateID(c, action), caseEvent(c, action, data))
	}
	reply, err := send()
	if h.behind(c, caseID, action, err) && h.engine.Signal(ctx, process, models.ComplaintAdopt, nil) == nil {
		reply, err = send()
	}
	if err == nil {
		return reply.Seq, nil
	}
	if seq, done := h.carriedOut(c, caseID, err); done {
		return seq, nil
	}
	return 0, h.reason(c, caseID, err)
}

// carriedOut reports whether the command that found no process was applied before, and the step as of then: its answer got lost,
// and it has ended the process, which has continued as new since, so that the engine does not know the command any more.
func (h *cases) carriedOut(c *gin.Context, caseID string, err error) (int64, bool) {
	if errs.CodeOf(err) != errs.NotFound {
		return 0, false
	}
	row, err := h.store.Case(c.Request.Context(), models.OutcomeReader(), caseID)
	return row.State.Seq, err == nil && slices.Contains(row.State.Handled, commandID(c))
}

// behind reports whether the process has refused the action by a state that the stored one has left: another case has just been
// merged with it or parted from it, or a person has left, and it has not been told yet.
func (h *cases) behind(c *gin.Context, caseID string, action models.CaseAction, err error) bool {
	var refusal *errs.Error
	if !errors.As(err, &refusal) || !models.RefusedByCheckCase(refusal) {
		return false
	}
	row, err := h.store.Case(c.Request.Context(), caller(c).Actor, caseID)
	if err != nil {
		return false
	}
	_, err = models.CheckCase(&row.State, action, caller(c).Actor, h.now())
	return err == nil
}

// reason is what the caller is told of a command that was not taken: not_found where they may not know of the case.
func (h *cases) reason(c *gin.Context, caseID string, err error) error {
	switch errs.CodeOf(err) {
	case errs.Unavailable, errs.Pending, errs.RateLimited: // says nothing of the case
		return err
	}
	row, readErr := h.store.Case(c.Request.Context(), caller(c).Actor, caseID)
	switch s := &row.State; {
	case readErr != nil:
		return readErr
	case errs.CodeOf(err) != errs.NotFound:
		return err
	case s.Over(h.now()):
		return errs.Wrap(err, errs.ProcessClosed, "case.over", "number", s.Number, "state", string(s.Status))
	default: // its process is on its way to another run
		return errs.Wrap(err, errs.Unavailable, "unavailable.moment")
	}
}

type emptyRequest struct{}

func (emptyRequest) data(*checks) any { return nil }

type messageRequest struct {
	Message string `json:"message" binding:"required,notblank,max=20000"`
}

func (r messageRequest) data(*checks) any { return models.Respond{Message: r.Message} }

type assignRequest struct {
	AssigneeID string `json:"assignee_id" binding:"omitempty,typeid=user"`
	TeamID     string `json:"team_id" binding:"omitempty,typeid=team"`
	Note       string `json:"note" binding:"max=2000"`
}

func (r assignRequest) data(k *checks) any {
	if (r.AssigneeID == "") == (r.TeamID == "") {
		k.add("assignee_id", "one_receiver")
	}
	return models.Assign{AssigneeID: r.AssigneeID, TeamID: r.TeamID, Note: r.Note}
}

type reasonRequest struct {
	Reason string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r reasonRequest) data(*checks) any { return models.Because{Reason: r.Reason} }

type closeRequest struct {
	Reason string `json:"reason" binding:"omitempty,notblank,max=2000"`
}

func (r closeRequest) data(*checks) any { return models.Because{Reason: r.Reason} }

type adjudicateRequest struct {
	AssigneeID string `json:"assignee_id" binding:"required,typeid=user"`
	Reason     string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r adjudicateRequest) data(*checks) any {
	return models.Adjudicate{AssigneeID: r.AssigneeID, Reason: r.Reason}
}

type waitRequest struct {
	Reason string     `json:"reason" binding:"required,notblank,max=2000"`
	Until  *time.Time `json:"until"`
}

func (r waitRequest) data(k *checks) any {
	wait := models.Wait{Reason: r.Reason}
	if r.Until != nil {
		if !r.Until.After(k.now) {
			k.add("until", "future")
		}
		wait.Until = r.Until.UTC().Format(time.RFC3339Nano)
	}
	return wait
}

type clientMessageRequest struct {
	Text string `json:"text" binding:"required,notblank,max=20000"`
}

func (r clientMessageRequest) data(*checks) any { return models.Note{Text: r.Text} }

type noteRequest struct {
	Text       string `json:"text" binding:"required,notblank,max=20000"`
	Visibility string `json:"visibility" binding:"omitempty,oneof=internal client"` // internal if absent
}

func (r noteRequest) data(*checks) any {
	return models.Note{Text: r.Text, Visibility: or(r.Visibility, "internal")}
}

type prioritizeRequest struct {
	Impact  string `json:"impact" binding:"required,oneof=low medium high"`
	Urgency string `json:"urgency" binding:"required,oneof=low medium high"`
	Reason  string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r prioritizeRequest) data(*checks) any { return models.Prioritize(r) }

type transferRequest struct {
	ToID   string `json:"to_id" binding:"required,typeid=user"`
	Reason string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r transferRequest) data(*checks) any { return models.TransferAccountability(r) }

type extendRequest struct {
	Milestone string `json:"milestone" binding:"required,name"`
	By        string `json:"by" binding:"required"` // as a policy writes it: 4h, 1d
	Reason    string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r extendRequest) data(k *checks) any {
	if by, err := sla.ParseSpan(r.By); !k.has("by") && (err != nil || by.Validate() != nil) {
		k.add("by", "bad_span", "value", r.By)
	}
	return models.Extend(r)
}

type resolveRequest struct {
	Resolution string `json:"resolution" binding:"required,notblank,max=20000"`
	RootCause  string `json:"root_cause" binding:"max=2000"`
}

func (r resolveRequest) data(*checks) any { return models.Resolve(r) }

type linkRequest struct {
	CaseID string `json:"case_id" binding:"required,typeid=case"`
	Kind   string `json:"kind" binding:"required,oneof=duplicate related caused_by"`
}

// data refuses a case that the caller may not know of: merging would show them its promises and its contacts.
func (r linkRequest) data(k *checks) any {
	if !k.has("case_id") {
		switch err := k.known(r.CaseID); {
		case errs.CodeOf(err) == errs.NotFound:
			k.add("case_id", "unknown")
		case err != nil:
			k.failed = err
		}
	}
	return models.Link(r)
}

type unlinkRequest struct {
	CaseID string `json:"case_id" binding:"required,typeid=case"`
}

func (r unlinkRequest) data(*checks) any { return models.Unlink(r) }
