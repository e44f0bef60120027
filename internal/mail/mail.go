// Package mail sends e-mails by SMTP, as text and HTML.
package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	netmail "net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"

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
	To       string // the bare address
	Name     string // optional: of the receiver
	Locale   string // BCP 47, of the text
	Subject  string
	Sections []Section   // one, or several that were bundled
	HTML     string      // optional: the whole page; made from the sections if empty
	Link     string      // where to read on; empty for people who have no log-in
	LinkText string      // what the link is called; the link itself if empty
	OptOut   string      // optional: http(s) address where the receiver ends such messages by one POST (RFC 8058)
	Calendar *ical.Event // an entry for the receiver's diary, organised by the sender; nil: none
}

// Section is one matter of a message.
type Section struct {
	Title string // optional
	Body  string
}

// Sender sends e-mails through one server, or writes them into a folder. It is safe for concurrent use.
type Sender struct {
	cfg   config.SMTP
	page  *template.Template
	roots *x509.CertPool // who vouches for the server; nil: those of the system
}

// NewSender returns a sender for the settings; nothing is connected before the first message.
func NewSender(cfg config.SMTP) (*Sender, error) {
	page, err := template.New("message").Parse(layout)
	if err != nil {
		return nil, err
	}
	return &Sender{cfg: cfg, page: page}, nil
}

// Configured reports whether there is a mail server, or a folder in its place.
func (s *Sender) Configured() bool { return s.cfg.Configured() }

// Send hands the message to the server; without an error the server has taken it. What the server or the network refuses
// is an *Error.
func (s *Sender) Send(ctx context.Context, m Message) error {
	batch := s.Open()
	err := batch.Send(ctx, m)
	_ = batch.Close() // the server has said its word on the message already
	return err
}

// compose writes the message; an address that is none is an *Error.
func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	to, err := netmail.ParseAddress(m.To)
	if err == nil && (to.Name != "" || to.Address != m.To) {
		err = errors.New("not a bare address")
	}
	if err != nil {
		return nil, failed(PhaseAddress, err)
	}
	to.Name = line(m.Name)
	msg := gomail.NewMsg(s.encoding()...)
	if err := msg.From(s.cfg.From); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	msg.ToMailAddress(to)
	msg.SetMessageIDWithValue(messageID(m.ID))
	msg.SetDate()
	msg.SetBulk()
	msg.Subject(line(m.Subject))
	if m.Locale != "" {
		msg.SetGenHeader(gomail.HeaderContentLang, m.Locale)
	}
	if m.OptOut != "" {
		u, err := url.Parse(m.OptOut)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, errors.New("opt-out: no http address")
		}
		msg.SetGenHeader(gomail.HeaderListUnsubscribe, "<"+u.String()+">")
		msg.SetGenHeader(gomail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
	if m.LinkText == "" {
		m.LinkText = m.Link
	}
	msg.SetBodyString(gomail.TypeTextPlain, plain(m))
	if m.HTML == "" {
		var page bytes.Buffer
		if err := s.page.Execute(&page, m); err != nil {
			return nil, err
		}
		m.HTML = page.String()
	}
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	if m.Calendar != nil {
		entry := *m.Calendar
		entry.Organizer = s.cfg.From
		kind := gomail.ContentType("text/calendar; charset=UTF-8; method=" + entry.Method)
		if err := msg.AttachReader("invitation.ics", bytes.NewReader(entry.Bytes()), gomail.WithFileContentType(kind)); err != nil {
			return nil, fmt.Errorf("invitation: %w", err)
		}
	}
	return msg, nil
}

// plain is the message as text.
func plain(m Message) string {
	var parts []string
	for _, section := range m.Sections {
		if section.Title != "" {
			parts = append(parts, section.Title)
		}
		parts = append(parts, section.Body)
	}
	if m.Link != "" {
		parts = append(parts, m.Link)
	}
	return strings.Join(parts, "\n\n")
}

// line makes one line of a text that goes into a header.
func line(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// messageID is the same for the same key, and one that every server lets pass: a key with other characters than those of
// our ids is replaced by its digest.
func messageID(key string) string {
	for _, r := range key {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/", r) {
			sum := sha256.Sum256([]byte(key))
			return hex.EncodeToString(sum[:]) + "@mcrflow"
		}
	}
	return key + "@mcrflow"
}

func (s *Sender) tls() *tls.Config {
	return &tls.Config{ServerName: s.cfg.Host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

func (s *Sender) options() []gomail.Option {
	o := []gomail.Option{gomail.WithPort(s.cfg.Port), gomail.WithTimeout(within), gomail.WithTLSConfig(s.tls())}
	switch s.cfg.TLS {
	case "tls": // the connection is encrypted before the library gets it, which then sees that it is
		o = append(o, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
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
