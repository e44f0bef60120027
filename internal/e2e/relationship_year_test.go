package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/testkit"
)

// The people at the client of the year.
const (
	decider = "ines.corbel@example.com"
	user    = "rolf.amsel@example.com"
	quality = "ada.finch@example.com"
	// yearRegion is where the client of the year is, and nobody else.
	yearRegion = "yearloop"
)

// year is the whole year of one client, in seconds: each step is a chapter of it.
type year struct {
	*bond
	chain   []M // the purchase decision chain
	contact string
	plan    M
	visit   *visit
	broken  string // the promise that is not kept
	open    *matter
}

// year lets a client be classified, planned, visited, complain, be surveyed, reassessed, promoted and handed over.
func (s *stack) year(t *testing.T, server *testkit.SMTPServer) {
	y := &year{bond: s.bond(t, server, M{"region": yearRegion})}
	require.Equal(t, "prospect", y.view().Stage)
	y.acquainted()
	y.classified()
	y.planned()
	y.visited()
	y.complained()
	y.surveyed()
	y.assessed()
	y.promised()
	y.opined()
	y.won()
	y.missed()
	y.promoted()
	y.handedOver()
	y.overseen()
	y.keep("year")
	s.verify(t)
}

// acquainted records who is who at the client.
func (y *year) acquainted() {
	am := y.s.as(y.t, "am1").ID
	for _, c := range []M{
		{"name": "Ines Corbel", "title": "Head of purchasing", "email": decider, "locale": "en", "role": "decision_maker", "influence": 9, "attitude": "supportive", "relation_strength": 4, "known_by_ids": []string{am}},
		{"name": "Rolf Amsel", "title": "Foreman", "email": user, "locale": "en", "role": "user", "influence": 3, "attitude": "neutral", "relation_strength": 2},
	} {
		contactID := y.do("manager1", y.of("contacts"), c)
		y.chain = append(y.chain, M{
			"contact_id": contactID, "role": c["role"], "influence": c["influence"], "attitude": c["attitude"], "strength": c["relation_strength"], "known_by_ids": []string{am},
		})
	}
	y.contact = y.chain[0]["contact_id"].(string)
}

func criteria(value int) M {
	return M{
		"strategic_fit": value, "revenue": value, "potential": value, "decision_influence": value, "credit": value, "payment": value, "cooperation": value,
		"product_overlap": value,
	}
}

// classified: by a proposal that says all criteria, of somebody who looks after the client, and its approval.
func (y *year) classified() {
	path := y.of("classification")
	silent := criteria(80)
	delete(silent, "strategic_fit")
	p := refused(y.t, y.post("am1", path, M{"proposed_class": "A", "reason": "They grow.", "criteria": silent}), http.StatusUnprocessableEntity, "invalid")
	require.Equal(y.t, "criteria.strategic_fit", p.Errors[0].Field, "the gate cannot be passed in silence")
	refused(y.t, y.post("am2", path, M{"proposed_class": "A", "reason": "They grow.", "criteria": criteria(80)}), http.StatusForbidden, "forbidden")

	y.do("am1", path, M{"proposed_class": "A", "reason": "They grow.", "criteria": criteria(80)})
	v := y.view()
	require.Equal(y.t, "C", v.Class, "a proposal changes nothing")
	require.Equal(y.t, "A", v.Proposal.Class)
	y.s.decide(y.t, "manager1", y.ID, "approve", M{"comment": "Agreed."})
	v = y.becomes("A", "classified")
	require.Equal(y.t, "PT5S", v.Cadence.ContactEvery)
	y.awaitTask("am1", "draft_plan")
}

