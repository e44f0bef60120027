package models

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/sla"
)

// keepHandled is how many request ids a case remembers, so that a command repeated after a continue-as-new or after a
// lost answer is applied once.
const keepHandled = 50

// tick is the smallest distance between two steps of one case: every step has an instant of its own, so the intervals
// of responsibility are never empty.
const tick = time.Millisecond

// bundleWindow is how long warnings to one person may wait for each other.
const bundleWindow = 5 * time.Minute

// CaseRules is what a case is judged by: the policy and calendar versions that were in force when it began, and the
// organisation as it stands.
type CaseRules struct {
	Policy        *policy.CompiledSLA
	PolicyVersion int
	Calendar      *calendar.Calendar
	Org           *Org
}

func (r CaseRules) sla() sla.Rules {
	return sla.Rules{Calendar: r.Calendar, Ladder: r.Policy.Document().Ladder}
}

// step builds one CaseStep: commands change s and report events and notices here.
type step struct {
	CaseStep
	s      *CaseState // the new state, owned by the step
	at     time.Time
	taken  time.Time // later than at when the clock's step comes late
	actor  string    // user id or system
	behalf string
	me     Person // in whose right the actor acts
	rule   string // of the system's decision
	rules  CaseRules
	data   json.RawMessage
}

// ApplyCase decides one step of a case: it returns the new state with everything to write, or the refusal. The given
// state is not changed. A refused command has no effect at all. A step of the clock is of the next checkpoint alone and has its
// instant, however late it is taken.
func ApplyCase(old *CaseState, e CaseEvent, at time.Time, r CaseRules) (CaseStep, error) {
	t := &step{at: at.UTC().Truncate(tick), taken: at.UTC().Truncate(tick), actor: System, rules: r, data: e.Data}
	t.RequestID, t.TraceID = e.Meta.RequestID, e.Meta.TraceID
	if old != nil {
		s := old.clone()
		t.s = &s
		if e.Action == ActionTick {
			t.at = asOf(s.NextAt, at)
		}
		if earliest := s.UpdatedAt.Add(tick); t.at.Before(earliest) {
			t.at = earliest
		}
	}
	if err := t.take(old, e); err != nil {
		return CaseStep{}, err
	}
	if err := t.finish(old); err != nil {
		return CaseStep{}, err
	}
	return t.CaseStep, nil
}

// take authorises the event and runs its handler.
func (t *step) take(old *CaseState, e CaseEvent) error {
	switch {
	case e.Action == ActionRecord:
		if old != nil {
			return errs.New(errs.Conflict, "case.exists", "number", old.Number)
		}
		t.actor = e.Meta.Actor.ID
		return t.record()
	case old == nil:
		return errs.New(errs.NotFound, "case.unknown")
	case e.Action == ActionTick:
		return t.tick()
	case e.Action == ActionDecided:
		return t.bySystem(ruleApproval, t.decided)
	case e.Action == ActionSurveyed:
		return t.bySystem(ruleAnswer, t.surveyed)
	case e.Action == ActionDeactivate:
		t.actor = e.Meta.Actor.ID
		return t.deactivate()
	case e.Action == ActionSucceed:
		return t.succeed()
	case e.Action == ActionChangeTeam:
		t.actor = e.Meta.Actor.ID
		return t.changeTeam()
	case e.Action == ActionChangeLead:
		t.actor = e.Meta.Actor.ID
		return t.changeLead()
	}
	me, err := CheckCase(t.s, e.Action, e.Meta.Actor, t.at)
	if err != nil {
		return err
	}
	t.me, t.actor = me, e.Meta.Actor.ID
	if me.ID != t.actor {
		t.behalf = me.ID
	}
	return caseHandlers()[e.Action](t)
}

// caseHandlers maps each action of people to what it does. Duplicates are linked and unlinked by ApplyPair.
func caseHandlers() map[CaseAction]func(*step) error {
	return map[CaseAction]func(*step) error{
		ActionRespond: (*step).respond, ActionAssign: (*step).assign, ActionAccept: (*step).accept, ActionDecline: (*step).decline,
		ActionAdjudicate: (*step).adjudicate, ActionWait: (*step).wait, ActionResume: (*step).resume,
		ActionClientMessage: (*step).clientMessage, ActionNote: (*step).note, ActionPrioritize: (*step).prioritize,
		ActionEscalate: (*step).escalate, ActionTransfer: (*step).transfer,
		ActionAcceptAccountability: (*step).acceptAccountability, ActionRefuseAccountability: (*step).refuseAccountability,
		ActionExtend: (*step).extend, ActionResolve: (*step).resolve,
		ActionReopen: (*step).reopen, ActionClose: (*step).closeByHand, ActionCancel: (*step).cancel,
		ActionLink: (*step).link, ActionUnlink: (*step).unlink,
	}
}

