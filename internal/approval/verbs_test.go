package approval

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
)

func TestReturn(t *testing.T) {
	t.Parallel()
	three := func(after string, all ...Step) func(t *testing.T) *course {
		return func(t *testing.T) *course {
			if all == nil {
				all = []Step{by(ModeAny, "sue"), by(ModeAny, "max"), by(ModeAll, "fay", "fin")}
			}
			return begin(t, steps(t, Rules{AfterReturn: after}, all...), company()).do("sue", Approve).do("max", Approve)
		}
	}
	states := func(c *course) (list []string) {
		for _, s := range c.chain.Steps(c.state) {
			list = append(list, s.ID+" "+s.State)
		}
		return list
	}
	for name, tc := range map[string]func(t *testing.T){
		"to_the_requester_and_walk_again": func(t *testing.T) {
			c := three(AfterWalkAgain)(t).do("fay", Approve).do("fin", Return, to(StepRequester)).at1(StepRequester, "ann")
			require.Equal(t, []string{"a void", "b void", "c void", "requester active", "a pending", "b pending", "c pending"}, states(c))
			require.Equal(t, "approved", c.chain.Steps(c.state)[0].Participants[0].State, "void decisions stay visible")
			c.do("ann", Resubmit).at1("a", "sue").do("sue", Approve).do("max", Approve).at1("c", "fay", "fin")
		},
		"to_the_requester_and_resume": func(t *testing.T) {
			c := three(AfterResume)(t).do("fay", Approve).do("fin", Return, to(StepRequester))
			require.Equal(t, []string{"a passed", "b passed", "c void", "requester active", "c pending"}, states(c))
			c.do("ann", Resubmit).at1("c", "fay", "fin").do("fay", Approve).do("fin", Approve).ended(Approved)
		},
		"to_an_earlier_step_and_walk_again": func(t *testing.T) {
			three(AfterWalkAgain)(t).do("fin", Return, to("a")).at1("a", "sue").do("sue", Approve).at1("b", "max").do("max", Approve).at1("c", "fay", "fin")
		},
		"to_an_earlier_step_and_resume": func(t *testing.T) {
			c := three(AfterResume)(t).do("fin", Return, to("a")).at1("a", "sue").do("sue", Approve).at1("c", "fay", "fin")
			require.Equal(t, []string{"a void", "b passed", "c void", "a passed", "c active"}, states(c))
		},
		"the_returner_chooses": func(t *testing.T) {
			three(AfterChoose)(t).do("fin", Return, to("b"), then(AfterResume)).at1("b", "max").do("max", Approve).at1("c", "fay", "fin").
				do("fay", Return, to("a")).do("sue", Approve).at1("b", "max")
		},
		"a_return_out_of_a_return_asks_the_steps_in_between_again": func(t *testing.T) {
			c := three(AfterResume)(t).do("fin", Return, to("a")).do("sue", Return, to(StepRequester)).do("ann", Resubmit).do("sue", Approve).at1("b", "max")
			require.Equal(t, []string{"a void", "b void", "c void", "a void", "requester passed", "a passed", "b active", "c pending"}, states(c))
			c.do("max", Approve).do("fay", Approve).do("fin", Approve).ended(Approved)
		},
		"the_returner_may_not_choose": func(t *testing.T) {
			three(AfterWalkAgain)(t).refused(errs.Invalid, "fin", Return, to("a"), then(AfterResume))
		},
		"other_facts_are_another_request": func(t *testing.T) {
			c := three(AfterResume)(t).do("fin", Return, to(StepRequester))
			c.do("ann", Resubmit, facts(reception("vip", 5))).at1("a", "sue")
			require.Equal(t, "true", c.event(EventResubmitted).Args["facts_changed"])
		},
		"bad_facts_are_refused": func(t *testing.T) {
			three(AfterResume)(t).do("fin", Return, to(StepRequester)).
				refused(errs.Invalid, "ann", Resubmit, facts(Facts{Numbers: map[string]int64{"reception.budget_total": -1}})).
				refused(errs.Invalid, "ann", Resubmit, facts(Facts{Texts: map[string]string{"reception.level": "huge"}}))
		},
		"a_step_that_a_rule_skipped_is_no_target": func(t *testing.T) {
			three("", by(ModeAny, "sue", "max"), by(ModeAny, "max"), by(ModeAny, "sue"), by(ModeAny, "fay"))
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "sue"), by(ModeAny, "fay")), company()).do("sue", Approve).at1("c", "fay")
			c.refused(CodeUnknownStep, "fay", Return, to("b")).do("fay", Return, to("a")).at1("a", "sue")
		},
		"unknown_and_later_steps": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "max")), company())
			c.refused(CodeUnknownStep, "sue", Return, to("zz")).refused(CodeUnknownStep, "sue", Return, to("a")).refused(CodeUnknownStep, "sue", Return, to("b"))
		},
		"the_others_lose_their_task": func(t *testing.T) {
			three("")(t).do("fay", Return, to(StepRequester)).refused(CodeStepPassed, "fin", Approve).refused(CodeStepPassed, "fay", TakeBack)
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestAddedSigners(t *testing.T) {
	t.Parallel()
	one := func(t *testing.T) *course { return begin(t, steps(t, Rules{}, by(ModeAny, "sue", "max")), company()) }
	for name, tc := range map[string]func(t *testing.T){
		"before_decides_first": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben", "cat")).at1("a", "max", "ben", "cat").refused(CodeNotYourTurn, "sue", Approve).
				do("ben", Approve).at1("a", "max", "cat").do("cat", Approve).at1("a", "sue", "max").do("sue", Approve).ended(Approved)
		},
		"before_refuses_for_the_seat": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben")).do("ben", Reject).ended(Rejected)
		},
		"after_decides_last": func(t *testing.T) {
			one(t).do("sue", AddSign, add(After, "ben")).at1("a", "sue", "max").do("sue", Approve).at1("a", "max", "ben").do("ben", Approve).ended(Approved)
		},
		"parallel_is_a_seat_of_its_own": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAll, "sue")), company()).do("sue", AddSign, add(Parallel, "ben")).at1("a", "sue", "ben").
				do("sue", Approve).at1("a", "ben").do("ben", Approve).ended(Approved)
		},
		"parallel_in_a_sequence_is_asked_together": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeSequence, "sue", "max")), company()).do("sue", AddSign, add(Parallel, "ben")).at1("a", "sue", "ben").
				do("sue", Approve).at1("a", "ben").do("ben", Approve).at1("a", "max")
		},
		"signers_add_signers": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben")).do("ben", AddSign, add(Before, "cat")).at1("a", "max", "cat").
				refused(CodeCycle, "cat", AddSign, add(Before, "sue")).refused(CodeCycle, "cat", Transfer, to("ben")).
				do("cat", Approve).at1("a", "max", "ben").do("ben", Approve).at1("a", "sue", "max")
		},
		"remove_only_ones_own": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben")).refused(CodeNotAddedByYou, "max", RemoveSign, to("ben")).
				refused(CodeNotAddedByYou, "sue", RemoveSign, to("max")).do("sue", RemoveSign, to("ben")).at1("a", "sue", "max")
		},
		"remove_only_while_undecided": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben", "cat")).do("ben", Approve).refused(CodeAlreadyDecided, "sue", RemoveSign, to("ben")).
				do("sue", RemoveSign, to("cat")).at1("a", "sue", "max")
		},
		"who_has_decided_is_not_removed_when_nobody_else_is_left": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben")).do("ben", Approve).refused(CodeAlreadyDecided, "sue", RemoveSign, to("ben")).
				refused(CodeAlreadyDecided, "sue", RemoveSign, to("max")).refused(CodeNotAddedByYou, "max", RemoveSign, to("ben"))
		},
		"who_was_added_in_a_step_that_is_over_is_not_removed": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "max")), company()).do("sue", AddSign, add(Before, "ben")).
				do("ben", Approve).do("sue", Approve).at1("b", "max").refused(CodeStepPassed, "sue", RemoveSign, to("ben"))
		},
		"who_gave_an_opinion_was_not_added": func(t *testing.T) {
			one(t).do("sue", Delegate, to("ben")).do("ben", Approve).refused(CodeNotAddedByYou, "sue", RemoveSign, to("ben"))
		},
		"who_was_removed_was_not_added": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben")).do("sue", RemoveSign, to("ben")).refused(CodeNotAddedByYou, "sue", RemoveSign, to("ben"))
		},
		"remove_the_last_one_after_oneself_decides": func(t *testing.T) {
			one(t).do("sue", AddSign, add(After, "ben")).do("sue", Approve).do("sue", RemoveSign, to("ben")).ended(Approved)
		},
		"removing_takes_those_whom_they_added": func(t *testing.T) {
			one(t).do("sue", AddSign, add(Before, "ben")).do("ben", AddSign, add(Before, "cat")).do("sue", RemoveSign, to("ben")).
				at1("a", "sue", "max").refused(CodeStepPassed, "cat", Approve)
		},
		"refusals": func(t *testing.T) {
			one(t).refused(CodeAlreadySigner, "sue", AddSign, add(Before, "max")).refused(CodeAlreadySigner, "sue", AddSign, add(Before, "ben", "ben")).
				refused(CodeToSelf, "sue", AddSign, add(Before, "sue")).refused(CodeSelfApproval, "sue", AddSign, add(Parallel, "ann")).
				refused(CodeNotParticipant, "ben", AddSign, add(Before, "cat")).refused(errs.Invalid, "sue", AddSign, add("beside", "ben")).
				refused(errs.Invalid, "sue", AddSign, add(Before)).refused(errs.Invalid, "sue", AddSign, add(Before, "stranger")).
				refused(errs.Invalid, "sue", AddSign, add(Before, make([]string, maxAdded+1)...)).
				refused(CodeNotAddedByYou, "sue", RemoveSign, to("ben"))
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestTransferAndDelegate(t *testing.T) {
	t.Parallel()
	one := func(t *testing.T) *course {
		return begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max").due(time.Hour, "")), company())
	}
	for name, tc := range map[string]func(t *testing.T){
		"transfer_decides_instead": func(t *testing.T) {
			c := one(t)
			due := c.state.OpenTasks()[0].DueAt
			c.do("sue", Transfer, to("ben")).at1("a", "ben", "max").refused(CodeNotParticipant, "sue", Approve)
			require.Equal(t, due, c.state.OpenTasks()[0].DueAt, "the time runs on")
			require.Equal(t, "transferred", c.fx.Open[0].Why.ReplacedBy.Rule)
			require.Equal(t, "sue", c.fx.Open[0].Why.ReplacedBy.Args["by"])
			c.do("ben", Approve).do("max", Approve).ended(Approved)
		},
		"delegate_advises_and_it_comes_back": func(t *testing.T) {
			c := one(t).do("sue", Delegate, to("ben")).at1("a", "max", "ben").refused(CodeNotYourTurn, "sue", Approve)
			require.Equal(t, TaskOpinion, c.fx.Open[0].Kind)
			c.do("ben", Reject, saying("too dear")).at1("a", "sue", "max")
			require.Equal(t, "rejected", c.event(EventOpinion).Args["opinion"])
			c.refused(CodeAlreadyDecided, "ben", Approve).do("sue", Approve).do("max", Approve).ended(Approved)
		},
		"delegate_is_recalled": func(t *testing.T) {
			one(t).do("sue", Delegate, to("ben")).do("sue", RemoveSign, to("ben")).at1("a", "sue", "max")
		},
		"who_advises_does_not_decide": func(t *testing.T) {
			one(t).do("sue", Delegate, to("ben")).refused(CodeNotParticipant, "ben", Return, to(StepRequester)).
				refused(CodeNotParticipant, "ben", AddSign, add(Before, "cat")).refused(CodeCycle, "ben", Delegate, to("sue"))
		},
		"refusals": func(t *testing.T) {
			for _, verb := range []Verb{Transfer, Delegate} {
				one(t).refused(CodeToSelf, "sue", verb, to("sue")).refused(CodeSelfApproval, "sue", verb, to("ann")).
					refused(CodeAlreadySigner, "sue", verb, to("max")).refused(errs.Invalid, "sue", verb).
					refused(errs.Invalid, "sue", verb, to("stranger")).refused(CodeNotParticipant, "ann", verb, to("ben"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestTakeBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]func(t *testing.T){
		"in_the_same_step": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max")), company()).do("sue", Approve).do("sue", TakeBack).at1("a", "sue", "max").
				do("sue", Reject).ended(Rejected)
		},
		"until_the_next_step_has_acted": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue", "ben"), by(ModeAll, "max", "dora")), company()).do("sue", Approve).do("sue", TakeBack).at1("a", "sue", "ben")
			c.do("ben", Approve).at1("b", "max", "dora").do("max", Approve).refused(CodeNextStepActed, "ben", TakeBack)
		},
		"over_a_step_that_a_rule_skipped": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "sue"), by(ModeAny, "max")), company()).do("sue", Approve).at1("c", "max")
			c.do("sue", TakeBack).at1("a", "sue").do("sue", Approve).at1("c", "max")
		},
		"what_was_added_counts_as_acting": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "max")), company()).do("sue", Approve).do("max", AddSign, add(Before, "ben")).
				refused(CodeNextStepActed, "sue", TakeBack)
		},
		"before_whom_one_was_added": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max")), company()).do("sue", AddSign, add(Before, "ben")).do("ben", Approve)
			c.do("ben", TakeBack).at1("a", "max", "ben").do("ben", Approve).do("sue", Approve).refused(CodeNextStepActed, "ben", TakeBack).do("sue", TakeBack)
		},
		"after_oneself": func(t *testing.T) {
			c := begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max")), company()).do("sue", AddSign, add(After, "ben")).do("sue", Approve).at1("a", "max", "ben")
			c.do("sue", TakeBack).at1("a", "sue", "max").do("sue", Approve).do("ben", Approve).refused(CodeNextStepActed, "sue", TakeBack).do("ben", TakeBack)
		},
		"in_a_sequence": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeSequence, "sue", "max", "dora")), company()).do("sue", Approve).do("max", Approve).
				refused(CodeNextStepActed, "sue", TakeBack).do("max", TakeBack).at1("a", "max")
		},
		"by_the_deputy_who_decided": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "dora")), company(), deputy("sue", "max")).do("max", Approve).
				refused(CodeNothingToTake, "sue", TakeBack).do("max", TakeBack).at1("a", "sue")
		},
		"not_after_the_end": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company()).do("sue", Approve).refused(errs.ProcessClosed, "sue", TakeBack)
		},
		"not_what_was_not_decided": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company()).refused(CodeNothingToTake, "sue", TakeBack).refused(CodeNothingToTake, "ben", TakeBack)
		},
		"not_after_a_return": func(t *testing.T) {
			begin(t, steps(t, Rules{AfterReturn: AfterResume}, by(ModeAny, "sue"), by(ModeAny, "max")), company()).do("sue", Approve).
				do("max", Return, to(StepRequester)).refused(CodeNextStepActed, "sue", TakeBack).refused(CodeStepPassed, "max", TakeBack)
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestRequesterAndReaders(t *testing.T) {
	t.Parallel()
	one := func(t *testing.T) *course {
		return begin(t, steps(t, Rules{}, by(ModeAny, "sue"), by(ModeAny, "max")), company())
	}
	for name, tc := range map[string]func(t *testing.T){
		"withdraw_before_the_end": func(t *testing.T) {
			c := one(t).refused(CodeNotParticipant, "sue", Withdraw).do("sue", Approve).do("ann", Withdraw).ended(Withdrawn)
			require.Len(t, c.fx.Close, 1)
			c.refused(errs.ProcessClosed, "ann", Withdraw).refused(errs.ProcessClosed, System, Tick)
		},
		"withdraw_a_returned_request": func(t *testing.T) {
			one(t).do("sue", Return, to(StepRequester)).do("ann", Withdraw).ended(Withdrawn)
		},
		"resubmit_only_what_was_returned": func(t *testing.T) {
			one(t).refused(CodeNotWithYou, "ann", Resubmit).refused(CodeNotParticipant, "sue", Resubmit)
		},
		"urge_once_an_hour_and_step": func(t *testing.T) {
			c := one(t).do("ann", Urge)
			require.Equal(t, []string{"sue"}, c.notice(NoticeUrged))
			c.refused(CodeTooSoon, "ann", Urge).do("sue", Approve).do("ann", Urge)
			c.at = c.at.Add(time.Hour)
			c.do("ann", Urge).refused(CodeNotParticipant, "max", Urge)
		},
		"urge_not_the_requester": func(t *testing.T) {
			one(t).do("sue", Return, to(StepRequester)).refused(CodeWithRequester, "ann", Urge)
		},
		"cc_makes_readers_who_may_urge_and_comment": func(t *testing.T) {
			c := one(t).refused(CodeNotParticipant, "rex", Comment, saying("hm")).refused(CodeNotParticipant, "rex", CC, people("fay")).do("sue", CC, people("rex", "ann", "rex"))
			require.Equal(t, []string{"rex"}, c.notice(NoticeCopied))
			c.do("rex", Comment, saying("hm")).do("rex", Urge).refused(errs.Invalid, "rex", Comment).
				refused(errs.Invalid, "rex", CC).refused(errs.Invalid, "rex", CC, people("stranger")).refused(CodeNotParticipant, "rex", Approve)
		},
		"outcome_is_told_once": func(t *testing.T) {
			c := one(t).do("sue", CC, people("rex")).do("sue", Approve).do("max", Approve).ended(Approved)
			require.Equal(t, Approved, c.fx.Ended)
			require.Equal(t, []string{"ann", "rex"}, c.notice(NoticeEnded))
		},
		"deciding_twice": func(t *testing.T) {
			begin(t, steps(t, Rules{}, by(ModeAll, "sue", "max")), company()).do("sue", Approve).refused(CodeAlreadyDecided, "sue", Approve).
				refused(CodeAlreadyDecided, "sue", Reject)
			one(t).do("sue", Approve).refused(CodeStepPassed, "sue", Reject)
		},
		"deciding_on_ones_own_request": func(t *testing.T) {
			for _, verb := range []Verb{Approve, Reject, Return} {
				one(t).refused(CodeSelfApproval, "ann", verb)
				begin(t, steps(t, Rules{}, by(ModeAny, "sue")), company(), deputy("sue", "ann")).refused(CodeSelfApproval, "ann", verb)
			}
		},
		"strangers": func(t *testing.T) {
			one(t).refused(CodeNotParticipant, "stranger", Approve).refused(CodeNotParticipant, "sue", Tick).refused(CodeUnknownVerb, "sue", "sing")
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc(t) })
	}
}