// planned: a draft, returned once, and approved.
func (y *year) planned() {
	t, today := y.t, time.Now().UTC()
	y.plan = M{
		"from": today.Format(time.DateOnly), "until": today.AddDate(0, 11, 0).Format(time.DateOnly), "goals": []string{"Half of their looms"},
		"decision_chain": y.chain, "budget": []M{{"period": today.Format("2006") + "-H2", "item": "Visits", "amount": 500_000}}, "currency": "CNY",
		"activities": []M{
			{"kind": "company_visit", "title": "Show them the new line", "due_at": time.Now().Add(4 * time.Second)},
			{"kind": "executive_meeting", "title": "Dinner of the boards", "due_at": time.Now().Add(time.Hour)},
			{"kind": "other", "title": "A stand at their fair", "due_at": time.Now().Add(2 * time.Hour)},
		},
	}
	planID := y.do("am1", y.of("plans"), y.plan)
	y.plan["id"] = planID
	body := func(change M) M {
		other := M{}
		for key, v := range y.plan {
			if key != "id" {
				other[key] = v
			}
		}
		for key, v := range change {
			other[key] = v
		}
		return other
	}
	p := refused(t, y.post("am1", y.of("plans"), body(M{"from": y.plan["until"], "activities": []M{}})), http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, y.plan["from"], "it says which plan is in the way")
	require.Contains(t, p.Detail, y.plan["until"])
	backwards := refused(t, y.post("am1", y.of("plans"), body(M{"until": "2026-01-01", "from": "2026-02-01"})), http.StatusUnprocessableEntity, "invalid")
	require.Equal(t, "until", backwards.Errors[0].Field)

	y.do("am1", "/plans/"+planID+"/submit", M{})
	y.s.decide(t, "manager1", y.ID, "return", M{"to": "requester", "comment": "More than half, please."})
	y.awaitPlan("draft")
	y.awaitTask("am1", "revise_plan")
	y.do("am1", "/plans/"+planID+"/revise", body(M{"goals": []string{"All of their looms"}}))
	y.do("am1", "/plans/"+planID+"/submit", M{})
	y.s.decide(t, "manager1", y.ID, "approve", M{"comment": "Go ahead."})
	y.awaitPlan("approved")
	y.becomes("A", "planned")
}

type planView struct {
	State      string
	OwnerID    string `json:"owner_id"`
	Activities []struct {
		ID, Kind, State string
		Late            bool
		ReceptionID     string `json:"reception_id"`
	}
}

func (y *year) planView() planView {
	return get[planView](y.t, y.s.as(y.t, "manager1"), "/plans/"+y.plan["id"].(string))
}

func (y *year) awaitPlan(state string) {
	y.t.Helper()
	until(y.t, func() bool { return y.planView().State == state }, func() string { return "the plan is " + y.planView().State + ", not " + state })
}

// visited: the planned visit becomes a draft by itself, when its time has come; people of the client came, and that counts.
func (y *year) visited() {
	t, path := y.t, "/plans/"+y.plan["id"].(string)
	var receptionID string
	until(t, func() bool { receptionID = y.planView().Activities[0].ReceptionID; return receptionID != "" }, func() string { return "the visit falls due" })
	until(t, func() bool {
		return y.s.as(t, "am1").try(t, http.MethodGet, "/receptions/"+receptionID, nil).status == http.StatusOK
	}, func() string { return "the draft of the visit" })
	v := &visit{t, y.s, receptionID, y.s.plan(t, M{"client_id": y.ID})}
	require.Equal(t, "draft", v.view().State)
	v.do("am1", "revise", v.plan)
	v.takesPlace()
	y.visit = v
	y.shows("reception_completed")
	require.Equal(t, "reception", y.await("interaction", nil).Data["kind"], "a visit is a contact")
	require.NotNil(t, y.becomes("A", "active").Cadence.LastContactAt)

	activities := y.planView().Activities
	y.await("activity_late", func(e event) bool { return e.Data["activity_id"] == activities[0].ID })
	y.do("am1", path+"/complete-activity", M{"activity_id": activities[0].ID, "note": "They liked it."})
	y.do("manager1", path+"/complete-activity", M{"activity_id": activities[1].ID})
	y.do("am1", path+"/drop-activity", M{"activity_id": activities[2].ID, "reason": "The fair was called off."})
	activities = y.planView().Activities
	require.Equal(t, []string{"done", "done", "dropped"}, []string{activities[0].State, activities[1].State, activities[2].State})
	require.Equal(t, []bool{true, false, false}, []bool{activities[0].Late, activities[1].Late, activities[2].Late})
	for _, kind := range []string{"activity_done", "activity_late", "activity_dropped"} {
		y.shows(kind)
	}
}

// complained: the case was closed in time, for the client says that they are content.
func (y *year) complained() {
	agent := y.s.as(y.t, "agent1")
	m := y.s.recordFor(y.t, agent, "calm", y.ID, M{"contact": M{"name": "Rolf Amsel", "email": user}})
	m.do(agent, "respond", M{"message": "We are on it."})
	m.do(agent, "resolve", M{"resolution": "Replaced."})
	token := linkTo(y.t, y.server, user, 0)
	a, err := call(y.s.url, "", http.MethodPost, "/api/v1/responses/"+token, M{"answers": M{"satisfaction": M{"score": 5}}})
	require.NoError(y.t, err)
	require.Equal(y.t, http.StatusOK, a.status, "%s", a.body)
	m.await("closed", 1)
	for _, kind := range []string{"complaint_opened", "case_in_time", "survey_satisfied"} {
		y.shows(kind)
	}
	m.keep("told_the_client")
}

