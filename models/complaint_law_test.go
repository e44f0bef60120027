package models_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
)

// The company, the rules and the day of these tests.
var (
	company = sample.Company
	actor   = sample.Actor
	rules   = sample.CaseRules
	monday  = sample.Monday
)

func event(tb testing.TB, a models.Actor, action models.CaseAction, data any) models.CaseEvent {
	tb.Helper()
	raw, err := json.Marshal(data)
	require.NoError(tb, err)
	return models.CaseEvent{Meta: models.Meta{Actor: a, RequestID: id.New(id.Request)}, Action: action, Data: raw}
}

func newCase(tb testing.TB, r models.CaseRules, first string, at time.Time) models.CaseStep {
	tb.Helper()
	step, err := models.ApplyCase(nil, event(tb, actor(r.Org, first), models.ActionRecord, models.RecordCase{
		ID: id.New(id.Case), Number: "CMP-20260309-0001", Type: models.TypeComplaint, ClientID: "client", ClientClass: "B", Channel: "phone",
		Subject: "no light", Impact: "high", Urgency: "high", FirstContactID: first, AccountManagerID: "amy",
	}), at, r)
	require.NoError(tb, err)
	return step
}

// life follows the steps of one case and holds the laws that every reachable history must keep.
type life struct {
	state       models.CaseState
	accountable []models.Tenure
	handling    []models.Tenure
	open        map[string]models.Task
}

func (l *life) follow(t require.TestingT, step models.CaseStep) {
	first := l.state.ID == ""
	require.Equal(t, l.state.Seq+1, step.State.Seq)
	require.True(t, first || step.State.UpdatedAt.After(l.state.UpdatedAt), "every step has an instant of its own")
	for i, e := range step.Events {
		require.Equal(t, l.state.EventSeq+int64(i)+1, e.Seq, "the timeline has no gap")
		require.NotEmpty(t, e.Actor)
	}
	require.Equal(t, l.state.EventSeq+int64(len(step.Events)), step.State.EventSeq)
	if step.Accountable != nil {
		l.accountable = append(l.accountable, *step.Accountable)
	}
	if step.Handling != nil {
		l.handling = append(l.handling, *step.Handling)
	}
	s := step.State
	require.Equal(t, s.Held(), lastHolder(l.accountable) != "", "a case that is alive has one accountable person")
	require.Equal(t, s.Held(), lastHolder(l.handling) != "", "a case that is alive has one handler")
	if s.Held() {
		require.Equal(t, s.AccountableID, lastHolder(l.accountable))
		require.Equal(t, s.AssigneeID, lastHolder(l.handling))
		require.Equal(t, s.Hold(), l.handling[len(l.handling)-1].Kind)
	}
	for _, task := range step.Tasks {
		if task.State == models.TaskOpen {
			l.open[task.ID] = task
		} else {
			delete(l.open, task.ID)
		}
	}
	require.Len(t, s.Tasks, len(l.open), "the state lists exactly the open tasks")
	for _, task := range s.Tasks {
		require.Equal(t, l.open[task.ID], task, "what the state says of a task is written")
	}
	if !s.Held() {
		require.Empty(t, s.Tasks, "a case that is over leaves no open task")
		for _, p := range s.Promises {
			require.False(t, p.Open(), "a case that is over promises nothing: %s", p.Name)
		}
	}
	if was := l.state.Status; was != "" && was != s.Status {
		_, flows := complaintDiagram()
		require.True(t, flows[[2]string{string(was), string(s.Status)}], "the diagram has no flow from %s to %s", was, s.Status)
	}
	if s.NextAt != nil && s.Held() {
		require.True(t, s.NextAt.After(s.UpdatedAt), "the next checkpoint lies ahead: %v after %v", s.NextAt, s.UpdatedAt)
	}
	l.state = s
}

// tick lets everything happen that falls due until the instant, as the process's timer does: the same as when the timer was late.
func (l *life) tick(t require.TestingT, at time.Time, r models.CaseRules) {
	for l.state.NextAt != nil && !at.Before(*l.state.NextAt) && l.state.Status != models.CaseClosed {
		step, err := models.ApplyCase(&l.state, models.CaseEvent{Action: models.ActionTick}, *l.state.NextAt, r)
		require.NoError(t, err)
		late, err := models.ApplyCase(&l.state, models.CaseEvent{Action: models.ActionTick}, at, r)
		require.NoError(t, err)
		if !reminds(step) { // who was reminded late gets the whole time to answer
			require.Equal(t, apartFromTelling(step), apartFromTelling(late), "a checkpoint that was missed is taken as of its own instant")
		}
		l.follow(t, step)
	}
}

// reminds reports whether the step reminds a silent client.
func reminds(s models.CaseStep) bool {
	return slices.ContainsFunc(s.Events, func(e models.TimelineEvent) bool { return e.Type == "chased" })
}

// apartFromTelling is a step without who is told of it.
func apartFromTelling(s models.CaseStep) models.CaseStep {
	s.Notices = nil
	s.Events = slices.DeleteFunc(slices.Clone(s.Events), func(e models.TimelineEvent) bool { return e.Type == "notified" })
	return s
}

func lastHolder(ts []models.Tenure) string {
	if len(ts) == 0 {
		return ""
	}
	return ts[len(ts)-1].UserID
}

