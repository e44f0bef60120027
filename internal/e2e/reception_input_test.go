package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// joins makes a user of the sales team under the manager, for one test.
func (s *stack) joins(t *testing.T, managerID string) person {
	t.Helper()
	name := "joins" + strings.ReplaceAll(unique(""), " ", "")
	a := s.as(t, "admin").try(t, http.MethodPost, "/users", M{
		"username": name, "display_name": "Temp " + name, "roles": []string{"account_manager"}, "team_id": s.team(t, "am1"),
		"manager_id": managerID, "locale": "en", "password": "a-password-for-" + name,
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	p, err := s.login(name, "a-password-for-"+name)
	require.NoError(t, err)
	return p
}

// stands makes one person the deputy of another in a process.
func (s *stack) stands(t *testing.T, deputy, of person, process string, until time.Time) {
	t.Helper()
	a := of.try(t, http.MethodPost, "/deputies", M{"deputy_id": deputy.ID, "until": until.UTC().Format(time.RFC3339), "processes": []string{process}})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
}

// settled waits until the worker, which looks at the organisation again within a second, knows who has come and left.
func settled(t *testing.T) {
	t.Helper()
	known := time.Now().Add(time.Second)
	until(t, func() bool { return time.Now().After(known) }, func() string { return "a second" })
}

// faults are the fields of a refusal of values, each with its code.
func faults(t *testing.T, a answer) []string {
	t.Helper()
	var all []string
	for _, e := range refused(t, a, http.StatusUnprocessableEntity, "invalid").Errors {
		all = append(all, e.Field+":"+e.Code)
	}
	return all
}

// badValues are changes of a plan with the faults that they have; the hosts are added by the test.
func badValues(day string) map[string]struct {
	change M
	want   []string
} {
	at := func(hour string) string { return day + "T" + hour + ":00Z" }
	return map[string]struct {
		change M
		want   []string
	}{
		"ends_before_it_starts": {M{"ends_at": at("01:00"), "activities": []M{}}, []string{"ends_at:after"}},
		"visit_times_overlap": {M{"activities": []M{
			{"kind": "tour", "starts_at": at("02:00"), "ends_at": at("04:00")},
			{"kind": "lunch", "starts_at": at("03:59"), "ends_at": at("05:00")},
			{"kind": "farewell", "starts_at": at("07:00"), "ends_at": at("08:01")},
		}}, []string{"activities[1]:overlap", "activities[2]:within_visit"}},
		"negative_amount":  {M{"budget": []M{{"item": "meals", "amount": -1}}}, []string{"budget[0].amount:not_negative"}},
		"mixed_currencies": {M{"budget": []M{{"item": "meals", "amount": 1}, {"item": "gifts", "amount": 1, "currency": "EUR"}}}, []string{"budget[1].currency:other_currency"}},
		"another_currency": {M{"currency": "EUR", "budget": []M{{"item": "meals", "amount": 1}}}, []string{"currency:oneof"}},
		"unknown_host":     {M{"hosts": []string{"user_00000000000000000000000000"}}, []string{"hosts[0]:unknown"}},
	}
}

func TestBadPlansAndClaimsAreRefusedAndNothingIsHalfApplied(t *testing.T) {
	t.Parallel()
	s := shared
	v := s.visit(t, nil)
	day := v.plan["starts_at"].(string)[:len(time.DateOnly)]
	bad := badValues(day)
	left, away := s.joins(t, s.as(t, "manager1").ID), s.joins(t, s.as(t, "manager1").ID)
	s.stands(t, s.as(t, "am2"), away, "reception", time.Now().AddDate(0, 0, 400))
	a := s.as(t, "admin").try(t, http.MethodPost, "/users/"+left.ID+"/deactivate", M{})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	settled(t)
	bad["host_who_left"] = struct {
		change M
		want   []string
	}{M{"hosts": []string{left.ID}}, []string{"hosts[0]:inactive"}}
	bad["host_who_is_away"] = struct {
		change M
		want   []string
	}{M{"hosts": []string{away.ID}}, []string{"hosts[0]:away"}}

	asker := s.joins(t, s.as(t, "manager1").ID)
	changed := func(change M) M {
		plan := M{}
		for key, value := range v.plan {
			plan[key] = value
		}
		for key, value := range change {
			plan[key] = value
		}
		return plan
	}
	everything := func() []M {
		return []M{
			get[M](t, s.as(t, "am1"), "/receptions/"+v.ID),
			{"events": all[event](t, s.as(t, "am1"), "/receptions/"+v.ID+"/timeline")},
		}
	}
	unchanged := func(by, action string, body M, want ...string) {
		t.Helper()
		before := everything()
		require.ElementsMatch(t, want, faults(t, v.try(by, action, body)), action)
		require.Equal(t, before, everything(), "%s: nothing is half-applied", action)
	}
	for name, tc := range bad {
		require.ElementsMatch(t, tc.want, faults(t, asker.try(t, http.MethodPost, "/receptions", changed(tc.change))), name)
		unchanged("am1", "revise", changed(tc.change), tc.want...)
	}
	require.Empty(t, all[M](t, asker, "/receptions"), "nothing was begun")

	v.do("am1", "submit", nil)
	refused(t, v.try("am1", "revise", v.plan), http.StatusConflict, "conflict")
	refused(t, v.try("am1", "submit", nil), http.StatusConflict, "conflict")
	v.decide("manager1", "approve", M{})
	v.decide("clerk1", "approve", M{})
	v.await("approved")
	for _, tc := range bad {
		unchanged("am1", "revise", changed(tc.change), tc.want...)
	}
	unchanged("clerk1", "prepare", M{"items": []string{"fireworks"}}, "items[0]:unknown")
	unchanged("clerk1", "prepare", M{"receptionist_id": s.as(t, "agent1").ID}, "receptionist_id:no_receptionist")
	v.do("clerk1", "prepare", nil)
	v.do("clerk1", "start", nil)
	unchanged("clerk1", "tick-off", M{"activity_id": "activity_00000000000000000000000000"}, "activity_id:unknown")
	v.do("clerk1", "complete", nil)

	claim := func(items ...M) M { return M{"items": items} }
	meal := M{"item": "meals", "amount": 10_000, "receipt": "FP-A-" + v.ID}
	unchanged("am1", "expense-claim", claim(M{"item": "meals", "amount": -5, "receipt": "FP-B"}, M{"item": "meals", "amount": 0, "receipt": "FP-C"}), "items[0].amount:min", "items[1].amount:min")
	unchanged("am1", "expense-claim", claim(meal, M{"item": "gifts", "amount": 5, "receipt": "FP-B", "currency": "EUR"}), "items[1].currency:other_currency")
	unchanged("am1", "expense-claim", M{"items": []M{meal}, "currency": "EUR"}, "currency:other_currency")
	unchanged("am1", "expense-claim", claim(meal, meal), "items[1].receipt:receipt_claimed")
	v.do("am1", "expense-claim", claim(meal))
	refused(t, v.try("am1", "expense-claim", claim(meal)), http.StatusConflict, "conflict")
	for _, by := range []string{"am1", "manager1", "clerk1"} { // who claims, and who approved the visit
		refused(t, v.try(by, "pay", nil), http.StatusForbidden, "forbidden")
	}
	v.do("finance1", "pay", nil)
	refused(t, v.try("finance1", "pay", nil), http.StatusConflict, "conflict")
	unchanged("am1", "expense-claim", claim(meal), "items[0].receipt:receipt_claimed")
}

func TestNobodyDecidesOnTheirOwnReceptionInAnyDisguise(t *testing.T) {
	t.Parallel()
	s := shared
	boss := s.joins(t, s.as(t, "manager1").ID)
	asker, stand, elsewhere := s.joins(t, boss.ID), s.joins(t, boss.ID), s.joins(t, boss.ID)
	soon := time.Now().Add(time.Hour)
	s.stands(t, asker, boss, "reception", soon)  // the requester is their boss's deputy
	s.stands(t, stand, asker, "reception", soon) // and submits through a deputy of their own
	s.stands(t, elsewhere, asker, "complaint", soon)
	settled(t)
	plan := s.plan(t, M{"hosts": []string{boss.ID}, "activities": []M{}})
	a := asker.try(t, http.MethodPost, "/receptions", plan)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	path := "/receptions/" + into[receptionView](t, a).ID
	refused(t, elsewhere.try(t, http.MethodPost, path+"/submit", M{}), http.StatusNotFound, "not_found")
	a = stand.try(t, http.MethodPost, path+"/submit", M{})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	v := into[receptionView](t, a)
	r := request{&matter{t, s, v.ID}, v.Approval.ID}
	r.awaitTask(boss, "approve")

	for _, p := range []person{asker, stand} {
		require.NotContains(t, r.tasks(p), "approve", "no deputy decides on what they have asked for")
		for verb, body := range map[string]M{"approve": {}, "reject": {}, "return": {"to": "requester"}} {
			r.mayNot(p, verb, body, http.StatusForbidden, "self_approval")
		}
		for _, verb := range []string{"transfer", "delegate"} {
			r.mayNot(boss, verb, M{"to_id": p.ID}, http.StatusForbidden, "self_approval")
			r.mayNot(p, verb, M{"to_id": s.as(t, "agent1").ID}, http.StatusForbidden, "not_participant")
		}
		for _, position := range []string{"before", "after", "parallel"} {
			r.mayNot(boss, "add-sign", M{"position": position, "user_ids": []string{p.ID}}, http.StatusForbidden, "self_approval")
		}
	}
	require.Equal(t, []string{"approval_started", "step_opened"}, r.events(boss), "nothing is half-applied")
	r.does(boss, "approve", M{})
	r.mayNot(boss, "approve", M{}, http.StatusConflict, "step_passed")
	r.does(s.as(t, "clerk1"), "approve", M{})
	until(t, func() bool { return get[receptionView](t, asker, path).State == "approved" }, func() string { return "the reception knows" })
}
