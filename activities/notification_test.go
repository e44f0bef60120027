package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/ical"
	"github.com/mcrflow/mcrflow/internal/mail"
	"github.com/mcrflow/mcrflow/models"
)

// outbox is a store of messages in memory.
type outbox struct {
	waiting []models.Delivery
	next    *time.Time
	users   map[string]models.User
	hooks   map[string]models.Webhook
	down    error

	leasedUntil time.Time
	sent        []string
	failed      map[string]failure
}

type failure struct {
	reason string
	again  time.Time
}

func (o *outbox) LeaseDeliveries(_ context.Context, _ string, _ int64, _, until time.Time) (models.LeasedDeliveries, error) {
	o.leasedUntil = until
	return models.LeasedDeliveries{Deliveries: o.waiting, Next: o.next}, o.down
}

func (o *outbox) MarkDeliveriesSent(_ context.Context, ids []string, _ time.Time) error {
	o.sent = append(o.sent, ids...)
	return nil
}

func (o *outbox) MarkDeliveriesFailed(_ context.Context, ids []string, reason string, again time.Time) error {
	for _, id := range ids {
		o.failed[id] = failure{reason, again}
	}
	return nil
}

func (o *outbox) User(_ context.Context, id string) (models.User, error) { return o.users[id], nil }

func (o *outbox) Webhook(_ context.Context, id string) (models.Webhook, error) {
	hook, ok := o.hooks[id]
	if !ok {
		return hook, errs.New(errs.NotFound, "webhook.unknown")
	}
	return hook, nil
}

// letters keeps e-mails, and refuses those to the addresses in bad.
type letters struct {
	sent []mail.Message
	bad  map[string]error
}

func (l *letters) Send(_ context.Context, m mail.Message) error {
	if err := l.bad[m.To]; err != nil {
		return err
	}
	l.sent = append(l.sent, m)
	return nil
}

type posted struct {
	url, id string
	secret  []byte
	body    []byte
}

// posts keeps what was posted, and fails with err.
type posts struct {
	sent []posted
	err  error
}

func (p *posts) Post(_ context.Context, url string, secret []byte, id string, body []byte) error {
	if p.err == nil {
		p.sent = append(p.sent, posted{url, id, secret, body})
	}
	return p.err
}

type post struct {
	*activities.Notifications
	box   *outbox
	mail  *letters
	posts *posts
}

var now = time.Date(2026, 3, 9, 1, 0, 0, 0, time.UTC)

func newPost(t *testing.T, waiting ...models.Delivery) *post {
	t.Helper()
	texts, err := i18n.New()
	require.NoError(t, err)
	p := &post{
		mail: &letters{bad: map[string]error{}}, posts: &posts{},
		box: &outbox{waiting: waiting, failed: map[string]failure{}, hooks: map[string]models.Webhook{}, users: map[string]models.User{
			"ann":  {ID: "ann", Email: "ann@example.com", Locale: "en", TimeZone: "Asia/Shanghai", Active: true},
			"li":   {ID: "li", Email: "li@example.com", Locale: "zh-CN", TimeZone: "Asia/Shanghai", Active: true},
			"left": {ID: "left", Email: "left@example.com", Locale: "en", TimeZone: "UTC"},
			"mute": {ID: "mute", Locale: "en", TimeZone: "UTC", Active: true},
		}},
	}
	p.Notifications = &activities.Notifications{
		Outbox: p.box, Mail: p.mail, Webhooks: p.posts, Texts: texts, PublicURL: "https://crm.example.com", Now: func() time.Time { return now },
	}
	return p
}

func (p *post) deliver() error {
	_, err := p.Deliver(context.Background(), models.DeliverMessages{SubjectID: "case_1", Seq: 3})
	return err
}

func toUser(id, user, kind, number string) models.Delivery {
	return models.Delivery{
		ID: id, SubjectID: "case_1", StepSeq: 3, Channel: "email", UserID: &user, Kind: kind, CreatedAt: now,
		Data: map[string]string{"number": number, "type": "complaint", "priority": "P1", "milestone": "resolution", "warn": "50%", "due_at": "2026-03-09T05:00:00Z"},
	}
}

