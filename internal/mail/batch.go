package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/mcrflow/mcrflow/internal/webhook"
)

// Phase is how far a conversation with the mail server came before it failed.
type Phase string

// The phases, in order. Up to PhaseData the server has certainly not taken the message.
const (
	PhaseAddress   Phase = "address"   // the receiver's address is none: the server was not asked
	PhaseConnect   Phase = "connect"   // connection, greeting, encryption and log-in
	PhaseSender    Phase = "sender"    // MAIL FROM
	PhaseRecipient Phase = "recipient" // RCPT TO
	PhaseData      Phase = "data"      // DATA, and the message up to its last line
	PhaseAccept    Phase = "accept"    // the message is sent in full: the server's word on it
)

// Error is a message that was not taken, or of which that is not known: PhaseAccept without a Code.
type Error struct {
	Phase Phase
	Code  int // the server's reply, 400 to 599; 0: there was none
	Err   error
}

// Error describes the failure for logs.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Phase, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func failed(phase Phase, err error) *Error {
	e := &Error{Phase: phase, Err: err}
	if reply := (*textproto.Error)(nil); errors.As(err, &reply) && reply.Code >= 400 && reply.Code < 600 {
		e.Code = reply.Code
	}
	return e
}

// Batch sends messages one after the other and keeps the connection between them; a lost one is made anew with the next
// message. It is safe for concurrent use, but callers wait for each other: several batches send side by side.
type Batch struct {
	sender *Sender
	mu     sync.Mutex
	link   *link // nil: not connected
}

// Open returns a batch; it connects with the first message.
func (s *Sender) Open() *Batch { return &Batch{sender: s} }

// Send hands a message to the server; without an error the server has taken it. What the server or the network refuses is
// an *Error.
func (b *Batch) Send(ctx context.Context, m Message) error {
	msg, err := b.sender.compose(m)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	deliver := b.send
	if b.sender.toFolder() {
		deliver = b.sender.write
	}
	fault := deliver(ctx, msg)
	if fault == nil {
		return nil
	}
	return fault
}

func (b *Batch) send(ctx context.Context, msg *gomail.Msg) *Error {
	kept := b.link != nil
	for {
		if b.link == nil {
			l, err := b.sender.dial(ctx)
			if err != nil {
				return failed(PhaseConnect, err)
			}
			b.link = l
		}
		fault := b.link.send(ctx, msg)
		if b.link.broken {
			b.link.drop()
			b.link = nil
		}
		// Servers end connections that were idle, or have carried enough. One learns of it with the next message, of which
		// nothing was sent yet.
		if kept && fault != nil && fault.Phase == PhaseSender && (fault.Code == 0 || fault.Code == 421) && ctx.Err() == nil {
			kept = false
			continue
		}
		return fault
	}
}

// Close ends the conversation politely.
func (b *Batch) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.link == nil {
		return nil
	}
	l := b.link
	b.link = nil
	_ = l.conn.SetDeadline(time.Now().Add(goodbye))
	err := l.client.Quit()
	l.drop()
	return err
}

// goodbye bounds the end of a conversation, on which nothing depends.
const goodbye = 2 * time.Second

// link is one connection to the server, logged in.
type link struct {
	client *smtp.Client
	conn   net.Conn // under the encryption, if there is any
	begun  bool     // a message was begun and not taken: the server must be told to forget it
	broken bool     // of no use any more
}

// dial connects and logs in. A caller who gives up ends the connection.
func (s *Sender) dial(ctx context.Context) (*link, error) {
	l, stop := &link{}, func() bool { return true }
	connect := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Control: webhook.Control}).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		l.conn, stop = conn, context.AfterFunc(ctx, func() { conn.Close() })
		if s.cfg.TLS != "tls" {
			return conn, nil
		}
		secure := tls.Client(conn, s.tls())
		return secure, secure.HandshakeContext(dialing)
	}
	client, err := gomail.NewClient(s.cfg.Host, append(s.options(), gomail.WithDialContextFunc(connect))...)
	if err != nil {
		return nil, err
	}
	l.client, err = client.DialToSMTPClientWithContext(ctx)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		l.drop()
		return nil, err
	}
	return l, nil
}

func (l *link) drop() {
	if l.conn != nil {
		l.conn.Close()
	}
}

// send transmits one message and notes how far it came.
func (l *link) send(ctx context.Context, msg *gomail.Msg) *Error {
	if err := ctx.Err(); err != nil {
		return failed(PhaseSender, err)
	}
	from, err := msg.GetSender(false)
	if err != nil {
		return failed(PhaseSender, err)
	}
	to, err := msg.GetRecipients()
	if err != nil {
		return failed(PhaseAddress, err)
	}
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer func() {
		if !stop() {
			l.broken = true
		}
	}()
	var content io.WriteCloser
	for _, step := range []struct {
		phase Phase
		do    func() error
	}{
		{PhaseSender, func() error { return l.begin(from) }},
		{PhaseRecipient, func() error { return l.client.Rcpt(to[0]) }},
		{PhaseData, func() (err error) { content, err = l.client.Data(); return err }},
		{PhaseData, func() error { _, err := msg.WriteTo(content); return err }},
		{PhaseAccept, func() error { return content.Close() }},
	} {
		if err := step.do(); err != nil {
			fault := failed(step.phase, err)
			l.broken = fault.Code == 0 || fault.Code == 421 // 421: the server ends the connection
			return fault
		}
	}
	l.begun = false
	return nil
}

// begin opens a transaction, after the end of one that was refused.
func (l *link) begin(from string) error {
	if err := l.conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if l.begun {
		if err := l.client.Reset(); err != nil {
			return err
		}
	}
	l.begun = true
	return l.client.Mail(from)
}
