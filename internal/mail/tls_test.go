package mail_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/config"
	ourmail "github.com/mcrflow/mcrflow/internal/mail"
)

// serveTLS is a mail server on an encrypted connection that takes mail from one user, whose password is "right".
func serveTLS(t *testing.T) (config.SMTP, *x509.CertPool, <-chan string) {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	t.Cleanup(certified.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	taken := make(chan string, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go loggedIn(conn, taken)
		}
	}()
	addr := l.Addr().(*net.TCPAddr)
	return config.SMTP{Host: "127.0.0.1", Port: addr.Port, User: "desk", Password: "right", From: "desk@example.com", TLS: "tls"}, roots, taken
}

func loggedIn(conn net.Conn, taken chan<- string) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	in, allowed := bufio.NewReader(conn), false
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 test ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		switch verb := strings.ToUpper(words[0]); {
		case verb == "EHLO":
			say("250-test\r\n250 AUTH PLAIN")
		case verb == "AUTH":
			if allowed = words[len(words)-1] == base64.StdEncoding.EncodeToString([]byte("\x00desk\x00right")); allowed {
				say("235 welcome")
			} else {
				say("535 5.7.8 who are you")
			}
		case verb == "MAIL" && !allowed:
			say("530 5.7.0 log in")
		case verb == "DATA":
			say("354 go on")
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			taken <- "a message"
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestSend_logs_in_over_an_encrypted_connection(t *testing.T) {
	t.Parallel()
	cfg, roots, taken := serveTLS(t)
	m := ourmail.Message{ID: "msg_1", To: "ann@example.com", Subject: "s"}
	send := func(cfg config.SMTP, roots *x509.CertPool) error {
		sender, err := ourmail.NewSender(cfg)
		require.NoError(t, err)
		sender.Trust(roots)
		return sender.Send(t.Context(), m)
	}
	require.NoError(t, send(cfg, roots))
	require.Equal(t, "a message", <-taken)

	var fault *ourmail.Error
	require.ErrorAs(t, send(cfg, x509.NewCertPool()), &fault, "a server for whom nobody vouches")
	require.Equal(t, ourmail.PhaseConnect, fault.Phase)
	require.Zero(t, fault.Code)

	wrong := cfg
	wrong.Password = "wrong"
	require.ErrorAs(t, send(wrong, roots), &fault)
	require.Equal(t, ourmail.PhaseConnect, fault.Phase)
	require.Equal(t, 535, fault.Code)

	unknown := cfg
	unknown.User, unknown.Password = "", ""
	require.ErrorAs(t, send(unknown, roots), &fault)
	require.Equal(t, ourmail.PhaseSender, fault.Phase)
	require.Equal(t, 530, fault.Code)
	require.Empty(t, taken)
}
