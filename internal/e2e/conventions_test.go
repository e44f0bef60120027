package e2e_test

import (
	"context"
	"net/http"
	"testing"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
)

func TestTheSameKeyGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	s := shared
	agent, key := s.as(t, "agent1"), unique("key")
	body := complaint(s.client(t, "B"), nil)
	first := agent.try(t, http.MethodPost, "/cases", body, "Idempotency-Key", key)
	require.Equal(t, http.StatusCreated, first.status, "%s", first.body)
	require.Empty(t, first.header.Get("Idempotent-Replayed"))
	again := agent.try(t, http.MethodPost, "/cases", body, "Idempotency-Key", key)
	require.Equal(t, http.StatusCreated, again.status)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, string(first.body), string(again.body))
	body["subject"] = "Another matter"
	refused(t, agent.try(t, http.MethodPost, "/cases", body, "Idempotency-Key", key), http.StatusUnprocessableEntity, "idempotency_key_reused")
	body["client_id"] = into[struct {
		ClientID string `json:"client_id"`
	}](t, first).ClientID
	found := all[caseView](t, agent, "/cases?client_id="+body["client_id"].(string))
	require.Len(t, found, 1, "one case, however often it is sent")
}

// TestACommandWhoseAnswerWasNotKeptIsAnsweredAgain: as if the API had died after the command was carried out.
func TestACommandWhoseAnswerWasNotKeptIsAnsweredAgain(t *testing.T) {
	t.Parallel()
	s := shared
	manager := s.as(t, "manager1")
	conn, err := pgx.Connect(t.Context(), s.database())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	twice := func(path string, body M) {
		t.Helper()
		key := unique("key")
		first := manager.try(t, http.MethodPost, path, body, "Idempotency-Key", key)
		require.Equal(t, http.StatusOK, first.status, "%s", first.body)
		tag, err := conn.Exec(t.Context(), `UPDATE idempotency_keys SET status = 0, header = NULL, body = NULL WHERE key = $1`, key)
		require.NoError(t, err)
		require.EqualValues(t, 1, tag.RowsAffected())
		again := manager.try(t, http.MethodPost, path, body, "Idempotency-Key", key)
		require.Equal(t, http.StatusOK, again.status, "%s", again.body)
		require.Empty(t, again.header.Get("Idempotent-Replayed"))
		require.Equal(t, string(first.body), string(again.body))
	}
	day := time.Now().AddDate(0, 1, 0)
	a := manager.try(t, http.MethodPost, "/clients/"+s.client(t, "B")+"/plans", M{
		"from": day.Format(time.DateOnly), "until": day.AddDate(0, 1, 0).Format(time.DateOnly), "goals": []string{"Meet"},
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	twice("/plans/"+into[struct{ ID string }](t, a).ID+"/withdraw", M{"reason": "Too early."})
	a = manager.try(t, http.MethodPost, "/inspections", M{"month": "2025-03"})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	twice("/inspections/"+into[inspectionView](t, a).ID+"/sign-off", M{"remarks": "Fine."})
}

func TestWhatOneMayNotSeeDoesNotExist(t *testing.T) {
	t.Parallel()
	s := shared
	m := s.record(t, s.as(t, "agent1"), "calm", nil)
	stranger := s.as(t, "agent4") // of another team
	for _, path := range []string{"", "/timeline", "/responsibility", "/ledger", "/milestones/resolution/receipt"} {
		refused(t, stranger.try(t, http.MethodGet, "/cases/"+m.ID+path, nil), http.StatusNotFound, "not_found")
	}
	m.refused(stranger, "respond", M{"message": "Hello."}, http.StatusNotFound, "not_found")
	for _, c := range all[caseView](t, stranger, "/cases") {
		require.NotEqual(t, m.ID, c.ID)
	}
}

func TestARefusalNamesThePermissionOrWhoMay(t *testing.T) {
	t.Parallel()
	s := shared
	m := s.record(t, s.as(t, "agent1"), "calm", nil)
	p := m.refused(s.as(t, "agent2"), "respond", M{"message": "Hello."}, http.StatusForbidden, "forbidden")
	require.Contains(t, p.Detail, "respond")
	a := s.as(t, "auditor1").try(t, http.MethodPost, "/cases", complaint(s.client(t, "B"), nil))
	require.Contains(t, refused(t, a, http.StatusForbidden, "forbidden").Detail, "case.create")
}

func TestABadRequestIsToldEveryFault(t *testing.T) {
	t.Parallel()
	agent := shared.as(t, "agent1")
	a := agent.try(t, http.MethodPost, "/cases", complaint(id.New(id.Client), M{
		"contact": M{"name": "Nobody"}, "occurred_at": time.Now().Add(48 * time.Hour), "subject": " ", "channel": "pigeon",
	}))
	p := refused(t, a, http.StatusUnprocessableEntity, "invalid")
	var fields []string
	for _, f := range p.Errors {
		fields = append(fields, f.Field)
	}
	require.ElementsMatch(t, []string{"client_id", "contact", "occurred_at", "subject", "channel"}, fields)
}

func TestWhatIsNotKnownIsMalformed(t *testing.T) {
	t.Parallel()
	s := shared
	agent := s.as(t, "agent1")
	refused(t, agent.try(t, http.MethodGet, "/cases?colour=red", nil), http.StatusBadRequest, "malformed")
	refused(t, agent.try(t, http.MethodPost, "/cases", complaint(s.client(t, "B"), M{"colour": "red"})), http.StatusBadRequest, "malformed")
	refused(t, agent.try(t, http.MethodPost, "/cases", `{"type":`), http.StatusBadRequest, "malformed")
}

func TestPeopleAreAnsweredInTheirLanguage(t *testing.T) {
	t.Parallel()
	s := shared
	agent := s.as(t, "agent2") // whose own language is English
	m := s.record(t, agent, "calm", nil)
	chinese := func(text string) bool {
		for _, r := range text {
			if unicode.Is(unicode.Han, r) {
				return true
			}
		}
		return false
	}
	a := agent.try(t, http.MethodGet, "/cases/"+id.New(id.Case), nil, "Accept-Language", "zh-CN")
	p := refused(t, a, http.StatusNotFound, "not_found")
	require.True(t, chinese(p.Title) && chinese(p.Detail), "%+v", p)
	require.Equal(t, "zh-CN", a.header.Get("Content-Language"))
	p = refused(t, agent.try(t, http.MethodGet, "/cases/"+id.New(id.Case), nil), http.StatusNotFound, "not_found")
	require.False(t, chinese(p.Title) || chinese(p.Detail), "%+v", p)

	page := into[struct {
		Items []task `json:"items"`
	}](t, agent.try(t, http.MethodGet, "/tasks?box=todo&limit=200", nil, "Accept-Language", "zh-CN"))
	seen := false
	for _, k := range page.Items {
		if k.SubjectID == m.ID {
			seen = true
			require.True(t, chinese(k.Title), k.Title)
		}
	}
	require.True(t, seen)
}