// surveyed: what somebody answers to a campaign counts beside what the follow-up of the case has brought.
func (y *year) surveyed() {
	y.do("manager1", y.of("contacts"), M{"name": "Ada Finch", "title": "Quality", "email": quality, "locale": "en"})
	campaignID := y.do("manager1", "/campaigns", M{
		"name": unique("Yearly"), "audience": M{"region": []string{yearRegion}}, "template": "service_day", "channels": []string{"email"},
		"rate": 6000, "quiet_hours": M{}, "expires_after": "14d",
	})
	y.do("manager1", "/campaigns/"+campaignID+"/launch", M{})
	a, err := call(y.s.url, "", http.MethodPost, "/api/v1/responses/"+linkTo(y.t, y.server, quality, 0), M{"answers": M{"satisfaction": M{"score": 5}}})
	require.NoError(y.t, err)
	require.Equal(y.t, http.StatusOK, a.status, "%s", a.body)
	until(y.t, func() bool {
		learned := 0
		for _, e := range y.s.timeline(y.t, "/clients/"+y.ID) {
			if e.Type == "learned" && e.Data["kind"] == "survey_satisfied" {
				learned++
			}
		}
		return learned == 2
	}, func() string { return "what was answered to the campaign" })
}

// assessed: what is below target is improved until it is not.
func (y *year) assessed() {
	t, path := y.t, y.of("assessments")
	levels := func(key int) M {
		return M{"levels": M{"key": M{"level": key, "evidence": "They call us first."}, "broad": M{"level": 4, "evidence": "Everybody knows us."}}}
	}
	refused(t, y.post("manager1", path, levels(4)), http.StatusForbidden, "forbidden")
	a := y.post("am1", path, levels(2))
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	v := into[struct {
		Warnings     []string
		Improvements []struct{ ID, Level string }
	}](t, a)
	require.Equal(t, []string{"broad"}, v.Warnings, "the key relation comes first")
	require.Len(t, v.Improvements, 1)
	require.Equal(t, "key", v.Improvements[0].Level)
	path = "/improvements/" + v.Improvements[0].ID

	type improvement struct {
		State   string
		Actions []struct{ ID, State string }
	}
	a = y.post("am1", path+"/actions", M{"actions": []M{{"title": "Lunch with their board", "due_at": time.Now().Add(time.Hour)}}})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	actionID := into[improvement](t, a).Actions[0].ID
	a = y.post("am1", path+"/complete-action", M{"action_id": actionID, "note": "Three of them came."})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, "done", into[improvement](t, a).Actions[0].State)
	y.do("am1", y.of("assessments"), levels(4))
	all := all[improvement](t, y.s.as(t, "am1"), y.of("improvements"))
	require.Len(t, all, 1)
	require.Equal(t, "reached", all[0].State)
	y.shows("level")
}

// promised: what is kept counts, and what is broken is so at its time.
func (y *year) promised() {
	path := y.of("commitments")
	kept := y.do("am1", path, M{"text": "A spare part within a day", "due_at": time.Now().Add(time.Hour)})
	y.do("am1", "/commitments/"+kept+"/keep", M{"note": "It went by courier."})
	due := time.Now().Add(2 * time.Second).UTC().Truncate(time.Millisecond)
	y.broken = y.do("am1", path, M{"text": "A new price list", "due_at": due})
	e := y.await("commitment_broken", func(e event) bool { return e.Data["id"] == y.broken })
	require.False(y.t, e.At.Before(due), "broken at %s, before %s", e.At, due)
	y.t.Logf("a promise was broken %s after its time", e.At.Sub(due))
	y.shows("commitment_kept")
	y.shows("commitment_broken")
}

