package approval

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
)

func TestModes(t *testing.T) {
	t.Parallel()
	ratio := by(ModeRatio, "ben", "cat", "fay", "fin", "rex")
	ratio.Percent = 60
	vote := Step{Mode: ModeVote, Who: []Who{{User: "ben", Weight: 3}, {User: "cat"}, {User: "fay"}}}
	for name, tc := range map[string]func(t *testing.T){
		"any_first_approval_decides": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "ben", "cat")), company()).
				at1("a", "ben", "cat").do("cat", Approve).ended(Approved).refused(errs.ProcessClosed, "ben", Approve)
		},
		"any_first_refusal_decides": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "ben", "cat")), company()).do("ben", Reject).ended(Rejected)
		},
		"all_must_approve": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAll, "ben", "cat")), company()).do("ben", Approve).at1("a", "cat").do("cat", Approve).ended(Approved)
		},
		"all_one_refusal_ends": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAll, "ben", "cat", "fay")), company()).do("ben", Approve).do("fay", Reject).ended(Rejected)
		},
		"all_majority_outvotes_a_refusal": func(t *testing.T) {
			rules := Rules{OnRefusal: map[string]string{"all": RefusalMajority}}
			begin(t, steps(t, rules, by(ModeAll, "ben", "cat", "fay")), company()).
				do("ben", Reject).at1("a", "cat", "fay").do("fay", Approve).do("cat", Approve).ended(Approved)
		},
		"all_majority_tie_refuses": func(t *testing.T) {
			rules := Rules{OnRefusal: map[string]string{"all": RefusalMajority}}
			begin(t, steps(t, rules, by(ModeAll, "ben", "cat")), company()).do("ben", Approve).do("cat", Reject).ended(Rejected)
		},
		"all_continue_hears_everybody_and_then_refuses": func(t *testing.T) {
			rules := Rules{OnRefusal: map[string]string{"all": RefusalContinue}}
			begin(t, steps(t, rules, by(ModeAll, "ben", "cat")), company()).do("ben", Reject).at1("a", "cat").do("cat", Approve).ended(Rejected)
		},
		"ratio_needs_its_percentage": func(t *testing.T) {
			begin(t, steps(t, Rules{}, ratio), company()).do("ben", Approve).do("cat", Reject).do("fay", Approve).at1("a", "fin", "rex").
				do("rex", Approve).ended(Approved)
		},
		"ratio_ends_when_out_of_reach": func(t *testing.T) {
			begin(t, steps(t, Rules{}, ratio), company()).do("ben", Reject).do("cat", Reject).at1("a", "fay", "fin", "rex").do("fay", Reject).ended(Rejected)
		},
		"sequence_asks_one_after_the_other": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeSequence, "cat", "ben")), company()).at1("a", "cat").
				refused(CodeNotYourTurn, "ben", Approve).do("cat", Approve).at1("a", "ben").do("ben", Approve).ended(Approved)
		},
		"vote_counts_weights": func(t *testing.T) {
			begin(t, steps(t, Rules{}, vote), company()).do("cat", Reject).do("fay", Reject).at1("a", "ben").do("ben", Approve).ended(Approved)
		},
		"vote_may_ask_for_a_percentage": func(t *testing.T) {
			most := vote
			most.Percent = 80
			begin(t, steps(t, Rules{}, most), company()).do("ben", Approve).do("cat", Approve).ended(Approved)
			begin(t, steps(t, Rules{}, most), company()).do("cat", Reject).at1("a", "ben", "fay").do("fay", Reject).ended(Rejected)
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestWho(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		who  Who
		want []string
	}{
		"user":                           {Who{User: "cat"}, []string{"cat"}},
		"role":                           {Who{Role: "finance"}, []string{"fay", "fin"}},
		"role_lead_is_above_the_holders": {Who{Role: "reception_clerk", Lead: true}, []string{"max"}},
		"role_lead_is_a_leading_holder":  {Who{Role: "supervisor", Lead: true}, []string{"sue"}},
		"team_without_the_requester":     {Who{Team: "hotline"}, []string{"ben", "cat", "sue"}},
		"team_lead":                      {Who{Team: "t1", Lead: true}, []string{"sue"}},
		"manager":                        {Who{ManagerOf: StepRequester}, []string{"sue"}},
		"manager_level_2":                {Who{ManagerOf: StepRequester, Level: 2}, []string{"dora"}},
		"supervisor":                     {Who{SupervisorOf: StepRequester}, []string{"sue"}},
		"chain_of_managers_to_the_top":   {Who{ChainOfManagers: StepRequester, Level: 5}, []string{"sue", "dora"}},
		"requester_choice":               {Who{RequesterChoice: true}, []string{"fin"}},
		"expression":                     {Who{CEL: `client.class == "S" ? ["ben", "cat"] : ["rex"]`}, []string{"rex"}},
		"expression_of_one":              {Who{CEL: `"rex"`}, []string{"rex"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := begin(t, steps(t, Rules{}, Step{Mode: ModeAll, Who: []Who{tc.who}}), company(), func(r *Request, _ *Env) {
				r.Choices = map[string][]string{"a": {"fin"}}
			})
			c.at1("a", tc.want...)
			require.NotEmpty(t, c.fx.Open[0].Why.Reason.Rule)
		})
	}
	t.Run("who_has_a_stake_is_climbed_over", func(t *testing.T) {
		t.Parallel()
		begin(t, steps(t, Rules{}, Step{Who: []Who{{SupervisorOf: StepRequester}}}), company(), func(r *Request, _ *Env) {
			r.Interested = []string{"sue"}
		}).at1("a", "dora").refused(CodeSelfApproval, "sue", Approve)
	})
	t.Run("who_has_left_is_climbed_over", func(t *testing.T) {
		t.Parallel()
		begin(t, steps(t, Rules{}, Step{Who: []Who{{ManagerOf: StepRequester}}}), company().with("sue", left)).at1("a", "dora")
	})
}