func TestNew_refuses(t *testing.T) {
	t.Parallel()
	chain := steps(t, Rules{}, Step{Who: []Who{{RequesterChoice: true, Role: "finance"}}})
	asking := steps(t, Rules{}, Step{Who: []Who{{RequesterChoice: true}}})
	asking.subject.Choices = true // the process hands on whom its requester names
	never := by(ModeAny, "sue")
	never.When = "reception.budget_total > 5"
	for name, tc := range map[string]struct {
		chain *Chain
		req   Request
		code  errs.Code
		field string
	}{
		"unknown_facts":    {steps(t, Rules{}, by(ModeAny, "sue")), Request{Requester: "ann", Facts: Facts{Texts: map[string]string{"x": "y"}}}, errs.Invalid, "facts.x unknown_fact"},
		"wrong_types":      {steps(t, Rules{}, by(ModeAny, "sue")), Request{Requester: "ann", Facts: Facts{Flags: map[string]bool{"reception.level": true}}}, errs.Invalid, "facts.reception.level unknown_fact"},
		"leavers":          {steps(t, Rules{}, by(ModeAny, "sue")), Request{Requester: "gone"}, errs.Invalid, "requester inactive"},
		"a_missing_choice": {asking, Request{Requester: "ann"}, errs.Invalid, "choices.a required"},
		"a_choice_without_the_role": {
			chain, Request{Requester: "ann", Choices: map[string][]string{"a": {"sue"}}}, errs.Invalid, "choices.a[0] lacks_role",
		},
		"a_choice_of_oneself": {chain, Request{Requester: "fay", Choices: map[string][]string{"a": {"fay"}}}, errs.Invalid, "choices.a[0] has_a_stake"},
		"a_path_of_no_steps":  {steps(t, Rules{}, never), Request{Requester: "ann"}, CodeNobodyToApprove, ""},
		"steps_that_are_gone": {steps(t, Rules{}, by(ModeAny, "sue")), Request{Requester: "ann", Steps: []string{"a", "x"}}, CodeStepsGone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, fx, err := tc.chain.New(tc.req, monday, Env{Org: company()})
			require.Equal(t, tc.code, errs.CodeOf(err))
			require.Empty(t, fx)
			if tc.field != "" {
				var e *errs.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, tc.field, e.Fields[0].Field+" "+e.Fields[0].Code)
			}
		})
	}
}