func ids(messages []mail.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, m.ID)
	}
	return out
}

func TestDeliver_bundles_the_warnings_of_one_person(t *testing.T) {
	t.Parallel()
	p := newPost(
		t, toUser("m1", "ann", models.NoticeWarned, "CMP-1"), toUser("m2", "li", models.NoticeWarned, "CMP-1"),
		toUser("m3", "ann", "milestone_breached", "CMP-1"), toUser("m4", "ann", models.NoticeWarned, "CMP-2"),
	)
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"m1", "m2", "m3"}, ids(p.mail.sent), "one message for both warnings; a breach stands alone")
	require.Len(t, p.mail.sent[0].Sections, 2)
	require.Contains(t, p.mail.sent[0].Subject, "2")
	require.Contains(t, p.mail.sent[0].Sections[1].Title, "CMP-2")
	require.ElementsMatch(t, []string{"m1", "m2", "m3", "m4"}, p.box.sent, "every delivery is marked, the bundled ones too")
	require.Empty(t, p.box.failed)
	require.Greater(t, p.box.leasedUntil.Sub(now), time.Minute, "nobody else sends while an attempt, of a minute at most, may last")
}

func TestDeliver_speaks_the_readers_language_on_their_clock(t *testing.T) {
	t.Parallel()
	p := newPost(t, toUser("m1", "ann", "milestone_breached", "CMP-1"), toUser("m2", "li", "milestone_breached", "CMP-1"))
	require.NoError(t, p.deliver())
	en, zh := p.mail.sent[0], p.mail.sent[1]
	require.Equal(t, []string{"ann@example.com", "en", "https://crm.example.com"}, []string{en.To, en.Locale, en.Link})
	require.Contains(t, en.Sections[0].Body, "2026-03-09 13:00", "an instant is told on the reader's clock")
	require.Contains(t, zh.Sections[0].Body, "2026-03-09 13:00")
	require.Contains(t, zh.Sections[0].Body, "投诉")
	require.NotContains(t, zh.Sections[0].Body, "complaint", "names of the process are translated")
	require.NotContains(t, zh.Sections[0].Body, "resolution")
}

func TestDeliver_writes_to_the_client_in_their_language_without_a_link(t *testing.T) {
	t.Parallel()
	p := newPost(t, models.Delivery{
		ID: "m1", Channel: "email", ContactEmail: "client@example.com", Kind: "client_answer",
		Data: map[string]string{"number": "CMP-1", "type": "complaint", "message": "马上到。", "locale": "zh-CN"},
	})
	require.NoError(t, p.deliver())
	m := p.mail.sent[0]
	require.Equal(t, []string{"client@example.com", "zh-CN", "", "马上到。"}, []string{m.To, m.Locale, m.Link, m.Sections[0].Body})
	require.Contains(t, m.Subject, "投诉")
}

func TestDeliver_tries_again_what_was_not_taken_and_only_that(t *testing.T) {
	t.Parallel()
	p := newPost(t, toUser("m1", "ann", "case_recorded", "CMP-1"), toUser("m2", "li", "case_recorded", "CMP-1"))
	p.mail.bad["ann@example.com"] = errors.New("550 mailbox full")
	err := p.deliver()
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, errs.Unavailable, e.Code)
	require.True(t, e.Code.Retryable())
	require.Equal(t, 30*time.Second, e.RetryAfter)
	require.Equal(t, []string{"m2"}, p.box.sent, "one bad address keeps nobody else waiting")
	require.Equal(t, map[string]failure{"m1": {"550 mailbox full", now.Add(30 * time.Second)}}, p.box.failed)
}

func TestDeliver_comes_back_for_messages_that_must_wait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want time.Duration }{
		"a bundle that is still open": {4 * time.Minute, 4 * time.Minute},
		"due this very moment":        {0, time.Second},
		"due already":                 {-time.Minute, time.Second},
	} {
		p := newPost(t)
		next := now.Add(c.in)
		p.box.next = &next
		var e *errs.Error
		require.ErrorAs(t, p.deliver(), &e, name)
		require.Equal(t, errs.Unavailable, e.Code, name)
		require.Equal(t, c.want, e.RetryAfter, name)
	}
	require.NoError(t, newPost(t).deliver(), "nothing left is the end")
}

