package channel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/config"
	ourmail "github.com/mcrflow/mcrflow/internal/mail"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

func mailer(t testing.TB, cfg config.SMTP) *channel.Senders {
	t.Helper()
	sender, err := ourmail.NewSender(cfg)
	require.NoError(t, err)
	return channel.New(sender, nil, time.Now)
}

func letter(key, to string) channel.Message {
	return channel.Message{
		Key: key, To: channel.Recipient{Name: "王芳", Email: to, Locale: "zh-CN"}, Subject: "请评价我们的服务", Text: "您好！",
		Link: "https://crm.example.com/s/abc", LinkText: "打开问卷", OptOut: "https://crm.example.com/s/abc/opt-out",
	}
}

// requireFault holds an error against class and reason, and that its text shows nothing else.
func requireFault(t testing.TB, class channel.Class, reason string, err error, about ...any) *channel.Error {
	t.Helper()
	var fault *channel.Error
	require.ErrorAs(t, err, &fault, about...)
	require.Equal(t, string(class)+": "+reason, err.Error(), about...)
	require.Equal(t, class, fault.Class, about...)
	require.Equal(t, class, channel.ClassOf(fmt.Errorf("wrapped: %w", err)), about...)
	return fault
}

func TestEmail_tells_the_class_of_every_failure(t *testing.T) {
	t.Parallel()
	for fate, want := range map[testkit.Fate]struct {
		class  channel.Class
		reason string
		taken  int
	}{
		testkit.RejectRecipient: {channel.Rejected, "smtp_550", 0},
		testkit.DeferRecipient:  {channel.Temporary, "smtp_451", 0},
		testkit.EndService:      {channel.Temporary, "smtp_421", 0},
		testkit.DropAtRecipient: {channel.Temporary, "connection_lost", 0},
		testkit.DropBeforeEnd:   {channel.InDoubt, "no_answer", 0},
		testkit.RejectContent:   {channel.Rejected, "smtp_554", 0},
		testkit.DeferContent:    {channel.Temporary, "smtp_452", 0},
		testkit.DropAfterEnd:    {channel.InDoubt, "no_answer", 1},
	} {
		server := testkit.NewSMTP(t, testkit.SMTPPlan{Script: func(string, int) testkit.Fate { return fate }})
		err := mailer(t, server.Config()).Send(t.Context(), models.ChannelEmail, letter("k1", "wang@bank.example"))
		requireFault(t, want.class, want.reason, err, fate)
		require.Len(t, server.Taken(), want.taken, fate)
	}
}

func TestEmail_is_down_when_the_server_takes_nobody(t *testing.T) {
	t.Parallel()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{Greeting: "554 no service here"})
	requireFault(t, channel.Down, "smtp_554", mailer(t, server.Config()).Send(t.Context(), models.ChannelEmail, letter("k1", "wang@bank.example")))

	server.Down()
	requireFault(t, channel.Down, "unreachable", mailer(t, server.Config()).Send(t.Context(), models.ChannelEmail, letter("k1", "wang@bank.example")))

	local := config.SMTP{Host: "169.254.169.254", Port: 25, From: "a@example.com", TLS: "none"}
	requireFault(t, channel.Down, "forbidden_target", mailer(t, local).Send(t.Context(), models.ChannelEmail, letter("k1", "wang@bank.example")))
	requireFault(t, channel.Down, "not_configured", mailer(t, config.SMTP{}).Send(t.Context(), models.ChannelEmail, letter("k1", "wang@bank.example")))
	requireFault(t, channel.Down, "not_configured", channel.New(nil, nil, time.Now).Send(t.Context(), models.ChannelEmail, letter("k1", "wang@bank.example")))
}

