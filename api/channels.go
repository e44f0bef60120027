package api

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// channels serves the endpoints by which messages leave to people. An address or a secret that was set is shown to nobody
// again: who knows the address of a chat robot can speak for it.
type channels struct {
	store  Channels
	sender Messenger
	email  bool // there is a mail server
	now    func() time.Time
}

func (h *channels) routes(r gin.IRouter) {
	r.GET("/channels", need(models.PermChannelManage), h.list)
	r.PUT("/channels/:kind", need(models.PermChannelManage), h.put)
	r.DELETE("/channels/:kind", need(models.PermChannelManage), h.delete)
	r.POST("/channels/:kind/test", need(models.PermChannelManage), h.test)
}

type channelView struct {
	Kind       models.ChannelKind `json:"kind"`
	Configured bool               `json:"configured"`
	Host       *string            `json:"host"` // of the address, of which no more is shown
	Signed     bool               `json:"signed"`
	UpdatedBy  *string            `json:"updated_by"`
	UpdatedAt  *Time              `json:"updated_at"`
	Version    *int64             `json:"version"`
}

func toChannelView(row models.Channel) channelView {
	v := channelView{Kind: row.Kind}
	if row.Version == 0 {
		return v
	}
	v.Configured, v.Signed, v.UpdatedBy, v.UpdatedAt, v.Version = true, len(row.Secret) > 0, &row.UpdatedBy, timePtr(&row.UpdatedAt), &row.Version
	if u, err := url.Parse(row.URL); err == nil {
		v.Host = &u.Host
	}
	return v
}

// list lists the channels, set up or not. They are few, so there is one page.
func (h *channels) list(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, err := h.store.Channels(c.Request.Context())
	if err != nil {
		fail(c, err)
		return
	}
	set := map[models.ChannelKind]models.Channel{}
	for _, row := range rows {
		set[row.Kind] = row
	}
	views := []channelView{{Kind: models.ChannelEmail, Configured: h.email}}
	for _, kind := range models.EndpointKinds() {
		row := set[kind]
		row.Kind = kind
		views = append(views, toChannelView(row))
	}
	if p.Estimate != nil {
		*p.Estimate = int64(len(views))
	}
	views, next := portion(q, p, views, func(v channelView) string { return string(v.Kind) })
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	list(c, views, next, func(v channelView) channelView { return v })
}

type putChannelRequest struct {
	URL    string        `json:"url" binding:"required,max=2000"`
	Secret patch[string] `json:"secret" binding:"omitnil,max=200"` // the stored one if absent
}

// put sets the endpoint of a channel. 404 no such endpoint, 412 when If-Match is stale, 422 for an address that must not
// be called or a secret that is not of the kind.
func (h *channels) put(c *gin.Context) {
	kind, req := models.ChannelKind(c.Param("kind")), putChannelRequest{}
	err := bind(c, &req)
	if err == nil && !slices.Contains(models.EndpointKinds(), kind) {
		err = errs.New(errs.NotFound, "not_found")
	}
	if err == nil {
		err = checkTarget(req.URL)
	}
	if err != nil {
		fail(c, err)
		return
	}
	ctx, wanted := c.Request.Context(), c.GetHeader("If-Match")
	for try := 1; ; try++ {
		row, err := h.store.Channel(ctx, kind)
		if errs.CodeOf(err) == errs.NotFound {
			row, err = models.Channel{Kind: kind}, nil
		}
		if err == nil && !matches(wanted, row.Version) {
			err = errs.New(errs.PreconditionFailed, "precondition_failed")
		}
		if err == nil {
			row.URL, row.UpdatedBy, row.UpdatedAt = req.URL, caller(c).User.ID, h.now().UTC()
			if req.Secret.set {
				row.Secret, err = secretOf(kind, req.Secret.value)
			}
		}
		if err == nil && len(row.Secret) == 0 && standardWebhook(kind) {
			var f faults
			f.add("secret", "required")
			err = f.err()
		}
		if err == nil {
			row, err = h.store.PutChannel(ctx, row)
		}
		if errs.CodeOf(err) == errs.PreconditionFailed && wanted == "" && try < maxTries {
			continue
		}
		if err != nil {
			fail(c, err)
			return
		}
		etag(c, row.Version)
		answer(c, http.StatusOK, toChannelView(row))
		return
	}
}

// standardWebhook reports whether messages of the kind are signed by the Standard Webhooks specification.
func standardWebhook(kind models.ChannelKind) bool {
	return kind == models.ChannelSMS || kind == models.ChannelWebhook
}

// secretOf reads a secret: as the Standard Webhooks specification writes it (24 to 64 bytes), or the word that a chat
// group shows; WeCom's robots have none but the key in their address.
func secretOf(kind models.ChannelKind, text string) ([]byte, error) {
	var f faults
	switch {
	case standardWebhook(kind):
		encoded, ok := strings.CutPrefix(text, "whsec_")
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
			f.add("secret", "webhook_secret")
		}
		return secret, f.err()
	case kind == models.ChannelWeCom && text != "":
		f.add("secret", "no_secret")
	}
	return []byte(strings.TrimSpace(text)), f.err()
}

// delete takes the endpoint of a channel away: nothing leaves by it any more. 404 none is set.
func (h *channels) delete(c *gin.Context) {
	if err := h.store.DeleteChannel(c.Request.Context(), models.ChannelKind(c.Param("kind"))); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

type testChannelRequest struct {
	Phone string `json:"phone" binding:"omitempty,phone"` // for SMS: users have no number
}

type channelTestView struct {
	Outcome    string  `json:"outcome"`     // sent, or the class of the error
	Reason     *string `json:"reason"`      // null: sent
	RetryAfter *string `json:"retry_after"` // as long as the other side wants to be left alone; null: it does not say
}

// test sends a message to the caller, to the robot's group or to the given number, and tells what became of it. 404 no
// such channel, 422 an SMS without a number.
func (h *channels) test(c *gin.Context) {
	kind, req := models.ChannelKind(c.Param("kind")), testChannelRequest{}
	err := bind(c, &req)
	if err == nil && kind != models.ChannelEmail && !slices.Contains(models.EndpointKinds(), kind) {
		err = errs.New(errs.NotFound, "not_found")
	}
	if err == nil && kind == models.ChannelSMS && req.Phone == "" {
		var f faults
		f.add("phone", "required")
		err = f.err()
	}
	if err != nil {
		fail(c, err)
		return
	}
	user, texts := caller(c).User, edgeOf(c).texts
	err = h.sender.Send(c.Request.Context(), kind, channel.Message{
		Key: commandID(c), To: channel.Recipient{Name: user.DisplayName, Email: user.Email, Phone: req.Phone, Locale: user.Locale},
		Subject: texts.Text(user.Locale, "channel.test.subject", nil),
		Text:    texts.Text(user.Locale, "channel.test.body", map[string]string{"name": user.DisplayName}),
	})
	answer(c, http.StatusOK, toChannelTestView(err))
}

func toChannelTestView(err error) channelTestView {
	if err == nil {
		return channelTestView{Outcome: "sent"}
	}
	v, reason := channelTestView{Outcome: string(channel.ClassOf(err))}, "unknown"
	if fault, ok := errors.AsType[*channel.Error](err); ok {
		reason = fault.Reason
		if fault.RetryAfter > 0 {
			after := isoDuration(fault.RetryAfter)
			v.RetryAfter = &after
		}
	}
	v.Reason = &reason
	return v
}
