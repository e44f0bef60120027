package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/models"
)

const maxNote = 500

// policyDocuments serves the rules of the company, as versioned documents.
type policyDocuments struct {
	store Policies
	now   func() time.Time
}

func (h *policyDocuments) routes(r gin.IRouter) {
	r.GET("/policies/:kind", need(models.PermPolicyRead), h.latest)
	r.GET("/policies/:kind/versions", need(models.PermPolicyRead), h.versions)
	r.GET("/policies/:kind/versions/:version", need(models.PermPolicyRead), h.version)
	r.POST("/policies/:kind/versions", need(models.PermPolicyPublish), h.publish)
}

type policyVersionView struct {
	Kind        string `json:"kind"`
	Version     int    `json:"version"`
	Note        string `json:"note"`
	PublishedBy string `json:"published_by"`
	PublishedAt Time   `json:"published_at"`
}

type policyView struct {
	policyVersionView
	Document policy.SLA `json:"document"`
}

func toPolicyVersionView(v models.PolicyVersion) policyVersionView {
	return policyVersionView{
		Kind: v.Kind, Version: v.Version, Note: v.Note, PublishedBy: v.PublishedBy, PublishedAt: Time(v.PublishedAt),
	}
}

// known refuses kinds that this product has no rules for.
func known(kind string) error {
	if kind != policy.KindSLA {
		return errs.New(errs.NotFound, "not_found.policy_kind", "kinds", policy.KindSLA)
	}
	return nil
}

// latest answers the policy in force. 404 unknown kind, or none published.
func (h *policyDocuments) latest(c *gin.Context) {
	err := known(c.Param("kind"))
	var v models.PolicyVersion
	if err == nil {
		v, err = h.store.LatestPolicy(c.Request.Context(), c.Param("kind"))
	}
	h.answer(c, http.StatusOK, v, err)
}

// version answers one published version. 404 unknown.
func (h *policyDocuments) version(c *gin.Context) {
	err := known(c.Param("kind"))
	var n int
	if err == nil {
		n, err = versionParam(c)
	}
	var v models.PolicyVersion
	if err == nil {
		v, err = h.store.Policy(c.Request.Context(), c.Param("kind"), n)
	}
	h.answer(c, http.StatusOK, v, err)
}

func (h *policyDocuments) answer(c *gin.Context, status int, v models.PolicyVersion, err error) {
	var doc policy.SLA
	if err == nil {
		doc, err = stored[policy.SLA](v.Body)
	}
	if err != nil {
		fail(c, err)
		return
	}
	doc.Version = 0 // it stands beside the document: a document that names one cannot be published again
	etag(c, int64(v.Version))
	c.Header("Vary", "Accept")
	if status == http.StatusOK && wantsYAML(c) {
		answerYAML(c, doc)
		return
	}
	answer(c, status, policyView{toPolicyVersionView(v), doc})
}

// versions lists the published versions, the newest first. 404 unknown kind.
func (h *policyDocuments) versions(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	err := known(c.Param("kind"))
	if err == nil {
		err = q.err()
	}
	if err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.PolicyVersions(c.Request.Context(), c.Param("kind"), p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toPolicyVersionView)
}

// publish puts a new version into force, or with dry_run only checks it. 404 unknown kind, 422 with every fault and its
// path. Running processes keep the version they began with.
func (h *policyDocuments) publish(c *gin.Context) {
	q := queryOf(c)
	dry, note := dryRun(q), q.text("note")
	if utf8.RuneCountInString(note) > maxNote {
		q.faults.add("note", "max", "max", strconv.Itoa(maxNote))
	}
	err := known(c.Param("kind"))
	if err == nil {
		err = q.err()
	}
	var doc policy.SLA
	if err == nil {
		doc, err = h.read(c)
	}
	if err != nil {
		fail(c, err)
		return
	}
	if dry {
		answer(c, http.StatusOK, checked{true, doc})
		return
	}
	body, err := json.Marshal(doc)
	if err != nil {
		fail(c, err)
		return
	}
	v, err := h.store.PublishPolicy(c.Request.Context(), models.PolicyVersion{
		Kind: c.Param("kind"), Body: body, Note: note, PublishedBy: caller(c).User.ID, PublishedAt: h.now().UTC(),
	})
	if err == nil {
		c.Header("Location", c.Request.URL.Path+"/"+strconv.Itoa(v.Version))
	}
	h.answer(c, http.StatusCreated, v, err)
}

// read parses and checks the document of the request.
func (h *policyDocuments) read(c *gin.Context) (policy.SLA, error) {
	body, err := documentBody(c)
	if err != nil {
		return policy.SLA{}, err
	}
	doc, bad := policy.ParseSLA(body)
	if len(bad) == 0 {
		refs, err := h.refs(c.Request.Context())
		if err != nil {
			return policy.SLA{}, err
		}
		bad = doc.Check(refs)
	}
	if len(bad) > 0 {
		return policy.SLA{}, invalidDocument(bad)
	}
	return doc, nil
}

func (h *policyDocuments) refs(ctx context.Context) (policy.Refs, error) {
	ids, err := h.store.CalendarIDs(ctx)
	refs := policy.Refs{Calendars: make(map[string]bool, len(ids))}
	for _, id := range ids {
		refs.Calendars[id] = true
	}
	return refs, err
}