func TestEmail_rejects_an_address_that_is_none(t *testing.T) {
	t.Parallel()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{})
	for _, to := range []string{"", "wang", "Wang <wang@bank.example>", "wang@bank.example\r\nRCPT TO:<eve@bank.example>", "a@b.example, c@d.example", "<a@b.example>"} {
		requireFault(t, channel.Rejected, "address", mailer(t, server.Config()).Send(t.Context(), models.ChannelEmail, letter("k1", to)), to)
	}
	bad := letter("k1", "wang@bank.example")
	bad.OptOut = "javascript:alert(1)"
	requireFault(t, channel.Rejected, "message", mailer(t, server.Config()).Send(t.Context(), models.ChannelEmail, bad))
	require.Zero(t, server.Connections())
}

func TestEmail_given_up_before_it_was_sent_can_be_tried_again(t *testing.T) {
	t.Parallel()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fault := requireFault(t, channel.Temporary, "cancelled", mailer(t, server.Config()).Send(ctx, models.ChannelEmail, letter("k1", "wang@bank.example")))
	require.ErrorIs(t, fault, context.Canceled)
	require.Empty(t, server.Taken())
}

func TestEmail_given_up_while_the_server_thinks_is_in_doubt(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	server := testkit.NewSMTP(t, testkit.SMTPPlan{Slow: 1, Delay: 300 * time.Millisecond, Script: func(string, int) testkit.Fate { close(reached); return testkit.Accept }})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		result <- mailer(t, server.Config()).Send(ctx, models.ChannelEmail, letter("k1", "wang@bank.example"))
	}()
	<-reached // the recipient is taken
	require.Eventually(t, func() bool { return server.Receiving() == 1 }, 5*time.Second, time.Millisecond)
	cancel()
	requireFault(t, channel.InDoubt, "no_answer", <-result)
}

func TestEmail_says_who_it_is_and_how_to_end_it(t *testing.T) {
	t.Parallel()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{})
	senders := mailer(t, server.Config())
	hostile := letter("camp_1:r/2 wave 1", "wang@bank.example")
	hostile.Subject, hostile.To.Name = "你好\r\nBcc: eve@example.com", "Wang\"\r\nBcc: eve@example.com <x>"
	plain := letter("k1", "wang@bank.example")
	plain.OptOut, plain.HTML = "", "<p>own page</p>"
	plain.Text = "See https://crm.example.com/s/abc today"
	for _, m := range []channel.Message{letter("k1", "wang@bank.example"), letter("k1", "wang@bank.example"), hostile, plain} {
		require.NoError(t, senders.Send(t.Context(), models.ChannelEmail, m))
	}
	var headers []mail.Header
	for _, m := range server.Taken() {
		msg, err := mail.ReadMessage(strings.NewReader(m.Data))
		require.NoError(t, err)
		require.Empty(t, msg.Header.Get("Bcc"))
		headers = append(headers, msg.Header)
		_, err = io.ReadAll(msg.Body)
		require.NoError(t, err)
	}
	require.Equal(t, "<https://crm.example.com/s/abc/opt-out>", headers[0].Get("List-Unsubscribe"))
	require.Equal(t, "List-Unsubscribe=One-Click", headers[0].Get("List-Unsubscribe-Post"))
	require.Equal(t, "zh-CN", headers[0].Get("Content-Language"))
	to, err := headers[0].AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Name: "王芳", Address: "wang@bank.example"}}, to)
	require.Equal(t, headers[0].Get("Message-ID"), headers[1].Get("Message-ID"), "the same key, the same message")
	require.NotEqual(t, headers[0].Get("Message-ID"), headers[2].Get("Message-ID"))
	require.Regexp(t, `^<[0-9a-f]{64}@mcrflow>$`, headers[2].Get("Message-ID"), "a key that is no Message-ID")
	require.Equal(t, testkit.Receipt{Accepted: 3}, server.ByMessageID()["k1@mcrflow"])
	require.Empty(t, headers[3].Get("List-Unsubscribe"))
	require.Empty(t, headers[3].Get("List-Unsubscribe-Post"))
	require.Contains(t, server.Taken()[3].Data, "<p>own page</p>")
	require.Equal(t, 1, strings.Count(server.Taken()[3].Data, "https://crm.example.com/s/abc"), "the text names the link already")
}

