package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/mcrflow/mcrflow/models"
)

// handedOverAndMerged hands a client over in one go, and merges it into another one: its relationship ends.
func (s *stack) handedOverAndMerged(t *testing.T) {
	survivor, b := s.bond(t, nil, M{"class": "B"}), s.bond(t, nil, M{"class": "B"})
	b.do("am1", b.of("commitments"), M{"text": "A visit in spring", "due_at": time.Now().Add(time.Hour)})
	b.do("am1", b.of("leads"), M{"kind": "opportunity", "title": "A second press"})
	promise, lead := b.view().Commitments[0].ID, b.view().Leads[0].ID
	b.do("am1", b.of("hand-over"), M{"to_id": s.as(t, "am2").ID, "reason": "I move to another region."})
	b.do("am2", b.of("hand-over/decline"), M{"reason": "Not before the fair."})
	require.Equal(t, s.as(t, "am1").ID, b.view().AccountManagerID)
	b.do("am1", b.of("hand-over"), M{"to_id": s.as(t, "am2").ID, "reason": "The fair is over."})
	b.do("am2", b.of("hand-over/accept"), M{})
	require.Equal(t, s.as(t, "am2").ID, b.view().AccountManagerID)
	require.Empty(t, (&matter{t, s, b.ID}).tasks(s.as(t, "am1")))
	b.keep("handed_over")

	b.do("manager1", b.of("merge"), M{"into_id": survivor.ID, "reason": "The same company."})
	b.await("merged", func(e event) bool { return e.Data["into_id"] == survivor.ID })
	h := s.history(t, models.RelationshipWorkflowID(b.ID))
	until(t, func() bool {
		h = s.history(t, models.RelationshipWorkflowID(b.ID))
		return h.Events[len(h.Events)-1].EventType == enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
	}, func() string { return "the end of the relationship" })
	require.Empty(t, (&matter{t, s, b.ID}).tasks(s.as(t, "am2")))
	survivor.await("inherited", func(e event) bool { return e.Data["from_id"] == b.ID })
	survivor.do("am2", "/commitments/"+promise+"/keep", M{"note": "What was promised to the one is kept to the other."})
	survivor.do("am2", "/leads/"+lead+"/close", M{"outcome": "won", "note": "They bought it."})
	p := refused(t, b.post("agent1", "/cases", complaint(b.ID, nil)), http.StatusConflict, "client_merged")
	require.Contains(t, p.Detail, survivor.ID, "it says where to go")
	refused(t, b.post("am2", b.of("commitments"), M{"text": "Another visit", "due_at": time.Now().Add(time.Hour)}), http.StatusConflict, "client_merged")
	b.keep("merged")
}

// handedOver: item by item and then all that is left; nothing stays with who gave.
func (y *year) handedOver() {
	t, from, to := y.t, y.s.as(y.t, "am1"), y.s.as(y.t, "am2")
	y.open = y.s.recordFor(t, from, "calm", y.ID, nil)
	y.do("manager1", y.of("hand-over"), M{"to_id": to.ID, "reason": "A change is due."})
	y.awaitTask("am2", "accept_account")
	kinds := map[string]string{}
	for _, item := range y.view().HandOver.Items {
		kinds[item.Kind] = item.ID
	}
	require.Equal(t, map[string]string{
		"account": y.ID, "plan": y.plan["id"].(string), "commitment": y.broken, "case": y.open.ID, "reception": y.visit.ID,
	}, kinds, "everything that is open and theirs")
	refused(t, y.post("am1", y.of("hand-over/accept"), M{}), http.StatusForbidden, "forbidden")
	y.do("am2", y.of("hand-over/accept"), M{"items": []M{{"kind": "commitment", "id": y.broken}, {"kind": "case", "id": y.open.ID}}})
	require.Equal(t, from.ID, y.view().AccountManagerID, "the account is accepted last")
	until(t, func() bool { return y.open.view().AccountableID == to.ID }, func() string { return "the case follows" })
	y.do("am2", "/commitments/"+y.broken+"/keep", M{"note": "Sent at last."})
	y.do("am2", y.of("hand-over/accept"), M{})

	v := y.view()
	require.Equal(t, to.ID, v.AccountManagerID)
	require.Nil(t, v.HandOver)
	require.Equal(t, to.ID, y.planView().OwnerID)
	until(t, func() bool {
		return get[struct {
			RequesterID string `json:"requester_id"`
		}](t, y.s.as(t, "manager1"), "/receptions/"+y.visit.ID).RequesterID == to.ID
	}, func() string { return "the reception follows" })
	for _, subject := range []string{y.ID, y.open.ID, y.visit.ID} {
		m := &matter{t, y.s, subject}
		until(t, func() bool { return len(m.tasks(from)) == 0 }, func() string { return "nothing is left with who gave" })
	}
	refused(t, from.try(t, http.MethodGet, y.of("relationship"), nil), http.StatusNotFound, "not_found")
	get[bondView](t, to, y.of("relationship"))
	y.told(user, "From now on Emily Clarke 柯艾米 looks after you")
	y.visit.keep("handed_over")
}

// overseen: one page has all of it, for who sees everything; who has no part any more sees what is theirs.
func (y *year) overseen() {
	type overview struct {
		Contacts, Plans, Interactions, Commitments, Leads, Receptions, Responses, Timeline []M
		ClassHistory                                                                       []M `json:"class_history"`
		OpenCases                                                                          []M `json:"open_cases"`
		PastCases                                                                          []M `json:"past_cases"`
		Relationship                                                                       *bondView
		Hidden                                                                             []string
	}
	v := get[overview](y.t, y.s.as(y.t, "manager1"), y.of("overview"))
	require.NotNil(y.t, v.Relationship)
	require.Empty(y.t, v.Hidden)
	for name, n := range map[string][2]int{
		"contacts": {3, len(v.Contacts)}, "plans": {1, len(v.Plans)}, "interactions": {3, len(v.Interactions)}, "commitments": {1, len(v.Commitments)},
		"leads": {1, len(v.Leads)}, "receptions": {1, len(v.Receptions)}, "responses": {2, len(v.Responses)}, "classes": {2, len(v.ClassHistory)},
		"open cases": {1, len(v.OpenCases)}, "past cases": {1, len(v.PastCases)},
	} {
		require.Equal(y.t, n[0], n[1], name)
	}
	processes := map[any]bool{}
	for _, e := range v.Timeline {
		processes[e["process"]] = true
	}
	require.Contains(y.t, processes, "relationship")
	require.Contains(y.t, processes, "complaint")
	require.Contains(y.t, get[overview](y.t, y.s.as(y.t, "am1"), y.of("overview")).Hidden, "relationship")
}
