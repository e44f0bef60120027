package approval

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// apply applies a command and holds every law against what it did.
func (l *life) apply(cmd Command) {
	before := jsonOf(l, l.state)
	next, fx, err := l.chain.Apply(l.state, cmd, l.at, l.env)
	require.Equal(l, before, jsonOf(l, l.state), "Apply changes no state that it was given")
	l.voidNeverCounts(cmd, next, err)
	if err != nil {
		require.Equal(l, before, jsonOf(l, next), "a refusal changes nothing")
		require.NotEqual(l, errs.Internal, errs.CodeOf(err))
		return
	}
	require.Contains(l, Allowed(l.state, cmd.Actor, l.at), cmd.Verb, "Apply accepts only what is allowed")
	require.Empty(l, l.state.Outcome, "there is exactly one outcome")
	l.steps = append(l.steps, applied{cmd, l.at, l.env})
	l.state = next
	l.effects(fx)
}

// effects holds the tasks that were told against the tasks that are open.
func (l *life) effects(fx Effects) {
	for _, t := range fx.Close {
		require.True(l, l.tasks[t.Key], "closes what is open")
		delete(l.tasks, t.Key)
	}
	for _, t := range fx.Open {
		require.False(l, l.used[t.Key], "a key is used once: %s", t.Key)
		l.tasks[t.Key], l.used[t.Key] = true, true
		require.NotEmpty(l, t.Why.Reason.Rule, "every task says why")
	}
	open := l.state.OpenTasks()
	require.Len(l, open, len(l.tasks))
	for _, t := range open {
		require.True(l, l.tasks[t.Key])
	}
	require.Equal(l, l.state.Outcome, fx.Ended)
	l.invariants()
}

// invariants holds the laws about a state.
func (l *life) invariants() {
	s := &l.state
	var again State
	require.NoError(l, json.Unmarshal([]byte(jsonOf(l, *s)), &again))
	require.Equal(l, *s, again, "a round trip through JSON changes nothing")
	if named := l.req.Steps; named != nil {
		require.Equal(l, named, s.Path, "a request that names its steps meets these, whatever it becomes")
	}
	active := 0
	for i := range s.Visits {
		v := &s.Visits[i]
		if v.State == VisitActive {
			active++
		}
		l.decidesOnce(v)
	}
	if s.Outcome != "" {
		require.Zero(l, active)
		require.Empty(l, s.OpenTasks(), "an outcome leaves no open task")
		if s.Outcome == Approved {
			l.approvedByAll()
		}
		return
	}
	require.Equal(l, 1, active, "exactly one step is active")
	for _, user := range l.former {
		require.True(l, s.interested(user), "who has asked once has a stake for good")
	}
	for _, t := range s.OpenTasks() {
		verb := Approve
		if t.Kind == TaskRevise {
			verb = Resubmit
			require.Equal(l, s.Request.Requester, t.UserID, "what was returned is its requester's")
		}
		require.NoError(l, s.may(verb, t.UserID, l.at), "who has a task can act on it")
	}
	require.True(l, slices.ContainsFunc(s.OpenTasks(), func(t Task) bool {
		return l.env.Org.People[t.UserID].Active && (t.Kind == TaskRevise || !s.interested(t.UserID))
	}), "somebody can act")
}

// decidesOnce: nobody decides twice in a visit, and nobody with a stake decides at all, in no disguise.
func (l *life) decidesOnce(v *Visit) {
	if v.Step == StepRequester {
		return
	}
	deciders := map[string]bool{}
	for i := range v.Participants {
		p := &v.Participants[i]
		if p.live() && p.pending() {
			require.False(l, l.state.interested(p.UserID), "nobody with a stake is asked")
		}
		if p.Decision == "" || p.DecidedBy == System || !p.live() {
			continue
		}
		require.False(l, deciders[p.DecidedBy], "nobody decides twice")
		require.False(l, l.state.interested(p.DecidedBy), "nobody decides on their own request")
		deciders[p.DecidedBy] = true
	}
}

// approvedByAll judges an approval by a simple reading of the rules, independent of the engine's.
func (l *life) approvedByAll() {
	heard := false
	for position := range l.state.Path {
		var counting []*Visit
		for i := range l.state.Visits {
			if v := &l.state.Visits[i]; v.Position == position && v.State != VisitVoid {
				counting = append(counting, v)
			}
		}
		require.Len(l, counting, 1, "every step of the path counts once")
		if v := counting[0]; v.State == VisitPassed {
			heard = true
			l.passedRightly(v)
		} else {
			require.Equal(l, VisitSkipped, v.State)
			require.NotEmpty(l, v.Rule, "skipped by rule")
		}
	}
	require.True(l, heard, "nobody's silence approves")
}

func (l *life) passedRightly(v *Visit) {
	var total, yes, no int
	for _, p := range v.Participants {
		if !p.live() || p.Skipped != "" || p.Parent != 0 {
			continue
		}
		weight := 1
		if v.Mode == ModeVote {
			weight = p.Weight
		}
		total += weight
		approved, rejected := p.Decision == DecisionApproved, p.Decision == DecisionRejected
		for _, c := range v.Participants {
			if c.live() && !c.advises() && c.Parent != 0 && v.root(&c).ID == p.ID {
				approved, rejected = approved && c.Decision == DecisionApproved, rejected || c.Decision == DecisionRejected
			}
		}
		if approved {
			yes += weight
		}
		if rejected {
			no += weight
		}
	}
	switch {
	case v.Mode == ModeAny:
		require.Equal(l, 1, yes)
		require.Zero(l, no)
	case v.Mode == ModeRatio, v.Mode == ModeVote && v.Percent > 0:
		require.GreaterOrEqual(l, yes*100, v.Percent*total)
	case v.Mode == ModeVote, v.OnRefusal == RefusalMajority:
		require.Greater(l, yes*2, total)
	default:
		require.Equal(l, total, yes)
	}
}

