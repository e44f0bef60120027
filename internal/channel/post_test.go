package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// endpoints are what an administrator has set.
type endpoints map[models.ChannelKind]models.Channel

func (e endpoints) Channel(_ context.Context, kind models.ChannelKind) (models.Channel, error) {
	if c, ok := e[kind]; ok {
		return c, nil
	}
	return models.Channel{}, errs.New(errs.NotFound, "not_found")
}

type brokenEndpoints struct{}

func (brokenEndpoints) Channel(context.Context, models.ChannelKind) (models.Channel, error) {
	return models.Channel{}, errs.New(errs.Unavailable, "unavailable.database")
}

var secret = []byte("SEC0123456789abcdef0123456789")

func sendersTo(c models.Channel) *channel.Senders {
	return channel.New(nil, endpoints{c.Kind: c}, time.Now)
}

func note(key string) channel.Message {
	return channel.Message{
		Key: key, To: channel.Recipient{Name: "王芳", Phone: "+86 138-0013-8000", Locale: "zh-CN"}, Subject: "请评价我们的服务",
		Text: "您好！\n请花一分钟。" + key, Link: "https://crm.example.com/s/abc?a=(1)", LinkText: "打开问卷",
	}
}

func TestPosts_are_signed_and_written_as_each_specification_says(t *testing.T) {
	t.Parallel()
	for _, kind := range models.EndpointKinds() {
		robot := testkit.NewRobot(t, kind, secret, testkit.RobotPlan{})
		require.NoError(t, sendersTo(robot.Channel()).Send(t.Context(), kind, note("k1")), kind)
		require.Len(t, robot.Taken(), 1, kind)
		require.Empty(t, robot.Refused(), kind)
		body := string(robot.Taken()[0].Body)
		require.Contains(t, body, "请花一分钟", kind)
		require.Contains(t, body, "https://crm.example.com/s/abc", kind)

		forged := robot.Channel()
		forged.Secret = []byte("another secret word")
		if kind == models.ChannelWeCom {
			forged.URL = strings.Replace(forged.URL, "wkey", "other", 1)
		}
		err := sendersTo(forged).Send(t.Context(), kind, note("k2"))
		require.Equal(t, channel.Down, channel.ClassOf(err), kind)
		require.Len(t, robot.Taken(), 1, kind)
		require.Len(t, robot.Refused(), 1, kind)
	}
}

func TestPosts_need_no_signature_where_the_robot_wants_none(t *testing.T) {
	t.Parallel()
	for _, kind := range []models.ChannelKind{models.ChannelDingTalk, models.ChannelFeishu, models.ChannelWeCom} {
		robot := testkit.NewRobot(t, kind, nil, testkit.RobotPlan{})
		require.NoError(t, sendersTo(robot.Channel()).Send(t.Context(), kind, note("k1")), kind)
		require.NotContains(t, string(robot.Taken()[0].Body), "sign", kind)
	}
}

func TestPosts_carry_key_and_number_to_the_gateway(t *testing.T) {
	t.Parallel()
	sms := testkit.NewRobot(t, models.ChannelSMS, secret, testkit.RobotPlan{})
	for range 2 {
		require.NoError(t, sendersTo(sms.Channel()).Send(t.Context(), models.ChannelSMS, note("camp_1:r/2 wave 1")))
	}
	require.Equal(t, map[string]testkit.Receipt{"camp_1:r/2 wave 1": {Accepted: 2}}, sms.ByKey())
	var body struct {
		Type string
		Data struct{ To, Text string }
	}
	require.NoError(t, json.Unmarshal(sms.Taken()[0].Body, &body))
	require.Equal(t, "sms", body.Type)
	require.Equal(t, "+8613800138000", body.Data.To)
	require.True(t, strings.HasSuffix(body.Data.Text, "\nhttps://crm.example.com/s/abc?a=(1)"))
	for _, number := range []string{"", "call me", "123", "+861380013800000000", "+86+138", "１３８００１３８０００"} {
		m := note("k")
		m.To.Phone = number
		requireFault(t, channel.Rejected, "number", sendersTo(sms.Channel()).Send(t.Context(), models.ChannelSMS, m), number)
	}
	require.Len(t, sms.Taken(), 2)
}

