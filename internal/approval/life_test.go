package approval

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// profile says what may happen in a random life.
type profile struct{ deputies, leavers bool }

// life is a random approval on its way, with all that is needed to replay it.
type life struct {
	*rapid.T
	profile
	chain *Chain
	req   Request
	env   Env
	at    time.Time
	state State
	steps []applied
	tasks map[string]bool // open ones, by key
	used  map[string]bool // keys

	former []string // requesters
}

// applied is a command that was accepted, and the world it met.
type applied struct {
	cmd Command
	at  time.Time
	env Env
}

var crowd = []string{"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12"}

func drawOrg(t *rapid.T) Org {
	o := Org{People: map[string]Person{}, Teams: map[string]Team{}}
	for i, id := range crowd {
		p := Person{ID: id, Active: true, TeamID: fmt.Sprintf("t%d", i%2)}
		if i > 0 {
			p.ManagerID = crowd[rapid.IntRange(0, i-1).Draw(t, "manager")]
		} else if rapid.IntRange(0, 9).Draw(t, "circle") == 0 {
			p.ManagerID = "p3" // people enter circles
		}
		p.Roles = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"finance", "director", "staff"}), 0, 2, rapid.ID).Draw(t, "roles")
		p.Absent = rapid.IntRange(0, 5).Draw(t, "absent") == 0
		o.People[id] = p
	}
	for _, id := range []string{"ada", "adi"} {
		o.People[id] = Person{ID: id, Active: true, Roles: []string{"admin"}}
	}
	for _, id := range []string{"t0", "t1"} {
		o.Teams[id] = Team{ID: id, Name: "team " + id, SupervisorID: rapid.SampledFrom(crowd).Draw(t, "supervisor")}
	}
	return o
}

func drawWho(t *rapid.T) Who {
	w := Who{Weight: rapid.IntRange(0, 3).Draw(t, "weight")}
	switch rapid.IntRange(0, 9).Draw(t, "who") {
	case 0, 1, 2, 3:
		w.User = rapid.SampledFrom(crowd).Draw(t, "user")
	case 4:
		w.Role = rapid.SampledFrom([]string{"finance", "director", "nothing"}).Draw(t, "role")
	case 5:
		w.Role, w.Lead = "finance", true
	case 6:
		w.Team, w.Lead = "t1", rapid.Bool().Draw(t, "lead")
	case 7:
		w.ManagerOf, w.Level = StepRequester, rapid.IntRange(1, 2).Draw(t, "level")
	case 8:
		w.ChainOfManagers, w.Level = StepRequester, 3
	default:
		w.RequesterChoice = true
	}
	return w
}

func drawChain(t *rapid.T) *Chain {
	modes := []Mode{ModeAny, ModeAll, ModeAll, ModeRatio, ModeSequence, ModeVote}
	def := Definition{Steps: map[string]Step{}, Rules: Rules{
		SelfApproval:     rapid.SampledFrom([]string{SelfForbid, SelfToManager}).Draw(t, "self"),
		RepeatedApprover: rapid.SampledFrom([]string{RepeatSkipConsecutive, RepeatSkipAny, RepeatAsk}).Draw(t, "repeated"),
		NobodyFound:      rapid.SampledFrom([]string{NobodyToAdmin, NobodyToAdmin, NobodySkip, NobodyReject}).Draw(t, "nobody"),
		AfterReturn:      rapid.SampledFrom([]string{AfterResume, AfterWalkAgain, AfterChoose}).Draw(t, "after"),
		MaxReturns:       rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "max_returns"),
		OnRefusal: map[string]string{
			"all": rapid.SampledFrom([]string{RefusalEnd, RefusalReturn, RefusalMajority, RefusalContinue}).Draw(t, "on_refusal all"),
		},
	}}
	for _, m := range []Mode{ModeAny, ModeRatio, ModeSequence, ModeVote} {
		def.Rules.OnRefusal[string(m)] = rapid.SampledFrom([]string{RefusalEnd, RefusalReturn, RefusalReturn}).Draw(t, "on_refusal")
	}
	ids := []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(t, "steps")]
	for _, id := range ids {
		s := Step{
			Mode: rapid.SampledFrom(modes).Draw(t, "mode"), Who: rapid.SliceOfN(rapid.Custom(drawWho), 1, 4).Draw(t, "who"),
			OnDue: rapid.SampledFrom([]string{"", "remind(2)", OverdueEscalate, OverdueEscalate, OverdueApprove, OverdueReject}).Draw(t, "on_due"),
		}
		if s.Mode == ModeRatio {
			s.Percent = rapid.IntRange(1, 100).Draw(t, "percent")
		}
		if rapid.Bool().Draw(t, "due") {
			s.Due.After = sla.Span{Duration: time.Duration(rapid.IntRange(1, 8).Draw(t, "hours")) * time.Hour}
		}
		if id != "a" && rapid.IntRange(0, 3).Draw(t, "when") == 0 {
			s.When = "reception.budget_total > 500000"
		}
		def.Steps[id] = s
	}
	def.Select = []Branch{{When: `reception.level == "vip"`, Steps: ids}, {When: "true", Steps: ids[:1+len(ids)/2]}}
	p, err := Compile(Document{Kind: Kind, Chains: map[string]Definition{"reception": def}}, 1)
	require.NoError(t, err)
	return p.chains["reception"]
}

