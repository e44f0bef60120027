package importer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/apiclient"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/importer"
)

// server keeps cases as the API does, by idempotency key, and answers otherwise where a test says so.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	cases   map[string]string // key → body
	clients map[string]string // name → id
	calls   int
	// before may answer a POST to /cases instead; n counts these, from 1.
	before func(n int, w http.ResponseWriter, key string) bool
	// after is called when a case was made, before the answer is sent.
	after func(n int, w http.ResponseWriter) bool
}

func newServer(t *testing.T) *server {
	s := &server{cases: map[string]string{}, clients: map[string]string{"Acme": "client_1"}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/cases", s.create)
	mux.HandleFunc("POST /api/v1/clients", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Name, Class string }
		_ = json.NewDecoder(r.Body).Decode(&body) // a missing name shows in the assertion
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clients[body.Name] = fmt.Sprintf("client_%d", len(s.clients)+1)
		reply(w, http.StatusCreated, map[string]string{"id": s.clients[body.Name]})
	})
	mux.HandleFunc("GET /api/v1/clients", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		items := []map[string]string{}
		for name, id := range s.clients {
			items = append(items, map[string]string{"id": id, "name": name})
		}
		reply(w, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
	})
	mux.HandleFunc("GET /api/v1/users", func(w http.ResponseWriter, r *http.Request) {
		items := []map[string]string{}
		if name := r.URL.Query().Get("username"); name != "nobody" {
			items = append(items, map[string]string{"id": "user_" + name, "username": name})
		}
		reply(w, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *server) create(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	raw, _ := io.ReadAll(r.Body) // a torn body shows in the assertion
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.before != nil && s.before(s.calls, w, key) {
		return
	}
	if known, ok := s.cases[key]; ok && known != string(raw) {
		problem(w, http.StatusUnprocessableEntity, "idempotency_key_reused")
		return
	} else if ok {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	s.cases[key] = string(raw)
	if s.after != nil && s.after(s.calls, w) {
		return
	}
	reply(w, http.StatusCreated, map[string]string{"id": "case_" + key, "number": "CMP-" + key})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the only error is a caller who hung up
}

func problem(w http.ResponseWriter, status int, code string) {
	reply(w, status, map[string]any{"status": status, "code": code, "detail": "for the test"})
}

func (s *server) options(t *testing.T, rows int) importer.Options {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,how,title,mail\n")
	for i := range rows {
		fmt.Fprintf(&b, "r%d,W,row %d,a@b.example\n", i, i)
	}
	return importer.Options{
		File: write(t, b.String()), Map: parse(t, small), URL: s.URL, Token: "t", Concurrency: 4,
		Pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("each_row_becomes_one_case_and_again_none", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		o := s.options(t, 50)
		first, err := importer.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, 50, first.Created)
		require.Positive(t, first.Rate())
		second, err := importer.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, [4]int{50, 0, 50, 0}, [4]int{second.Rows, second.Created, second.Already, second.Failed})
		require.Len(t, s.cases, 50)
		require.Contains(t, s.cases, "import:small:r7")
		require.JSONEq(t, `{"type":"complaint","client_id":"client_1","channel":"web","subject":"row 7","contact":{"email":"a@b.example"}}`,
			s.cases["import:small:r7"])
	})
	t.Run("a_limit_takes_the_first_rows", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		o := s.options(t, 50)
		o.Limit = 3
		sum, err := importer.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, 3, sum.Created)
		require.Contains(t, s.cases, "import:small:r2")
	})
	t.Run("no_row_is_lost_while_the_server_asks_for_patience", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.before = func(n int, w http.ResponseWriter, _ string) bool {
			w.Header().Set("Retry-After", "1")
			switch n % 5 {
			case 0:
				problem(w, http.StatusTooManyRequests, "rate_limited")
			case 1:
				problem(w, http.StatusServiceUnavailable, "unavailable")
			case 2:
				problem(w, http.StatusAccepted, "pending")
			case 3:
				panic(http.ErrAbortHandler) // the connection breaks
			default:
				return false
			}
			return true
		}
		sum, err := importer.Run(t.Context(), s.options(t, 40))
		require.NoError(t, err)
		require.Equal(t, 40, sum.Created)
		require.Len(t, s.cases, 40)
	})
	t.Run("an_answer_that_got_lost_is_asked_for_again_under_the_same_key", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.after = func(n int, _ http.ResponseWriter) bool {
			if n%2 == 1 {
				panic(http.ErrAbortHandler)
			}
			return false
		}
		o := s.options(t, 20)
		o.Concurrency = 1
		sum, err := importer.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, 20, sum.Created+sum.Already)
		require.Zero(t, sum.Failed)
		require.Len(t, s.cases, 20, "twice sent, once made")
	})
	t.Run("a_refused_row_is_reported_and_the_others_go_on", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.before = func(_ int, w http.ResponseWriter, key string) bool {
			if key != "import:small:r3" {
				return false
			}
			reply(w, http.StatusUnprocessableEntity, map[string]any{
				"status": 422, "code": "invalid", "detail": "Invalid.", "errors": []map[string]string{{"field": "subject", "code": "x", "message": "is bad"}},
			})
			return true
		}
		o := s.options(t, 10)
		texts, err := i18n.New()
		require.NoError(t, err)
		var out strings.Builder
		report, err := importer.NewReport(&out, texts, "en")
		require.NoError(t, err)
		o.OnRow = func(r importer.Result) { require.NoError(t, report.Note(r)) }
		sum, err := importer.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, [2]int{9, 1}, [2]int{sum.Created, sum.Failed})
		require.Equal(t, "line,row_key,status,code,fields,message\n5,r3,422,invalid,subject,subject: is bad\n", out.String())
	})
	t.Run("without_rights_nothing_goes_on", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.before = func(_ int, w http.ResponseWriter, _ string) bool {
			problem(w, http.StatusUnauthorized, "unauthenticated")
			return true
		}
		sum, err := importer.Run(t.Context(), s.options(t, 500))
		var p *apiclient.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, "unauthenticated", p.Code)
		require.Zero(t, sum.Failed, "the rows are not to blame")
		require.LessOrEqual(t, s.calls, 4)
	})
	t.Run("a_server_that_stays_away_ends_the_import", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		o := s.options(t, 10)
		o.Patience = time.Nanosecond
		s.Close()
		sum, err := importer.Run(t.Context(), o)
		var away *apiclient.UnreachableError
		require.ErrorAs(t, err, &away)
		require.Zero(t, sum.Rows)
	})
	t.Run("a_row_that_stays_pending_is_one_failed_row", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.before = func(_ int, w http.ResponseWriter, key string) bool {
			if key == "import:small:r1" {
				problem(w, http.StatusAccepted, "pending")
			}
			return key == "import:small:r1"
		}
		o := s.options(t, 5)
		o.Patience = 50 * time.Millisecond
		sum, err := importer.Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, [2]int{4, 1}, [2]int{sum.Created, sum.Failed})
	})
}

