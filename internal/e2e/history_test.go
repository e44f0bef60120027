package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/mcrflow/mcrflow/models"
)

// histories is where the histories are kept that workflows/replay_test.go replays, and the key that seals them.
const histories = "../../workflows/testdata/histories"

// history reads what the engine has kept of the latest run of a process.
func (s *stack) history(t testing.TB, workflowID string) *history.History {
	t.Helper()
	return s.historyOf(t, workflowID, "")
}

// historyOf reads what the engine has kept of one run of a process.
func (s *stack) historyOf(t testing.TB, workflowID, runID string) *history.History {
	t.Helper()
	c, err := s.dial()
	require.NoError(t, err)
	defer c.Close()
	h := &history.History{}
	events := c.GetWorkflowHistory(context.Background(), workflowID, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, e)
	}
	return h
}

// keep writes the history of a process as the fixture of a path when UPDATE_HISTORIES=1 asks for it.
func (s *stack) keep(t testing.TB, workflowID, process, path string) {
	t.Helper()
	write(t, s.history(t, workflowID), process, path)
}

// write makes a history the fixture of a path when UPDATE_HISTORIES=1 asks for it. A release adds fixtures; it never changes
// those of processes that still run.
func write(t testing.TB, h *history.History, process, path string) {
	t.Helper()
	if os.Getenv("UPDATE_HISTORIES") != "1" {
		return
	}
	text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(h)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(histories, process), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(histories, process, path+".json"), append(text, '\n'), 0o644))
}

func (m *matter) history() *history.History {
	m.t.Helper()
	return m.s.history(m.t, models.ComplaintWorkflowID(m.ID))
}

func (m *matter) keep(path string) {
	m.t.Helper()
	m.s.keep(m.t, models.ComplaintWorkflowID(m.ID), models.ComplaintProcess, path)
}

// awaitEnd waits until the process of the case is over.
func (m *matter) awaitEnd() *history.History {
	m.t.Helper()
	var h *history.History
	until(m.t, func() bool {
		h = m.history()
		return h.Events[len(h.Events)-1].EventType == enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
	}, func() string { return "the end of the process" })
	return h
}

// actions counts what a cloud engine would bill: the start, updates, timers, signals, activities, and one for every
// workflow task in which local activities ran.
func actions(h *history.History) int {
	n, local := 0, map[int64]bool{}
	for _, e := range h.Events {
		switch e.EventType {
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
			enums.EVENT_TYPE_TIMER_STARTED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
			enums.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			n++
		case enums.EVENT_TYPE_MARKER_RECORDED:
			local[e.GetMarkerRecordedEventAttributes().GetWorkflowTaskCompletedEventId()] = true
		}
	}
	return n + len(local)
}

// The bar is that of the benchmark's happy path. Who hands a case over on the way pays for that; the bound there shows growth. What
// the client is asked afterwards ends before the case does if there is no way to ask and it is day, which wakes the case once more.
func TestAHappyComplaintCostsTheEngineLittle(t *testing.T) {
	t.Parallel()
	s := shared
	first, helper := s.as(t, "agent1"), s.as(t, "agent4")
	for _, path := range []struct {
		name            string
		handedOver      bool
		events, actions int // at most
	}{
		{"answered", false, 60, 20},
		{"happy", true, 64, 20},
	} {
		m, by := s.record(t, first, "brief", nil), first
		m.do(first, "respond", M{"message": "We are on it."})
		if path.handedOver {
			m.do(first, "assign", M{"assignee_id": helper.ID})
			m.do(helper, "accept", nil)
			by = helper
		}
		m.do(by, "resolve", M{"resolution": "Replaced."})
		m.await("closed", 1)
		h := m.awaitEnd()
		t.Logf("recorded, answered, handed over (%t), resolved, closed by silence, window over: %d events, %d billable actions",
			path.handedOver, len(h.Events), actions(h))
		require.LessOrEqual(t, len(h.Events), path.events)
		require.LessOrEqual(t, actions(h), path.actions)
		m.refused(first, "reopen", M{"reason": "Again."}, http.StatusConflict, "process_closed")
		m.keep(path.name)
	}
}

// Else the engine would write its index of processes a second time (decision 10).
func TestAStartNamesTheBuildThatTakesIt(t *testing.T) {
	t.Parallel()
	s := shared
	r := s.ask(t)
	for _, workflowID := range []string{models.ComplaintWorkflowID(r.ID), models.ApprovalWorkflowID(r.id)} {
		h := s.history(t, workflowID)
		var named []string
		indexed := h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetSearchAttributes().GetIndexedFields()
		require.NoError(t, converter.GetDefaultDataConverter().FromPayload(indexed[models.BuildsIndex], &named))
		taken := slices.IndexFunc(h.Events, func(e *history.HistoryEvent) bool { return e.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED })
		//lint:ignore SA1019 this is what the engine compares the index with
		build := h.Events[taken].GetWorkflowTaskCompletedEventAttributes().GetWorkerVersion().GetBuildId()
		require.Equal(t, []string{"unversioned", "unversioned:" + build}, named, workflowID)
	}
}

func TestTheEngineKeepsNoClearText(t *testing.T) {
	t.Parallel()
	s := shared
	agent := s.as(t, "agent1")
	secrets := []string{"Gasket of Hall Seven", "It hisses at night", "Ottilie Nightingale", "ottilie.nightingale@example.com", "Sorry about the noise", "Tightened all bolts"}
	m := s.record(t, agent, "calm", M{
		"subject": secrets[0], "description": secrets[1], "contact": M{"name": secrets[2], "email": secrets[3]}, "channel": "email",
	})
	m.do(agent, "respond", M{"message": secrets[4]})
	m.do(agent, "resolve", M{"resolution": secrets[5]})
	h := m.history()
	raw, err := proto.Marshal(h)
	require.NoError(t, err)
	require.Contains(t, string(raw), m.ID, "the search must be able to find something")
	for _, secret := range secrets {
		require.False(t, bytes.Contains(raw, []byte(secret)), secret)
	}

	sealed, err := protojson.Marshal(h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetInput())
	require.NoError(t, err)
	decode := func(token string) (int, []byte) {
		req, err := http.NewRequest(http.MethodPost, s.url+"/codec/decode", bytes.NewReader(sealed))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := web.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, body
	}
	status, body := decode("")
	refused(t, answer{status: status, body: body}, http.StatusUnauthorized, "unauthenticated")
	for _, name := range []string{"agent1", "manager1", "auditor1"} {
		status, body = decode(s.as(t, name).token)
		refused(t, answer{status: status, body: body}, http.StatusForbidden, "forbidden")
	}
	status, body = decode(s.as(t, "admin").token)
	require.Equal(t, http.StatusOK, status, "%s", body)
	var open struct {
		Payloads []struct {
			Data []byte `json:"data"`
		} `json:"payloads"`
	}
	require.NoError(t, json.Unmarshal(body, &open))
	require.Len(t, open.Payloads, 1)
	require.Contains(t, string(open.Payloads[0].Data), m.ID)
}
