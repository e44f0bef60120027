package models

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
)

// receptionStep builds one ReceptionStep: commands change s and report events, notices and effects here.
type receptionStep struct {
	ReceptionStep
	s      *ReceptionState // the new state, owned by the step
	at     time.Time
	actor  string // user id or system
	behalf string
	me     Person // in whose right the actor acts
	rule   string // of the system's decision
	rules  ReceptionRules
	data   json.RawMessage
	hold   Holdings
}

// ApplyReception decides one step of a reception: it returns the new state with everything to write and to do, or the
// refusal. The given state is not changed. A refused command has no effect at all. A step of the clock is of the next checkpoint
// alone and has its instant, however late it is taken.
func ApplyReception(old *ReceptionState, e ReceptionEvent, at time.Time, r ReceptionRules) (ReceptionStep, error) {
	t := &receptionStep{at: at.UTC().Truncate(tick), actor: System, rules: r, data: e.Data}
	t.RequestID, t.TraceID = e.Meta.RequestID, e.Meta.TraceID
	if old != nil {
		s := old.clone()
		t.s = &s
		if e.Action == ReceptionTick {
			t.at = asOf(s.NextAt, at)
		}
		if earliest := s.UpdatedAt.Add(tick); t.at.Before(earliest) {
			t.at = earliest
		}
	}
	if err := t.take(old, e); err != nil {
		return ReceptionStep{}, err
	}
	t.finish()
	return t.ReceptionStep, nil
}

// take authorises the event and runs its handler.
func (t *receptionStep) take(old *ReceptionState, e ReceptionEvent) error {
	switch {
	case e.Action == ReceptionRecord:
		if old != nil {
			return errs.New(errs.Conflict, "reception.exists", "number", old.Number)
		}
		t.actor, t.me = e.Meta.Actor.ID, e.Meta.Actor.Person
		return t.record()
	case old == nil:
		return errs.New(errs.NotFound, "reception.unknown")
	case e.Action == ReceptionTick:
		return nil // finish lets fall what is due
	case e.Action == ReceptionDecide:
		return t.bySystem(ruleApproval, t.decide)
	case e.Action == ReceptionSurveyed:
		return t.bySystem(ruleSurvey, t.surveyed)
	case e.Action == ReceptionDeactivate:
		t.actor = e.Meta.Actor.ID
		return t.deactivate()
	}
	me, err := t.s.check(e.Action, e.Meta.Actor, t.at, t.comesTo(e.Action))
	if err != nil {
		return err
	}
	t.me, t.actor = me, e.Meta.Actor.ID
	if me.ID != t.actor {
		t.behalf = me.ID
	}
	return receptionHandlers()[e.Action](t)
}

// comesTo is ReceptionState.comesTo with the data of the command: what is claimed, and a change that asks for more than before,
// since it is submitted by itself. What is wrong with the data is for the handler to say.
func (t *receptionStep) comesTo(action ReceptionAction) int64 {
	switch {
	case action == ReceptionClaim:
		c, _ := decodeReception[ClaimExpenses](t)
		var total int64
		for _, item := range c.Items {
			total += item.Amount
		}
		return total
	case action == ReceptionRevise && slices.Contains(ready, t.s.Status):
		c, _ := decodeReception[PlanReception](t)
		if total := totalOf(c.Plan.lines()); total > totalOf(t.s.Budget) {
			return total
		}
		return 0
	default:
		return t.s.comesTo(action)
	}
}

// receptionHandlers maps each action of people to what it does.
func receptionHandlers() map[ReceptionAction]func(*receptionStep) error {
	return map[ReceptionAction]func(*receptionStep) error{
		ReceptionRevise: (*receptionStep).revise, ReceptionSubmit: (*receptionStep).submit, ReceptionWithdraw: (*receptionStep).withdraw,
		ReceptionPrepare: (*receptionStep).prepare, ReceptionStart: (*receptionStep).start, ReceptionTickOff: (*receptionStep).tickOff,
		ReceptionRaiseNeed: (*receptionStep).raiseNeed, ReceptionSolveNeed: (*receptionStep).solveNeed,
		ReceptionComplete: (*receptionStep).complete, ReceptionFeedback: (*receptionStep).feedback, ReceptionClaim: (*receptionStep).claim,
		ReceptionPay: (*receptionStep).pay, ReceptionReturnClaim: (*receptionStep).returnClaim, ReceptionClose: (*receptionStep).close,
		ReceptionCancel: (*receptionStep).cancel,
	}
}

// finish lets happen what has fallen due, numbers the step, and derives what follows from the state: what is booked and in
// whose diary it stands.
func (t *receptionStep) finish() {
	s := t.s
	t.fall()
	s.Seq++
	s.UpdatedAt = t.at
	if t.RequestID != "" {
		s.Handled = append(s.Handled, t.RequestID)
		if n := len(s.Handled) - keepHandled; n > 0 {
			s.Handled = slices.Clone(s.Handled[n:])
		}
	}
	t.invite()
	t.settleHoldings()
	s.NextAt = s.NextCheckpoint()
	if len(t.Notices) > 0 {
		told := make([]map[string]string, len(t.Notices))
		for i, n := range t.Notices {
			told[i] = map[string]string{"kind": n.Kind, "to": n.UserID}
		}
		t.event("notified", map[string]any{"notices": told})
	}
	t.State = *s
}

// event records one line of the timeline.
func (t *receptionStep) event(kind string, data map[string]any) {
	t.s.EventSeq++
	if t.actor == System && t.rule != "" {
		if data == nil {
			data = map[string]any{}
		}
		data["rule"] = t.rule
	}
	t.Events = append(t.Events, TimelineEvent{Seq: t.s.EventSeq, At: t.at, Type: kind, Actor: t.actor, OnBehalfOf: t.behalf, Data: data})
}

