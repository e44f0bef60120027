// Package mail sends e-mails by SMTP, as text and HTML.
package mail

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/mcrflow/mcrflow/internal/config"
	"github.com/mcrflow/mcrflow/internal/ical"
)

// within bounds one conversation with the mail server.
const within = 30 * time.Second

//go:embed message.html
var layout string

// Message is one e-mail. ID is its idempotency key: it becomes the Message-ID, by which receivers drop a repetition.
type Message struct {
	ID       string
	To       string
	Locale   string // BCP 47, of the text
	Subject  string
	Sections []Section // one, or several that were bundled
	Link     string    // where to read on; empty for people who have no log-in
	LinkText string
	Calendar *ical.Event // an entry for the receiver's diary, organised by the sender; nil: none
}

// Section is one matter of a message.
type Section struct {
	Title string
	Body  string
}

// Sender sends e-mails through one server. It is safe for concurrent use.
type Sender struct {
	cfg  config.SMTP
	page *template.Template
}

// NewSender returns a sender for the settings; nothing is connected before the first message.
func NewSender(cfg config.SMTP) (*Sender, error) {
	page, err := template.New("message").Parse(layout)
	if err != nil {
		return nil, err
	}
	return &Sender{cfg: cfg, page: page}, nil
}

// Send hands the message to the server; without an error the server has taken it.
func (s *Sender) Send(ctx context.Context, m Message) error {
	msg := gomail.NewMsg()
	if err := msg.From(s.cfg.From); err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("receiver: %w", err)
	}
	msg.SetMessageIDWithValue(m.ID + "@mcrflow")
	msg.SetDate()
	msg.SetBulk()
	msg.Subject(m.Subject)
	var text, page bytes.Buffer
	for i, section := range m.Sections {
		if i > 0 {
			text.WriteString("\n\n")
		}
		fmt.Fprintf(&text, "%s\n\n%s", section.Title, section.Body)
	}
	if m.Link != "" {
		fmt.Fprintf(&text, "\n\n%s", m.Link)
	}
	if err := s.page.Execute(&page, m); err != nil {
		return err
	}
	msg.SetBodyString(gomail.TypeTextPlain, text.String())
	msg.AddAlternativeString(gomail.TypeTextHTML, page.String())
	if m.Calendar != nil {
		entry := *m.Calendar
		entry.Organizer = s.cfg.From
		kind := gomail.ContentType("text/calendar; charset=UTF-8; method=" + entry.Method)
		if err := msg.AttachReader("invitation.ics", bytes.NewReader(entry.Bytes()), gomail.WithFileContentType(kind)); err != nil {
			return fmt.Errorf("invitation: %w", err)
		}
	}
	client, err := gomail.NewClient(s.cfg.Host, s.options()...)
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, msg)
}

func (s *Sender) options() []gomail.Option {
	o := []gomail.Option{gomail.WithPort(s.cfg.Port), gomail.WithTimeout(within)}
	switch s.cfg.TLS {
	case "tls":
		o = append(o, gomail.WithSSL())
	case "none":
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.cfg.User != "" {
		o = append(o, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.cfg.User), gomail.WithPassword(string(s.cfg.Password)))
	}
	return o
}
