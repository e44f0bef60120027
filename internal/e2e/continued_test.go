package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// continuedWithin bounds how long a process is kept busy until it continues as new.
const continuedWithin = 10 * time.Minute

// keepBusy gives a process work until it has continued as new, and answers how often it gave it.
func (s *stack) keepBusy(t *testing.T, workflowID string, give func(i int)) (given int) {
	t.Helper()
	c, err := s.dial()
	require.NoError(t, err)
	defer c.Close()
	for begun := time.Now(); ; given++ {
		now, err := c.DescribeWorkflowExecution(t.Context(), workflowID, "")
		require.NoError(t, err)
		if info := now.GetWorkflowExecutionInfo(); info.GetExecution().GetRunId() != info.GetFirstRunId() {
			return given
		}
		require.Less(t, time.Since(begun), continuedWithin, "%d times, and it has not continued as new", given)
		give(given)
	}
}

// runs reads the first history of a process, and the one that continues it.
func (s *stack) runs(t *testing.T, workflowID string) (ended, begun *history.History) {
	t.Helper()
	c, err := s.dial()
	require.NoError(t, err)
	defer c.Close()
	latest, err := c.DescribeWorkflowExecution(t.Context(), workflowID, "")
	require.NoError(t, err)
	ended = s.historyOf(t, workflowID, latest.GetWorkflowExecutionInfo().GetFirstRunId())
	last := ended.Events[len(ended.Events)-1]
	require.Equal(t, enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, last.EventType)
	return ended, s.historyOf(t, workflowID, last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId())
}

// keepBoth keeps the first history of a process, and the one that continues it.
func (s *stack) keepBoth(t *testing.T, workflowID, process, path string) {
	t.Helper()
	ended, begun := s.runs(t, workflowID)
	t.Logf("%s continued as new after %d events; %d since", workflowID, len(ended.Events), len(begun.Events))
	write(t, ended, process, path+"_continues_as_new")
	write(t, begun, process, path+"_continued")
}

// tellings counts what a run has told other processes.
func tellings(h *history.History) (n int) {
	for _, e := range h.Events {
		if e.EventType == enums.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED {
			n++
		}
	}
	return n
}

func TestAnApprovalContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := shared
	asks, chief := s.as(t, "agent1"), s.as(t, "supervisor1")
	r := s.ask(t)
	r.does(chief, "return", M{"to": "requester", "comment": "Why not agent2?"})
	r.does(asks, "resubmit", M{"comment": "agent2 is away."})
	comment := func(i int) {
		a, err := chief.patiently("/approvals/"+r.id+"/comment", unique("comment"), M{"text": fmt.Sprintf("Point %d.", i)})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	}
	given := s.keepBusy(t, models.ApprovalWorkflowID(r.id), comment)
	comment(given)
	require.Equal(t, "approved", r.does(chief, "approve", M{}).State)
	r.await("accountability_transfer_approved", 1)

	said := map[string]int{}
	for _, kind := range r.events(asks) {
		said[kind]++
	}
	require.Equal(t, []int{given + 1, 1, 1}, []int{said["commented"], said["resubmitted"], said["approval_ended"]})
	ended, begun := s.runs(t, models.ApprovalWorkflowID(r.id))
	require.Equal(t, []int{1, 1}, []int{tellings(ended), tellings(begun)}, "that it was returned, and that it was approved: nothing is told twice")
	s.keepBoth(t, models.ApprovalWorkflowID(r.id), models.ApprovalProcess, "returned")
}

func TestACaseContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := shared
	agent := s.as(t, "agent1")
	m := s.record(t, agent, "calm", nil)
	m.do(agent, "respond", M{"message": "We are on it."})
	note := func(i int) {
		a, err := agent.patiently("/cases/"+m.ID+"/note", unique("note"), M{"text": fmt.Sprintf("Thought %d.", i)})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	}
	given := s.keepBusy(t, models.ComplaintWorkflowID(m.ID), note)
	note(given)
	require.Equal(t, "met", m.view().milestone(t, "first_response").State)
	m.do(agent, "resolve", M{"resolution": "Replaced."})

	noted := 0
	for _, kind := range m.types() {
		if kind == "noted" {
			noted++
		}
	}
	require.Equal(t, given+1, noted)
	s.keepBoth(t, models.ComplaintWorkflowID(m.ID), models.ComplaintProcess, "notes")
}

func TestARelationshipContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := shared
	b := s.bond(t, nil, nil)
	am := s.as(t, "am1")
	talk := func(i int) {
		a, err := am.patiently(b.of("interactions"), unique("talk"), M{"kind": "call", "at": time.Now().UTC(), "summary": strconv.Itoa(i)})
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	}
	promise := b.do("am1", b.of("commitments"), M{"text": "A drawing of the new seal.", "due_at": time.Now().Add(time.Hour)})
	given := s.keepBusy(t, models.RelationshipWorkflowID(b.ID), talk)
	talk(given)
	b.do("am1", "/commitments/"+promise+"/keep", M{"note": "Sent."})

	require.Len(t, all[M](t, am, b.of("interactions")), given+1)
	require.Empty(t, b.view().Commitments)
	s.timeline(t, "/clients/"+b.ID)
	s.keepBoth(t, models.RelationshipWorkflowID(b.ID), models.RelationshipProcess, "contacts")
}

// campaignContinuesAsNew changes a campaign until its run continues as new, before all were asked.
func (s *stack) campaignContinuesAsNew(t *testing.T, server *testkit.SMTPServer) {
	const people = 20
	s.addressees(t, "calmnew", people)
	m := s.mail(t, "calmnew", 6) // one every ten seconds
	m.act(t, "launch")
	change := func(rate int) {
		until(t, func() bool {
			a := m.by.try(t, http.MethodPatch, m.path, M{"rate": rate})
			require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, a.status, "%s", a.body)
			return a.status == http.StatusOK
		}, func() string { return "a moment at which the campaign does not continue as new" })
	}
	runID := models.CampaignRunWorkflowID(m.path[len("/campaigns/"):], 1)
	until(t, func() bool { return m.progress(t).Sent > 0 }, func() string { return "the first message" })
	s.keepBusy(t, runID, func(i int) { change(5 + i%2) })
	change(60_000)
	until(t, func() bool { return m.progress(t).State == "ended" }, func() string { return fmt.Sprintf("the end: %+v", m.progress(t)) })
	p := m.progress(t)
	require.EqualValues(t, people, p.Sent, "%+v", p)
	m.everybodyOnce(t, p, "calmnew", server)
	s.keepBoth(t, runID, models.CampaignProcess, "run")
}