func TestRules(t *testing.T) {
	t.Parallel()
	requester := func(id string) func(*Request, *Env) { return func(r *Request, _ *Env) { r.Requester = id } }
	finance := Step{Mode: ModeAll, Who: []Who{{Role: "finance"}}}
	boss := Step{Who: []Who{{Role: "director"}}}
	for name, tc := range map[string]func(t *testing.T){
		"self_approval_forbid_leaves_the_place_empty": func(t *testing.T) {
			begin(t, steps(t, Rules{}, finance), company(), requester("fay")).at1("a", "fin")
		},
		"self_approval_to_manager_gives_the_place_up": func(t *testing.T) {
			begin(t, steps(t, Rules{SelfApproval: SelfToManager}, finance), company(), requester("fay")).at1("a", "max", "fin")
		},
		"nobody_found_to_admin": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, boss), company(), requester("dora")).at1("a", "ada")
			require.Equal(t, "nobody_found", c.fx.Open[0].Why.Reason.Rule)
		},
		"nobody_found_for_a_choice_that_the_requester_cannot_make": func(t *testing.T) { // in a policy that was published when that was no fault
			choice := Step{Who: []Who{{RequesterChoice: true}}}
			begin(t, steps(t, Rules{}, choice, by(ModeAny, "sue")), company()).at1("a", "ada").do("ada", Approve).at1("b", "sue")
			begin(t, steps(t, Rules{NobodyFound: NobodySkip}, choice, by(ModeAny, "sue")), company()).at1("b", "sue")
			begin(t, steps(t, Rules{NobodyFound: NobodyReject}, choice), company()).ended(Rejected)
			both := Step{Who: []Who{{RequesterChoice: true}, {User: "fin"}}}
			begin(t, steps(t, Rules{}, both), company()).at1("a", "fin")
			c := begin(t, steps(t, Rules{}, choice), company()).do("ada", Return, to(StepRequester))
			c.do("ann", Resubmit).at1("a", "ada")
		},
		"nobody_found_skip_goes_on": func(t *testing.T) {
			begin(t, steps(t, Rules{NobodyFound: NobodySkip}, boss, by(ModeAny, "sue")), company(), requester("dora")).at1("b", "sue")
		},
		"nobody_found_at_all_approves_nothing": func(t *testing.T) {
			c := begin(t, steps(t, Rules{NobodyFound: NobodySkip}, boss), company(), requester("dora")).ended(Rejected)
			require.Equal(t, System, c.state.OutcomeBy)
			require.Equal(t, "nobody_found", c.state.OutcomeRule)
		},
		"nobody_found_reject": func(t *testing.T) {
			begin(t, steps(t, Rules{NobodyFound: NobodyReject}, boss), company(), requester("dora")).ended(Rejected)
		},
		"nobody_found_and_no_admin_rejects": func(t *testing.T) {
			begin(t, steps(t, Rules{}, boss), company().with("ada", left), requester("dora")).ended(Rejected)
		},
		"repeated_approver_skip_consecutive": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAll, "sue"), by(ModeAll, "sue", "max"), by(ModeAny, "dora"), by(ModeAny, "sue")), company())
			c.do("sue", Approve).at1("c", "max")
			require.Equal(t, []string{"repeated_approver"}, c.event(EventStepSkipped).Rules)
			require.Equal(t, System, c.event(EventStepSkipped).Actor, "never as that person's act")
			c.do("max", Approve).do("dora", Approve).at1("e", "sue")
		},
		"repeated_approver_skip_any": func(t *testing.T) {
			begin(t, steps(t, Rules{RepeatedApprover: RepeatSkipAny}, by(ModeAny, "sue"), by(ModeAny, "dora"), by(ModeAny, "sue")), company()).
				do("sue", Approve).do("dora", Approve).ended(Approved)
		},
		"repeated_approver_ask": func(t *testing.T) {
			begin(t, steps(t, Rules{RepeatedApprover: RepeatAsk}, by(ModeAny, "sue"), by(ModeAny, "sue")), company()).do("sue", Approve).at1("b", "sue")
		},
		"repeated_approver_is_who_acted_not_for_whom": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAll, "sue", "rex")), company(), deputy("sue", "rex"))
			c.do("rex", Approve).at1("b", "sue")
		},
		"on_refusal_return": func(t *testing.T) {
			rules := Rules{OnRefusal: map[string]string{"any": RefusalReturn}, MaxReturns: 1}
			c := begin(t, steps(t, rules, by(ModeAny, "sue")), company()).do("sue", Reject).at1(StepRequester, "ann")
			c.do("ann", Resubmit).at1("a", "sue").refused(CodeReturnedEnough, "sue", Return, to(StepRequester)).do("sue", Reject).ended(Rejected)
		},
		"select_first_match_wins_and_steps_have_conditions": func(t *testing.T) {
			def := Definition{
				Select: []Branch{{When: `reception.level == "vip"`, Steps: []string{"boss", "money"}}, {When: "true", Steps: []string{"money", "lead"}}},
				Steps:  map[string]Step{"boss": by(ModeAny, "dora"), "lead": by(ModeAny, "sue"), "money": {When: "reception.budget_total > 500000", Who: []Who{{User: "fay"}}}},
			}
			for _, r := range []struct {
				level  string
				amount int64
				path   []string
			}{
				{"vip", 500000, []string{"boss"}},
				{"vip", 500001, []string{"boss", "money"}},
				{"standard", 500001, []string{"money", "lead"}},
				{"standard", 0, []string{"lead"}},
			} {
				c := begin(t, chainOf(t, "reception", def), company(), func(q *Request, _ *Env) { q.Facts = reception(r.level, r.amount) })
				require.Equal(t, r.path, c.state.Path)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func reception(level string, amount int64) Facts {
	return Facts{Texts: map[string]string{"reception.level": level}, Numbers: map[string]int64{"reception.budget_total": amount}}
}

func deputy(of, id string, change ...func(*DeputyRule)) func(*Request, *Env) {
	r := DeputyRule{ID: "rule-" + of + "-" + id, UserID: of, DeputyID: id, From: monday, Until: monday.Add(8 * time.Hour)}
	for _, f := range change {
		f(&r)
	}
	return func(_ *Request, e *Env) { e.Deputies = append(e.Deputies, r) }
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]func(t *testing.T){
		"remind_as_often_as_said": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue").due(time.Hour, "remind(2)")), company())
			at, ok := NextCheckpoint(c.state)
			require.True(t, ok)
			require.Equal(t, monday.Add(time.Hour), at)
			c.wait(time.Hour)
			require.Equal(t, []string{"sue"}, c.notice(NoticeReminded))
			require.Equal(t, System, c.event(EventReminded).Actor)
			c.wait(time.Hour)
			require.Equal(t, []string{"sue"}, c.notice(NoticeReminded))
			_, ok = NextCheckpoint(c.state)
			require.False(t, ok)
			c.at1("a", "sue")
		},
		"escalate_adds_superiors_and_keeps_the_participant": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "ben").due(time.Hour, OverdueEscalate)), company()).wait(time.Hour)
			require.Equal(t, []string{"sue"}, c.notice(NoticeEscalated))
			c.at1("a", "ben").wait(time.Hour)
			require.Equal(t, []string{"dora"}, c.notice(NoticeEscalated))
			c.wait(5 * time.Hour)
			require.Equal(t, []string{"ben", "sue", "dora"}, c.notice(NoticeReminded), "nobody is above")
			c.do("sue", Approve).ended(Approved)
			require.Equal(t, "ben", c.event(EventApproved).OnBehalfOf)
			require.Equal(t, []string{OverdueEscalate}, c.event(EventApproved).Rules)
		},
		"approve_by_system": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "ben", "sue").due(time.Hour, OverdueApprove)), company()).do("ben", Approve).wait(time.Hour).ended(Approved)
			require.Equal(t, Event{Type: EventApproved, At: monday.Add(time.Hour), Actor: System, OnBehalfOf: "sue", Rules: []string{ruleOnDue}, Step: "a", Visit: 1}, c.event(EventApproved))
			require.Equal(t, System, c.state.OutcomeBy)
			require.Equal(t, ruleOnDue, c.state.OutcomeRule)
		},
		"reject_by_system": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue").due(time.Hour, OverdueReject)), company()).wait(time.Hour).ended(Rejected)
		},
		"an_added_signer_has_a_clock_of_their_own": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "sue").due(time.Hour, OverdueApprove)), company()).wait(50 * time.Minute)
			c.do("sue", AddSign, add(Before, "ben")).at1("a", "ben")
			at, _ := NextCheckpoint(c.state)
			require.Equal(t, c.at.Add(time.Hour), at)
		},
		"a_return_starts_the_clock_anew": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue").due(time.Hour, OverdueApprove)), company()).wait(50 * time.Minute)
			c.do("sue", Return, to(StepRequester))
			_, ok := NextCheckpoint(c.state)
			require.False(t, ok, "the requester has all the time")
			c.do("ann", Resubmit)
			at, _ := NextCheckpoint(c.state)
			require.Equal(t, c.at.Add(time.Hour), at)
		},
		"an_opinion_that_does_not_come_ends_the_question": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue").due(time.Hour, OverdueApprove)), company()).do("sue", Delegate, to("ben"))
			c.at1("a", "ben").wait(time.Hour).at1("a", "sue")
		},
		"a_late_tick_does_all_in_order": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max").due(time.Hour, OverdueApprove), by(ModeAny, "dora").due(time.Hour, OverdueReject)), company())
			c.at = monday.Add(3 * time.Hour)
			c.do(System, Tick).at1("b", "dora")
			at, _ := NextCheckpoint(c.state)
			require.Equal(t, c.at.Add(time.Hour), at, "dora has her time from when she is asked")
			v := c.state.Visits[0]
			require.Equal(t, []time.Time{monday.Add(time.Hour), monday.Add(time.Hour)}, []time.Time{*v.Participants[0].DecidedAt, *v.ClosedAt}, "the rest was decided in time")
		},
		"what_a_late_tick_does_has_its_own_instant": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "ben", "max").due(time.Hour, "remind(2)")), company())
			c.do("ann", Urge) // not in the way of the clock
			c.at = monday.Add(90 * time.Minute)
			c.do(System, Tick)
			at, _ := NextCheckpoint(c.state)
			require.Equal(t, monday.Add(2*time.Hour), at, "an hour after the first reminder was due, not after it was given")
			c.at = monday.Add(4 * time.Hour)
			c.do(System, Tick)
			require.Equal(t, monday.Add(2*time.Hour), c.event(EventReminded).At)
		},
		"superiors_that_a_dead_server_did_not_ask_are_asked_as_of_their_instants": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "ben").due(time.Hour, OverdueEscalate)), company())
			c.at = monday.Add(150 * time.Minute)
			c.do(System, Tick)
			var got []string
			for _, e := range c.fx.Events {
				got = append(got, e.At.Sub(monday).String()+" "+e.UserIDs[1])
			}
			require.Equal(t, []string{"1h0m0s sue", "2h0m0s dora"}, got)
			at, _ := NextCheckpoint(c.state)
			require.Equal(t, monday.Add(3*time.Hour), at)
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestLeavers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]func(t *testing.T){
		"superior_takes_the_place": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "ben", "max")), company()).org("ben", left).at1("a", "sue", "max")
			require.Equal(t, []string{"ben", "sue"}, c.event(EventReplaced).UserIDs)
			require.Equal(t, "left", c.fx.Open[0].Why.ReplacedBy.Rule)
		},
		"superior_with_a_place_is_passed_over": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAll, "ben", "sue")), company()).org("ben", left).at1("a", "dora", "sue")
		},
		"admin_when_nobody_is_above": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "dora")), company()).org("dora", left).at1("a", "ada")
		},
		"nobody_at_all_rejects": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "dora")), company().with("ada", left)).org("dora", left).ended(Rejected)
		},
		"added_signer_is_taken_out": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company()).do("sue", AddSign, add(Before, "ben")).at1("a", "ben").org("ben", left).at1("a", "sue")
		},
		"requester_of_a_returned_request_withdraws_it": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company()).do("sue", Return, to(StepRequester)).org("ann", left).ended(Withdrawn)
			require.Equal(t, "left", c.state.OutcomeRule)
		},
		"requester_of_a_running_request_does_not_matter": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company()).org("ann", left).do("sue", Approve).ended(Approved)
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestNewSupervisor_is_asked_in_the_place_of_the_old_one(t *testing.T) {
	t.Parallel()
	led := func(c *course, team, by string) *course {
		c.Helper()
		c.env.Org.Teams = maps.Clone(c.env.Org.Teams)
		lead := c.env.Org.Teams[team]
		from := lead.SupervisorID
		lead.SupervisorID = by
		c.env.Org.Teams[team] = lead
		return c.do(System, OrgChanged, func(cmd *Command) { cmd.UserID = from })
	}
	free := company().with("ann", func(p *Person) { p.ManagerID = "" }) // whose manager is who supervises the team
	for name, tc := range map[string]func(t *testing.T){
		"supervisor_of": func(t *testing.T) {
			c := led(begin(t, steps(t, Rules{}, Step{Who: []Who{{SupervisorOf: StepRequester}}}.due(time.Hour, "")), company()), "t1", "ben").at1("a", "ben")
			require.Equal(t, []string{"sue", "ben"}, c.event(EventReplaced).UserIDs)
			require.Equal(t, []string{"supervisor_changed"}, c.event(EventReplaced).Rules)
			require.Equal(t, "supervisor_changed", c.fx.Open[0].Why.ReplacedBy.Rule)
			require.Equal(t, monday.Add(time.Hour), *c.fx.Open[0].DueAt, "the step was to be decided by then")
			led(c, "t1", "cat").at1("a", "cat").refused(CodeNotParticipant, "ben", Approve).do("cat", Approve).ended(Approved)
		},
		"manager_of_where_no_manager_is_named": func(t *testing.T) {
			led(begin(t, steps(t, Rules{}, Step{Who: []Who{{ManagerOf: StepRequester}}}), free), "t1", "ben").at1("a", "ben")
		},
		"chain_of_managers": func(t *testing.T) {
			led(begin(t, steps(t, Rules{}, Step{Mode: ModeAll, Who: []Who{{ChainOfManagers: StepRequester, Level: 2}}}), free), "t1", "ben").at1("a", "ben", "dora")
		},
		"team_lead": func(t *testing.T) {
			led(begin(t, steps(t, Rules{}, Step{Who: []Who{{Team: "t1", Lead: true}}}), company()), "t1", "ben").at1("a", "ben")
		},
		"not_of_a_manager_who_stays": func(t *testing.T) {
			led(begin(t, steps(t, Rules{}, Step{Who: []Who{{ManagerOf: StepRequester}}}), company()), "t1", "ben").at1("a", "sue")
		},
		"not_of_who_is_named": func(t *testing.T) {
			led(begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company()), "t1", "ben").at1("a", "sue")
		},
		"not_by_who_asks": func(t *testing.T) {
			led(begin(t, steps(t, Rules{}, Step{Who: []Who{{Team: "t1", Lead: true}}}), company()), "t1", "ann").at1("a", "sue")
		},
		"not_of_what_they_have_decided": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, Step{Mode: ModeAll, Who: []Who{{Team: "t1", Lead: true}, {User: "max"}}}), company()).do("sue", Approve)
			led(c, "t1", "ben").at1("a", "max")
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestDeputies(t *testing.T) {
	t.Parallel()
	until := func(d time.Duration) func(*DeputyRule) {
		return func(r *DeputyRule) { r.Until = monday.Add(d) }
	}
	one := func(t *testing.T) *Chain { return steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "dora")) }
	standby := func(c *course) []string {
		var ids []string
		for _, b := range c.state.Active().Participants[0].Standbys {
			ids = append(ids, b.UserID)
		}
		return ids
	}
	for name, tc := range map[string]func(t *testing.T){
		"acts_for_the_participant_under_the_rule": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "max"))
			require.Equal(t, "rule-sue-max", c.fx.Open[1].Why.Standby.Rules[0])
			c.do("max", Approve, saying("fine")).at1("b", "dora")
			e := c.event(EventApproved)
			require.Equal(t, []string{"max", "sue", "rule-sue-max"}, []string{e.Actor, e.OnBehalfOf, e.Rules[0]})
			seen := c.chain.Steps(c.state)[0].Participants[0]
			require.Equal(t, []string{"max", "sue", "approved", "fine"}, []string{seen.UserID, seen.OnBehalfOf, seen.State, seen.Comment})
		},
		"window_ends_and_the_task_is_offered_back": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "max", until(time.Hour))).wait(time.Hour)
			require.Equal(t, []string{"sue"}, c.notice(NoticeOfferedBack))
			require.Equal(t, "max", c.fx.Close[0].UserID)
			c.refused(CodeNotParticipant, "max", Approve).at1("a", "sue")
		},
		"window_that_begins_later_is_noticed_then": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "max", func(r *DeputyRule) { r.From = monday.Add(time.Hour) }))
			c.refused(CodeNotParticipant, "max", Approve).wait(time.Hour).do("max", Approve).at1("b", "dora")
		},
		"not_after_the_window_even_without_a_tick": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "max", until(time.Hour)))
			c.at = monday.Add(2 * time.Hour)
			c.refused(CodeNotParticipant, "max", Approve)
		},
		"of_other_processes_does_not_act": func(t *testing.T) {
			begin(t, one(t), company(), deputy("sue", "max", func(r *DeputyRule) { r.Processes = []string{"extension"} })).refused(CodeNotParticipant, "max", Approve)
		},
		"ceiling_of_amount": func(t *testing.T) {
			ceiling := deputy("sue", "max", func(r *DeputyRule) { r.MaxAmount = 1000 })
			begin(t, one(t), company(), ceiling, func(r *Request, _ *Env) { r.Facts = reception("vip", 1001) }).refused(CodeNotParticipant, "max", Approve)
			begin(t, one(t), company(), ceiling, func(r *Request, _ *Env) { r.Facts = reception("vip", 1000) }).do("max", Approve)
		},
		"absent_deputy_falls_through_to_theirs": func(t *testing.T) {
			c := begin(t, one(t), company().with("max", away), deputy("sue", "max"), deputy("max", "rex"))
			require.Equal(t, []string{"rex"}, standby(c))
			c.do("rex", Approve)
			require.Equal(t, []string{"rule-sue-max", "rule-max-rex"}, c.event(EventApproved).Rules)
		},
		"deputy_who_has_a_deputy_falls_through_while_the_rule_is_in_force": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "max"), deputy("max", "rex", until(time.Hour)))
			require.Equal(t, []string{"rex"}, standby(c))
			c.refused(CodeNotParticipant, "max", Approve).wait(time.Hour)
			require.Equal(t, []string{"max"}, standby(c), "who is back acts again")
			require.Empty(t, c.notice(NoticeOfferedBack), "the task never went back to sue")
			c.refused(CodeNotParticipant, "rex", Approve).do("max", Approve).at1("b", "dora")
			require.Equal(t, []string{"rule-sue-max"}, c.event(EventApproved).Rules)
		},
		"deputy_who_goes_away_later_falls_through_then": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "max"), deputy("max", "rex", func(r *DeputyRule) { r.From = monday.Add(time.Hour) }))
			require.Equal(t, []string{"max"}, standby(c))
			c.wait(time.Hour).do("rex", Approve)
			require.Equal(t, []string{"rule-sue-max", "rule-max-rex"}, c.event(EventApproved).Rules)
		},
		"deputies_fall_through_to_the_last_who_passes": func(t *testing.T) {
			c := begin(t, one(t), company().with("ben", left), deputy("sue", "max"), deputy("max", "rex"), deputy("rex", "ben"), deputy("ben", "ann"))
			require.Equal(t, []string{"rex"}, standby(c), "ben has left, ann asks")
		},
		"deputy_who_is_away_acts_when_nobody_further_may": func(t *testing.T) {
			for _, own := range []func(*Request, *Env){
				deputy("max", "ann"), // who asks
				deputy("max", "sue"), // a circle
				deputy("max", "rex", func(r *DeputyRule) { r.MaxAmount = 1 }),
			} {
				c := begin(t, one(t), company(), deputy("sue", "max"), own, func(r *Request, _ *Env) { r.Facts = reception("vip", 1000) })
				require.Equal(t, []string{"max"}, standby(c))
			}
		},
		"deputy_who_is_away_from_other_processes_acts": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "max"), deputy("max", "rex", func(r *DeputyRule) { r.Processes = []string{"extension"} }))
			require.Equal(t, []string{"max"}, standby(c))
		},
		"requester_as_deputy_falls_through": func(t *testing.T) {
			c := begin(t, one(t), company(), deputy("sue", "ann"), deputy("ann", "rex"))
			require.Equal(t, []string{"rex"}, standby(c))
			c.refused(CodeSelfApproval, "ann", Approve)
		},
		"other_signer_as_deputy_falls_through": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max")), company(), deputy("sue", "max"))
			c.do("max", Approve).at1("a", "sue").refused(CodeAlreadyDecided, "max", Approve)
		},
		"deputy_of_two_decides_for_one": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max")), company(), deputy("sue", "rex"), deputy("max", "rex"))
			c.do("rex", Approve).at1("a", "max").refused(CodeAlreadyDecided, "rex", Approve)
		},
		"circle_ends": func(t *testing.T) {
			c := begin(t, one(t), company().with("max", away).with("rex", away), deputy("sue", "max"), deputy("max", "rex"), deputy("rex", "sue"))
			require.Empty(t, standby(c))
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
	t.Run("check_of_a_new_rule", func(t *testing.T) {
		t.Parallel()
		rule := func(of, id string, from, until int) DeputyRule {
			return DeputyRule{UserID: of, DeputyID: id, From: monday.Add(time.Duration(from) * time.Hour), Until: monday.Add(time.Duration(until) * time.Hour)}
		}
		rules := []DeputyRule{rule("a", "b", 0, 8), rule("b", "c", 0, 8), rule("c", "d", 20, 30)}
		require.NoError(t, CheckDeputyRule(rules, rule("c", "d", 0, 8)))
		require.NoError(t, CheckDeputyRule(rules, rule("c", "a", 8, 9)), "the windows do not meet")
		require.Equal(t, CodeCycle, errs.CodeOf(CheckDeputyRule(rules, rule("c", "a", 7, 9))))
		require.Equal(t, CodeToSelf, errs.CodeOf(CheckDeputyRule(rules, rule("c", "c", 7, 9))))
	})
}
