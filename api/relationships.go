package api

import (
	"context"
	"maps"
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

// relationships serves the relationships with clients: class, team, plans, health, and who looks after a client. What is read
// comes from the projection; what is done goes to the client's process, which alone decides whether it may be done.
type relationships struct {
	relationshipCommands
	org   Organisation
	rules *rulebook.Book
	now   func() time.Time
}

func (h *relationships) routes(r gin.IRouter) {
	read := need(models.PermClientRead)
	r.GET("/clients/:id/relationship", read, h.get)
	r.GET("/clients/:id/timeline", read, h.timeline)
	r.GET("/clients/:id/overview", read, h.overview)
	r.GET("/clients/:id/classifications", read, h.classifications)
	r.POST("/clients/:id/classification", read, h.classify)
	r.POST("/clients/:id/hand-over", read, h.handOver)
	r.POST("/clients/:id/hand-over/accept", read, h.accept)
	for _, command := range relationshipActions {
		r.POST("/clients/:id/"+command.path, read, h.act(command))
	}
	r.GET("/clients/:id/plans", read, h.plans)
	r.POST("/clients/:id/plans", read, h.draftPlan)
	r.GET("/plans/:id", read, h.plan)
	for _, command := range planCommands {
		r.POST("/plans/:id/"+command.path, read, h.actOnPlan(command))
	}
}

// get answers the relationship with a client. One that has not begun yet is begun, so 503 when the engine is down. 404 for what
// is no client, or one of whose relationship the caller may not know.
func (h *relationships) get(c *gin.Context) {
	s, err := h.visible(c, c.Param("id"))
	var view relationshipView
	if err == nil {
		view, err = h.full(c, s)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, view)
}

// timeline answers the events of the relationship itself in order; those of cases and receptions are theirs.
func (h *relationships) timeline(c *gin.Context) {
	timeline(c, func() (string, int64, error) {
		s, err := h.visible(c, c.Param("id"))
		return s.ID, s.EventSeq, err
	}, h.store.Timeline)
}

// classifications lists the proposals of the client's class and what became of them, the latest first (M-26).
func (h *relationships) classifications(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	s, err := h.visible(c, c.Param("id"))
	var rows []models.ClassificationRow
	var next string
	if err == nil {
		rows, next, err = h.store.Classifications(c.Request.Context(), s.ID, p)
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toClassificationView)
}

// visible reads the relationship with a client under the row rule. A client whose process has not begun gets one first: then
// it is known who may see it.
func (h *relationships) visible(c *gin.Context, clientID string) (models.RelationshipState, error) {
	ctx, actor := c.Request.Context(), caller(c).Actor
	s, err := h.store.Relationship(ctx, actor, clientID)
	if errs.CodeOf(err) != errs.NotFound {
		return s, err
	}
	client, err := h.store.Client(ctx, clientID)
	if err != nil {
		return s, err
	}
	switch _, err = h.store.RelationshipState(ctx, clientID); {
	case err == nil || errs.CodeOf(err) == errs.NotFound && client.MergedIntoID != nil:
		return s, notFound()
	case errs.CodeOf(err) != errs.NotFound:
		return s, err
	}
	if err := h.begin(ctx, clientID); err != nil {
		return s, err
	}
	return h.store.Relationship(ctx, actor, clientID)
}

// ruled are the rules in force now, with the organisation.
func (h *relationships) ruled(ctx context.Context) (models.RelationshipRules, error) {
	rules, err := h.rules.ForRelationship(ctx)
	if err == nil {
		rules.Org, err = h.org.Org(ctx)
	}
	return rules, err
}

// relationshipCommand is one action of people on the relationship with a client: where it is posted, its name, and how its body
// becomes the data of the command.
type relationshipCommand struct {
	path   string
	action models.RelationshipAction
	read   func(c *gin.Context, k *checks) (any, error)
}

// relationshipActions lists those that answer the relationship as it is then. Whether and by whom each may be taken is not said
// here but in models.CheckRelationship.
var relationshipActions = []relationshipCommand{
	{"criteria", models.RelationshipAppraise, readAction[appraiseRequest]},
	{"classification/withdraw", models.RelationshipUnclassify, readAction[whyRequest]},
	{"team", models.RelationshipTeam, readAction[assignPostsRequest]},
	{"hand-over/decline", models.RelationshipDecline, readAction[reasonRequest]},
	{"lose", models.RelationshipLose, readAction[reasonRequest]},
	{"regain", models.RelationshipRegain, readAction[reasonRequest]},
}

// act takes an action on the relationship with the client of the path and answers it as it is then. 404 unknown; 403 not theirs
// to do; 409 conflict when the state does not allow it, client_merged for a client that was merged; 422 with every fault.
func (h *relationships) act(command relationshipCommand) gin.HandlerFunc {
	return func(c *gin.Context) {
		h.outcome(c, http.StatusOK, h.once(c, c.Param("id"), func() error {
			data, err := command.read(c, &checks{now: h.now()})
			if err != nil {
				return err
			}
			return h.give(c, c.Param("id"), command.action, data)
		}))
	}
}

// outcome answers the relationship after the caller's command was applied, or why it was not. What the caller has done may have
// ended their part in it.
func (h *relationships) outcome(c *gin.Context, status int, err error) {
	if err != nil {
		fail(c, err)
		return
	}
	s, err := h.store.Relationship(c.Request.Context(), models.OutcomeReader(), c.Param("id"))
	var view relationshipView
	if err == nil {
		view, err = h.full(c, s)
	}
	if err != nil {
		fail(c, unread(err))
		return
	}
	answer(c, status, view)
}

type appraiseRequest struct {
	Criteria map[string]int `json:"criteria" binding:"required,min=1,max=50"`
}

func (r appraiseRequest) data(k *checks) any {
	named(k, "criteria", r.Criteria)
	return models.Appraise{Criteria: r.Criteria}
}

// named demands names of a policy as the keys of a map. Which names there are is for the policy to say.
func named[V any](k *checks, field string, values map[string]V) {
	for name := range values {
		if !namePattern.MatchString(name) {
			k.add(field, "name")
			return
		}
	}
}

// whyRequest is the body of an action for which a reason may be given.
type whyRequest struct {
	Reason string `json:"reason" binding:"max=2000"`
}

func (r whyRequest) data(*checks) any { return models.Because(r) }

type classifyRequest struct {
	ProposedClass string         `json:"proposed_class" binding:"required,oneof=S A B C"`
	Reason        string         `json:"reason" binding:"required,notblank,max=2000"`
	Criteria      map[string]int `json:"criteria" binding:"max=50"` // those not given count as recorded before
}

func (r classifyRequest) data(k *checks) any {
	named(k, "criteria", r.Criteria)
	return models.Classify{ProposedClass: r.ProposedClass, Reason: r.Reason, Criteria: r.Criteria}
}

// classify proposes a class, which starts its approval, or confirms the class that is reviewed (M-10, M-13, M-26).
func (h *relationships) classify(c *gin.Context) {
	err := h.once(c, c.Param("id"), func() error {
		data, err := readAction[classifyRequest](c, &checks{now: h.now()})
		if err != nil {
			return err
		}
		return h.give(c, c.Param("id"), models.RelationshipClassify, data)
	})
	if err == nil {
		c.Header("Location", strings.TrimSuffix(c.Request.URL.Path, "classification")+"relationship")
	}
	h.outcome(c, http.StatusCreated, err)
}

type assignPostsRequest struct {
	Posts map[string]*string `json:"posts" binding:"required,min=1,max=50"` // post → user; null leaves the post to the policy again
}

func (r assignPostsRequest) data(k *checks) any {
	named(k, "posts", r.Posts)
	cmd := models.AssignPosts{Posts: make(map[string]string, len(r.Posts))}
	for _, post := range slices.Sorted(maps.Keys(r.Posts)) {
		user := r.Posts[post]
		if cmd.Posts[post] = textOf(user); user != nil && namePattern.MatchString(post) && !id.Valid(id.User, *user) {
			k.add("posts."+post, "typeid", "prefix", id.User)
		}
	}
	return cmd
}

type offerAccountRequest struct {
	ToID   string `json:"to_id" binding:"required,typeid=user"`
	Reason string `json:"reason" binding:"required,notblank,max=2000"`
}

func (r offerAccountRequest) data(*checks) any {
	return models.OfferAccount{ToID: r.ToID, Reason: r.Reason}
}

// handOver offers everything that the account manager has at the client to somebody else (M-65), with the open cases and
// receptions in which they have a part. 422 when the receiver is unknown, inactive, or the account manager.
func (h *relationships) handOver(c *gin.Context) {
	h.outcome(c, http.StatusOK, h.once(c, c.Param("id"), func() error {
		data, err := readAction[offerAccountRequest](c, &checks{now: h.now()})
		if err != nil {
			return err
		}
		offer, ctx := data.(models.OfferAccount), c.Request.Context()
		client, err := h.store.Client(ctx, c.Param("id"))
		if err == nil && client.AccountManagerID != nil { // without one, there is nothing to offer
			offer.Cases, offer.Receptions, err = h.store.OpenOf(ctx, client.ID, *client.AccountManagerID)
		}
		if err != nil {
			return err
		}
		return h.give(c, client.ID, models.RelationshipHandOver, offer)
	}))
}

// accept takes items of what is offered, or the account with everything: also the cases and receptions that have come to who
// gives it since the offer.
func (h *relationships) accept(c *gin.Context) {
	h.outcome(c, http.StatusOK, h.once(c, c.Param("id"), func() error {
		data, err := readAction[acceptAccountRequest](c, &checks{now: h.now()})
		if err != nil {
			return err
		}
		take, ctx := data.(models.AcceptAccount), c.Request.Context()
		client, err := h.store.Client(ctx, c.Param("id"))
		if err == nil && client.AccountManagerID != nil {
			take.Cases, take.Receptions, err = h.store.OpenOf(ctx, client.ID, *client.AccountManagerID)
		}
		if err != nil {
			return err
		}
		return h.give(c, client.ID, models.RelationshipAccept, take)
	}))
}

type acceptAccountRequest struct {
	Items []handOverItemRequest `json:"items" binding:"max=2000,unique,dive"` // all that is left, if absent
}

type handOverItemRequest struct {
	Kind string `json:"kind" binding:"required,oneof=account plan activity improvement commitment lead case reception"`
	ID   string `json:"id" binding:"required,max=64"`
}

func (r acceptAccountRequest) data(*checks) any {
	return models.AcceptAccount{Items: each(r.Items, func(i handOverItemRequest) models.HandOverItem { return models.HandOverItem(i) })}
}
