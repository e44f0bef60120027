package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// ApprovalRules are the rules that an approval is decided by: its chain in the version that it began with, the people and
// the rules for deputies as they stand, and the calendar of its due times.
type ApprovalRules struct {
	Chain           *approval.Chain
	Env             approval.Env
	CalendarID      string
	CalendarVersion int
}

// ApprovalVerbs lists the verbs of people, in the order in which they are shown.
func ApprovalVerbs() []approval.Verb {
	return slices.DeleteFunc(approval.Verbs(), ofSystem)
}

// ofSystem reports whether the verb is nobody's act: what it brings, a rule has done.
func ofSystem(v approval.Verb) bool {
	return v == approval.Tick || v == approval.OrgChanged || v == approval.HandOver
}

// ApprovalBegins is the first event of an approval. It is told apart like a command, so that a beginning that was written
// before a worker died is found to be done.
func ApprovalBegins(o ApprovalOrder) ApprovalEvent {
	return ApprovalEvent{Meta: orderMeta(o), Verb: ApprovalBegin, Data: raw(o)}
}

// orderMeta is whose order it is, and of which step: an order that is given twice counts once.
func orderMeta(o ApprovalOrder) Meta {
	return Meta{Actor: Actor{Person: Person{ID: o.RequesterID}}, RequestID: fmt.Sprintf("order:%s:%d", o.SubjectID, o.Seq)}
}

// ApprovalOrderedBy is what an order of the process that asked means to a running approval: its requester submits the
// request again, or withdraws it, or the request has another requester from now on.
func ApprovalOrderedBy(o ApprovalOrder) ApprovalEvent {
	e := ApprovalEvent{Meta: orderMeta(o), Verb: approval.Withdraw}
	switch o.Verb {
	case ApprovalHandOver:
		e.Verb, e.Data = approval.HandOver, raw(approval.Command{ToID: o.RequesterID, Interested: o.Interested})
	case ApprovalResubmit:
		facts := approval.Facts(o.Facts)
		e.Verb, e.Data = approval.Resubmit, raw(resubmitted{
			Command: approval.Command{Facts: &facts, Interested: o.Interested}, Over: &o.Over, Changes: o.Changes, Departures: o.Departures,
		})
	}
	return e
}

// ApprovalLedAnew is the event of a team that somebody no longer supervises.
func ApprovalLedAnew(fromID string) ApprovalEvent {
	return ApprovalEvent{Verb: ApprovalRecheck, Data: raw(approval.Command{UserID: fromID})}
}

// resubmitted is the data of a resubmission that the process that asked has ordered: approvers are shown what changed, and
// by how much it goes beyond what was approved before. Nil: a person resubmits what was asked.
type resubmitted struct {
	approval.Command
	Over       *int64        `json:"over,omitempty"`
	Changes    []FieldChange `json:"changes,omitempty"`
	Departures []Departure   `json:"departures,omitempty"`
}

// raw is v as JSON. What is put in are structs of plain values, whose JSON is always the same: maps are written in the order
// of their keys. The checker of workflows only sees the caches of encoding/json.
//
//workflowcheck:ignore
func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// CheckApproval reports whether the event may be taken now, whatever its arguments: the refusals of approval.State.Check.
func CheckApproval(s *ApprovalState, e ApprovalEvent, at time.Time) error {
	return s.Chain.Check(e.Verb, e.Meta.Actor.ID, at)
}

// approvalStep builds one ApprovalStep.
type approvalStep struct {
	ApprovalStep
	s     *ApprovalState
	at    time.Time
	after time.Time // nothing of this step is earlier
	actor string
	rules ApprovalRules
}

// ApplyApproval decides one step of an approval: it returns the new state with everything to write, or the refusal. The
// given state is not changed. A refused command has no effect at all.
func ApplyApproval(old *ApprovalState, in AdvanceApproval, r ApprovalRules) (ApprovalStep, error) {
	e := in.Event
	t := &approvalStep{at: in.At.UTC().Truncate(tick), actor: e.Meta.Actor.ID, rules: r}
	t.RequestID, t.TraceID = e.Meta.RequestID, e.Meta.TraceID
	var before approval.State
	var fx approval.Effects
	var err error
	if e.Verb == ApprovalBegin {
		fx, err = t.begin(old, in)
	} else {
		before, fx, err = t.apply(old, e)
	}
	if err != nil {
		return ApprovalStep{}, err
	}
	t.finish(before, fx)
	return t.ApprovalStep, nil
}

