package approval

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
)

func (c *course) handOver(user string, interested ...string) *course {
	c.Helper()
	return c.do(System, HandOver, to(user), func(cmd *Command) { cmd.Interested = interested })
}

// upward is a chain of the requester's manager, max, and both of finance.
func upward(t *testing.T, after string) *course {
	t.Helper()
	return begin(t, steps(t, Rules{AfterReturn: after}, Step{Mode: ModeAny, Who: []Who{{ManagerOf: StepRequester}}}, by(ModeAny, "max"), by(ModeAll, "fay", "fin")), company())
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]func(t *testing.T){
		"who_was_asked_is_followed_by_whom_the_new_requester_would_have_met": func(t *testing.T) {
			c := upward(t, "").at1("a", "sue").handOver("sue").at1("a", "dora")
			require.Equal(t, []string{"ann", "sue"}, []string{c.event(EventHandedOver).Args["from"], c.event(EventHandedOver).UserIDs[0]})
			c.refused(CodeSelfApproval, "sue", Approve).refused(CodeSelfApproval, "ann", Approve)
			c.refused(CodeSelfApproval, "dora", Transfer, to("ann"))
			c.do("dora", Approve).do("max", Approve).do("fay", Approve).do("fin", Approve).ended(Approved)
		},
		"what_the_new_requester_has_decided_is_asked_anew": func(t *testing.T) {
			c := upward(t, "").do("sue", Approve).do("max", Approve).do("fay", Approve).handOver("sue").at1("a", "dora")
			c.do("dora", Approve).at1("b", "max").do("max", Approve).at1("c", "fay", "fin").do("fay", Approve).do("fin", Approve).ended(Approved)
			people, _ := c.state.Approvers()
			require.Equal(t, []string{"dora", "max", "fay", "fin"}, people)
		},
		"decisions_of_others_stand": func(t *testing.T) {
			upward(t, "").do("sue", Approve).handOver("ben").at1("b", "max").do("max", Approve).at1("c", "fay", "fin")
		},
		"only_the_new_requester_withdraws": func(t *testing.T) {
			upward(t, "").handOver("ben").refused(CodeNotParticipant, "ann", Withdraw).do("ben", Withdraw).ended(Withdrawn)
		},
		"a_returned_request_is_the_new_requesters": func(t *testing.T) {
			c := upward(t, AfterWalkAgain).do("sue", Return, to(StepRequester)).handOver("sue").at1(StepRequester, "sue")
			require.Len(t, c.fx.Open, 1)
			require.Equal(t, "handed_over", c.fx.Open[0].Why.ReplacedBy.Rule)
			require.Equal(t, "ann", c.fx.Close[0].UserID)
			c.refused(CodeNotParticipant, "ann", Resubmit).do("sue", Resubmit).at1("a", "dora")
		},
		"a_returned_request_does_not_go_on_behind_what_the_new_requester_has_decided": func(t *testing.T) {
			c := begin(t, steps(t, Rules{AfterReturn: AfterResume}, by(ModeAny, "sue"), by(ModeAll, "cat", "max"), by(ModeAny, "fin")), company())
			c.do("sue", Approve).do("cat", Approve).do("max", Approve).do("fin", Return, to(StepRequester)).handOver("cat")
			c.do("cat", Resubmit).at1("b", "max").do("max", Approve).at1("c", "fin")
		},
		"a_requester_of_another_rank_makes_it_another_request": func(t *testing.T) {
			c := upward(t, AfterResume).do("sue", Approve).do("max", Approve).do("fin", Return, to(StepRequester)).handOver("max")
			c.do("max", Resubmit).at1("a", "dora")
		},
		"a_returned_request_goes_on_behind_what_others_have_decided": func(t *testing.T) {
			upward(t, AfterResume).do("sue", Approve).do("max", Approve).do("fin", Return, to(StepRequester)).handOver("ben").do("ben", Resubmit).at1("c", "fay", "fin")
		},
		"whoever_has_a_stake_since_then_decides_no_more": func(t *testing.T) {
			c := upward(t, "").do("sue", Approve).handOver("ann", "max").at1("b", "ada").refused(CodeSelfApproval, "max", Approve)
			require.Equal(t, "ann", c.state.Request.Requester)
		},
		"somebody_added_who_has_a_stake_since_is_taken_out": func(t *testing.T) {
			c := upward(t, "").do("sue", AddSign, add(Before, "ben")).at1("a", "ben").handOver("ben").at1("a", "sue").do("sue", Approve).at1("b", "max")
			require.Equal(t, SeenRemoved, c.chain.Steps(c.state)[0].Participants[1].State)
		},
		"an_opinion_of_who_has_a_stake_since_is_no_reason_to_ask_again": func(t *testing.T) {
			upward(t, "").do("sue", Delegate, to("ben")).do("ben", Approve).do("sue", Approve).handOver("ben").at1("b", "max")
		},
		"a_signer_is_not_removed_by_the_new_requester": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company()).do("sue", AddSign, add(Parallel, "fay")).do("sue", Transfer, to("max"))
			c.handOver("sue").at1("a", "max", "fay").refused(CodeNotAddedByYou, "sue", RemoveSign, to("fay"))
		},
		"a_deputy_who_has_a_stake_since_acts_for_nobody": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "max")), company(), func(_ *Request, env *Env) {
				env.Deputies = []DeputyRule{{ID: "r", UserID: "max", DeputyID: "ben", From: monday, Until: monday.Add(time.Hour)}}
			})
			require.Len(t, c.state.OpenTasks(), 2)
			c.handOver("ben").refused(CodeSelfApproval, "ben", Approve)
			require.Len(t, c.state.OpenTasks(), 1)
		},
		"told_twice_counts_once": func(t *testing.T) {
			c := upward(t, "").handOver("sue").do("dora", Approve)
			before := c.state
			c.handOver("sue", "ann")
			require.Equal(t, before, c.state)
			require.Empty(t, c.fx)
		},
		"handed_back_it_is_the_first_requesters_again": func(t *testing.T) {
			c := upward(t, "").handOver("ben").handOver("ann").refused(CodeNotParticipant, "ben", Withdraw).refused(CodeSelfApproval, "ben", Approve)
			c.do("ann", Withdraw).ended(Withdrawn)
		},
		"nobody_left_to_ask_rejects_it": func(t *testing.T) {
			c := begin(t, steps(t, Rules{NobodyFound: NobodyReject}, by(ModeAny, "sue")), company()).handOver("sue").ended(Rejected)
			require.Equal(t, []string{System, ruleNobodyFound}, []string{c.state.OutcomeBy, c.state.OutcomeRule})
		},
		"refused": func(t *testing.T) {
			upward(t, "").refused(errs.Invalid, System, HandOver, to("stranger")).refused(CodeNotParticipant, "ann", HandOver, to("ben")).
				refused(CodeNotParticipant, "sue", HandOver, to("ben"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc(t)
		})
	}
}

