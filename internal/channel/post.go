package channel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mcrflow/mcrflow/internal/webhook"
	"github.com/mcrflow/mcrflow/models"
)

// post is a message as one kind of endpoint wants it.
type post struct {
	url    string
	header map[string]string
	body   []byte
}

// format is how one kind of endpoint is spoken to.
type format struct {
	write func(e models.Channel, m Message, at time.Time) (post, error)
	read  func(body []byte) (*Error, bool) // what the body says of the message, nil for taken; false: it says nothing. Nil: the status says all
}

// formats are the endpoints' formats by kind.
var formats = map[models.ChannelKind]format{
	models.ChannelSMS:      {write: writeSMS},
	models.ChannelWebhook:  {write: writeWebhook},
	models.ChannelDingTalk: {write: writeDingTalk, read: dingTalkCodes.read},
	models.ChannelFeishu:   {write: writeFeishu, read: feishuCodes.read},
	models.ChannelWeCom:    {write: writeWeCom, read: weComCodes.read},
}

// poster sends to an endpoint by HTTP.
type poster struct {
	endpoint models.Channel
	format   format
	client   *http.Client
	now      func() time.Time
}

// Close does nothing: connections are kept by the client for whoever comes next.
func (p *poster) Close() error { return nil }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Send posts the message and reads what became of it.
func (p *poster) Send(ctx context.Context, m Message) error {
	out, err := p.format.write(p.endpoint, m, p.now())
	if err != nil {
		var fault *Error
		if errors.As(err, &fault) {
			return fault
		}
		return &Error{Class: Rejected, Reason: "message", Err: err}
	}
	var began, broke atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The header is the first that is written: whatever goes wrong after it, the request may have arrived, unless writing
		// itself failed. WroteRequest alone would come too late for an answer that is lost at once.
		WroteHeaders: func() { began.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { broke.Store(i.Err != nil) },
	})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, out.url, bytes.NewReader(out.body))
	if err != nil {
		return &Error{Class: Down, Reason: "settings", Err: withoutURL(err)}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	for name, value := range out.header {
		req.Header.Set(name, value)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return unanswered(ctx, withoutURL(err), began.Load(), broke.Load())
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if p.format.read == nil || err != nil && res.StatusCode/100 != 2 {
		return p.ofStatus(res)
	}
	if err != nil {
		return &Error{Class: InDoubt, Reason: "no_answer", Err: err}
	}
	fault, known := p.format.read(body)
	switch {
	case known && fault != nil:
		return fault
	case res.StatusCode/100 != 2:
		return p.ofStatus(res)
	case !known:
		return &Error{Class: InDoubt, Reason: "unreadable_answer"}
	}
	return nil
}

// unanswered classifies a request that got no answer.
func unanswered(ctx context.Context, err error, began, broke bool) *Error {
	if began && !broke {
		return &Error{Class: InDoubt, Reason: "no_answer", Err: err}
	}
	if fault := cancelled(ctx, err); fault != nil {
		return fault
	}
	switch {
	case began:
		return &Error{Class: Temporary, Reason: "connection_lost", Err: err}
	case errors.Is(err, webhook.ErrForbidden):
		return &Error{Class: Down, Reason: "forbidden_target", Err: err}
	}
	return &Error{Class: Down, Reason: "unreachable", Err: err}
}

// withoutURL takes the address out of an error: it may hold a key.
func withoutURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// ofStatus classifies by the status of the answer; nil for 2xx.
func (p *poster) ofStatus(res *http.Response) error {
	status := res.StatusCode
	if status/100 == 2 {
		return nil
	}
	out := &Error{Class: Rejected, Reason: "http_" + strconv.Itoa(status)}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired, status/100 == 3:
		out.Class = Down
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		out.Class = Temporary
		out.RetryAfter = retryAfter(res.Header.Get("Retry-After"), p.now())
	}
	return out
}

// maxRetryAfter is the longest that an endpoint may put a message off at once.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return min(max(0, time.Duration(min(seconds, int(maxRetryAfter.Seconds())))*time.Second), maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}