// deputy is the actor when they act in another's place; empty otherwise.
func (t *receptionStep) deputy() string {
	if t.behalf == "" {
		return ""
	}
	return t.actor
}

// bySystem runs f with the system as the actor: what a rule decides is never written in a person's name.
func (t *receptionStep) bySystem(rule string, f func() error) error {
	actor, behalf, before := t.actor, t.behalf, t.rule
	t.actor, t.behalf, t.rule = System, "", rule
	err := f()
	t.actor, t.behalf, t.rule = actor, behalf, before
	return err
}

// notify tells people, each once per step and kind; the actor needs no telling.
func (t *receptionStep) notify(kind string, users []string, pairs ...string) {
	for _, u := range users {
		if u == "" || u == t.actor || !t.rules.Org.Users[u].Active {
			continue
		}
		data := errs.Args(pairs...)
		if data == nil {
			data = map[string]string{}
		}
		data["number"] = t.s.Number
		n := Notice{
			Kind: kind, UserID: u, Data: data, NotBefore: t.at,
			Key: fmt.Sprintf("%d/%s/%s", t.s.Seq+1, kind, data["item"]),
		}
		if !slices.ContainsFunc(t.Notices, func(o Notice) bool { return o.UserID == n.UserID && o.Key == n.Key }) {
			t.Notices = append(t.Notices, n)
		}
	}
}

// openTask gives a user task to a person, or to a team if there is no person. What would be somebody's who has left is for who
// is present: they may have left a moment ago, and nobody was told yet.
func (t *receptionStep) openTask(kind, userID, teamID string, due *time.Time, why ...string) {
	if userID != "" {
		userID, teamID = t.present(userID)
	}
	if userID+teamID == "" {
		return // nobody is left to do it
	}
	key := kind + "/" + strconv.FormatInt(t.s.Seq+1, 10) + "/" + strconv.Itoa(len(t.Tasks)) + "/" + userID + teamID
	task := Task{
		ID:   id.Derive(id.Task, t.s.ID, key),
		Kind: kind, UserID: userID, TeamID: teamID, CreatedAt: t.at, DueAt: due, Why: errs.Args(why...), State: TaskOpen,
	}
	t.s.Tasks = append(t.s.Tasks, task)
	t.Tasks = append(t.Tasks, task)
}

// settle ends the open tasks that match: done by the actor, or cancelled when the matter is off.
func (t *receptionStep) settle(state TaskState, match func(Task) bool) {
	t.s.Tasks, t.Tasks = settled(t.s.Tasks, t.Tasks, Task{State: state, DoneBy: t.actor, DoneAt: &t.at}, match)
}

// about matches the tasks of a kind on one thing.
func about(kind, what string) func(Task) bool {
	return func(task Task) bool { return task.Kind == kind && task.Why["item"] == what }
}

// decodeReception reads the command's data.
func decodeReception[T any](t *receptionStep) (T, error) {
	var v T
	if len(t.data) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(t.data, &v); err != nil {
		return v, errs.Wrap(err, errs.Malformed, "malformed.command")
	}
	return v, nil
}

// desk returns who receives: the named receptionist, else the team of the reception desk, else its first member, else the
// requester. Whoever has left does not.
func (t *receptionStep) desk() (userID, teamID string) {
	if u := t.s.ReceptionistID; t.rules.Org.active(u) != "" {
		return u, ""
	}
	if userID, teamID = t.clerks(); userID+teamID != "" {
		return userID, teamID
	}
	return t.present(t.s.RequesterID)
}

// present returns who takes what is the user's: they do, or in the place of somebody who has left their superior, else the
// reception desk, else somebody who leads.
func (t *receptionStep) present(userID string) (user, teamID string) {
	org := t.rules.Org
	if org.active(userID) != "" {
		return userID, ""
	}
	if above := org.Supervisor(userID); above != "" {
		return above, ""
	}
	if user, teamID = t.clerks(); user+teamID != "" {
		return user, teamID
	}
	for _, role := range []Role{RoleManager, RoleDirector, RoleAdmin} {
		if leads := org.WithRole(role); len(leads) > 0 {
			return leads[0], ""
		}
	}
	return "", ""
}

// clerks returns the team of the reception desk, else its first member; nobody when there is no desk.
func (t *receptionStep) clerks() (userID, teamID string) {
	for _, u := range t.rules.Org.WithRole(RoleReceptionClerk) {
		if team := t.rules.Org.Users[u].TeamID; team != "" {
			return "", team
		}
		userID = cmp.Or(userID, u)
	}
	return userID, ""
}

// clone copies the state deeply enough that changing the copy never changes the original.
func (s *ReceptionState) clone() ReceptionState {
	c := *s
	c.Hosts, c.Activities, c.Bookings = slices.Clone(s.Hosts), slices.Clone(s.Activities), slices.Clone(s.Bookings)
	c.Budget, c.Money, c.Departures = slices.Clone(s.Budget), slices.Clone(s.Money), slices.Clone(s.Departures)
	c.Approvals, c.Approvers, c.Steps = slices.Clone(s.Approvals), slices.Clone(s.Approvers), slices.Clone(s.Steps)
	c.Orders = slices.Clone(s.Orders)
	c.Checklist, c.Needs, c.Receipts = slices.Clone(s.Checklist), slices.Clone(s.Needs), slices.Clone(s.Receipts)
	c.Invited, c.Tasks, c.Handled = slices.Clone(s.Invited), slices.Clone(s.Tasks), slices.Clone(s.Handled)
	if s.Claim != nil {
		claim := *s.Claim
		c.Claim = &claim
	}
	return c
}