// payloads gives each action data with which only the state and the actor decide about it.
func payloads(t *rapid.T, s models.CaseState, at time.Time) map[models.CaseAction]any {
	people := []string{"ann", "ben", "dan", "sup1", "sup2", "amy"}
	other := func(not string) string {
		return rapid.SampledFrom(slices.DeleteFunc(slices.Clone(people), func(p string) bool { return p == not })).Draw(t, "person")
	}
	because := models.Because{Reason: "because"}
	assign := models.Assign{AssigneeID: other(s.AssigneeID)}
	if rapid.Bool().Draw(t, "team") {
		assign = models.Assign{TeamID: rapid.SampledFrom([]string{"hotline", "backoffice"}).Draw(t, "team")}
	}
	wait := models.Wait{Reason: "papers"}
	if rapid.Bool().Draw(t, "until") {
		wait.Until = at.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour).Format(time.RFC3339)
	}
	level := rapid.SampledFrom([]string{"low", "medium", "high"})
	return map[models.CaseAction]any{
		models.ActionRespond: models.Respond{Message: "hello"}, models.ActionAssign: assign, models.ActionAccept: nil, models.ActionDecline: because,
		models.ActionAdjudicate: models.Adjudicate{AssigneeID: other(""), Reason: "so be it"}, models.ActionWait: wait, models.ActionResume: nil,
		models.ActionClientMessage: models.Note{Text: "still dark"}, models.ActionNote: models.Note{Text: "n", Visibility: "internal"},
		models.ActionPrioritize: models.Prioritize{Impact: level.Draw(t, "impact"), Urgency: level.Draw(t, "urgency"), Reason: "judged anew"},
		models.ActionEscalate:   because, models.ActionTransfer: models.TransferAccountability{ToID: other(s.AccountableID), Reason: "holiday"},
		models.ActionAcceptAccountability: nil, models.ActionRefuseAccountability: because,
		models.ActionExtend:  models.Extend{Milestone: "resolution", By: "2h", Reason: "spare part"},
		models.ActionResolve: models.Resolve{Resolution: "lamp changed"}, models.ActionReopen: because, models.ActionClose: because,
		models.ActionCancel: because, models.ActionLink: models.Link{CaseID: id.New(id.Case), Kind: models.LinkRelated},
		models.ActionUnlink: models.Unlink{CaseID: linkOf(s)},
	}
}

func linkOf(s models.CaseState) string {
	if len(s.Links) == 0 {
		return "none"
	}
	return s.Links[0].CaseID
}

// decide lets approvals answer now and then: an open one as it likes, one that is to be withdrawn as withdrawn or, when the
// words crossed, as it likes.
func (l *life) decide(t *rapid.T, at time.Time, r models.CaseRules) {
	for _, o := range slices.Clone(l.state.Orders) {
		if l.state.Over(at) || !rapid.Bool().Draw(t, "approval answers") {
			continue
		}
		outcome := rapid.SampledFrom([]models.ApprovalOutcome{
			models.OutcomeApproved, models.OutcomeRejected, models.OutcomeWithdrawn, models.OutcomeReturned,
		}).Draw(t, "outcome")
		step, err := models.ApplyCase(&l.state, models.CaseDecided(models.ApprovalDecided{ApprovalID: o.ID, Outcome: outcome, ByID: "sup1"}), at, r)
		require.NoError(t, err)
		l.follow(t, step)
		answered := !slices.ContainsFunc(l.state.Orders, func(left models.ApprovalOrder) bool { return left.ID == o.ID })
		require.Equal(t, outcome != models.OutcomeReturned, answered, "an order stays until the approval has answered")
	}
	for _, o := range l.state.Orders {
		wanted := l.state.Transfer != nil && l.state.Transfer.ApprovalID == o.ID || l.state.Extension != nil && l.state.Extension.ApprovalID == o.ID
		require.Equal(t, wanted, o.Verb == models.ApprovalStart, "what is given up is withdrawn")
	}
}

// TestCaseLaws lets random people press random buttons at random times, thousands of steps in all.
func TestCaseLaws(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	everybody := []string{"ann", "ben", "dan", "sup1", "sup2", "mia", "zoe", "amy", "otto"}
	rapid.Check(t, func(rt *rapid.T) {
		at := monday
		l := &life{open: map[string]models.Task{}}
		l.follow(rt, newCase(t, r, rapid.SampledFrom([]string{"ann", "amy", "sup1"}).Draw(rt, "first"), at))
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 5*3600).Draw(rt, "pause")) * time.Second)
			l.tick(rt, at, r)
			l.decide(rt, at, r)
			before, _ := json.Marshal(l.state)
			who := rapid.SampledFrom(everybody).Draw(rt, "who")
			action := rapid.SampledFrom(models.CaseActions()).Draw(rt, "action")
			allowed := slices.Contains(l.state.AllowedActions(actor(o, who), at), action)
			step, err := models.ApplyCase(&l.state, event(t, actor(o, who), action, payloads(rt, l.state, at)[action]), at, r)
			after, _ := json.Marshal(l.state)
			require.JSONEq(rt, string(before), string(after), "%s changed the state that it was given", action)
			if !allowed {
				require.Error(rt, err, "%s may not %s in %s", who, action, l.state.Status)
				require.Contains(rt, []errs.Code{errs.Forbidden, errs.Conflict, errs.ProcessClosed}, errs.CodeOf(err))
				continue
			}
			if err != nil { // legal for the person and the state, but not with this data
				require.Contains(rt, []errs.Code{errs.Invalid, errs.Conflict}, errs.CodeOf(err), "%s by %s: %v", action, who, err)
				continue
			}
			arrives(rt, &l.state, &step.State)
			l.follow(rt, step)
			copied := fmt.Sprintf("%+v", l.state)
			var back models.CaseState
			raw, _ := json.Marshal(l.state)
			require.NoError(rt, json.Unmarshal(raw, &back))
			again, _ := json.Marshal(back)
			require.Equal(rt, string(raw), string(again), copied)
		}
	})
	require.Equal(t, rules(t, o).Policy.Document(), r.Policy.Document(), "all steps share the policy: none changes it")
}