func TestDeliver_tells_nobody_who_left_or_has_no_address(t *testing.T) {
	t.Parallel()
	p := newPost(t, toUser("m1", "left", "case_recorded", "CMP-1"), toUser("m2", "mute", "case_recorded", "CMP-1"))
	require.NoError(t, p.deliver())
	require.Empty(t, p.mail.sent)
	require.Equal(t, []string{"m1", "m2"}, p.box.sent, "the matter is settled")
}

func TestDeliver_posts_to_webhooks(t *testing.T) {
	t.Parallel()
	hook, gone := "hook_1", "hook_gone"
	d := toUser("m1", "ann", "milestone_breached", "CMP-1")
	d.Channel, d.WebhookID = "webhook", &hook
	removed := d
	removed.ID, removed.WebhookID = "m2", &gone
	p := newPost(t, d, removed)
	p.box.hooks[hook] = models.Webhook{ID: hook, URL: "https://example.com/hook", Secret: []byte("s")}
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"m1", "m2"}, p.box.sent, "what was meant for a removed endpoint is settled")
	require.Len(t, p.posts.sent, 1)
	got := p.posts.sent[0]
	require.Equal(t, posted{url: "https://example.com/hook", id: "m1", secret: []byte("s"), body: got.body}, got)
	var body struct {
		Type      string
		Timestamp time.Time
		Data      map[string]string
	}
	require.NoError(t, json.Unmarshal(got.body, &body))
	require.Equal(t, "milestone_breached", body.Type)
	require.True(t, now.Equal(body.Timestamp))
	require.Equal(t, []string{"case_1", "ann", "CMP-1"}, []string{body.Data["subject_id"], body.Data["user_id"], body.Data["number"]})

	p = newPost(t, d)
	p.box.hooks[hook] = models.Webhook{ID: hook}
	p.posts.err = errors.New("the endpoint answered 500")
	require.Equal(t, errs.Unavailable, errs.CodeOf(p.deliver()))
	require.Equal(t, "the endpoint answered 500", p.box.failed["m1"].reason)
	require.Empty(t, p.box.sent)
}

func TestDeliver_passes_on_that_storage_is_down(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.box.down = errs.New(errs.Unavailable, "unavailable.database")
	require.ErrorIs(t, p.deliver(), p.box.down)
}

func TestDeliver_puts_an_invitation_into_the_diary_and_takes_it_out(t *testing.T) {
	t.Parallel()
	entry := func(id, kind string) models.Delivery {
		user := "ann"
		return models.Delivery{
			ID: id, SubjectID: "reception_1", StepSeq: 3, Channel: "email", UserID: &user, Kind: kind, CreatedAt: now,
			Data: map[string]string{
				"uid": "u1", "sequence": "3", "number": "RCP-1", "subject": "see the new line", "starts_at": "2026-03-13T02:00:00Z", "ends_at": "2026-03-13T08:00:00Z",
			},
		}
	}
	p := newPost(t, entry("m1", models.NoticeInvitation), entry("m2", models.NoticeUninvited), toUser("m3", "ann", "milestone_breached", "CMP-1"))
	require.NoError(t, p.deliver())
	in, out := p.mail.sent[0], p.mail.sent[1]
	require.Equal(t, &ical.Event{
		Method: ical.Request, UID: "u1", Sequence: 3, Stamp: now, StartsAt: time.Date(2026, 3, 13, 2, 0, 0, 0, time.UTC),
		EndsAt: time.Date(2026, 3, 13, 8, 0, 0, 0, time.UTC), Summary: "RCP-1 see the new line", URL: "https://crm.example.com", Attendee: "ann@example.com",
	}, in.Calendar)
	require.Contains(t, in.Sections[0].Body, "2026-03-13 10:00", "told on the reader's clock")
	require.Equal(t, ical.Cancel, out.Calendar.Method)
	require.Nil(t, p.mail.sent[2].Calendar)
}