func drawFacts(t *rapid.T) Facts {
	return Facts{
		Texts:   map[string]string{"reception.level": rapid.SampledFrom([]string{"vip", "standard"}).Draw(t, "level")},
		Numbers: map[string]int64{"reception.budget_total": rapid.SampledFrom([]int64{0, 500000, 500001}).Draw(t, "budget")},
	}
}

func drawDeputies(t *rapid.T) []DeputyRule {
	var rules []DeputyRule
	for i := range rapid.IntRange(0, 8).Draw(t, "deputies") {
		from := monday.Add(time.Duration(rapid.IntRange(-5, 20).Draw(t, "from")) * time.Hour)
		rules = append(rules, DeputyRule{
			ID: fmt.Sprintf("r%d", i), UserID: rapid.SampledFrom(crowd).Draw(t, "of"), DeputyID: rapid.SampledFrom(crowd).Draw(t, "deputy"),
			From: from, Until: from.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour),
			MaxAmount: rapid.SampledFrom([]int64{0, 0, 500000}).Draw(t, "ceiling"),
		})
	}
	return rules
}

// drawLife starts a random approval; nil when the request is refused.
func drawLife(t *rapid.T, p profile) *life {
	l := &life{T: t, profile: p, chain: drawChain(t), env: Env{Org: drawOrg(t), Deadline: elapsed}, at: monday}
	if p.deputies {
		l.env.Deputies = drawDeputies(t)
	}
	l.req = Request{
		ID: "x", Requester: rapid.SampledFrom(crowd).Draw(t, "requester"), Facts: drawFacts(t),
		Interested: rapid.SliceOfN(rapid.SampledFrom(crowd), 0, 1).Draw(t, "interested"), Choices: map[string][]string{},
	}
	for _, id := range []string{"a", "b", "c", "d"} {
		l.req.Choices[id] = []string{"p7", "p8"}
	}
	if rapid.IntRange(0, 3).Draw(t, "named") == 0 {
		l.req.Steps = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 3, rapid.ID[string]).Draw(t, "steps")
	}
	s, fx, err := l.chain.New(l.req, l.at, l.env)
	if err != nil {
		require.Contains(t, []errs.Code{errs.Invalid, CodeNobodyToApprove, CodeStepsGone}, errs.CodeOf(err))
		return nil
	}
	l.state, l.tasks, l.used = s, map[string]bool{}, map[string]bool{}
	l.effects(fx)
	return l
}

