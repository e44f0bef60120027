package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/webhook"
)

var now = time.Date(2026, 3, 9, 1, 0, 0, 0, time.UTC)

func poster() *webhook.Poster { return webhook.NewPoster(func() time.Time { return now }) }

// verified reports whether a receiver that only knows the Standard Webhooks specification accepts the message.
func verified(h http.Header, secret, body []byte) bool {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Join([]string{h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), string(body)}, ".")))
	for _, signature := range strings.Fields(h.Get("Webhook-Signature")) {
		version, encoded, _ := strings.Cut(signature, ",")
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(sum, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

func TestPost_signs_by_the_standard(t *testing.T) {
	t.Parallel()
	secret, body := []byte("0123456789abcdef0123456789abcdef"), []byte(`{"type":"case_recorded","data":{"说":"明"}}`)
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err == nil && r.Method == http.MethodPost && string(got) == string(body) && r.Header.Get("Content-Type") == "application/json" &&
			r.Header.Get("Webhook-Id") == "msg_1" && r.Header.Get("Webhook-Timestamp") == "1773018000" &&
			verified(r.Header, secret, got) && !verified(r.Header, []byte("another"), got) && !verified(r.Header, secret, append(got, ' ')) {
			calls.Add(1)
		}
	}))
	defer server.Close()
	require.NoError(t, poster().Post(context.Background(), server.URL, secret, "msg_1", body))
	require.EqualValues(t, 1, calls.Load(), "the receiver verified the message")
}

func TestPost_takes_every_2xx_and_nothing_else(t *testing.T) {
	t.Parallel()
	for status, ok := range map[int]bool{200: true, 202: true, 204: true, 301: false, 400: false, 404: false, 410: false, 429: false, 500: false, 503: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		err := poster().Post(context.Background(), server.URL, []byte("s"), "msg_1", nil)
		server.Close()
		if ok {
			require.NoError(t, err, status)
		} else {
			require.ErrorContains(t, err, "answered "+strconv.Itoa(status))
		}
	}
}

func TestPost_follows_no_redirect(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer target.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(target.URL, status))
		require.Error(t, poster().Post(context.Background(), server.URL, []byte("s"), "msg_1", []byte("{}")), status)
		server.Close()
	}
	require.False(t, reached.Load())
}

func TestPost_calls_no_link_local_address(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://[fe80::1%25lo]/",
		"http://0.0.0.0/", "http://[::]/", "http://224.0.0.1/", "http://[fd00:ec2::254]/",
	} {
		err := poster().Post(context.Background(), url, []byte("s"), "msg_1", nil)
		require.ErrorContains(t, err, "must not be called", url)
	}
}

func TestPost_gives_up_with_its_caller(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(began)
		<-release
	}))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-began; cancel() }()
	require.ErrorIs(t, poster().Post(ctx, server.URL, []byte("s"), "msg_1", nil), context.Canceled)
}