func TestStopAndGoOn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := s.options(t, 200)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.after = func(n int, _ http.ResponseWriter) bool {
		if n == 50 {
			stop()
		}
		return false
	}
	first, err := importer.Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, first.Created, 49)
	require.Less(t, first.Rows, 200)
	require.Equal(t, len(s.cases), first.Created, "what was sent was also heard out and counted")
	second, err := importer.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, 200, second.Created+second.Already)
	require.Equal(t, first.Created, second.Already)
	require.Len(t, s.cases, 200)
}

func TestJournal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	o := s.options(t, 20)
	o.Journal = filepath.Join(t.TempDir(), "journal.csv")
	_, err := importer.Run(t.Context(), o)
	require.NoError(t, err)
	s.cases = map[string]string{} // the server has forgotten the keys
	var numbers []string
	o.OnRow = func(r importer.Result) { numbers = append(numbers, r.Number) }
	again, err := importer.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, 20, again.Already)
	require.Empty(t, s.cases)
	require.Contains(t, numbers, "CMP-import:small:r3")

	other := newServer(t)
	o.URL = other.URL
	fresh, err := importer.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, 20, fresh.Created, "another server has none of it")

	require.NoError(t, os.WriteFile(o.Journal, []byte("not,a journal\n"), 0o600))
	_, err = importer.Run(t.Context(), o)
	require.ErrorContains(t, err, "import.bad_journal")
}

func TestClientsAndPeople(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, rules string) (*server, map[string]importer.Result) {
		t.Helper()
		s := newServer(t)
		o := s.options(t, 0)
		o.Map = parse(t, strings.Replace(small, "client: {fixed: Acme}", rules, 1))
		o.File = write(t, "id,how,title,mail,who\n1,W,a,a@b.example,Acme\n2,W,b,a@b.example,Bolt\n3,W,c,a@b.example,Bolt\n4,W,d,a@b.example,\n")
		rows := map[string]importer.Result{}
		o.OnRow = func(r importer.Result) { rows[r.Key] = r }
		_, err := importer.Run(t.Context(), o)
		require.NoError(t, err)
		return s, rows
	}
	t.Run("a_missing_client_is_made_once", func(t *testing.T) {
		t.Parallel()
		s, rows := run(t, "client: {by: {column: who}, create: {class: B}}")
		require.Equal(t, map[string]string{"Acme": "client_1", "Bolt": "client_2"}, s.clients)
		require.Contains(t, s.cases["import:small:2"], `"client_id":"client_2"`)
		require.Contains(t, s.cases["import:small:3"], `"client_id":"client_2"`)
		require.Equal(t, "required", rows["4"].Local[0].Code)
	})
	t.Run("or_its_rows_fail_before_they_take_a_key", func(t *testing.T) {
		t.Parallel()
		s, rows := run(t, "client: {by: {column: who}}")
		require.Equal(t, "unknown_client", rows["2"].Local[0].Code)
		require.Len(t, s.cases, 1)
	})
	t.Run("rows_spread_over_people_and_each_stays_where_it_was", func(t *testing.T) {
		t.Parallel()
		s, _ := run(t, "client: {fixed: Acme}\nfirst_contact: {spread: [ann, bob]}")
		again, _ := run(t, "client: {fixed: Acme}\nfirst_contact: {spread: [ann, bob]}")
		require.Contains(t, s.cases["import:small:1"], `"first_contact_id":"user_`)
		require.Equal(t, s.cases, again.cases)
	})
	t.Run("an_unknown_person_is_a_fault_of_the_row", func(t *testing.T) {
		t.Parallel()
		_, rows := run(t, "client: {fixed: Acme}\nfirst_contact: {spread: [nobody]}")
		require.Equal(t, "unknown_user", rows["1"].Local[0].Code)
	})
}