// drawCommand draws a command, mostly one that somebody may give.
func (l *life) drawCommand() Command {
	everybody := append(slices.Clone(crowd), "ada", "adi", "nobody", System)
	cmd := Command{Actor: rapid.SampledFrom(everybody).Draw(l.T, "actor"), Verb: rapid.SampledFrom(Verbs()).Draw(l.T, "verb")}
	if tasks := l.state.OpenTasks(); len(tasks) > 0 && rapid.IntRange(0, 3).Draw(l.T, "asked") > 0 {
		cmd.Actor = tasks[rapid.IntRange(0, len(tasks)-1).Draw(l.T, "task")].UserID
		cmd.Verb = rapid.SampledFrom([]Verb{
			Approve, Approve, Approve, Approve, Reject, Return, Return, Transfer, Transfer, Delegate, Delegate, AddSign, AddSign, AddSign,
			AddSign, RemoveSign, RemoveSign, Resubmit, Resubmit, CC, Urge,
		}).Draw(l.T, "likely")
	}
	if rapid.IntRange(0, 11).Draw(l.T, "requester") == 7 {
		cmd.Actor = l.state.Request.Requester
		cmd.Verb = rapid.SampledFrom([]Verb{Urge, Urge, CC, Comment, Resubmit, Approve, Withdraw}).Draw(l.T, "requester's")
	}
	if deciders := l.deciders(); len(deciders) > 0 && rapid.IntRange(0, 6).Draw(l.T, "regrets") == 0 {
		cmd.Actor, cmd.Verb = rapid.SampledFrom(deciders).Draw(l.T, "decider"), TakeBack
	}
	added := slices.DeleteFunc(l.participants(), func(p Participant) bool { return p.AddedBy == "" || !p.pending() })
	if cmd.UserID = rapid.SampledFrom(crowd).Draw(l.T, "user_id"); cmd.Verb == RemoveSign && len(added) > 0 {
		p := rapid.SampledFrom(added).Draw(l.T, "added")
		cmd.Actor, cmd.UserID = p.AddedBy, p.UserID
	}
	cmd.Comment = "because"
	if v := l.state.Active(); v != nil && rapid.IntRange(0, 4).Draw(l.T, "known") > 0 {
		cmd.To = rapid.SampledFrom(l.state.returnable(v)).Draw(l.T, "to")
	} else {
		cmd.To = rapid.SampledFrom([]string{"a", "d", "zz", ""}).Draw(l.T, "to")
	}
	cmd.Resume = rapid.SampledFrom([]string{"", "", "", AfterResume, AfterWalkAgain}).Draw(l.T, "resume")
	cmd.ToID = rapid.SampledFrom(everybody).Draw(l.T, "to_id")
	cmd.UserIDs = rapid.SliceOfN(rapid.SampledFrom(crowd), 1, 2).Draw(l.T, "user_ids")
	cmd.Position = rapid.SampledFrom([]Position{Before, After, Parallel}).Draw(l.T, "position")
	if cmd.Verb == Resubmit && rapid.Bool().Draw(l.T, "revised") {
		f := drawFacts(l.T)
		cmd.Facts = &f
	}
	if cmd.Verb == Resubmit {
		cmd.Interested = rapid.SliceOfN(rapid.SampledFrom(crowd), 0, 1).Draw(l.T, "in their place")
	}
	return cmd
}

// participants lists everybody of every visit.
func (l *life) participants() []Participant {
	var all []Participant
	for _, v := range l.state.Visits {
		all = append(all, v.Participants...)
	}
	return all
}

// deciders lists who has decided so far.
func (l *life) deciders() []string {
	var users []string
	for _, p := range l.participants() {
		if p.DecidedBy != "" {
			users = append(users, p.DecidedBy)
		}
	}
	return users
}

// happen lets something random happen: people leave and come back, time passes, somebody does something.
func (l *life) happen() {
	l.at = l.at.Add(time.Duration(rapid.IntRange(0, 90).Draw(l.T, "minutes")) * time.Minute)
	if l.leavers && rapid.IntRange(0, 9).Draw(l.T, "org") == 0 {
		id := rapid.SampledFrom(append(slices.Clone(crowd), "ada")).Draw(l.T, "who changes")
		l.env.Org = l.env.Org.with(id, func(p *Person) {
			p.Active, p.Absent = rapid.Bool().Draw(l.T, "active"), rapid.Bool().Draw(l.T, "absent")
		})
		l.apply(Command{Verb: OrgChanged, Actor: System})
		return
	}
	if at, ok := NextCheckpoint(l.state); ok && (!at.After(l.at) || rapid.IntRange(0, 5).Draw(l.T, "sleep") == 0) {
		if at.After(l.at) {
			l.at = at
		}
		l.apply(Command{Verb: Tick, Actor: System})
		if next, ok := NextCheckpoint(l.state); ok {
			require.True(l, next.After(l.at), "a tick leaves nothing that is due")
		}
		return
	}
	if rapid.IntRange(0, 11).Draw(l.T, "handed over") == 7 {
		l.former = append(l.former, l.state.Request.Requester)
		l.apply(Command{
			Verb: HandOver, Actor: System, ToID: rapid.SampledFrom(crowd).Draw(l.T, "heir"),
			Interested: rapid.SliceOfN(rapid.SampledFrom(crowd), 0, 1).Draw(l.T, "interested too"),
		})
		return
	}
	l.apply(l.drawCommand())
}