func TestNew_walks_the_steps_that_the_request_names(t *testing.T) {
	t.Parallel()
	never := by(ModeAny, "max")
	never.When = "reception.budget_total > 500000"
	chain := steps(t, Rules{}, by(ModeAny, "sue"), never, by(ModeAny, "dora"))
	named := func(ids ...string) func(*Request, *Env) {
		return func(r *Request, _ *Env) { r.Steps, r.Facts = ids, reception("vip", 900_000) }
	}
	c := begin(t, chain, company(), named("a", "c"))
	require.Equal(t, []string{"a", "c"}, c.state.Path, "b would be asked for this amount, but did not approve at first")
	why := c.fx.Open[0].Why
	require.Equal(t, []any{-1, "", "", map[string]string(nil)}, []any{why.Branch, why.When, why.StepWhen, why.Facts}, "no condition decided that")
	c.do("sue", Approve).at1("c", "dora").do("dora", Return, to(StepRequester), then(AfterWalkAgain), saying("less"))
	c.do("ann", Resubmit, facts(reception("standard", 0))).at1("a", "sue").do("sue", Approve).at1("c", "dora").do("dora", Approve).ended(Approved)

	begin(t, chain, company(), named("b"), func(r *Request, _ *Env) { r.Facts = reception("standard", 0) }).at1("b", "max").do("max", Approve).ended(Approved)
	begin(t, chain, company(), named("a"), func(r *Request, _ *Env) { r.Interested = []string{"sue"} }).at1("a", "ada").
		refused(CodeSelfApproval, "sue", Approve)
	seen, err := chain.Preview(Request{Requester: "ann", Steps: []string{"c"}}, monday, company())
	require.NoError(t, err)
	require.Len(t, seen, 1)
	require.Equal(t, "c", seen[0].Step)
}