// finish numbers the step and derives what follows from the difference between the states: intervals and tasks.
func (t *step) finish(old *CaseState) error {
	s := t.s
	if err := t.milestones(); err != nil {
		return err
	}
	s.Seq++
	t.dueTask()
	t.dropped()
	t.surveyOff()
	s.UpdatedAt = t.at
	if t.RequestID != "" {
		s.Handled = append(s.Handled, t.RequestID)
		if n := len(s.Handled) - keepHandled; n > 0 {
			s.Handled = slices.Clone(s.Handled[n:])
		}
	}
	t.tenures(old)
	t.tellClient(old)
	s.NextAt = s.NextCheckpoint()
	if len(t.Notices) > 0 {
		t.event("notified", map[string]any{"notices": t.told()})
	}
	t.State = *s
	return nil
}

// milestones begins and keeps the promises that a policy ties to the events of this step.
func (t *step) milestones() error {
	for _, e := range slices.Clone(t.Events) {
		if !t.s.Held() {
			return nil
		}
		if err := t.stop(e.Type); err != nil {
			return err
		}
		if err := t.start(e.Type); err != nil {
			return err
		}
	}
	return nil
}

// tenures closes and opens the intervals of responsibility where the holder, or what the handler's time goes into, changed.
func (t *step) tenures(old *CaseState) {
	s := t.s
	was := func(held bool, id string) string {
		if held {
			return id
		}
		return ""
	}
	var accountable, handler string
	var hold HoldKind
	if old != nil && old.Held() {
		accountable, handler, hold = old.AccountableID, old.AssigneeID, old.Hold()
	}
	reason := ""
	if len(t.Events) > 0 {
		reason = t.Events[0].Type
	}
	if now := was(s.Held(), s.AccountableID); now != accountable {
		t.Accountable = &Tenure{UserID: now, TeamID: s.AccountableTeamID, From: t.at, Reason: reason}
	}
	if now := was(s.Held(), s.AssigneeID); now != handler || now != "" && s.Hold() != hold {
		t.Handling = &Tenure{UserID: now, TeamID: s.TeamID, From: t.at, Kind: s.Hold(), Reason: reason}
	}
}

// told summarises the notices of the step for the timeline: kind and person.
func (t *step) told() []map[string]string {
	told := make([]map[string]string, len(t.Notices))
	for i, n := range t.Notices {
		to := n.UserID
		if to == "" {
			to = "client"
		}
		told[i] = map[string]string{"kind": n.Kind, "to": to}
	}
	return told
}

// event records one line of the timeline and tells the clock that it happened.
func (t *step) event(kind string, data map[string]any) {
	t.s.EventSeq++
	e := TimelineEvent{Seq: t.s.EventSeq, At: t.at, Type: kind, Actor: t.actor, OnBehalfOf: t.behalf, Data: data}
	if t.actor == System && t.rule != "" {
		if e.Data == nil {
			e.Data = map[string]any{}
		}
		e.Data["rule"] = t.rule
	}
	t.Events = append(t.Events, e)
}

// deputy is the actor when they act in another's place; empty otherwise.
func (t *step) deputy() string {
	if t.behalf == "" {
		return ""
	}
	return t.actor
}

// bySystem runs f with the system as the actor: what a rule decides is never written in a person's name.
func (t *step) bySystem(rule string, f func() error) error {
	actor, behalf, before := t.actor, t.behalf, t.rule
	t.actor, t.behalf, t.rule = System, "", rule
	err := f()
	t.actor, t.behalf, t.rule = actor, behalf, before
	return err
}

// notify tells people, each once per step and kind; the actor needs no telling.
func (t *step) notify(kind string, users []string, pairs ...string) {
	for _, u := range users {
		if u == "" || u == t.actor {
			continue
		}
		t.notice(Notice{Kind: kind, UserID: u}, pairs...)
	}
}

// notifyClient tells the complainants who can be reached by e-mail.
func (t *step) notifyClient(kind string, pairs ...string) {
	if t.s.ClientMail {
		t.notice(Notice{Kind: kind}, pairs...)
	}
}

func (t *step) notice(n Notice, pairs ...string) {
	data := errs.Args(pairs...)
	if data == nil {
		data = map[string]string{}
	}
	data["number"], data["type"], data["priority"] = t.s.Number, string(t.s.Type), t.s.Priority
	n.Data = data
	n.Key = fmt.Sprintf("%d/%s/%s", t.s.Seq+1, n.Kind, data["milestone"]+data["warn"]+data["rung"])
	if n.NotBefore.IsZero() {
		n.NotBefore = t.at
	}
	if slices.ContainsFunc(t.Notices, func(o Notice) bool { return o.UserID == n.UserID && o.Key == n.Key }) {
		return
	}
	t.Notices = append(t.Notices, n)
}

