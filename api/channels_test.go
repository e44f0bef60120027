package api_test

import (
	"context"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

func (w *world) Channels(context.Context) ([]models.Channel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []models.Channel
	for _, kind := range models.EndpointKinds() {
		if row, ok := w.channels[kind]; ok {
			out = append(out, row)
		}
	}
	return out, w.broken
}

func (w *world) Channel(_ context.Context, kind models.ChannelKind) (models.Channel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	row, ok := w.channels[kind]
	if !ok {
		return row, errs.New(errs.NotFound, "not_found")
	}
	return row, w.broken
}

func (w *world) PutChannel(_ context.Context, row models.Channel) (models.Channel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.channels[row.Kind].Version != row.Version {
		return row, errs.New(errs.PreconditionFailed, "precondition_failed")
	}
	if w.channels == nil {
		w.channels = map[models.ChannelKind]models.Channel{}
	}
	row.Version++
	w.channels[row.Kind] = row
	return row, w.broken
}

func (w *world) DeleteChannel(_ context.Context, kind models.ChannelKind) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.channels[kind]; !ok {
		return errs.New(errs.NotFound, "not_found")
	}
	delete(w.channels, kind)
	return w.broken
}

func (w *world) Send(_ context.Context, _ models.ChannelKind, m channel.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, m)
	return w.messageErr
}

var whsec = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

func TestChannels_are_set_by_administrators_and_shown_without_key(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.Email = true })
	for _, user := range []string{"boss", "agent", "auditor"} {
		problem(t, w.do(user, "GET", "/api/v1/channels", ""), 403, "forbidden")
		problem(t, w.do(user, "PUT", "/api/v1/channels/wecom", `{"url":"https://robot.example"}`), 403, "forbidden")
		problem(t, w.do(user, "DELETE", "/api/v1/channels/wecom", ""), 403, "forbidden")
		problem(t, w.do(user, "POST", "/api/v1/channels/wecom/test", ""), 403, "forbidden")
	}
	v := object(t, w.do("admin", "PUT", "/api/v1/channels/dingtalk", `{"url":"https://robot.example/send?access_token=TOKEN","secret":"SECWORD"}`), 200)
	require.Equal(t, true, v["signed"])
	require.Equal(t, adminID, v["updated_by"])
	object(t, w.do("admin", "PUT", "/api/v1/channels/sms", `{"url":"https://sms.example/","secret":"`+whsec+`"}`), 200)
	require.Equal(t, []byte("0123456789abcdef0123456789abcdef"), w.channels[models.ChannelSMS].Secret)

	res := w.do("admin", "GET", "/api/v1/channels", "")
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NotContains(t, string(text), "TOKEN")
	require.NotContains(t, string(text), "SECWORD")
	require.NotContains(t, string(text), "MDEyMzQ1")
	shown := map[string]string{}
	for _, item := range object(t, w.do("admin", "GET", "/api/v1/channels", ""), 200)["items"].([]any) {
		row := item.(map[string]any)
		state := "off"
		if row["configured"] == true {
			state, _ = row["host"].(string)
		}
		shown[row["kind"].(string)] = state
	}
	require.Equal(t, map[string]string{"email": "", "sms": "sms.example", "webhook": "off", "dingtalk": "robot.example", "feishu": "off", "wecom": "off"}, shown)

	require.Equal(t, 204, w.do("admin", "DELETE", "/api/v1/channels/dingtalk", "").StatusCode)
	problem(t, w.do("admin", "DELETE", "/api/v1/channels/dingtalk", ""), 404, "not_found")
}