func inPlace(users ...string) func(*Command) {
	return func(c *Command) { c.Interested = users }
}

func TestResubmission_in_the_place_of_the_requester(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]func(t *testing.T){
		"is_not_decided_by_who_has_made_it": func(t *testing.T) {
			c := upward(t, AfterWalkAgain).do("sue", Return, to(StepRequester)).do("ann", Resubmit, inPlace("sue")).at1("a", "dora")
			c.refused(CodeSelfApproval, "sue", Approve).do("dora", Approve).at1("b", "max")
		},
		"goes_on_behind_no_step_that_they_have_decided": func(t *testing.T) {
			c := upward(t, AfterResume).do("sue", Approve).do("max", Approve).do("fin", Return, to(StepRequester)).do("ann", Resubmit, inPlace("max"))
			c.at1("b", "ada").do("ada", Approve).at1("c", "fay", "fin")
		},
		"goes_on_behind_what_others_have_decided": func(t *testing.T) {
			upward(t, AfterResume).do("sue", Approve).do("max", Approve).do("fin", Return, to(StepRequester)).do("ann", Resubmit, inPlace("ben")).at1("c", "fay", "fin")
		},
		"leaves_those_their_stake_who_had_one": func(t *testing.T) {
			c := upward(t, AfterWalkAgain).handOver("ben", "cat").do("sue", Return, to(StepRequester)).do("ben", Resubmit, inPlace("sue"))
			require.Equal(t, []string{"ann", "cat", "sue"}, c.state.Request.Interested)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc(t)
		})
	}
}