// open gives a user task to a person or a team. One step may give somebody two of a kind, as when two promises break at
// the same instant.
func (t *step) open(kind, userID, teamID string, due *time.Time, why ...string) {
	key := kind + "/" + strconv.FormatInt(t.s.Seq+1, 10) + "/" + userID + teamID
	for _, o := range t.Tasks {
		if o.ID == id.Derive(id.Task, t.s.ID, key) {
			key += "/" + strconv.Itoa(len(t.Tasks))
		}
	}
	task := Task{
		ID:   id.Derive(id.Task, t.s.ID, key),
		Kind: kind, UserID: userID, TeamID: teamID, CreatedAt: t.at, DueAt: due, Why: errs.Args(why...), State: TaskOpen,
	}
	t.s.Tasks = append(t.s.Tasks, task)
	t.Tasks = append(t.Tasks, task)
}

// settle ends the open tasks that match: done by the actor, or cancelled when the matter is off.
func (t *step) settle(state TaskState, match func(Task) bool) {
	t.s.Tasks, t.Tasks = settled(t.s.Tasks, t.Tasks, Task{State: state, DoneBy: t.actor, DoneAt: &t.at}, match)
}

// settled ends the open tasks that match, as end says. It returns those that stay open, and the tasks that the step writes.
func settled(open, written []Task, end Task, match func(Task) bool) (kept, changed []Task) {
	for _, task := range open {
		if !match(task) {
			kept = append(kept, task)
			continue
		}
		task.State, task.DoneBy, task.DoneAt = end.State, end.DoneBy, end.DoneAt
		if i := slices.IndexFunc(written, func(o Task) bool { return o.ID == task.ID }); i >= 0 {
			written[i] = task
		} else {
			written = append(written, task)
		}
	}
	return kept, written
}

func kinds(names ...string) func(Task) bool {
	return func(task Task) bool { return slices.Contains(names, task.Kind) }
}

func everyTask(Task) bool { return true }

// hand makes a user the handler, with the task to work on the case.
func (t *step) hand(userID string) {
	t.s.AssigneeID, t.s.TeamID = userID, t.rules.Org.Users[userID].TeamID
	t.settle(TaskDone, kinds(TaskHandle))
	t.open(TaskHandle, userID, "", t.resolutionDue(), "rule", "handler")
}

// entrust makes a user accountable.
func (t *step) entrust(userID string) {
	t.s.AccountableID, t.s.AccountableTeamID = userID, t.rules.Org.Users[userID].TeamID
}

// dueTask lets the handler's task fall due with the solution, wherever that has moved to; never while the client has the ball.
func (t *step) dueTask() {
	due := t.resolutionDue()
	for i, task := range t.s.Tasks {
		if task.Kind != TaskHandle || sameInstant(task.DueAt, due) {
			continue
		}
		task.DueAt = due
		t.s.Tasks[i] = task
		t.Tasks = append(t.Tasks, task) // the last of a task is what is written
	}
}

func sameInstant(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

func (t *step) resolutionDue() *time.Time {
	if i := t.s.current("resolution"); i >= 0 {
		return t.s.Promises[i].DueAt
	}
	return nil
}

// due turns a span of the policy into an instant.
func (t *step) due(span sla.Span, clock sla.ClockKind) (time.Time, error) {
	return span.Due(t.at, clock, t.rules.Calendar)
}

// decode reads the command's data.
func decode[T any](t *step) (T, error) {
	var v T
	if len(t.data) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(t.data, &v); err != nil {
		return v, errs.Wrap(err, errs.Malformed, "malformed.command")
	}
	return v, nil
}

// person checks that somebody may be given a case: a known, active user who takes part in cases.
func (t *step) person(field, userID string) error {
	u, ok := t.rules.Org.Users[userID]
	switch {
	case !ok:
		return errs.NewInvalid(errs.Field{Field: field, Code: "unknown"})
	case !u.Active:
		return errs.NewInvalid(errs.Field{Field: field, Code: "inactive"})
	case !May(u.Roles, PermCaseWork):
		return errs.NewInvalid(errs.Field{Field: field, Code: "takes_no_cases"})
	}
	return nil
}

// current returns the index of the newest promise of the name, -1 when there is none.
func (s *CaseState) current(name string) int {
	for i := len(s.Promises) - 1; i >= 0; i-- {
		if s.Promises[i].Name == name {
			return i
		}
	}
	return -1
}

// clone copies the state deeply enough that changing the copy never changes the original.
func (s *CaseState) clone() CaseState {
	c := *s
	c.Promises, c.Tasks, c.Links = slices.Clone(s.Promises), slices.Clone(s.Tasks), slices.Clone(s.Links)
	c.Inherited, c.Handled, c.Orders = slices.Clone(s.Inherited), slices.Clone(s.Handled), slices.Clone(s.Orders)
	if s.Offer != nil {
		o := *s.Offer
		c.Offer = &o
	}
	if s.Transfer != nil {
		o := *s.Transfer
		c.Transfer = &o
	}
	if s.Waiting != nil {
		o := *s.Waiting
		c.Waiting = &o
	}
	return c
}