// voidNeverCounts applies the command to the same state with every decision of void visits turned round: what counts must
// come out the same.
func (l *life) voidNeverCounts(cmd Command, want State, wantErr error) {
	turned := l.state.clone()
	found := false
	for i := range turned.Visits {
		for j := range turned.Visits[i].Participants {
			p := &turned.Visits[i].Participants[j]
			if turned.Visits[i].State != VisitVoid || p.Decision == "" {
				continue
			}
			found = true
			if p.Decision = DecisionApproved; j%2 == 0 {
				p.Decision = DecisionRejected
			}
		}
	}
	if !found {
		return
	}
	got, _, err := l.chain.Apply(turned, cmd, l.at, l.env)
	require.Equal(l, wantErr == nil, err == nil)
	require.Equal(l, want.Outcome, got.Outcome)
	if err == nil {
		require.Equal(l, counting(want), counting(got))
	}
}

func counting(s State) []Visit {
	return slices.DeleteFunc(slices.Clone(s.Visits), func(v Visit) bool { return v.State == VisitVoid })
}

// allowedIsAccepted holds Allowed against Apply for one person: every verb, with arguments that suit it if any do.
func (l *life) allowedIsAccepted() {
	actor := rapid.SampledFrom(append(slices.Clone(crowd), "ada", "stranger", System)).Draw(l.T, "asks")
	env := l.env
	env.Org = env.Org.with("spare", func(p *Person) { p.Active = true })
	allowed := Allowed(l.state, actor, l.at)
	for _, verb := range Verbs() {
		accepted := slices.ContainsFunc(l.suitable(actor, verb), func(cmd Command) bool {
			_, _, err := l.chain.Apply(l.state, cmd, l.at, env)
			return err == nil
		})
		require.Equal(l, slices.Contains(allowed, verb), accepted, "%s by %s", verb, actor)
	}
}

// suitable returns commands of which one is accepted if any is.
func (l *life) suitable(actor string, verb Verb) []Command {
	cmd := Command{
		Actor: actor, Verb: verb, Comment: "x", To: StepRequester, ToID: "spare", UserIDs: []string{"spare"}, Position: Before,
		Choices: map[string][]string{"a": {"spare"}, "b": {"spare"}, "c": {"spare"}, "d": {"spare"}},
	}
	if verb != RemoveSign || l.state.Active() == nil {
		return []Command{cmd}
	}
	var all []Command
	for _, p := range l.state.Active().Participants {
		cmd.UserID = p.UserID
		all = append(all, cmd)
	}
	return all
}

// replay carries out the accepted commands again.
func (l *life) replay(env Env) {
	s, _, err := l.chain.New(l.req, monday, env)
	require.NoError(l, err)
	for _, step := range l.steps {
		var stored State
		require.NoError(l, json.Unmarshal([]byte(jsonOf(l, s)), &stored)) // as after a restart
		s, _, err = l.chain.Apply(stored, step.cmd, step.at, step.env)
		require.NoError(l, err)
	}
	require.Equal(l, l.state, s, "the same commands give the same state")
}

// lead leads one random life, with at most so many commands, and returns it with how many were tried; nil when the request
// was refused.
func lead(t *rapid.T, p profile, most int) (l *life, tried int) {
	if l = drawLife(t, p); l == nil {
		return nil, 1
	}
	first := l.env
	for over := 0; tried < most && over < 3; tried++ { // a few commands after the end, all to be refused
		l.happen()
		l.allowedIsAccepted()
		if l.state.Outcome != "" {
			over++
		}
	}
	l.replay(first)
	return l, tried
}

func TestLaws_hold_over_random_lives(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	outcomes, verbs, accepted := map[Outcome]int{}, map[Verb]int{}, 0
	t.Cleanup(func() { // when all lives are over
		t.Log(accepted, "commands accepted:", verbs, "ends:", outcomes)
		require.Greater(t, accepted, 4000, "the lives are not empty")
		for _, verb := range Verbs() {
			require.Positive(t, verbs[verb], "some accept %s", verb)
		}
		for _, o := range []Outcome{"", Approved, Rejected, Withdrawn} {
			require.Positive(t, outcomes[o], "some lives end as %q", o)
		}
	})
	for name, p := range map[string]profile{
		"plain": {}, "deputies": {deputies: true}, "leavers": {leavers: true}, "everything": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				for left := rapid.IntRange(30, 60).Draw(t, "commands"); left > 0; {
					l, tried := lead(t, p, left)
					left -= tried
					if l == nil {
						continue
					}
					mu.Lock()
					outcomes[l.state.Outcome]++
					accepted += len(l.steps)
					for _, step := range l.steps {
						verbs[step.cmd.Verb]++
					}
					mu.Unlock()
				}
			})
		})
	}
}
