package apiclient_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/apiclient"
)

// client returns a client of the handler that notes the pauses it is asked to make instead of making them.
func client(t *testing.T, handler http.HandlerFunc) (*apiclient.Client, func() []time.Duration) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var pauses []time.Duration
	c, err := apiclient.New(apiclient.Options{
		URL: server.URL + "/", Token: "secret", UserAgent: "test", Locale: "zh-CN",
		Pause: func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			pauses = append(pauses, d)
			return ctx.Err()
		},
	})
	require.NoError(t, err)
	return c, func() []time.Duration { mu.Lock(); defer mu.Unlock(); return pauses }
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "127.0.0.1:8080", "ftp://host", "http://"} {
		_, err := apiclient.New(apiclient.Options{URL: bad})
		require.Error(t, err, bad)
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	t.Run("says_who_calls_and_in_which_language_answers_are_wanted", func(t *testing.T) {
		t.Parallel()
		var got http.Header
		var path string
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			got, path = r.Header, r.URL.Path
			_, _ = w.Write([]byte(`{}`))
		})
		_, err := c.Post(t.Context(), "/cases", "", map[string]string{}, nil)
		require.NoError(t, err)
		require.Equal(t, "/api/v1/cases", path)
		require.Equal(t, "Bearer secret", got.Get("Authorization"))
		require.Equal(t, "test", got.Get("User-Agent"))
		require.Equal(t, "zh-CN", got.Get("Accept-Language"))
		require.NotEmpty(t, got.Get("Idempotency-Key"), "a repetition must always be safe")
	})
	t.Run("repeats_under_one_key_and_waits_as_long_as_it_is_told", func(t *testing.T) {
		t.Parallel()
		keys := map[string]int{}
		calls := 0
		c, pauses := client(t, func(w http.ResponseWriter, r *http.Request) {
			keys[r.Header.Get("Idempotency-Key")]++
			if calls++; calls == 1 {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			_, _ = w.Write([]byte(`{}`))
		})
		_, err := c.Post(t.Context(), "/cases", "", nil, nil)
		require.NoError(t, err)
		require.Len(t, keys, 1)
		require.Equal(t, 2, calls)
		require.InDelta(t, 7*time.Second, pauses()[0], float64(time.Second))
	})
	t.Run("one_call_that_is_held_back_holds_all", func(t *testing.T) {
		t.Parallel()
		calls := 0
		c, pauses := client(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls++; calls == 1 {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write([]byte(`{}`))
		})
		_, err := c.Post(t.Context(), "/cases", "", nil, nil)
		require.NoError(t, err)
		_, err = c.Post(t.Context(), "/clients", "", nil, nil)
		require.NoError(t, err)
		require.Len(t, pauses(), 2, "the second call waits for the same minute")
	})
	t.Run("a_refusal_is_final_and_told_in_full", func(t *testing.T) {
		t.Parallel()
		calls := 0
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write([]byte(`{"status":422,"code":"invalid","detail":"Bad.","errors":[{"field":"subject","code":"max","message":"is too long"}]}`))
		})
		_, err := c.Post(t.Context(), "/cases", "", nil, nil)
		var p *apiclient.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, "422 invalid: Bad.; subject: is too long", p.Error())
		require.Equal(t, 1, calls)
	})
	t.Run("an_inner_error_is_repeated_a_few_times_only", func(t *testing.T) {
		t.Parallel()
		calls := 0
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.WriteHeader(http.StatusInternalServerError)
		})
		_, err := c.Post(t.Context(), "/cases", "", nil, nil)
		var p *apiclient.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, "http_500", p.Code)
		require.Equal(t, 5, calls)
	})
}

func TestEach(t *testing.T) {
	t.Parallel()
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("cursor")) // none is the first page
		if r.URL.Query().Get("state") != "open" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		next := `"` + strconv.Itoa(from+2) + `"`
		if from == 4 {
			next = "null"
		}
		_, _ = w.Write([]byte(`{"items":[` + strconv.Itoa(from) + `,` + strconv.Itoa(from+1) + `],"next_cursor":` + next + `}`))
	})
	var got []int
	require.NoError(t, apiclient.Each(t.Context(), c, "/cases", url.Values{"state": {"open"}}, func(n int) error {
		got = append(got, n)
		return nil
	}))
	require.Equal(t, []int{0, 1, 2, 3, 4, 5}, got, "every page, in order")
}
