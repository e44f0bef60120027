package robot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/models"
)

func TestFates(t *testing.T) {
	t.Parallel()
	known := models.CaseActions()
	for step := range decisions {
		known = append(known, models.CaseAction(step))
	}
	used := map[string]bool{}
	for _, f := range fates {
		require.Positive(t, f.often)
		for _, step := range f.steps {
			require.Contains(t, known, models.CaseAction(step))
			used[step] = true
		}
	}
	for _, action := range []models.CaseAction{
		models.ActionAssign, models.ActionAccept, models.ActionDecline, models.ActionAdjudicate, models.ActionWait, models.ActionResume,
		models.ActionNote, models.ActionEscalate, models.ActionTransfer, models.ActionExtend, models.ActionResolve,
		models.ActionReopen, models.ActionClose,
	} {
		require.True(t, used[string(action)], "a robot also takes %s", action)
	}
}

func TestVisits(t *testing.T) {
	t.Parallel()
	used := map[models.ReceptionAction]bool{}
	for _, course := range visits {
		for i, step := range course {
			if _, decision := decisions[step]; decision {
				require.NotContains(t, models.ReceptionActions(), models.ReceptionAction(step), "a step means one thing")
				continue
			}
			if i == 0 {
				require.Equal(t, "submit", step, "a reception begins with its request")
			}
			if usual, ok := variants[step]; ok {
				step = usual
			}
			require.Contains(t, models.ReceptionActions(), models.ReceptionAction(step))
			used[models.ReceptionAction(step)] = true
		}
	}
	require.Len(t, used, len(models.ReceptionActions()), "a robot takes every action of receptions")
}

func TestCares(t *testing.T) {
	t.Parallel()
	for _, course := range cares {
		require.Equal(t, "interact", course[0], "whatever comes of it, somebody speaks with the client")
		for _, step := range course {
			require.Contains(t, models.RelationshipActions(), models.RelationshipAction(step))
		}
	}
}

func TestVerbsAreThoseThatAreAllowed(t *testing.T) {
	t.Parallel()
	p := newPlan(5, 1, processView{})
	seen := map[string]int{}
	for range 300 {
		around := 1
		view := approvalView{AllowedActions: []string{"approve", "return", "transfer", "comment"}}
		seen[p.verb(view, "return", &around)]++
		require.Zero(t, around)
		seen[p.verb(view, "return", &around)]++
	}
	require.Equal(t, 300, seen["return"], "after a detour, what is intended")
	require.Equal(t, 300, seen["transfer"]+seen["comment"])
	require.Positive(t, seen["transfer"])
	require.Positive(t, seen["comment"])
	none := 0
	require.Equal(t, "approve", p.verb(approvalView{AllowedActions: []string{"approve", "reject"}}, "return", &none), "who may only advise cannot return")
	require.Equal(t, "resubmit", p.verb(approvalView{AllowedActions: []string{"withdraw", "resubmit"}}, "approve", &none))
	require.Empty(t, p.verb(approvalView{AllowedActions: []string{"withdraw", "comment"}}, "approve", &none))
}

func TestPlans(t *testing.T) {
	t.Parallel()
	t.Run("a_seed_is_a_plan", func(t *testing.T) {
		t.Parallel()
		for n := range 50 {
			require.Equal(t, newPlan(7, n, processView{}).steps, newPlan(7, n, processView{}).steps)
		}
	})
	t.Run("another_seed_is_another", func(t *testing.T) {
		t.Parallel()
		different := 0
		for n := range 50 {
			if !slices.Equal(newPlan(7, n, processView{}).steps, newPlan(8, n, processView{}).steps) {
				different++
			}
		}
		require.Positive(t, different)
	})
	t.Run("every_fate_comes_up", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{}
		for n := range 1000 {
			seen[strings.Join(newPlan(1, n, processView{}).steps, " ")] = true
		}
		require.Len(t, seen, len(fates))
	})
}