func TestPosts_class_of_every_status(t *testing.T) {
	t.Parallel()
	var answer testkit.RobotAnswer
	hook := testkit.NewRobot(t, models.ChannelWebhook, secret, testkit.RobotPlan{Script: func(testkit.PostedMessage) *testkit.RobotAnswer { return &answer }})
	for _, c := range []struct {
		status int
		after  string
		class  channel.Class
		wait   time.Duration
	}{
		{200, "", "", 0},
		{204, "", "", 0},
		{400, "", channel.Rejected, 0},
		{404, "", channel.Rejected, 0},
		{410, "", channel.Rejected, 0},
		{422, "", channel.Rejected, 0},
		{401, "", channel.Down, 0},
		{403, "", channel.Down, 0},
		{301, "", channel.Down, 0},
		{408, "", channel.Temporary, 0},
		{429, "", channel.Temporary, 0},
		{429, "120", channel.Temporary, 2 * time.Minute},
		{429, "-5", channel.Temporary, 0},
		{429, "99999999999999999", channel.Temporary, 24 * time.Hour},
		{429, "soon", channel.Temporary, 0},
		{429, "Mon, 09 Mar 2015 01:00:00 GMT", channel.Temporary, 0},
		{503, "Mon, 09 Mar 2122 01:00:00 GMT", channel.Temporary, 24 * time.Hour},
		{500, "", channel.Temporary, 0},
	} {
		answer = testkit.RobotAnswer{Status: c.status, RetryAfter: c.after}
		err := sendersTo(hook.Channel()).Send(t.Context(), models.ChannelWebhook, note("k"))
		if c.class == "" {
			require.NoError(t, err, c)
			continue
		}
		require.Equal(t, c.wait, requireFault(t, c.class, fmt.Sprintf("http_%d", c.status), err, c).RetryAfter, c)
	}
}

func TestRobots_class_of_every_code(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   models.ChannelKind
		status int
		body   string
		class  channel.Class
		reason string
		wait   time.Duration
	}{
		{models.ChannelDingTalk, 200, `{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`, channel.Temporary, "errcode_130101", 10 * time.Minute},
		{models.ChannelDingTalk, 200, `{"status":1111,"wait":5,"punish":"deny","errcode":130101}`, channel.Temporary, "errcode_130101", 10 * time.Minute},
		{models.ChannelDingTalk, 200, `{"errcode":-1,"errmsg":"busy"}`, channel.Temporary, "errcode_-1", 0},
		{models.ChannelDingTalk, 200, `{"errcode":310000,"errmsg":"keywords not in content"}`, channel.Down, "errcode_310000", 0},
		{models.ChannelDingTalk, 200, `{"errcode":400101,"errmsg":"access_token"}`, channel.Down, "errcode_400101", 0},
		{models.ChannelDingTalk, 200, `{"errcode":430102,"errmsg":"text"}`, channel.Rejected, "errcode_430102", 0},
		{models.ChannelDingTalk, 200, `{"errcode":77777}`, channel.Temporary, "errcode_77777", 0},
		{models.ChannelFeishu, 200, `{"code":11232,"msg":"frequency limited"}`, channel.Temporary, "errcode_11232", time.Minute},
		{models.ChannelFeishu, 200, `{"code":19024,"msg":"Key Words Not Found"}`, channel.Down, "errcode_19024", 0},
		{models.ChannelFeishu, 200, `{"code":19022,"msg":"Ip Not Allowed"}`, channel.Down, "errcode_19022", 0},
		{models.ChannelFeishu, 400, `{"code":19021,"msg":"sign match fail"}`, channel.Down, "errcode_19021", 0},
		{models.ChannelFeishu, 200, `{"code":9499,"msg":"Bad Request","data":{}}`, channel.Rejected, "errcode_9499", 0},
		{models.ChannelFeishu, 200, `{"StatusCode":0,"StatusMessage":"success"}`, "", "", 0},
		{models.ChannelWeCom, 200, `{"errcode":45009,"errmsg":"api freq out of limit"}`, channel.Temporary, "errcode_45009", time.Minute},
		{models.ChannelWeCom, 200, `{"errcode":93000,"errmsg":"invalid webhook url"}`, channel.Down, "errcode_93000", 0},
		{models.ChannelWeCom, 200, `{"errcode":40058,"errmsg":"invalid"}`, channel.Rejected, "errcode_40058", 0},
		{models.ChannelWeCom, 502, `bad gateway`, channel.Temporary, "http_502", 0},
		{models.ChannelWeCom, 200, `<html>please sign in</html>`, channel.InDoubt, "unreadable_answer", 0},
		{models.ChannelWeCom, 200, `{}`, channel.InDoubt, "unreadable_answer", 0},
		{models.ChannelWeCom, 404, ``, channel.Rejected, "http_404", 0},
	} {
		robot := testkit.NewRobot(t, c.kind, secret, testkit.RobotPlan{Script: func(testkit.PostedMessage) *testkit.RobotAnswer {
			return &testkit.RobotAnswer{Status: c.status, Body: c.body}
		}})
		err := sendersTo(robot.Channel()).Send(t.Context(), c.kind, note("k"))
		if c.class == "" {
			require.NoError(t, err, c)
			continue
		}
		require.Equal(t, c.wait, requireFault(t, c.class, c.reason, err, c).RetryAfter, c)
	}
}