func TestPreview_shows_what_New_asks(t *testing.T) {
	t.Parallel()
	chain := steps(t, Rules{}, Step{Who: []Who{{ManagerOf: StepRequester}}}, by(ModeAll, "sue", "max"), Step{Who: []Who{{Role: "nothing"}}})
	seen, err := chain.Preview(Request{Requester: "ann"}, monday, company())
	require.NoError(t, err)
	require.Len(t, seen, 3)
	require.Equal(t, []PreviewPerson{{UserID: "sue", Why: Reason{
		Rule: "manager_of", Args: map[string]string{"of": "requester", "level": "1"}, Org: []OrgFact{{"manager", "ann", "sue"}}, At: monday,
	}}}, seen[0].People)
	require.True(t, seen[1].People[0].Spared)
	require.False(t, seen[1].People[1].Spared)
	require.Equal(t, NobodyToAdmin, seen[2].Nobody)
	require.Equal(t, "ada", seen[2].People[0].UserID)
	begin(t, chain, company()).at1("a", "sue").do("sue", Approve).at1("b", "max").do("max", Approve).at1("c", "ada")
}

func TestWhy_names_rule_facts_organisation_date_and_version(t *testing.T) {
	t.Parallel()
	money := Step{When: "reception.budget_total > 500000", Who: []Who{{Role: "finance"}}}
	c := begin(t, steps(t, Rules{}, money), company(), func(r *Request, _ *Env) { r.Facts = reception("vip", 500001) })
	require.Equal(t, Why{
		Chain: "reception", PolicyVersion: 7, When: "true", StepWhen: "reception.budget_total > 500000",
		Facts:  map[string]string{"reception.budget_total": "500001"},
		Reason: Reason{Rule: "role", Args: map[string]string{"role": "finance"}, Org: []OrgFact{{"role", "finance", "fay"}}, At: monday},
	}, c.fx.Open[0].Why)
}