func TestTexts(t *testing.T) {
	t.Parallel()
	require.Len(t, texts, 2)
	for occasion, sentences := range texts["en"] {
		require.NotEmpty(t, sentences, occasion)
		require.Len(t, texts["zh-CN"][occasion], len(sentences), occasion)
	}
	require.Len(t, texts["zh-CN"], len(texts["en"]))
	r := New(Config{})
	team := "team_1"
	for _, name := range []string{"a", "b"} {
		m := &member{}
		m.ID, m.TeamID, m.Roles = "user_"+name, &team, []string{"service_agent"}
		r.staff = append(r.staff, m)
	}
	by := *r.staff[0]
	asked := map[string]any{"budget": []amount{{"meals", 1}}, "purpose": "x"}
	for _, by.Locale = range []string{"en", "zh-CN"} {
		for _, course := range visits {
			for _, step := range course {
				if _, decision := decisions[step]; decision {
					continue
				}
				p := newPlan(1, 1, processView{})
				p.request = asked
				require.NotPanics(t, func() { r.body(p, step, &by, processView{}) }, step)
			}
		}
		for _, occasion := range []string{"summary", "quality", "commit", "lead", "lead-act", "opine", "answer", "classify", "goal"} {
			require.NotEmpty(t, texts[by.Locale][occasion], occasion)
		}
		require.NotPanics(t, func() { request(r.rng, &by, client{}, thing{}, &by, &by) })
		for _, verb := range slices.DeleteFunc(models.ApprovalVerbs(), func(v approval.Verb) bool { return v == approval.Urge || v == approval.Withdraw }) {
			require.NotPanics(t, func() { r.verbBody(newPlan(1, 1, processView{}), string(verb), &by, approvalView{}) }, verb)
		}
		for _, f := range fates {
			for _, step := range f.steps {
				if _, decision := decisions[step]; decision {
					continue
				}
				require.NotPanics(t, func() { r.body(newPlan(1, 1, processView{}), step, &by, processView{}) }, step)
			}
		}
	}
}

