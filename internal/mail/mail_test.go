package mail_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/config"
	"github.com/mcrflow/mcrflow/internal/ical"
	ourmail "github.com/mcrflow/mcrflow/internal/mail"
)

// delivery is one message as a mail server took it.
type delivery struct {
	from, to, data string
}

// serveSMTP is a mail server that speaks as much of the protocol as a client needs. It takes mail for every address but
// nobody@. What it took comes out of the channel.
func serveSMTP(t *testing.T) (config.SMTP, <-chan delivery) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	taken := make(chan delivery, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go converse(conn, taken)
		}
	}()
	addr := l.Addr().(*net.TCPAddr)
	return config.SMTP{Host: addr.IP.String(), Port: addr.Port, From: "mcrflow@example.com", TLS: "none"}, taken
}

func converse(conn net.Conn, taken chan<- delivery) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 test ESMTP")
	var d delivery
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0]); verb {
		case "EHLO":
			say("250-test\r\n250 8BITMIME")
		case "MAIL":
			d = delivery{from: address(line)}
			say("250 ok")
		case "RCPT":
			if d.to = address(line); strings.HasPrefix(d.to, "nobody@") {
				say("550 no such mailbox")
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(strings.TrimPrefix(line, "."))
			}
			d.data = text.String()
			taken <- d
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func address(line string) string {
	return line[strings.Index(line, "<")+1 : strings.Index(line, ">")]
}

// parts reads a message: its header, and the text of each part by media type.
func parts(t *testing.T, data string) (mail.Header, map[string]string) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(data))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	texts := map[string]string{}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return msg.Header, texts
		}
		require.NoError(t, err)
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		require.NoError(t, err)
		require.Equal(t, "utf-8", strings.ToLower(params["charset"]))
		require.Equal(t, "quoted-printable", p.Header.Get("Content-Transfer-Encoding"))
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		require.NoError(t, err)
		texts[kind] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}

func send(t *testing.T, cfg config.SMTP, m ourmail.Message) error {
	t.Helper()
	sender, err := ourmail.NewSender(cfg)
	require.NoError(t, err)
	return sender.Send(context.Background(), m)
}

func TestSend_as_text_and_HTML_in_both_languages(t *testing.T) {
	t.Parallel()
	for _, m := range []ourmail.Message{
		{
			ID: "msg_en", To: "ann@example.com", Locale: "en", Subject: "CMP-1: resolution is due soon", Link: "https://crm.example.com/?a=1&b=2", LinkText: "Open",
			Sections: []ourmail.Section{{Title: "CMP-1: resolution is due soon", Body: "Due at 12:00 <today> & no later.\n.\nA line that is a dot."}},
		},
		{
			ID: "msg_zh", To: "li@example.com", Locale: "zh-CN", Subject: "2 个时限即将到期", Link: "https://crm.example.com/", LinkText: "打开",
			Sections: []ourmail.Section{{Title: "CMP-1：即将到期", Body: "请尽快处理。"}, {Title: "CMP-2：即将到期", Body: "时限 18:00。"}},
		},
	} {
		t.Run(m.Locale, func(t *testing.T) {
			t.Parallel()
			cfg, taken := serveSMTP(t)
			require.NoError(t, send(t, cfg, m))
			got := <-taken
			require.Equal(t, "mcrflow@example.com", got.from)
			require.Equal(t, m.To, got.to)
			header, texts := parts(t, got.data)
			require.Equal(t, "<"+m.ID+"@mcrflow>", header.Get("Message-ID"), "the delivery's id, by which a repetition is dropped")
			subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
			require.NoError(t, err)
			require.Equal(t, m.Subject, subject)
			require.NotEmpty(t, header.Get("Date"))
			require.Len(t, texts, 2)
			page := texts["text/html"]
			require.Contains(t, page, `<html lang="`+m.Locale+`">`)
			require.Contains(t, page, m.LinkText)
			for _, s := range m.Sections {
				require.Contains(t, texts["text/plain"], s.Title+"\n\n"+s.Body)
				require.Contains(t, page, s.Title)
			}
			require.Contains(t, texts["text/plain"], m.Link)
			require.NotContains(t, page, "<today>", "text is never markup")
		})
	}
}

func TestSend_lets_no_text_into_the_header(t *testing.T) {
	t.Parallel()
	cfg, taken := serveSMTP(t)
	require.NoError(t, send(t, cfg, ourmail.Message{ID: "msg_1", To: "ann@example.com", Locale: "en", Subject: "hello\r\nBcc: eve@example.com"}))
	header, _ := parts(t, (<-taken).data)
	require.Empty(t, header.Get("Bcc"))
}

func TestSend_tells_when_the_message_was_not_taken(t *testing.T) {
	t.Parallel()
	cfg, taken := serveSMTP(t)
	require.ErrorContains(t, send(t, cfg, ourmail.Message{ID: "msg_1", To: "nobody@example.com", Subject: "s"}), "550")
	require.Error(t, send(t, cfg, ourmail.Message{ID: "msg_1", To: "no address", Subject: "s"}))
	require.Empty(t, taken)

	strict := cfg
	strict.TLS = "starttls"
	require.ErrorContains(t, send(t, strict, ourmail.Message{ID: "msg_1", To: "ann@example.com", Subject: "s"}), "STARTTLS",
		"nothing is sent in clear when encryption was asked for")
	require.Empty(t, taken)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := cfg
	dead.Port = l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	require.Error(t, send(t, dead, ourmail.Message{ID: "msg_1", To: "ann@example.com", Subject: "s"}), "the server is down")
}

func TestSend_attaches_the_entry_for_the_diary(t *testing.T) {
	t.Parallel()
	cfg, taken := serveSMTP(t)
	at := time.Date(2026, 3, 13, 2, 0, 0, 0, time.UTC)
	entry := &ical.Event{Method: ical.Cancel, UID: "u1", Sequence: 2, Stamp: at, StartsAt: at, EndsAt: at.Add(time.Hour), Summary: "接待", Attendee: "li@example.com"}
	require.NoError(t, send(t, cfg, ourmail.Message{
		ID: "msg_1", To: "li@example.com", Locale: "zh-CN", Subject: "RCP-1", Sections: []ourmail.Section{{Title: "RCP-1", Body: "b"}}, Calendar: entry,
	}))
	msg, err := mail.ReadMessage(strings.NewReader((<-taken).data))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/mixed", kind)
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		require.NoError(t, err, "there is an invitation")
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		require.NoError(t, err)
		if kind != "text/calendar" {
			continue
		}
		require.Equal(t, "CANCEL", params["method"])
		require.Equal(t, "invitation.ics", p.FileName())
		body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
		require.NoError(t, err)
		want := *entry
		want.Organizer = "mcrflow@example.com"
		require.Equal(t, string(want.Bytes()), string(body))
		return
	}
}