// begin makes the approval of an order.
func (t *approvalStep) begin(old *ApprovalState, in AdvanceApproval) (approval.Effects, error) {
	if old != nil {
		return approval.Effects{}, errs.New(errs.Conflict, "approval.exists")
	}
	var o ApprovalOrder
	if err := json.Unmarshal(in.Event.Data, &o); err != nil {
		return approval.Effects{}, errs.Wrap(err, errs.Malformed, "malformed.command")
	}
	chain, fx, err := t.rules.Chain.New(approval.Request{
		ID: in.ApprovalID, SubjectID: o.SubjectID, Requester: o.RequesterID, Interested: o.Interested, Facts: approval.Facts(o.Facts),
		Steps: o.Levels,
	}, t.at, t.rules.Env)
	t.s = &ApprovalState{
		ID: in.ApprovalID, Process: in.Process, Parent: in.Parent, SubjectID: o.SubjectID, Number: o.Number, Purpose: string(o.Purpose),
		Chain: chain, Currency: o.Currency, OverBy: o.Over, Changes: o.Changes, Departures: o.Departures,
		CalendarID: t.rules.CalendarID, CalendarVersion: t.rules.CalendarVersion, CreatedBy: o.RequesterID, CreatedAt: t.at,
	}
	return fx, err
}

// apply carries out a verb on the state before.
func (t *approvalStep) apply(old *ApprovalState, e ApprovalEvent) (approval.State, approval.Effects, error) {
	if old == nil {
		return approval.State{}, approval.Effects{}, errs.New(errs.NotFound, "approval.unknown")
	}
	s := *old
	t.s = &s
	t.after = s.UpdatedAt.Add(tick)
	if t.at.Before(t.after) {
		t.at = t.after
	}
	if e.Verb == approval.Tick && s.NextAt != nil && t.at.Before(*s.NextAt) {
		t.at = *s.NextAt // the timer has fired; only our rounding is behind it
	}
	var data resubmitted
	if len(e.Data) > 0 {
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return approval.State{}, approval.Effects{}, errs.Wrap(err, errs.Malformed, "malformed.command")
		}
	}
	cmd := data.Command
	cmd.Verb, cmd.Actor = e.Verb, t.actor
	if ofSystem(e.Verb) {
		cmd.Actor, t.actor = approval.System, System
	}
	if e.Verb == approval.Resubmit && data.Changes != nil {
		s.Changes, s.Departures = data.Changes, data.Departures
	}
	if e.Verb == approval.Resubmit && data.Over != nil {
		s.OverBy = *data.Over
	}
	chain, fx, err := t.rules.Chain.Apply(old.Chain, cmd, t.at, t.rules.Env)
	s.Chain = chain
	return old.Chain, fx, err
}

// finish numbers the step and turns the effects into what is written.
func (t *approvalStep) finish(before approval.State, fx approval.Effects) {
	s := t.s
	s.Seq++
	s.UpdatedAt = t.at
	if t.RequestID != "" {
		s.Handled = append(slices.Clone(s.Handled), t.RequestID)
		if n := len(s.Handled) - keepHandled; n > 0 {
			s.Handled = slices.Clone(s.Handled[n:])
		}
	}
	for _, e := range fx.Events {
		t.event(e)
	}
	for _, task := range fx.Close {
		t.close(before, task)
	}
	for _, task := range fx.Open {
		t.open(task)
	}
	for _, n := range fx.Notices {
		t.notify("approval_"+n.Kind, n.Step, n.UserIDs, n.Args)
	}
	for _, u := range s.Chain.CC {
		if !slices.Contains(before.CC, u) {
			t.Copies = append(t.Copies, u)
		}
	}
	t.tell(before, fx)
	s.NextAt = nil
	if next, ok := approval.NextCheckpoint(s.Chain); ok {
		s.NextAt = &next
	}
	t.State = *s
}

func (t *approvalStep) event(e approval.Event) {
	t.s.EventSeq++
	data := map[string]any{}
	for key, v := range e.Args {
		if v != "" {
			data[key] = v
		}
	}
	for key, v := range map[string]string{"step": e.Step, "comment": e.Comment, "rule": strings.Join(e.Rules, ", ")} {
		if v != "" {
			data[key] = v
		}
	}
	if e.Visit > 0 {
		data["visit"] = e.Visit
	}
	if len(e.UserIDs) > 0 {
		data["user_ids"] = e.UserIDs
	}
	at := e.At // what the clock did late has its own instant
	if at.Before(t.after) {
		at = t.after
	}
	t.Events = append(t.Events, TimelineEvent{
		Seq: t.s.EventSeq, At: at, Type: e.Type, Actor: e.Actor, OnBehalfOf: e.OnBehalfOf, Data: data,
	})
}

