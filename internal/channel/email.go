package channel

import (
	"context"
	"errors"
	"strconv"

	"github.com/mcrflow/mcrflow/internal/mail"
	"github.com/mcrflow/mcrflow/internal/webhook"
)

// email sends by the mail server.
type email struct{ batch *mail.Batch }

// Send hands the message to the mail server.
func (e *email) Send(ctx context.Context, m Message) error {
	out := mail.Message{
		ID: m.Key, To: m.To.Email, Name: m.To.Name, Locale: m.To.Locale, Subject: m.Subject, HTML: m.HTML, OptOut: m.OptOut,
		Sections: []mail.Section{{Body: m.Text}},
	}
	if !names(m.Text, m.Link) {
		out.Link, out.LinkText = m.Link, m.LinkText
	}
	return ofMail(ctx, e.batch.Send(ctx, out))
}

// Close ends the conversation with the mail server.
func (e *email) Close() error { return e.batch.Close() }

// ofMail classifies by the point that the conversation had reached and the server's answer, if there was one.
func ofMail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var fault *mail.Error
	if !errors.As(err, &fault) { // the message could not even be written
		return &Error{Class: Rejected, Reason: "message", Err: err}
	}
	out := &Error{Class: Temporary, Reason: "connection_lost", Err: err}
	if fault.Code != 0 {
		out.Reason = "smtp_" + strconv.Itoa(fault.Code)
	}
	switch {
	case fault.Phase == mail.PhaseAddress:
		out.Class, out.Reason = Rejected, "address"
	case fault.Phase == mail.PhaseAccept && fault.Code == 0:
		out.Class, out.Reason = InDoubt, "no_answer"
	case fault.Code == 0 && ctx.Err() != nil:
		return cancelled(ctx, err)
	case fault.Phase == mail.PhaseConnect:
		out.Class = Down
		if fault.Code == 0 {
			out.Reason = "unreachable"
		}
		if errors.Is(err, webhook.ErrForbidden) {
			out.Reason = "forbidden_target"
		}
	case refusesUs(fault):
		out.Class = Down
	case fault.Code >= 500:
		out.Class = Rejected
	}
	return out
}

// refusesUs reports whether the server refuses the sender and not the recipient: no other recipient would fare better.
func refusesUs(fault *mail.Error) bool {
	switch fault.Code {
	case 530, 534, 535, 538: // a log-in is wanted, or has become invalid
		return true
	}
	return fault.Phase == mail.PhaseSender && fault.Code >= 500
}