func TestChannels_keep_the_secret_unless_another_is_given(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	object(t, w.do("admin", "PUT", "/api/v1/channels/feishu", `{"url":"https://a.example","secret":" word "}`), 200)
	res := w.do("admin", "PUT", "/api/v1/channels/feishu", `{"url":"https://b.example"}`, "If-Match", `"1"`)
	require.Equal(t, `"2"`, res.Header.Get("ETag"))
	require.Equal(t, "b.example", object(t, res, 200)["host"])
	require.Equal(t, "word", string(w.channels[models.ChannelFeishu].Secret))
	problem(t, w.do("admin", "PUT", "/api/v1/channels/feishu", `{"url":"https://c.example"}`, "If-Match", `"1"`), 412, "precondition_failed")
	require.Equal(t, false, object(t, w.do("admin", "PUT", "/api/v1/channels/feishu", `{"url":"https://c.example","secret":""}`), 200)["signed"])
}

func TestChannels_refuse_what_is_not_of_the_kind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, c := range map[string]struct{ kind, fault string }{
		`{"url":"http://169.254.169.254/"}`: {"wecom", "url:url_target"},
		`{"url":"ftp://a.example"}`:         {"dingtalk", "url:url_scheme"},
		`{}`:                                {"feishu", "url:required"},
		`{"url":"https://a.example","secret":"x"}`:                         {"wecom", "secret:no_secret"},
		`{"url":"https://a.example"}`:                                      {"sms", "secret:required"},
		`{"url":"https://a.example","secret":""}`:                          {"webhook", "secret:webhook_secret"},
		`{"url":"https://a.example","secret":"whsec_c2hvcnQ="}`:            {"webhook", "secret:webhook_secret"},
		`{"url":"https://a.example","secret":"` + whsec[6:] + `"}`:         {"sms", "secret:webhook_secret"},
		`{"url":"https://a.example","secret":"` + whsec[:20] + `not b64"}`: {"sms", "secret:webhook_secret"},
	} {
		p := problem(t, w.do("admin", "PUT", "/api/v1/channels/"+c.kind, body), 422, "invalid")
		require.Equal(t, []string{c.fault}, p.faults(), body)
	}
	for _, kind := range []string{"email", "phone", "fax"} {
		problem(t, w.do("admin", "PUT", "/api/v1/channels/"+kind, `{"url":"https://a.example"}`), 404, "not_found")
	}
	require.Empty(t, w.channels)
}

func TestChannels_test_tells_what_became_of_the_message(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := object(t, w.do("admin", "POST", "/api/v1/channels/email/test", "", "Idempotency-Key", "k1"), 200)
	require.Equal(t, map[string]any{"outcome": "sent", "reason": nil, "retry_after": nil}, v)
	require.Equal(t, "ADMIN", w.messages[0].To.Name)
	require.Contains(t, w.messages[0].Text, "ADMIN")
	require.NotEmpty(t, w.messages[0].Key)
	require.Equal(t, v, object(t, w.do("admin", "POST", "/api/v1/channels/email/test", "", "Idempotency-Key", "k1"), 200))
	require.Len(t, w.messages, 1, "a repeated request sends nothing")

	p := problem(t, w.do("admin", "POST", "/api/v1/channels/sms/test", ""), 422, "invalid")
	require.Equal(t, []string{"phone:required"}, p.faults())
	object(t, w.do("admin", "POST", "/api/v1/channels/sms/test", `{"phone":"+86 138 0013 8000"}`), 200)
	require.Equal(t, "+86 138 0013 8000", w.messages[1].To.Phone)

	w.messageErr = &channel.Error{Class: channel.Temporary, Reason: "errcode_130101", RetryAfter: 10 * time.Minute, Err: io.ErrUnexpectedEOF}
	v = object(t, w.do("admin", "POST", "/api/v1/channels/dingtalk/test", ""), 200)
	require.Equal(t, map[string]any{"outcome": "temporary", "reason": "errcode_130101", "retry_after": "PT10M"}, v)
	w.messageErr = &channel.Error{Class: channel.Down, Reason: "not_configured"}
	require.Equal(t, "down", object(t, w.do("admin", "POST", "/api/v1/channels/wecom/test", ""), 200)["outcome"])
	for _, kind := range []string{"phone", strings.Repeat("x", 50)} {
		problem(t, w.do("admin", "POST", "/api/v1/channels/"+kind+"/test", ""), 404, "not_found")
	}
}
