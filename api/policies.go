package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

const maxNote = 500

// policyKind is how the documents of one kind are read.
type policyKind struct {
	name string
	// stored reads a published document, as it can be published again: its version stands beside it.
	stored func(body []byte) (any, error)
	// check reads a document that is to be published, and everything that forbids it.
	check func(ctx context.Context, h *policyDocuments, body []byte) (any, []errs.Field, error)
}

// policyKinds lists the kinds that this product has rules for.
var policyKinds = []policyKind{
	{policy.KindSLA, storedSLA, checkSLA},
	{approval.Kind, storedApproval, checkApproval},
	{policy.KindReception, storedReception, checkReception},
	{survey.Kind, storedSurvey, checkSurvey},
	{campaign.Kind, storedCampaign, checkCampaign},
	{cadence.Kind, storedCadence, checkCadence},
	classificationKind,
	{health.PolicyKind, storedHealth, checkHealth},
	{responsibility.Kind, storedResponsibility, checkResponsibility},
}

// policyDocuments serves the rules of the company, as versioned documents.
type policyDocuments struct {
	store Policies
	org   Organisation
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
	Document any `json:"document"`
}

func toPolicyVersionView(v models.PolicyVersion) policyVersionView {
	return policyVersionView{
		Kind: v.Kind, Version: v.Version, Note: v.Note, PublishedBy: v.PublishedBy, PublishedAt: Time(v.PublishedAt),
	}
}

// kindOf finds the kind of the path; not_found names those that there are.
func kindOf(c *gin.Context) (policyKind, error) {
	names := make([]string, len(policyKinds))
	for i, k := range policyKinds {
		if k.name == c.Param("kind") {
			return k, nil
		}
		names[i] = k.name
	}
	return policyKind{}, errs.New(errs.NotFound, "not_found.policy_kind", "kinds", strings.Join(names, ", "))
}

// latest answers the policy in force. 404 unknown kind, or none published.
func (h *policyDocuments) latest(c *gin.Context) {
	kind, err := kindOf(c)
	var v models.PolicyVersion
	if err == nil {
		v, err = h.store.LatestPolicy(c.Request.Context(), kind.name)
	}
	kind.answer(c, http.StatusOK, v, err)
}

// version answers one published version. 404 unknown.
func (h *policyDocuments) version(c *gin.Context) {
	kind, err := kindOf(c)
	var n int
	if err == nil {
		n, err = versionParam(c)
	}
	var v models.PolicyVersion
	if err == nil {
		v, err = h.store.Policy(c.Request.Context(), kind.name, n)
	}
	kind.answer(c, http.StatusOK, v, err)
}

func (k policyKind) answer(c *gin.Context, status int, v models.PolicyVersion, err error) {
	var doc any
	if err == nil {
		doc, err = k.stored(v.Body)
	}
	if err != nil {
		fail(c, err)
		return
	}
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
	kind, err := kindOf(c)
	if err == nil {
		err = q.err()
	}
	if err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.PolicyVersions(c.Request.Context(), kind.name, p)
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
	kind, err := kindOf(c)
	if err == nil {
		err = q.err()
	}
	var doc any
	if err == nil {
		doc, err = h.read(c, kind)
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
		Kind: kind.name, Body: body, Note: note, PublishedBy: caller(c).User.ID, PublishedAt: h.now().UTC(), CommandID: new(commandID(c)),
	})
	if err == nil {
		c.Header("Location", c.Request.URL.Path+"/"+strconv.Itoa(v.Version))
	}
	kind.answer(c, http.StatusCreated, v, err)
}

// read parses and checks the document of the request.
func (h *policyDocuments) read(c *gin.Context, kind policyKind) (any, error) {
	body, err := documentBody(c)
	if err != nil {
		return nil, err
	}
	doc, bad, err := kind.check(c.Request.Context(), h, body)
	if err == nil && len(bad) > 0 {
		err = invalidDocument(bad)
	}
	return doc, err
}

func storedSLA(body []byte) (any, error) {
	doc, err := stored[policy.SLA](body)
	doc.Version = 0
	return doc, err
}

func checkSLA(ctx context.Context, h *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := policy.ParseSLA(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	refs, err := h.refs(ctx)
	return doc, doc.Check(refs), err
}

// refs lists what documents can refer to.
func (h *policyDocuments) refs(ctx context.Context) (policy.Refs, error) {
	ids, err := h.store.CalendarIDs(ctx)
	refs := policy.Refs{Calendars: make(map[string]bool, len(ids))}
	for _, id := range ids {
		refs.Calendars[id] = true
	}
	return refs, err
}

func storedReception(body []byte) (any, error) {
	doc, err := stored[policy.Reception](body)
	doc.Version = 0
	return doc, err
}

// checkReception also holds the document against the approval policy in force: the chain that it names must be there.
func checkReception(ctx context.Context, h *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := policy.ParseReception(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	refs, err := h.refs(ctx)
	if err != nil {
		return nil, nil, err
	}
	bad = doc.Check(refs)
	chains, err := h.chains(ctx)
	if name := doc.Approval.Chain; err == nil && name != "" && !slices.Contains(chains, name) {
		bad = append(bad, errs.Field{
			Field: "approval.chain", Code: "no_chain", Args: errs.Args("name", name, "known", strings.Join(chains, ", ")),
		})
	}
	return doc, bad, err
}

// chains lists the approval chains in force, none while no policy of them was published.
func (h *policyDocuments) chains(ctx context.Context) ([]string, error) {
	v, err := h.store.LatestPolicy(ctx, approval.Kind)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := stored[approval.Document](v.Body)
	return slices.Sorted(maps.Keys(doc.Chains)), err
}

func storedApproval(body []byte) (any, error) {
	doc, err := stored[approval.Document](body)
	doc.Version = 0
	return doc, err
}

// checkApproval holds the chains against the organisation as it is: a step that nobody could fill today is a fault.
func checkApproval(ctx context.Context, h *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := approval.Parse(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	org, err := h.org.Org(ctx)
	if err != nil {
		return nil, nil, err
	}
	return doc, doc.Check(approval.Refs{Roles: models.RoleNames(), Org: org.ForApprovals(), At: h.now()}), nil
}

func storedSurvey(body []byte) (any, error) {
	doc, err := stored[survey.Document](body)
	doc.Version = 0
	return doc, err
}

func checkSurvey(_ context.Context, _ *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := survey.Parse(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	return doc, doc.Check(), nil
}

func storedCampaign(body []byte) (any, error) {
	doc, err := stored[campaign.Policy](body)
	doc.Version = 0
	return doc, err
}

// checkCampaign also holds the document against the survey policy in force: the templates that it names must be there.
func checkCampaign(ctx context.Context, h *policyDocuments, body []byte) (any, []errs.Field, error) {
	doc, bad := campaign.ParsePolicy(body)
	if len(bad) > 0 {
		return nil, bad, nil
	}
	known, err := h.refs(ctx)
	if err != nil {
		return nil, nil, err
	}
	templates, err := h.templates(ctx)
	return doc, doc.Check(campaign.Refs{Calendars: known.Calendars, Templates: templates}), err
}

// templates names the survey templates in force, none while no policy of them was published.
func (h *policyDocuments) templates(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	v, err := h.store.LatestPolicy(ctx, survey.Kind)
	if errs.CodeOf(err) == errs.NotFound {
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := stored[survey.Document](v.Body)
	for name := range doc.Templates {
		names[name] = true
	}
	return names, err
}
