package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// hire makes a user for one test, in the team of the colleague and under the same manager.
func (s *stack) hire(t testing.TB, like string) person {
	t.Helper()
	admin := s.as(t, "admin")
	colleague := get[struct {
		TeamID    *string  `json:"team_id"`
		ManagerID *string  `json:"manager_id"`
		Roles     []string `json:"roles"`
	}](t, admin, "/users/"+s.as(t, like).ID)
	name := "temp" + time.Now().Format("150405.000000000")[7:]
	a := admin.try(t, http.MethodPost, "/users", M{
		"username": name, "display_name": "Temp " + name, "roles": colleague.Roles, "team_id": colleague.TeamID,
		"manager_id": colleague.ManagerID, "locale": "en", "password": "a-password-for-" + name,
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	p, err := s.login(name, "a-password-for-"+name)
	require.NoError(t, err)
	known := time.Now().Add(time.Second) // the worker looks at the organisation again within a second
	until(t, func() bool { return time.Now().After(known) }, func() string { return "a second" })
	return p
}

// team is the id of the team that the user is in.
func (s *stack) team(t testing.TB, username string) string {
	t.Helper()
	u := get[struct {
		TeamID string `json:"team_id"`
	}](t, s.as(t, username), "/me")
	return u.TeamID
}

type holding struct {
	UserID string     `json:"user_id"`
	From   time.Time  `json:"from"`
	Until  *time.Time `json:"until"`
}

// tiles requires intervals without gap or overlap from the first one's begin, and lists whose they are.
func tiles(t testing.TB, from time.Time, until *time.Time, held []holding) []string {
	t.Helper()
	var who []string
	for _, h := range held {
		require.Equal(t, from, h.From, "%+v", held)
		who = append(who, h.UserID)
		if h.Until == nil {
			require.Equal(t, held[len(held)-1], h, "only the last one may last")
			require.Nil(t, until)
			return who
		}
		from = *h.Until
	}
	require.NotNil(t, until)
	require.Equal(t, *until, from)
	return who
}

func TestComplaintGoesFromItsRecordToItsClosing(t *testing.T) {
	t.Parallel()
	s := shared
	first, helper, chief := s.as(t, "agent1"), s.as(t, "agent4"), s.as(t, "supervisor2")
	m := s.record(t, first, "calm", nil)
	v := m.view()
	require.Equal(t, "open", v.State)
	require.Equal(t, first.ID, v.AccountableID)
	require.Equal(t, first.ID, v.AssigneeID)
	require.Equal(t, []string{"handle"}, m.tasks(first))

	v = m.do(first, "respond", M{"message": "We are on it."})
	require.Equal(t, "in_progress", v.State)
	require.Equal(t, "met", v.milestone(t, "first_response").State)

	v = m.do(first, "assign", M{"team_id": s.team(t, "agent4"), "note": "Please look at the seal."})
	require.NotNil(t, v.Offer)
	require.Equal(t, first.ID, v.AssigneeID, "an offer moves nothing")
	require.Contains(t, m.tasks(helper), "accept")
	v = m.do(helper, "accept", nil)
	require.Nil(t, v.Offer)
	require.Equal(t, helper.ID, v.AssigneeID)
	require.Equal(t, first.ID, v.AccountableID, "accountability stays with the first contact")

	v = m.do(helper, "escalate", M{"reason": "A part is missing."})
	require.Equal(t, 1, v.EscalationLevel)
	require.Contains(t, m.tasks(chief), "supervise")
	require.Contains(t, m.told(chief), "case_escalated")

	v = m.do(helper, "wait", M{"reason": "The client sends a photo."})
	require.Equal(t, "waiting_customer", v.State)
	require.Equal(t, "paused", v.milestone(t, "resolution").State)
	v = m.do(helper, "resume", nil)
	require.Equal(t, "in_progress", v.State)
	require.Equal(t, "running", v.milestone(t, "resolution").State)

	receipt := get[struct {
		Pauses   []M       `json:"pauses"`
		DueAt    time.Time `json:"due_at"`
		Segments []struct {
			From time.Time `json:"from"`
			To   time.Time `json:"to"`
		} `json:"segments"`
	}](t, helper, "/cases/"+m.ID+"/milestones/resolution/receipt")
	var sum time.Duration
	for _, part := range receipt.Segments {
		sum += part.To.Sub(part.From)
	}
	require.InDelta(t, 4*time.Hour, sum, float64(5*time.Millisecond), "what is counted is the target")
	require.Len(t, receipt.Pauses, 1)
	require.Equal(t, receipt.DueAt, receipt.Segments[len(receipt.Segments)-1].To)

	v = m.do(helper, "resolve", M{"resolution": "The seal was replaced.", "root_cause": "wear"})
	require.Equal(t, "resolved", v.State)
	require.Equal(t, "met", v.milestone(t, "resolution").State)
	v = m.do(chief, "close", M{"reason": "The client is content."})
	require.Equal(t, "closed", v.State)
	require.Empty(t, m.tasks(first))
	require.Empty(t, m.tasks(helper))

	require.Subset(t, m.types(), []string{
		"recorded", "milestone_started", "responded", "milestone_met", "offered", "accepted", "escalated", "waiting",
		"milestone_paused", "resumed", "milestone_resumed", "resolved", "closed",
	})
	recorded, closed := m.event("recorded", 1).At, m.event("closed", 1).At
	held := get[struct {
		Accountable []holding `json:"accountable"`
		Handling    []holding `json:"handling"`
	}](t, chief, "/cases/"+m.ID+"/responsibility")
	require.Equal(t, []string{first.ID}, tiles(t, recorded, &closed, held.Accountable))
	require.Equal(t, []string{first.ID, helper.ID}, tiles(t, recorded, &closed, held.Handling))
	ledger := get[struct {
		People []struct {
			UserID string `json:"user_id"`
		} `json:"people"`
	}](t, chief, "/cases/"+m.ID+"/ledger")
	var people []string
	for _, p := range ledger.People {
		people = append(people, p.UserID)
	}
	require.ElementsMatch(t, []string{first.ID, helper.ID}, people)
	m.keep("full")
}

func TestABreachClimbsTheLadderAndTellsTheRightPeople(t *testing.T) {
	t.Parallel()
	s := shared
	agent, chief, director, representative := s.as(t, "agent2"), s.as(t, "supervisor1"), s.as(t, "director1"), s.as(t, "supervisor2")
	m := s.record(t, agent, "breach", nil)
	m.await("milestone_warned", 1)
	m.await("milestone_breached", 2)
	until(t, func() bool { return m.view().EscalationLevel == 3 }, func() string { return "the third level" })
	for _, p := range []person{chief, s.as(t, "manager1"), director, representative} {
		until(t, func() bool { return slices.Contains(m.told(p), "milestone_breached") }, func() string { return p.name + " is told" })
	}
	until(t, func() bool { return slices.Contains(m.told(agent), "milestone_warned") }, func() string { return "the handler is warned" })
	require.NotContains(t, m.told(agent), "milestone_breached", "the ladder names others")
	require.NotContains(t, m.told(s.as(t, "agent4")), "milestone_breached")
	require.Contains(t, m.tasks(chief), "supervise")
	require.Contains(t, m.tasks(director), "supervise")
	require.Equal(t, "system", m.event("milestone_breached", 1).Actor)

	v := m.do(agent, "resolve", M{"resolution": "Late, but done."})
	require.Equal(t, "breached", v.milestone(t, "resolution").State)
	ledger := get[struct {
		Breaches []struct {
			Shares []struct {
				UserID  string `json:"user_id"`
				Percent int    `json:"percent"`
			} `json:"shares"`
		} `json:"breaches"`
	}](t, agent, "/cases/"+m.ID+"/ledger")
	require.Len(t, ledger.Breaches, 2)
	for _, b := range ledger.Breaches {
		require.Len(t, b.Shares, 1)
		require.Equal(t, agent.ID, b.Shares[0].UserID)
		require.Equal(t, 100, b.Shares[0].Percent)
	}
	m.keep("breach_ladder")
}

func TestAnOfferThatNobodyAcceptsComesBack(t *testing.T) {
	t.Parallel()
	s := shared
	first := s.as(t, "agent1")
	m := s.record(t, first, "handover", nil)
	m.do(first, "assign", M{"assignee_id": s.as(t, "agent4").ID})
	m.await("offer_expired", 1)
	v := m.view()
	require.Nil(t, v.Offer)
	require.Equal(t, first.ID, v.AssigneeID)
	require.Equal(t, "system", m.event("offer_expired", 1).Actor)
	require.Contains(t, m.told(s.as(t, "supervisor2")), "offer_expired", "the receiving side's supervisor is told")
	m.keep("offer_expired")
}

func TestASilentClientIsRemindedAndTheCaseEnds(t *testing.T) {
	t.Parallel()
	agent := shared.as(t, "agent3")
	m := shared.record(t, agent, "waiting", nil)
	m.do(agent, "respond", M{"message": "Which machine is it?"})
	m.do(agent, "wait", M{"reason": "Serial number asked for."})
	m.await("chased", 2)
	m.await("resolved", 1)
	m.await("closed", 1)
	for _, kind := range []string{"resolved", "closed"} {
		require.Equal(t, "system", m.event(kind, 1).Actor, "a decision of the system is in nobody's name")
	}
	require.Equal(t, "silence", m.event("closed", 1).Data["how"])
	m.keep("wait_chased")
}

func TestTwoRefusalsLeadToAdjudication(t *testing.T) {
	t.Parallel()
	s := shared
	first, other, chief, chosen := s.as(t, "agent1"), s.as(t, "agent4"), s.as(t, "supervisor1"), s.as(t, "agent2")
	m := s.record(t, first, "calm", nil)
	for range 2 {
		m.do(first, "assign", M{"assignee_id": other.ID})
		m.do(other, "decline", M{"reason": "Not ours."})
	}
	require.Contains(t, m.tasks(chief), "adjudicate")
	p := m.refused(first, "assign", M{"assignee_id": other.ID}, http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "adjudicate", "what is allowed is named")
	v := m.do(chief, "adjudicate", M{"assignee_id": chosen.ID, "reason": "Knows the machine."})
	require.Equal(t, chosen.ID, v.AssigneeID)
	require.Equal(t, first.ID, v.AccountableID)
	require.Zero(t, v.Bounces)
	require.Contains(t, m.told(chosen), "case_assigned")
	m.keep("handover_bounce_adjudicate")
}

func TestAccountabilityMovesWithApprovalAndAcceptanceAndMoreTimeIsGranted(t *testing.T) {
	t.Parallel()
	s := shared
	from, to, chief := s.as(t, "agent1"), s.as(t, "agent3"), s.as(t, "supervisor1")
	m := s.record(t, from, "calm", nil)

	m.do(from, "transfer-accountability", M{"to_id": to.ID, "reason": "On leave from tomorrow."})
	m.awaitTask(chief, "approve")
	asked := m.view().Transfer.ApprovalID
	refused(t, from.try(t, http.MethodPost, "/approvals/"+asked+"/approve", M{}), http.StatusForbidden, "self_approval")
	require.Equal(t, http.StatusOK, chief.try(t, http.MethodPost, "/approvals/"+asked+"/approve", M{"comment": "Granted."}).status)
	m.await("accountability_transfer_approved", 1)
	v := m.view()
	require.Equal(t, chief.ID, m.event("accountability_transfer_approved", 1).Actor)
	require.Equal(t, from.ID, v.AccountableID, "the receiver must accept")
	require.Contains(t, m.tasks(to), "accept_accountability")
	v = m.do(to, "accept-accountability", nil)
	require.Equal(t, to.ID, v.AccountableID)
	require.Equal(t, to.ID, m.event("accountability_transferred", 1).Actor)

	before := *v.milestone(t, "resolution").DueAt
	m.do(from, "extend", M{"milestone": "resolution", "by": "1h", "reason": "A part is on its way."})
	m.awaitTask(chief, "approve")
	require.Equal(t, http.StatusOK, chief.try(t, http.MethodPost, "/approvals/"+m.view().Extension.ApprovalID+"/approve", M{}).status)
	m.await("extension_approved", 1)
	v = m.view()
	require.Equal(t, before.Add(time.Hour), *v.milestone(t, "resolution").DueAt)
	m.refused(from, "extend", M{"milestone": "resolution", "by": "1h", "reason": "Again."}, http.StatusConflict, "conflict")
	m.keep("transfer_extension")
}

func TestAReopenedCaseGetsANewCycleAndACallBack(t *testing.T) {
	t.Parallel()
	s := shared
	agent, chief := s.as(t, "agent2"), s.as(t, "supervisor1")
	m := s.record(t, agent, "calm", nil)
	m.do(agent, "resolve", M{"resolution": "Tightened."})
	m.do(chief, "close", M{"reason": "Confirmed."})
	v := m.do(agent, "reopen", M{"reason": "It leaks again."})
	require.Equal(t, "in_progress", v.State)
	require.Equal(t, 1, v.ReopenCount)
	r := v.milestone(t, "resolution")
	require.Equal(t, 2, r.Cycle)
	require.Equal(t, "running", r.State)
	require.Contains(t, m.tasks(agent), "call_back")
	v = m.do(agent, "resolve", M{"resolution": "Replaced."})
	require.Equal(t, "resolved", v.State)
	m.keep("reopen")
}

func TestACancelledCaseIsOver(t *testing.T) {
	t.Parallel()
	s := shared
	agent, chief := s.as(t, "agent2"), s.as(t, "supervisor1")
	m := s.record(t, agent, "calm", nil)
	m.refused(agent, "cancel", M{"reason": "Recorded twice."}, http.StatusForbidden, "forbidden")
	v := m.do(chief, "cancel", M{"reason": "Recorded twice."})
	require.Equal(t, "cancelled", v.State)
	require.Empty(t, v.AllowedActions)
	m.refused(agent, "respond", M{"message": "Hello?"}, http.StatusConflict, "process_closed")
	require.Empty(t, m.tasks(agent))
	m.keep("cancelled")
}

func TestADuplicateGivesItsEarlierPromiseAndItsContactsToTheSurvivor(t *testing.T) {
	t.Parallel()
	s := shared
	agent, other := s.as(t, "agent1"), s.as(t, "agent2")
	clientID := s.client(t, "B")
	older := s.recordFor(t, agent, "calm", clientID, M{"subject": "Forklift does not lift"})
	own := *older.view().milestone(t, "resolution").DueAt
	younger := s.recordFor(t, other, "urgent", clientID, M{"subject": "Forklift does not lift"})
	earlier := *younger.view().milestone(t, "resolution").DueAt
	require.True(t, earlier.Before(own))

	v := younger.do(other, "link", M{"case_id": older.ID, "kind": "duplicate"})
	require.Equal(t, "closed", v.State)
	require.NotNil(t, v.MergedInto)
	require.Equal(t, older.ID, *v.MergedInto)
	v = older.view()
	require.Equal(t, earlier, *v.milestone(t, "resolution").DueAt, "the client keeps the earliest promise")
	require.Len(t, v.MergedContacts, 1)
	older.do(agent, "respond", M{"message": "We know."}) // its process has taken the merge over

	v = younger.do(other, "unlink", M{"case_id": older.ID})
	require.Equal(t, "open", v.State)
	require.Equal(t, earlier, *v.milestone(t, "resolution").DueAt)
	v = older.view()
	require.Equal(t, own, *v.milestone(t, "resolution").DueAt)
	require.Empty(t, v.MergedContacts)
	younger.do(other, "respond", M{"message": "Separate after all."})
	older.do(agent, "note", M{"text": "Two machines."})
	older.keep("survivor")
	younger.keep("merged")
}

// TestAMergeIsUndoneAtOnce: the case that was not addressed learns of the merge a moment later, which is nobody's business.
func TestAMergeIsUndoneAtOnce(t *testing.T) {
	t.Parallel()
	s := shared
	agent := s.as(t, "agent1")
	clientID := s.client(t, "B")
	for range 5 {
		older := s.recordFor(t, agent, "calm", clientID, M{"subject": "Forklift does not lift"})
		younger := s.recordFor(t, agent, "calm", clientID, M{"subject": "Forklift does not lift"})
		older.do(agent, "link", M{"case_id": younger.ID, "kind": "duplicate"})
		require.Equal(t, "open", younger.do(agent, "unlink", M{"case_id": older.ID}).State)
		older.do(agent, "link", M{"case_id": younger.ID, "kind": "duplicate"})
	}
}

func TestOfTwoWhoAcceptATeamOfferOneGetsIt(t *testing.T) {
	t.Parallel()
	s := shared
	owner := s.as(t, "agent4")
	members := []person{s.as(t, "agent2"), s.as(t, "agent3")}
	for range 5 {
		m := s.record(t, owner, "calm", nil)
		m.do(owner, "assign", M{"team_id": s.team(t, "agent2")})
		answers := make([]answer, len(members))
		errors := make([]error, len(members))
		var wg sync.WaitGroup
		for i, p := range members {
			wg.Go(func() {
				answers[i], errors[i] = call(s.url, p.token, http.MethodPost, "/api/v1/cases/"+m.ID+"/accept", M{})
			})
		}
		wg.Wait()
		statuses := []int{}
		for i := range members {
			require.NoError(t, errors[i])
			statuses = append(statuses, answers[i].status)
			if answers[i].status == http.StatusOK {
				require.Equal(t, members[i].ID, m.view().AssigneeID)
			}
		}
		require.ElementsMatch(t, []int{http.StatusOK, http.StatusConflict}, statuses)
	}
}

func TestADeputyActsInTheNameOfTheOtherAndTheTimelineSaysSo(t *testing.T) {
	t.Parallel()
	s := shared
	absent, deputy := s.hire(t, "agent1"), s.hire(t, "agent4")
	m := s.record(t, absent, "calm", nil)
	m.refused(deputy, "respond", M{"message": "Hello."}, http.StatusNotFound, "not_found")
	a := absent.try(t, http.MethodPost, "/deputies", M{"deputy_id": deputy.ID, "until": time.Now().Add(time.Hour)})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Contains(t, m.tasks(deputy), "handle")
	m.do(deputy, "respond", M{"message": "I stand in for my colleague."})
	e := m.event("responded", 1)
	require.Equal(t, deputy.ID, e.Actor)
	require.NotNil(t, e.OnBehalfOf)
	require.Equal(t, absent.ID, *e.OnBehalfOf)
}

func TestALeaverOwnsNothing(t *testing.T) {
	t.Parallel()
	s := shared
	leaver, heir, admin := s.hire(t, "agent1"), s.as(t, "supervisor1"), s.as(t, "admin")
	held := s.record(t, leaver, "calm", nil)
	accepted := s.record(t, s.as(t, "agent4"), "calm", nil)
	accepted.do(s.as(t, "agent4"), "assign", M{"assignee_id": leaver.ID})
	accepted.do(leaver, "accept", nil)

	a := admin.try(t, http.MethodPost, "/users/"+leaver.ID+"/deactivate", M{})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	v := held.view() // at once, not some time later
	require.Equal(t, heir.ID, v.AccountableID)
	require.Equal(t, heir.ID, v.AssigneeID)
	v = accepted.view()
	require.Equal(t, s.as(t, "agent4").ID, v.AccountableID)
	require.Equal(t, heir.ID, v.AssigneeID)
	for _, filter := range []string{"accountable_id", "assignee_id"} {
		require.Empty(t, all[caseView](t, s.as(t, "manager1"), "/cases?"+filter+"="+leaver.ID))
	}
	refused(t, leaver.try(t, http.MethodGet, "/me", nil), http.StatusUnauthorized, "unauthenticated")

	require.Equal(t, "in_progress", held.do(heir, "respond", M{"message": "I take over."}).State, "the process goes on with the heir")
	accepted.do(heir, "note", M{"text": "Taken over."})
	held.keep("leaver_adopted")
}

func TestACaseGoesWithItsHolderToAnotherTeam(t *testing.T) {
	t.Parallel()
	s := shared
	mover, admin := s.hire(t, "agent1"), s.as(t, "admin")
	old, now := s.as(t, "supervisor1"), s.as(t, "supervisor2")
	m := s.record(t, mover, "calm", nil)
	m.refused(now, "prioritize", M{"impact": "low", "urgency": "low", "reason": "Not mine."}, http.StatusNotFound, "not_found")
	a := admin.try(t, http.MethodPatch, "/users/"+mover.ID, M{"team_id": s.team(t, "agent4")})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)

	require.Equal(t, "system", m.event("team_changed", 1).Actor)
	m.refused(old, "prioritize", M{"impact": "low", "urgency": "low", "reason": "No more."}, http.StatusNotFound, "not_found")
	m.do(now, "prioritize", M{"impact": "high", "urgency": "low", "reason": "The case is with us."})
	m.do(mover, "respond", M{"message": "Hello from the other team."})
}

func TestWhatWaitsForTheSupervisorOfATeamGoesToTheNewOne(t *testing.T) {
	t.Parallel()
	s := shared
	admin, old, now, agent := s.as(t, "admin"), s.hire(t, "supervisor1"), s.hire(t, "supervisor1"), s.hire(t, "agent1")
	made := admin.try(t, http.MethodPost, "/teams", M{"name": "Team of " + old.ID, "supervisor_id": old.ID})
	require.Equal(t, http.StatusCreated, made.status, "%s", made.body)
	var team struct {
		ID string `json:"id"`
	}
	require.NoError(t, json.Unmarshal(made.body, &team))
	a := admin.try(t, http.MethodPatch, "/users/"+agent.ID, M{"team_id": team.ID})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	known := time.Now().Add(time.Second) // the worker looks at the organisation again within a second
	until(t, func() bool { return time.Now().After(known) }, func() string { return "a second" })

	m := s.record(t, agent, "calm", nil)
	m.do(agent, "escalate", M{"reason": "I cannot say."})
	m.do(agent, "extend", M{"milestone": "resolution", "by": "2h", "reason": "A spare part."})
	waits := func(p person) []string {
		var kinds []string
		for _, task := range all[struct {
			Kind string `json:"kind"`
		}](t, p, "/tasks") {
			kinds = append(kinds, task.Kind)
		}
		slices.Sort(kinds)
		return kinds
	}
	both := []string{"approve", "supervise"}
	until(t, func() bool { return slices.Equal(both, waits(old)) }, func() string { return fmt.Sprint(waits(old)) })
	a = admin.try(t, http.MethodPatch, "/teams/"+team.ID, M{"supervisor_id": now.ID})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)

	require.Equal(t, "system", m.event("supervisor_changed", 1).Actor)
	until(t, func() bool { return slices.Equal(both, waits(now)) }, func() string { return fmt.Sprint(waits(now)) })
	require.Empty(t, waits(old))
	m.do(now, "prioritize", M{"impact": "high", "urgency": "low", "reason": "The case is with us."})

	// A program that dies after it has written the change, and before it has told anybody; and a word that the engine refuses for good.
	conn, err := pgx.Connect(t.Context(), s.database())
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), `WITH led AS (UPDATE teams SET supervisor_id = $2 WHERE id = $1)
		INSERT INTO words (workflow_id, signal, arg)
		SELECT 'case/' || $1, repeat('x', 2000), NULL::jsonb UNION ALL
		SELECT 'approval/' || approval_id, 'new-lead', to_jsonb($3::text) FROM tasks WHERE user_id = $3 AND state = 'open' AND kind = 'approve'
		UNION ALL SELECT 'case/' || $1, 'adopt', NULL`, team.ID, old.ID, now.ID)
	require.NoError(t, err)
	until(t, func() bool { return slices.Contains(waits(old), "approve") }, func() string { return fmt.Sprint(waits(old)) })
	until(t, func() bool {
		var left int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM words WHERE signal NOT LIKE 'xx%'").Scan(&left))
		return left == 0
	}, func() string { return "what was for a process that never was is for nobody" })
	gone, err := conn.Exec(t.Context(), "DELETE FROM words")
	require.NoError(t, err)
	require.EqualValues(t, 1, gone.RowsAffected(), "what is refused stays, and holds up nothing")
}