func TestPosts_without_an_answer(t *testing.T) {
	t.Parallel()
	for _, kind := range models.EndpointKinds() {
		dropping := testkit.NewRobot(t, kind, secret, testkit.RobotPlan{Script: func(testkit.PostedMessage) *testkit.RobotAnswer {
			return &testkit.RobotAnswer{Drop: true, Taken: true}
		}})
		c := dropping.Channel()
		fault := requireFault(t, channel.InDoubt, "no_answer", sendersTo(c).Send(t.Context(), kind, note("k")), kind)
		require.NotContains(t, errors.Unwrap(fault).Error(), "http", "the inner cause keeps the address out of the log")
		require.Len(t, dropping.Taken(), 1)
		require.True(t, dropping.Taken()[0].Lost)

		dropping.Close()
		requireFault(t, channel.Down, "unreachable", sendersTo(c).Send(t.Context(), kind, note("k")), kind)
		c.URL = "http://169.254.169.254/latest?access_token=dtoken"
		requireFault(t, channel.Down, "forbidden_target", sendersTo(c).Send(t.Context(), kind, note("k")), kind)
		c.URL = "http://no-such-host.invalid/?access_token=dtoken"
		requireFault(t, channel.Down, "unreachable", sendersTo(c).Send(t.Context(), kind, note("k")), kind)
	}
}

func TestPosts_follow_no_redirect(t *testing.T) {
	t.Parallel()
	robot := testkit.NewRobot(t, models.ChannelWebhook, secret, testkit.RobotPlan{})
	server := httptest.NewServer(http.RedirectHandler(robot.Channel().URL, http.StatusTemporaryRedirect))
	defer server.Close()
	c := models.Channel{Kind: models.ChannelWebhook, URL: server.URL, Secret: secret}
	requireFault(t, channel.Down, "http_307", sendersTo(c).Send(t.Context(), models.ChannelWebhook, note("k")))
	require.Empty(t, robot.Taken())
}

func TestPosts_given_up(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}), make(chan struct{})
	hook := testkit.NewRobot(t, models.ChannelWebhook, secret, testkit.RobotPlan{Script: func(testkit.PostedMessage) *testkit.RobotAnswer {
		close(reached)
		<-release
		return nil
	}})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	requireFault(t, channel.InDoubt, "no_answer", sendersTo(hook.Channel()).Send(ctx, models.ChannelWebhook, note("k")))
	fault := requireFault(t, channel.Temporary, "cancelled", sendersTo(hook.Channel()).Send(ctx, models.ChannelWebhook, note("k")))
	require.ErrorIs(t, fault, context.Canceled)
}

func TestSenders_find_a_sender_by_kind(t *testing.T) {
	t.Parallel()
	senders := channel.New(nil, endpoints{}, time.Now)
	for _, kind := range append(models.EndpointKinds(), models.ChannelEmail) {
		requireFault(t, channel.Down, "not_configured", senders.Send(t.Context(), kind, note("k")), kind)
	}
	for _, kind := range []models.ChannelKind{models.ChannelPhone, "fax", ""} {
		requireFault(t, channel.Rejected, "no_sender", senders.Send(t.Context(), kind, note("k")), kind)
	}
	err := channel.New(nil, brokenEndpoints{}, time.Now).Send(t.Context(), models.ChannelSMS, note("k"))
	requireFault(t, channel.Down, "settings", err)
	require.Empty(t, channel.ClassOf(nil))
	require.Equal(t, channel.InDoubt, channel.ClassOf(errors.New("of another kind")))
}

