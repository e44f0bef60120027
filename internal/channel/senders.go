package channel

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/mail"
	"github.com/mcrflow/mcrflow/internal/webhook"
	"github.com/mcrflow/mcrflow/models"
)

// Senders finds the sender of a kind of channel. It is safe for concurrent use.
type Senders struct {
	mail      *mail.Sender
	endpoints Endpoints
	client    *http.Client
	now       func() time.Time
}

// New returns the senders of all kinds. E-mail is down while mailer is nil or has no server.
func New(mailer *mail.Sender, endpoints Endpoints, now func() time.Time) *Senders {
	return &Senders{mail: mailer, endpoints: endpoints, client: webhook.NewClient(), now: now}
}

// Open returns the sender of a kind with the settings of this moment. Errors: Down not_configured when there are none;
// Down settings while they cannot be read; Rejected no_sender for a kind that nothing sends, such as phone.
func (s *Senders) Open(ctx context.Context, kind models.ChannelKind) (Batch, error) {
	if kind == models.ChannelEmail {
		if s.mail == nil || !s.mail.Configured() {
			return nil, &Error{Class: Down, Reason: NotConfigured}
		}
		return &email{s.mail.Open()}, nil
	}
	format, ok := formats[kind]
	if !ok {
		return nil, &Error{Class: Rejected, Reason: "no_sender"}
	}
	endpoint, err := s.endpoints.Channel(ctx, kind)
	switch {
	case errs.CodeOf(err) == errs.NotFound:
		return nil, &Error{Class: Down, Reason: NotConfigured, Err: err}
	case err != nil:
		return nil, &Error{Class: Down, Reason: "settings", Err: err}
	}
	return &poster{endpoint: endpoint, format: format, client: s.client, now: s.now}, nil
}

// Send sends one message by the channel of a kind; for several, Open once. Errors as Sender.Send and Open.
func (s *Senders) Send(ctx context.Context, kind models.ChannelKind, m Message) error {
	batch, err := s.Open(ctx, kind)
	if err != nil {
		return err
	}
	err = batch.Send(ctx, m)
	_ = batch.Close() // the other side has answered already
	return err
}

// cancelled is the error of a message that its caller has given up before anything could be taken; nil otherwise.
func cancelled(ctx context.Context, err error) *Error {
	if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		return nil
	}
	return &Error{Class: Temporary, Reason: "cancelled", Err: err}
}
