// Package channel sends a message to a person: by e-mail, SMS, signed webhook, or the robot of a chat group (DingTalk,
// Feishu, WeCom). It tries once and says exactly what became of the message; when to try again is the caller's matter.
package channel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mcrflow/mcrflow/models"
)

// Message is what one person is to be told. It is the same on every channel.
type Message struct {
	Key      string // idempotency id, the same whenever the message is tried again: Message-ID of an e-mail, webhook-id of a post
	To       Recipient
	Subject  string // one line: subject of an e-mail, title of a robot's message; SMS have none
	Text     string // plain text; the senders add the link unless the text names it already
	HTML     string // optional: the whole page of an e-mail, with the link in it; made from the text if empty
	Link     string // optional: where the message leads, such as a questionnaire
	LinkText string // what the link is called; the link itself if empty
	OptOut   string // optional: where the person ends such messages by one POST (RFC 8058)
}

// Recipient is the person to whom a message goes; the channel's own address of them must be there. Robots speak to their
// group, whoever the person is.
type Recipient struct {
	Name   string
	Email  string
	Phone  string // digits, with a leading + and the usual separators or without
	Locale string // BCP 47, of the text
}

// Sender sends messages. It is safe for concurrent use.
type Sender interface {
	// Send tries once. Without an error the other side has taken the message; every error is an *Error.
	Send(ctx context.Context, m Message) error
}

// Batch is a Sender for many messages one after the other, which keeps its connection between them. Whoever opened it
// closes it.
type Batch interface {
	Sender
	// Close ends the connection. What was sent stays sent, whatever the error.
	Close() error
}

// Class is what an error means for the recipient.
type Class string

// The classes. A recipient is lost for the channel by Rejected alone.
const (
	// Rejected is a no to this recipient or this message for good: trying again is of no use.
	Rejected Class = "rejected"
	// Temporary is a no to this recipient for now: nothing was taken, and the same may be taken later.
	Temporary Class = "temporary"
	// Down is no word about the recipient: the channel is not set up, cannot be reached, or refuses us as such.
	Down Class = "down"
	// InDoubt is no word at all: the message may have been taken. Trying again may bring it twice, where the receiver does
	// not know it by its key.
	InDoubt Class = "in_doubt"
)

// NotConfigured is the reason of a channel for which no administrator has set an endpoint.
const NotConfigured = "not_configured"

// Error says what became of a message that was not taken. Class and Reason hold no address, secret or text of others, so
// that they may be stored and shown.
type Error struct {
	Class      Class
	Reason     string        // a short stable code, such as smtp_550, http_429, errcode_310000, no_answer
	RetryAfter time.Duration // how long the other side wants to be left alone; zero: it does not say
	Err        error         // the inner cause, for logs only; nil: there is none
}

// Error returns class and reason; the inner cause stays inside.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Class, e.Reason) }

// Unwrap returns the inner cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of a sender's error; empty for nil. An error that is none of this package says nothing about
// the message: in doubt.
func ClassOf(err error) Class {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Class
	}
	return InDoubt
}

// Endpoints are the addresses that an administrator has set.
type Endpoints interface {
	// Channel returns the endpoint of a kind, address and secret in clear; not_found when there is none.
	Channel(ctx context.Context, kind models.ChannelKind) (models.Channel, error)
}
