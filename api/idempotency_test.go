package api_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
)

const newFirm = `{"name":"New Firm"}`

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	t.Run("repeats_the_first_answer", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		first := w.do("boss", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k")
		again := w.do("boss", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k")
		require.Empty(t, first.Header.Get("Idempotent-Replayed"))
		require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
		require.Equal(t, first.StatusCode, again.StatusCode)
		for _, h := range []string{"Location", "ETag", "Content-Type"} {
			require.NotEmpty(t, first.Header.Get(h), h)
			require.Equal(t, first.Header.Get(h), again.Header.Get(h), h)
		}
		require.Equal(t, bodyText(t, first), bodyText(t, again))
		require.Len(t, w.clients.order, 2)
	})
	t.Run("repeats_a_refusal_that_the_state_caused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		taken := `{"username":"agent","display_name":"A","roles":["staff"]}`
		problem(t, w.do("admin", "POST", "/api/v1/users", taken, "Idempotency-Key", "k"), 409, "conflict")
		w.users.put(agentID, w.users.byID[goneID]) // the name is free now
		again := w.do("admin", "POST", "/api/v1/users", taken, "Idempotency-Key", "k")
		require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
		problem(t, again, 409, "conflict")
	})
	t.Run("another_body_is_refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.do("boss", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k")
		problem(t, w.do("boss", "POST", "/api/v1/clients", `{"name":"Other"}`, "Idempotency-Key", "k"), 422, "idempotency_key_reused")
		problem(t, w.do("boss", "POST", "/api/v1/clients/"+firmID+"/contacts", newFirm, "Idempotency-Key", "k"), 422, "idempotency_key_reused")
	})
	t.Run("belongs_to_one_user", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.do("boss", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k")
		res := w.do("admin", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k")
		require.Empty(t, res.Header.Get("Idempotent-Replayed"))
		require.Len(t, w.clients.order, 3)
	})
	t.Run("what_asks_to_be_repeated_is_done_again_under_the_same_command", func(t *testing.T) {
		t.Parallel()
		for _, code := range []errs.Code{errs.Unavailable, errs.Internal, errs.RateLimited, errs.Pending} {
			w := newWorld(t)
			w.broken = errs.New(code, string(code))
			w.do("admin", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k")
			command := w.answers[adminID+"k"].CommandID
			require.NotEmpty(t, command)
			w.broken = nil
			res := w.do("admin", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k")
			object(t, res, 201)
			require.Empty(t, res.Header.Get("Idempotent-Replayed"), code)
			require.Equal(t, command, w.answers[adminID+"k"].CommandID, code)
			require.Len(t, w.clients.order, 2, code)
		}
	})
	t.Run("at_the_same_time_one_object_is_made", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { object(t, w.do("boss", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", "k"), 201) })
		}
		group.Wait()
		require.Len(t, w.clients.order, 2)
	})
	t.Run("at_the_same_time_one_token_is_made", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		body := `{"user_id":"` + agentID + `","name":"robot"}`
		var shown, refused atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				switch res := w.do("admin", "POST", "/api/v1/tokens", body, "Idempotency-Key", "k"); res.StatusCode {
				case http.StatusCreated:
					shown.Add(1)
				case http.StatusConflict:
					refused.Add(1)
				}
			})
		}
		group.Wait()
		require.Equal(t, []int32{1, 7}, []int32{shown.Load(), refused.Load()})
		require.Len(t, w.tokens.order, 1)
	})
	t.Run("at_the_same_time_one_policy_is_published", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		publish(t, w)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				res := w.do("boss", "POST", "/api/v1/policies/sla/versions", shippedPolicy(t), "Content-Type", "application/yaml", "Idempotency-Key", "k")
				if v := object(t, res, 201)["version"]; v != 2.0 {
					t.Errorf("version %v", v)
				}
			})
		}
		group.Wait()
		require.Len(t, w.policies, 2)
	})
	t.Run("without_a_key_each_request_stands_alone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.do("boss", "POST", "/api/v1/clients", newFirm)
		w.do("boss", "POST", "/api/v1/clients", newFirm)
		require.Len(t, w.clients.order, 3)
		require.Empty(t, w.answers)
	})
	t.Run("has_at_most_255_characters", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		object(t, w.do("boss", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", strings.Repeat("客", 255)), 201)
		problem(t, w.do("boss", "POST", "/api/v1/clients", newFirm, "Idempotency-Key", strings.Repeat("k", 256)), 400, "malformed")
	})
	t.Run("never_keeps_a_secret", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		body := `{"user_id":"` + agentID + `","name":"robot"}`
		first := object(t, w.do("admin", "POST", "/api/v1/tokens", body, "Idempotency-Key", "k"), 201)
		require.Equal(t, "the-secret", first["token"])
		p := problem(t, w.do("admin", "POST", "/api/v1/tokens", body, "Idempotency-Key", "k"), 409, "conflict")
		require.Contains(t, p.Detail, "shown once")
		require.NotContains(t, string(w.answers[adminID+"k"].Body), "the-secret")
		require.Len(t, w.tokens.order, 1)
	})
	t.Run("carries_into_the_command", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.do("admin", "POST", "/api/v1/users/"+agentID+"/deactivate", "", "Idempotency-Key", "k", "X-Request-ID", "trace-1")
		require.Len(t, w.deactivations, 1)
		meta := w.deactivations[0]
		require.Equal(t, w.answers[adminID+"k"].CommandID, meta.RequestID)
		require.Equal(t, "trace-1", meta.TraceID)
		require.Equal(t, adminID, meta.Actor.ID)
	})
}