func TestEmail_keeps_one_connection_for_a_batch(t *testing.T) {
	t.Parallel()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{Script: func(to string, attempt int) testkit.Fate {
		switch to {
		case "gone@bank.example":
			return testkit.RejectRecipient
		case "late@bank.example":
			return testkit.DeferContent
		}
		return testkit.Accept
	}})
	batch, err := mailer(t, server.Config()).Open(t.Context(), models.ChannelEmail)
	require.NoError(t, err)
	for i := range 20 {
		require.NoError(t, batch.Send(t.Context(), letter(fmt.Sprintf("k%d", i), "wang@bank.example")))
		requireFault(t, channel.Rejected, "smtp_550", batch.Send(t.Context(), letter("gone", "gone@bank.example")))
		requireFault(t, channel.Temporary, "smtp_452", batch.Send(t.Context(), letter("late", "late@bank.example")))
	}
	require.Equal(t, 1, server.Connections())
	require.Len(t, server.Taken(), 20)

	server.Down()
	requireFault(t, channel.Down, "unreachable", batch.Send(t.Context(), letter("k20", "wang@bank.example")))
	require.NoError(t, server.Up())
	require.NoError(t, batch.Send(t.Context(), letter("k20", "wang@bank.example")), "the connection is made anew")
	require.NoError(t, batch.Close())
	require.NoError(t, batch.Close(), "closing twice does nothing")
	require.Equal(t, 2, server.Connections())
	for id, r := range server.ByMessageID() {
		require.Equal(t, testkit.Receipt{Accepted: 1}, r, id)
	}
}

// TestEmail_outcomes_agree_with_the_server/…: whatever the server does, what the sender says of a recipient is what
// the server knows.
func TestEmail_outcomes_agree_with_the_server(t *testing.T) {
	t.Parallel()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{Seed: 7, Slow: 0.02, Delay: time.Millisecond, Shares: map[testkit.Fate]float64{
		testkit.RejectRecipient: 0.05, testkit.DeferRecipient: 0.05, testkit.EndService: 0.05, testkit.DropAtRecipient: 0.05,
		testkit.DropBeforeEnd: 0.05, testkit.RejectContent: 0.05, testkit.DeferContent: 0.05, testkit.DropAfterEnd: 0.05,
	}})
	senders := mailer(t, server.Config())
	const people, workers = 2000, 8
	outcomes := make([]error, people)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			batch, err := senders.Open(t.Context(), models.ChannelEmail)
			if err != nil {
				t.Error(err)
				return
			}
			for i := w; i < people; i += workers {
				outcomes[i] = batch.Send(t.Context(), letter(fmt.Sprintf("k%d", i), fmt.Sprintf("p%d@bank.example", i)))
			}
			if err := batch.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	byID, seen := server.ByMessageID(), map[channel.Class]int{}
	for i, err := range outcomes {
		class, r := channel.ClassOf(err), byID[fmt.Sprintf("k%d@mcrflow", i)]
		seen[class]++
		switch class {
		case "":
			require.Equal(t, testkit.Receipt{Accepted: 1}, r, i)
		case channel.InDoubt:
			require.Contains(t, []testkit.Receipt{{}, {Accepted: 1, Lost: 1}}, r, i)
		default:
			require.Zero(t, r, "%d: %v", i, errors.Unwrap(err))
		}
	}
	fates := server.Fates()
	require.Equal(t, fates[testkit.Accept], seen[""])
	require.Equal(t, fates[testkit.DropAfterEnd]+fates[testkit.DropBeforeEnd], seen[channel.InDoubt])
	require.Equal(t, fates[testkit.RejectRecipient]+fates[testkit.RejectContent], seen[channel.Rejected])
	require.Zero(t, seen[channel.Down])
	for fate := testkit.Accept; fate <= testkit.DropAfterEnd; fate++ {
		require.Positive(t, fates[fate], fate)
	}
}