// TestPosts_outcomes_agree_with_the_endpoint/…: as for e-mail, for every kind of endpoint.
func TestPosts_outcomes_agree_with_the_endpoint(t *testing.T) {
	t.Parallel()
	for _, kind := range models.EndpointKinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			robot := testkit.NewRobot(t, kind, secret, testkit.RobotPlan{Seed: 3, Shares: map[testkit.Fate]float64{
				testkit.RejectContent: 0.1, testkit.DeferContent: 0.1, testkit.DropBeforeEnd: 0.1, testkit.DropAfterEnd: 0.1,
			}})
			senders := sendersTo(robot.Channel())
			const people, workers = 400, 4
			outcomes := make([]error, people)
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					batch, err := senders.Open(t.Context(), kind)
					if err != nil {
						t.Error(err)
						return
					}
					for i := w; i < people; i += workers {
						outcomes[i] = batch.Send(t.Context(), note(fmt.Sprintf("[k%d]", i)))
					}
					if err := batch.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			taken := robot.Taken()
			seen := map[channel.Class]int{}
			for i, err := range outcomes {
				var r testkit.Receipt
				for _, m := range taken {
					if strings.Contains(string(m.Body), fmt.Sprintf("k%d］", i)) || strings.Contains(string(m.Body), fmt.Sprintf("k%d]", i)) {
						r.Accepted++
						if m.Lost {
							r.Lost++
						}
					}
				}
				class := channel.ClassOf(err)
				seen[class]++
				switch class {
				case "":
					require.Equal(t, testkit.Receipt{Accepted: 1}, r, i)
				case channel.InDoubt:
					require.Contains(t, []testkit.Receipt{{}, {Accepted: 1, Lost: 1}}, r, i)
				default:
					require.Zero(t, r, "%d: %v", i, err)
				}
			}
			require.Empty(t, robot.Refused())
			require.Zero(t, seen[channel.Down])
			for _, class := range []channel.Class{"", channel.InDoubt, channel.Rejected, channel.Temporary} {
				require.Positive(t, seen[class], class)
			}
		})
	}
}

func TestRobots_take_the_longest_text_whatever_it_is(t *testing.T) {
	t.Parallel()
	for _, kind := range []models.ChannelKind{models.ChannelDingTalk, models.ChannelFeishu, models.ChannelWeCom} {
		robot := testkit.NewRobot(t, kind, secret, testkit.RobotPlan{})
		for _, piece := range []string{"a", "\n", "\"", "<&>", "\x01", "😀", "\n\n\"\\"} {
			m := note("k")
			m.Text, m.Subject = strings.Repeat(piece, 30000), strings.Repeat(piece, 1000)+"s"
			require.NoError(t, sendersTo(robot.Channel()).Send(t.Context(), kind, m), "%s %q", kind, piece)
			said := robot.Taken()[len(robot.Taken())-1].Key
			require.Contains(t, said, "https://crm.example.com/s/abc", "%s %q", kind, piece)
			require.Greater(t, len(said), 500, "%s %q", kind, piece)
		}
		require.Empty(t, robot.Refused(), kind)
	}
}

func TestRobots_text_is_never_markup_and_never_too_long(t *testing.T) {
	t.Parallel()
	hostile := note("k")
	hostile.Subject = "# <@all> [x](http://evil.example)"
	hostile.Text = "<@everyone> ![x](http://evil.example/p.png) **b** `c`\n# head\n" + strings.Repeat("很长的文字。", 8000)
	for _, kind := range []models.ChannelKind{models.ChannelDingTalk, models.ChannelFeishu, models.ChannelWeCom} {
		robot := testkit.NewRobot(t, kind, secret, testkit.RobotPlan{})
		require.NoError(t, sendersTo(robot.Channel()).Send(t.Context(), kind, hostile), kind)
		require.Empty(t, robot.Refused(), kind)
		said := robot.Taken()[0].Key
		require.True(t, utf8.ValidString(said))
		require.Contains(t, said, "https://crm.example.com/s/abc", "the link is kept: %s", kind)
		require.Contains(t, said, "…", kind)
		if kind == models.ChannelFeishu {
			require.NotContains(t, string(robot.Taken()[0].Body), `"tag":"at"`)
			continue
		}
		require.NotContains(t, said, "<@", kind)
		require.NotContains(t, said, "](http://evil", kind)
		require.NotContains(t, said, "**", kind)
		require.Equal(t, 1, strings.Count(said, "]("), "our own link alone: %s", kind)
	}
}

// The vectors were computed with openssl 3, by the formulas of the public specifications:
//
//	printf '1599360473000\nSECthis-is-secret' | openssl dgst -sha256 -hmac 'SECthis-is-secret' -binary | base64
//	printf '' | openssl dgst -sha256 -hmac "$(printf '1599360473\ndemo')" -binary | base64
func TestSignatures_of_the_specifications(t *testing.T) {
	t.Parallel()
	require.Equal(t, "vJbK3b5tkUTJwQ3PcojXGwsQI1sJGUvZRHkb7wLpL2s=", channel.SignDingTalk([]byte("SECthis-is-secret"), 1599360473000))
	require.Equal(t, "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=", channel.SignFeishu([]byte("demo"), 1599360473))
}