// TestRun plays against a server that allows one set of actions to one user, and is late for another.
func TestRun(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	taken, decided := map[string]int{}, map[string]int{}
	agents := map[string]bool{}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, body any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // the only error is a caller who hung up
	}
	mux.HandleFunc("POST /api/v1/auth/login", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Username, Password string }
		_ = json.NewDecoder(r.Body).Decode(&in) // a missing name shows in what is taken
		mu.Lock()
		agents[r.UserAgent()] = true
		mu.Unlock()
		answer(w, 200, map[string]any{"token": in.Username, "user": map[string]any{
			"id": in.Username, "username": in.Username, "locale": "en", "roles": []string{"service_agent"},
		}})
	})
	view := func(id, user string) map[string]any {
		allowed := []string{}
		if user == "agent1" {
			allowed = []string{"respond", "resolve", "note", "close"}
		}
		return map[string]any{"id": id, "number": id, "state": "open", "assignee_id": "agent1", "allowed_actions": allowed}
	}
	mux.HandleFunc("GET /api/v1/cases", func(w http.ResponseWriter, r *http.Request) {
		items := []any{}
		if r.URL.Query().Get("state") == "open" {
			for i := range 60 {
				items = append(items, view(fmt.Sprint("case_", i), ""))
			}
		}
		answer(w, 200, map[string]any{"items": items, "next_cursor": nil})
	})
	mux.HandleFunc("GET /api/v1/cases/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, view(r.PathValue("id"), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	})
	mux.HandleFunc("POST /api/v1/cases/{id}/{action}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		taken[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+" "+r.PathValue("action")]++
		if r.PathValue("action") == "close" {
			answer(w, 409, map[string]any{"status": 409, "code": "conflict"})
			return
		}
		answer(w, 200, view(r.PathValue("id"), "agent1"))
	})
	mux.HandleFunc("GET /api/v1/tasks", func(w http.ResponseWriter, r *http.Request) {
		items := []any{}
		if strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") == "agent2" {
			for i := range 60 {
				items = append(items, map[string]any{"subject_id": fmt.Sprint("case_", i), "approval_id": fmt.Sprint("approval_", i)})
			}
		}
		answer(w, 200, map[string]any{"items": items, "next_cursor": nil})
	})
	mux.HandleFunc("GET /api/v1/approvals/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, map[string]any{"id": r.PathValue("id"), "state": "open", "allowed_actions": []string{"approve", "reject"}})
	})
	mux.HandleFunc("POST /api/v1/approvals/{id}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		decided[r.PathValue("verb")]++
		answer(w, 200, map[string]any{"state": "approved"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	var said strings.Builder
	tally, err := New(Config{URL: server.URL, Users: []string{"agent1", "agent2"}, Seed: 3, Cases: 40, Out: &said}).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 40, tally.Cases, "no more than asked for")
	require.Positive(t, tally.LeftAlone)
	for what := range taken {
		require.Contains(t, []string{"agent1 respond", "agent1 resolve", "agent1 note", "agent1 close"}, what, "only what is allowed, by whom it is")
	}
	require.Equal(t, taken["agent1 respond"], tally.Done["respond"])
	require.Positive(t, tally.Done["resolve"])
	require.Positive(t, tally.Skipped["assign"], "nobody may, so nobody does")
	require.Equal(t, taken["agent1 close"], tally.Refused["close"], "somebody was faster: counted, and no error")
	require.Positive(t, tally.Refused["close"])
	require.Equal(t, map[string]bool{"mcrflow-robot": true}, agents)
	require.Positive(t, decided["approve"]+decided["reject"], "who is asked decides")
	require.Equal(t, []int{decided["approve"], decided["reject"]}, []int{tally.Done["approve"], tally.Done["reject"]})
	for line := range strings.Lines(said.String()) {
		require.True(t, strings.HasPrefix(line, "robot "), line)
	}
}

// TestLook looks after four clients of an account manager, beside whom a manager approves and somebody else answers.
func TestLook(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	waiting := map[string]bool{} // clients whose plan or class waits for its approval
	by := map[string]map[string]int{}
	list := func(w http.ResponseWriter, items ...any) {
		_ = json.NewEncoder(w).Encode(map[string]any{"items": append([]any{}, items...), "next_cursor": nil})
	}
	user := func(r *http.Request) string { return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") }
	say := func(w http.ResponseWriter, body any) { _ = json.NewEncoder(w).Encode(body) }
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/auth/login", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Username string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		role := map[string]string{"am": "account_manager"}[in.Username]
		if role == "" {
			role = "service_agent"
		}
		say(w, map[string]any{"token": in.Username, "user": map[string]any{"id": in.Username, "username": in.Username, "locale": "en", "roles": []string{role}}})
	})
	mux.HandleFunc("GET /api/v1/cases", func(w http.ResponseWriter, _ *http.Request) { list(w) })
	mux.HandleFunc("GET /api/v1/clients", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("account_manager_id") != "am" {
			list(w)
			return
		}
		list(w, map[string]any{"id": "c0"}, map[string]any{"id": "c1"}, map[string]any{"id": "c2"}, map[string]any{"id": "c3"}, map[string]any{"id": "c4"})
	})
	mux.HandleFunc("GET /api/v1/clients/{id}/contacts", func(w http.ResponseWriter, _ *http.Request) { list(w, map[string]any{"id": "contact"}) })
	mux.HandleFunc("GET /api/v1/clients/{id}/relationship", func(w http.ResponseWriter, r *http.Request) {
		stage, class := "active", "A"
		if r.PathValue("id") == "c0" {
			stage, class = "prospect", "C"
		}
		mu.Lock()
		defer mu.Unlock()
		var proposal map[string]any
		if waiting[r.PathValue("id")] {
			proposal = map[string]any{"id": "grading"}
		}
		say(w, map[string]any{"stage": stage, "class": class, "proposal": proposal, "allowed_actions": []string{"classify", "plan"}})
	})
	mux.HandleFunc("GET /api/v1/policies/classification", func(w http.ResponseWriter, _ *http.Request) {
		say(w, map[string]any{"document": map[string]any{"criteria": map[string]any{"credit": map[string]any{}}}})
	})
	mux.HandleFunc("GET /api/v1/tasks", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var items []any
		for id, open := range waiting {
			if open && user(r) == "agent1" && r.URL.Query().Get("process") == "approval" {
				items = append(items, map[string]any{"subject_id": id, "approval_id": id})
			}
		}
		list(w, items...)
	})
	mux.HandleFunc("GET /api/v1/approvals/{id}", func(w http.ResponseWriter, r *http.Request) {
		say(w, map[string]any{"id": r.PathValue("id"), "state": "open", "allowed_actions": []string{"approve"}})
	})
	mux.HandleFunc("GET /api/v1/opinions/{id}", func(w http.ResponseWriter, r *http.Request) {
		allowed := []string{}
		if user(r) == "agent2" {
			allowed = append(allowed, "answer")
		}
		say(w, map[string]any{"allowed_actions": allowed})
	})
	mux.HandleFunc("POST /api/v1/{kind}/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		kind, id, what := r.PathValue("kind"), r.PathValue("id"), r.PathValue("what")
		if by[user(r)] == nil {
			by[user(r)] = map[string]int{}
		}
		by[user(r)][kind+" "+what]++
		switch kind + " " + what {
		case "clients classification", "plans submit":
			waiting[id] = true
		case "approvals approve":
			waiting[id] = false
		}
		say(w, map[string]any{"id": id, "state": "x"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	tally, err := New(Config{URL: server.URL, Users: []string{"am", "agent1", "agent2"}, Seed: 3, Clients: Cares()}).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, Cares(), tally.Clients, "no more than asked for")
	require.Equal(t, map[string]map[string]int{
		"am": {
			"clients interactions": 4, "clients classification": 1, "clients plans": 3, "plans submit": 3, "clients commitments": 1,
			"commitments keep": 1, "clients leads": 2, "leads act": 1, "leads stage": 1, "leads close": 1, "clients opinions": 1,
		},
		"agent1": {"approvals approve": 4},
		"agent2": {"opinions answer": 1},
	}, by)
	require.Equal(t, 3, tally.Skipped["classify"], "whom nobody has to grade")
}
