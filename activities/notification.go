package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/ical"
	"github.com/mcrflow/mcrflow/internal/mail"
	"github.com/mcrflow/mcrflow/models"
)

const (
	// leaseFor is longer than one attempt may take, so that no two workers send the same message at the same time.
	leaseFor = 90 * time.Second
	// retryAfter is how long a message waits that its receiver did not take.
	retryAfter = 30 * time.Second
)

// Outbox is what this file needs of storage.
type Outbox interface {
	LeaseDeliveries(ctx context.Context, subjectID string, step int64, now, until time.Time) (models.LeasedDeliveries, error)
	MarkDeliveriesSent(ctx context.Context, ids []string, at time.Time) error
	MarkDeliveriesFailed(ctx context.Context, ids []string, lastError string, again time.Time) error
	User(ctx context.Context, id string) (models.User, error)
	// Webhook returns an endpoint with its secret in clear; not_found when it was removed.
	Webhook(ctx context.Context, id string) (models.Webhook, error)
}

// Mailer sends an e-mail.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) error
}

// Poster posts a signed message.
type Poster interface {
	Post(ctx context.Context, url string, secret []byte, id string, body []byte) error
}

// Texts renders what people read.
type Texts interface {
	Text(locale, key string, args map[string]string) string
	// Notice renders a notification in the reader's language, its instants on the clock of the zone.
	Notice(locale string, zone *time.Location, kind string, data map[string]string) (title, body string)
}

// Notifications sends messages out of the product.
type Notifications struct {
	Outbox    Outbox
	Mail      Mailer
	Webhooks  Poster
	Texts     Texts
	PublicURL string
	Now       func() time.Time
}

// Deliver sends the messages of one step that have not left yet. Idempotency key: the delivery's id, which the receiver
// gets as Message-ID or webhook-id. It is retried without end: while a receiver does not take a message, while another
// worker holds one, and while a warning waits for others to go with it; the messages that left are not sent again.
func (n *Notifications) Deliver(ctx context.Context, in models.DeliverMessages) (struct{}, error) {
	now := n.Now().UTC()
	leased, err := n.Outbox.LeaseDeliveries(ctx, in.SubjectID, in.Seq, now, now.Add(leaseFor))
	if err != nil {
		return struct{}{}, err
	}
	var failed []error
	for _, message := range bundles(leased.Deliveries) {
		if fault := n.send(ctx, message); fault != nil {
			failed = append(failed, fault)
			err = n.Outbox.MarkDeliveriesFailed(ctx, idsOf(message), fault.Error(), n.Now().UTC().Add(retryAfter))
		} else {
			err = n.Outbox.MarkDeliveriesSent(ctx, idsOf(message), n.Now().UTC())
		}
		if err != nil {
			return struct{}{}, err
		}
	}
	if len(failed) > 0 {
		return struct{}{}, again(errors.Join(failed...), retryAfter)
	}
	if leased.Next != nil {
		return struct{}{}, again(nil, leased.Next.Sub(n.Now()))
	}
	return struct{}{}, nil
}

// again asks the engine to call once more, after a while.
func again(cause error, after time.Duration) error {
	e := errs.Wrap(cause, errs.Unavailable, "unavailable.delivery")
	e.RetryAfter = max(after, time.Second)
	return e
}

// bundles groups messages: the warnings to one user by e-mail are one, every other stands alone.
func bundles(deliveries []models.Delivery) [][]models.Delivery {
	var out [][]models.Delivery
	warned := map[string]int{} // user → place in out
	for _, d := range deliveries {
		if d.Channel == "email" && d.Kind == models.NoticeWarned && d.UserID != nil {
			if i, ok := warned[*d.UserID]; ok {
				out[i] = append(out[i], d)
				continue
			}
			warned[*d.UserID] = len(out)
		}
		out = append(out, []models.Delivery{d})
	}
	return out
}

func idsOf(message []models.Delivery) []string {
	ids := make([]string, len(message))
	for i, d := range message {
		ids[i] = d.ID
	}
	return ids
}

func (n *Notifications) send(ctx context.Context, message []models.Delivery) error {
	if message[0].Channel == "webhook" {
		return n.post(ctx, message[0])
	}
	return n.email(ctx, message)
}

func (n *Notifications) email(ctx context.Context, message []models.Delivery) error {
	first, zone := message[0], time.UTC
	m := mail.Message{ID: first.ID, To: first.ContactEmail, Locale: first.Data["locale"]}
	if first.UserID != nil {
		u, err := n.Outbox.User(ctx, *first.UserID)
		if err != nil {
			return err
		}
		if !u.Active || u.Email == "" {
			return nil // nobody to tell any more
		}
		if zone, err = time.LoadLocation(u.TimeZone); err != nil {
			return err
		}
		m.To, m.Locale = u.Email, u.Locale
		m.Link, m.LinkText = n.PublicURL, n.Texts.Text(u.Locale, "mail.open", nil)
		if m.Calendar, err = entryOf(first, u, n.PublicURL); err != nil {
			return err
		}
	}
	for _, d := range message {
		title, body := n.Texts.Notice(m.Locale, zone, d.Kind, d.Data)
		m.Sections = append(m.Sections, mail.Section{Title: title, Body: body})
	}
	m.Subject = m.Sections[0].Title
	if len(message) > 1 {
		m.Subject = n.Texts.Text(m.Locale, "mail.bundle", map[string]string{"count": fmt.Sprint(len(message))})
	}
	return n.Mail.Send(ctx, m)
}

// entryOf is what an invitation puts into somebody's diary, or takes out; nil for any other message.
func entryOf(d models.Delivery, u models.User, url string) (*ical.Event, error) {
	method := ical.Request
	switch d.Kind {
	case models.NoticeInvitation:
	case models.NoticeUninvited:
		method = ical.Cancel
	default:
		return nil, nil
	}
	sequence, err := strconv.ParseInt(d.Data["sequence"], 10, 64)
	if err != nil {
		return nil, err
	}
	from, err := time.Parse(time.RFC3339, d.Data["starts_at"])
	if err != nil {
		return nil, err
	}
	until, err := time.Parse(time.RFC3339, d.Data["ends_at"])
	return &ical.Event{
		Method: method, UID: d.Data["uid"], Sequence: sequence, Stamp: d.CreatedAt, StartsAt: from, EndsAt: until,
		Summary: strings.TrimSpace(d.Data["number"] + " " + d.Data["subject"]), URL: url, Attendee: u.Email, Name: u.DisplayName,
	}, err
}

// webhookBody is what an endpoint gets.
type webhookBody struct {
	Type      string            `json:"type"`
	Timestamp time.Time         `json:"timestamp"`
	Data      map[string]string `json:"data"`
}

func (n *Notifications) post(ctx context.Context, d models.Delivery) error {
	hook, err := n.Outbox.Webhook(ctx, *d.WebhookID)
	if errs.CodeOf(err) == errs.NotFound {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	data := map[string]string{"subject_id": d.SubjectID}
	for k, v := range d.Data {
		data[k] = v
	}
	if d.UserID != nil {
		data["user_id"] = *d.UserID
	}
	body, err := json.Marshal(webhookBody{Type: d.Kind, Timestamp: d.CreatedAt, Data: data})
	if err != nil {
		return err
	}
	return n.Webhooks.Post(ctx, hook.URL, hook.Secret, d.ID, body)
}