// opined: the opinion goes past the sales line, and its answer and what it promises go to the client.
func (y *year) opined() {
	t, owner := y.t, y.s.as(y.t, "supervisor2")
	a := y.post("agent1", y.of("opinions"), M{"text": "Nobody tells us about delays.", "contact_id": y.contact})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	o := into[struct {
		ID      string
		OwnerID string `json:"owner_id"`
	}](t, a)
	require.Equal(t, owner.ID, o.OwnerID)
	y.awaitTask("supervisor2", "answer_opinion")
	body := M{"answer": "From now on we call you.", "commitment": M{"text": "A call every Monday", "due_at": time.Now().Add(time.Hour)}}
	refused(t, y.post("am1", "/opinions/"+o.ID+"/answer", body), http.StatusForbidden, "forbidden")
	a = y.post("supervisor2", "/opinions/"+o.ID+"/answer", body)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	answered := into[struct {
		State        string
		CommitmentID string `json:"commitment_id"`
	}](t, a)
	require.Equal(t, "answered", answered.State)
	require.Contains(t, y.view().Commitments, struct{ ID string }{answered.CommitmentID})
	y.told(decider, "From now on we call you.")
	y.shows("opinion_answered")
}

// won: a lead becomes an opportunity and business.
func (y *year) won() {
	lead := y.do("am1", y.of("leads"), M{"kind": "lead", "title": "Ten looms", "amount": 9_000_000})
	y.do("am1", "/leads/"+lead+"/act", M{"note": "Sent the leaflet."})
	y.do("am1", "/leads/"+lead+"/stage", M{"stage": "negotiation"})
	refused(y.t, y.post("am1", "/leads/"+lead+"/stage", M{"stage": "screening"}), http.StatusConflict, "conflict")
	y.do("am1", "/leads/"+lead+"/close", M{"outcome": "won", "note": "They signed."})
	v := get[struct{ Kind, Outcome string }](y.t, y.s.as(y.t, "am1"), "/leads/"+lead)
	require.Equal(y.t, "opportunity", v.Kind)
	require.Equal(y.t, "won", v.Outcome)
	require.Empty(y.t, y.view().Leads)
}

// missed: nobody can have spoken with the client tomorrow, and when nobody has in time, that is seen.
func (y *year) missed() {
	path := y.of("interactions")
	body := func(at time.Time) M {
		return M{"kind": "call", "at": at, "contact_id": y.contact, "summary": "They are content.", "quality": "A second line is planned."}
	}
	p := refused(y.t, y.post("am1", path, body(time.Now().AddDate(0, 0, 1))), http.StatusUnprocessableEntity, "invalid")
	require.Equal(y.t, "at", p.Errors[0].Field)
	y.do("am1", path, body(time.Now().Add(-time.Second)))
	y.shows("contact_kept")
	called := y.await("interaction", func(e event) bool { return e.Data["kind"] == "call" })
	y.await("contact_missed", func(e event) bool { return e.Seq > called.Seq })
	y.shows("contact_missed")
	y.awaitTask("am1", "review_class")
}

// promoted: to S, which the director approves as well, and what the class asks for falls due anew.
func (y *year) promoted() {
	before := y.view()
	y.do("am1", y.of("classification"), M{"proposed_class": "S", "reason": "They are what we are for.", "criteria": criteria(95)})
	y.s.decide(y.t, "manager1", y.ID, "approve", M{})
	require.Equal(y.t, "A", y.view().Class, "a manager alone makes nobody strategic")
	y.s.decide(y.t, "director1", y.ID, "approve", M{})
	v := y.becomes("S", "active")
	manager, director := y.s.as(y.t, "manager1").ID, y.s.as(y.t, "director1").ID
	require.Len(y.t, v.ClassHistory, 2)
	for i, want := range []struct {
		class string
		by    []string
	}{{"S", []string{manager, director}}, {"A", []string{manager}}} {
		require.Equal(y.t, want.class, v.ClassHistory[i].Class)
		require.Equal(y.t, "approved", v.ClassHistory[i].Outcome)
		require.ElementsMatch(y.t, want.by, v.ClassHistory[i].DecidedBy)
	}
	require.Equal(y.t, "P7D", v.Cadence.ContactEvery)
	require.Greater(y.t, v.Cadence.NextDueAt.Sub(before.Cadence.NextDueAt), 24*time.Hour, "the next contact is timed anew")
	require.Greater(y.t, v.ReviewDueAt.Sub(before.ReviewDueAt), 24*time.Hour, "and so is the next review")
	m := &matter{y.t, y.s, y.ID}
	require.NotContains(y.t, m.tasks(y.s.as(y.t, "am1")), "review_class", "the review has found another class")
}
