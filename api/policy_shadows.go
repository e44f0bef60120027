package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// shadows serves shadow grading: candidates for the next classification policy that run beside the one in force. What they
// would change is computed at each reading from the clients as they are then.
type shadows struct {
	store    Grading
	policies *policyDocuments
	rules    *rulebook.Book
	now      func() time.Time
}

const shadowPath = "/policies/" + classification.Kind + "/shadows"

func (h *shadows) routes(r gin.IRouter) {
	read := need(models.PermRelationshipReadAll)
	r.GET(shadowPath, read, h.list)
	r.POST(shadowPath, need(models.PermPolicyPublish), h.create)
	r.GET(shadowPath+"/:id/report", read, h.report)
	r.GET(shadowPath+"/:id/summary", read, h.summary)
	r.POST(shadowPath+"/:id/publish", need(models.PermPolicyPublish), h.publish)
}

type shadowView struct {
	ID          string `json:"id"`
	Kind        string `json:"kind"`
	BasedOn     *int   `json:"based_on"` // null: none was in force
	Note        string `json:"note"`
	CreatedBy   string `json:"created_by"`
	CreatedAt   Time   `json:"created_at"`
	PublishedAs *int   `json:"published_as"`
	PublishedAt *Time  `json:"published_at"`
}

func toShadowView(s models.PolicyShadow) shadowView {
	v := shadowView{
		ID: s.ID, Kind: s.Kind, Note: s.Note, CreatedBy: s.CreatedBy, CreatedAt: Time(s.CreatedAt), PublishedAs: s.PublishedAs,
		PublishedAt: timePtr(s.PublishedAt),
	}
	if s.BasedOn != 0 {
		v.BasedOn = &s.BasedOn
	}
	return v
}

// list lists the candidates, the newest first.
func (h *shadows) list(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.PolicyShadows(c.Request.Context(), classification.Kind, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toShadowView)
}

// create stores a candidate, checked as a publication is: 422 with every fault and its path. Nothing is put in force.
func (h *shadows) create(c *gin.Context) {
	q := queryOf(c)
	note := q.text("note")
	if utf8.RuneCountInString(note) > maxNote {
		q.faults.add("note", "max", "max", strconv.Itoa(maxNote))
	}
	err := q.err()
	var doc any
	if err == nil {
		doc, err = h.policies.read(c, classificationKind)
	}
	var row models.PolicyShadow
	if err == nil {
		row = models.PolicyShadow{
			ID: newID(c, id.Shadow), Kind: classification.Kind, Note: note, CreatedBy: caller(c).User.ID, CreatedAt: h.now().UTC(),
		}
		row.Body, err = json.Marshal(doc)
	}
	if err == nil {
		row, err = h.store.CreatePolicyShadow(c.Request.Context(), row)
	}
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusCreated, toShadowView(row))
}

type publishShadowRequest struct {
	Force bool `json:"force"`
}

// publish puts a candidate in force as the next version. 404 unknown; 422 when it could not be published any more; 409 when it
// was published already, or when the version in force is not the one that it is based on and force is not set.
func (h *shadows) publish(c *gin.Context) {
	v, err := h.published(c)
	if err == nil {
		c.Header("Location", "/api/v1/policies/"+classification.Kind+"/versions/"+strconv.Itoa(v.Version))
	}
	classificationKind.answer(c, http.StatusCreated, v, err)
}

func (h *shadows) published(c *gin.Context) (models.PolicyVersion, error) {
	var req publishShadowRequest
	if err := bind(c, &req); err != nil {
		return models.PolicyVersion{}, err
	}
	ctx := c.Request.Context()
	row, err := h.store.PolicyShadow(ctx, classification.Kind, c.Param("id"))
	if err != nil {
		return models.PolicyVersion{}, err
	}
	if row.PublishedAs == nil { // what it refers to may have changed since
		_, bad, err := checkClassification(ctx, h.policies, row.Body)
		if err == nil && len(bad) > 0 {
			err = invalidDocument(bad)
		}
		if err != nil {
			return models.PolicyVersion{}, err
		}
	}
	return h.store.PublishPolicyShadow(ctx, row.ID, req.Force, models.PolicyVersion{
		Kind: classification.Kind, Note: row.Note, PublishedBy: caller(c).User.ID, PublishedAt: h.now().UTC(), CommandID: new(commandID(c)),
	})
}

// compared are a candidate and what it is held against.
type compared struct {
	shadow    models.PolicyShadow
	inForce   *classification.Policy // nil: there is none
	candidate *classification.Policy
	rhythm    *cadence.Policy // nil: there is none
}

// compared reads the candidate of the path, the policy in force and the cadence that the classes bring. 404 unknown.
func (h *shadows) compared(ctx context.Context, shadowID string) (compared, error) {
	row, err := h.store.PolicyShadow(ctx, classification.Kind, shadowID)
	if err != nil {
		return compared{}, err
	}
	doc, err := stored[classification.Document](row.Body)
	if err != nil {
		return compared{}, err
	}
	k := compared{shadow: row}
	if k.candidate, err = classification.Compile(doc, 0); err != nil {
		return k, err
	}
	if k.inForce, err = h.rules.LatestClassification(ctx); errs.CodeOf(err) == errs.NotFound {
		k.inForce, err = nil, nil
	}
	if err != nil {
		return k, err
	}
	if k.rhythm, _, _, err = h.rules.LatestCadence(ctx); errs.CodeOf(err) == errs.NotFound {
		k.rhythm, err = nil, nil
	}
	return k, err
}

// load is how many obligations a client of each class makes in a year under a policy, nil for none: its reviews and plans, and
// the contacts and assessments that the cadence asks for.
func (k compared) load(p *classification.Policy) classification.Load {
	load := classification.Load{}
	if p != nil {
		load = p.Load()
	}
	for _, class := range classification.Classes() {
		if k.rhythm != nil {
			rules := k.rhythm.Rules(string(class))
			load[class] += rules.ContactEvery.PerYear() + rules.AssessEvery.PerYear()
		}
	}
	return load
}
