package api

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// webhooks serves the endpoints to which notices are posted.
type webhooks struct {
	store Webhooks
	now   func() time.Time
}

func (h *webhooks) routes(r gin.IRouter) {
	r.GET("/webhooks", need(models.PermWebhookManage), h.list)
	r.POST("/webhooks", need(models.PermWebhookManage), h.create)
	r.DELETE("/webhooks/:id", need(models.PermWebhookManage), h.delete)
}

type webhookView struct {
	ID        string   `json:"id"`
	URL       string   `json:"url"`
	Kinds     []string `json:"kinds"`
	CreatedBy string   `json:"created_by"`
	CreatedAt Time     `json:"created_at"`
	Secret    string   `json:"secret,omitempty"` // for the signature, once
}

func toWebhookView(w models.Webhook) webhookView {
	return webhookView{
		ID: w.ID, URL: w.URL, Kinds: append([]string{}, w.Kinds...), CreatedBy: w.CreatedBy, CreatedAt: Time(w.CreatedAt),
	}
}

// list lists the webhooks, without secrets.
func (h *webhooks) list(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Webhooks(c.Request.Context(), p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toWebhookView)
}

type createWebhookRequest struct {
	URL   string   `json:"url" binding:"required,max=2000"`
	Kinds []string `json:"kinds" binding:"max=100,unique,dive,name"` // all if absent
}

// create adds a webhook and shows the secret of its signatures, once: 32 random bytes as the Standard Webhooks
// specification writes them. 422 for an address that must not be called.
func (h *webhooks) create(c *gin.Context) {
	showsSecret(c)
	var req createWebhookRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	if err := checkTarget(req.URL); err != nil {
		fail(c, err)
		return
	}
	secret := make([]byte, 32)
	rand.Read(secret) //nolint:errcheck // never fails
	w, err := h.store.CreateWebhook(c.Request.Context(), models.Webhook{
		ID: newID(c, id.Webhook), URL: req.URL, Secret: secret, Kinds: req.Kinds, CreatedBy: caller(c).User.ID, CreatedAt: h.now().UTC(),
	})
	if err != nil {
		fail(c, err)
		return
	}
	view := toWebhookView(w)
	view.Secret = "whsec_" + base64.StdEncoding.EncodeToString(w.Secret)
	created(c, w.ID, view)
}

// delete ends a webhook. 404 unknown.
func (h *webhooks) delete(c *gin.Context) {
	if err := h.store.DeleteWebhook(c.Request.Context(), c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// checkTarget refuses an address that must not be called. Only administrators make webhooks, and receivers inside the
// company are the normal case, so private networks are allowed; link-local addresses, where clouds keep the credentials
// of their machines, are not, in any spelling. The sender checks again once it has looked the name up.
func checkTarget(raw string) error {
	var f faults
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.Fragment != "":
		f.add("url", "url")
	case u.Scheme != "http" && u.Scheme != "https":
		f.add("url", "url_scheme")
	case u.User != nil:
		f.add("url", "url_userinfo")
	case forbiddenHost(strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")):
		f.add("url", "url_target")
	}
	return f.err()
}

var metadataService = netip.MustParseAddr("fd00:ec2::254")

func forbiddenHost(host string) bool {
	if host == "metadata" || host == "metadata.google.internal" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		// What ends in a number is an IPv4 address in a spelling that some resolvers understand.
		last := host[strings.LastIndexByte(host, '.')+1:]
		return strings.HasPrefix(last, "0x") || strings.Trim(last, "0123456789") == ""
	}
	addr = addr.Unmap().WithZone("")
	return addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() || addr == metadataService
}