// open gives somebody a task and tells them.
func (t *approvalStep) open(task approval.Task) {
	t.Tasks = append(t.Tasks, t.task(task, task.Why, TaskOpen))
	kind := "approval_asked"
	if task.Kind == approval.TaskRevise {
		kind = "approval_returned"
	}
	t.notify(kind, task.Step, []string{task.UserID}, nil)
}

// close ends a task: done by whoever settled it, cancelled for everybody else who could have.
func (t *approvalStep) close(before approval.State, task approval.Task) {
	row := t.task(task, t.rules.Chain.Why(&before, task), TaskCancelled)
	if task.UserID == t.actor {
		row.State, row.DoneBy = TaskDone, t.actor
	}
	row.DoneAt = &t.at
	t.Tasks = append(t.Tasks, row)
}

func (t *approvalStep) task(task approval.Task, why approval.Why, state TaskState) Task {
	return Task{
		ID: id.Derive(id.Task, t.s.ID, task.Key), Kind: task.Kind, UserID: task.UserID, CreatedAt: t.at, DueAt: task.DueAt,
		Why: whyTexts(task, why), State: state,
	}
}

// whyTexts is the answer to "why me" as rule and facts.
func whyTexts(task approval.Task, w approval.Why) map[string]string {
	texts := map[string]string{
		"chain": w.Chain, "policy_version": strconv.Itoa(w.PolicyVersion), "step": task.Step, "rule": w.Reason.Rule, "date": w.Reason.At.Format(time.RFC3339),
	}
	put := func(key, v string) {
		if v != "" {
			texts[key] = v
		}
	}
	put("when", w.When)
	put("step_when", w.StepWhen)
	put("on_behalf_of", task.OnBehalfOf)
	for name, v := range w.Facts {
		put("fact."+name, v)
	}
	for name, v := range w.Reason.Args {
		put("rule."+name, v)
	}
	for i, f := range w.Reason.Org {
		put("org."+strconv.Itoa(i+1), f.Relation+" of "+f.Of+": "+f.Is)
	}
	if w.ReplacedBy != nil {
		put("replaced_by", w.ReplacedBy.Rule)
	}
	if w.Standby != nil {
		put("standby", w.Standby.Kind)
		put("standby_rules", strings.Join(w.Standby.Rules, ", "))
	}
	return texts
}

// notify tells people, each once per step and kind; the actor needs no telling.
func (t *approvalStep) notify(kind, step string, users []string, args map[string]string) {
	for _, u := range users {
		n := Notice{Kind: kind, UserID: u, NotBefore: t.at, Key: fmt.Sprintf("%d/%s/%s", t.s.Seq, kind, step), Data: map[string]string{
			"number": t.s.Number, "chain": t.s.Chain.Chain, "step": step,
		}}
		maps.Copy(n.Data, args)
		if u == "" || u == t.actor || slices.ContainsFunc(t.Notices, func(o Notice) bool { return o.UserID == u && o.Key == n.Key }) {
			continue
		}
		t.Notices = append(t.Notices, n)
	}
}

// tell notes what the process that asked must learn: that the request was returned to its requester, or the outcome.
func (t *approvalStep) tell(before approval.State, fx approval.Effects) {
	now := t.s.Chain.Active()
	was := before.Active()
	d := ApprovalDecided{ApprovalID: t.s.ID, Seq: t.s.Seq, ByID: t.actor}
	switch {
	case fx.Ended != "":
		d.Outcome, d.ByID = ApprovalOutcome(fx.Ended), t.s.Chain.OutcomeBy
		d.Approvers, d.Steps = t.s.Chain.Approvers()
		d.PolicyVersion = t.s.Chain.PolicyVersion
	case now != nil && now.Step == approval.StepRequester && (was == nil || was.ID != now.ID):
		d.Outcome = OutcomeReturned
	default:
		return
	}
	for _, e := range slices.Backward(fx.Events) {
		if e.Comment != "" {
			d.Comment = e.Comment
			break
		}
	}
	t.s.Tell = &d
}
