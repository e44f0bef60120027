package models_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// agency is a sales team that receives visitors, a reception desk with its lead, two people of finance, and who stands
// above them.
func agency() *models.Org {
	o := &models.Org{Users: map[string]models.OrgUser{}, Teams: map[string]models.OrgTeam{
		"sales": {ID: "sales", Name: "sales", SupervisorID: "sam"},
		"desk":  {ID: "desk", Name: "desk", SupervisorID: "lea"},
		"money": {ID: "money", Name: "money", SupervisorID: "mia"},
	}}
	user := func(id, team, manager string, roles ...models.Role) {
		o.Users[id] = models.OrgUser{ID: id, Username: id, TeamID: team, ManagerID: manager, Active: true, Roles: roles}
	}
	user("amy", "sales", "sam", models.RoleAccountManager)
	user("hal", "sales", "sam", models.RoleStaff)
	user("sam", "sales", "mia", models.RoleSupervisor)
	user("cleo", "desk", "lea", models.RoleReceptionClerk)
	user("lea", "desk", "mia", models.RoleReceptionClerk)
	user("fin", "money", "mia", models.RoleFinance)
	user("fay", "money", "mia", models.RoleFinance)
	user("mia", "", "zoe", models.RoleManager)
	user("zoe", "", "", models.RoleDirector)
	user("otto", "", "zoe", models.RoleAuditor)
	gone := models.OrgUser{ID: "gus", TeamID: "sales", Roles: []models.Role{models.RoleStaff}}
	o.Users["gus"] = gone
	return o
}

// member is a user of the agency as an actor, with those for whom they stand in.
func member(o *models.Org, who string, actsFor ...string) models.Actor {
	person := func(name string) models.Person {
		u := o.Users[name]
		p := models.Person{ID: name, TeamID: u.TeamID, Roles: u.Roles}
		for _, team := range []string{"desk", "money", "sales"} {
			if o.Teams[team].SupervisorID == name {
				p.Supervises = append(p.Supervises, team)
			}
		}
		return p
	}
	a := models.Actor{Person: person(who)}
	for _, name := range actsFor {
		a.ActsFor = append(a.ActsFor, person(name))
	}
	return a
}

var library = map[string]models.Resource{
	"blue":  {ID: "blue", Kind: models.ResourceRoom, Class: "plain", Quantity: 1, Active: true},
	"gold":  {ID: "gold", Kind: models.ResourceRoom, Class: "executive", Quantity: 1, Active: true},
	"pens":  {ID: "pens", Kind: models.ResourceGiftStock, Quantity: 100, Active: true},
	"attic": {ID: "attic", Kind: models.ResourceRoom, Quantity: 1},
}

func receptionRules(tb testing.TB, o *models.Org) models.ReceptionRules {
	tb.Helper()
	body, err := policies.FS.ReadFile("reception/default.yaml")
	require.NoError(tb, err)
	doc, faults := policy.ParseReception(body)
	require.Empty(tb, faults)
	compiled, err := policy.CompileReception(doc)
	require.NoError(tb, err)
	body, err = policies.FS.ReadFile("calendars/cn.yaml")
	require.NoError(tb, err)
	var cn calendar.Document
	require.NoError(tb, yaml.Unmarshal(body, &cn))
	cn.Version = 1
	cal, err := calendar.New(cn)
	require.NoError(tb, err)
	return models.ReceptionRules{Policy: compiled, PolicyVersion: 1, Calendar: cal, Org: o, Resources: library}
}

// visitAt is ten o'clock of the Friday after monday, in Shanghai.
var visitAt = time.Date(2026, 3, 13, 2, 0, 0, 0, time.UTC)

func instant(t time.Time) *time.Time { return &t }

// goodPlan is a complete request that keeps to the standard: six hours on Friday, one visitor, 3,000.00 in all.
func goodPlan() models.ReceptionPlan {
	return models.ReceptionPlan{
		ClientID: "client", Kind: "company_visit", Level: "standard", Purpose: "see the new line",
		StartsAt: instant(visitAt), EndsAt: instant(visitAt.Add(6 * time.Hour)),
		Visitors: []models.Visitor{{Name: "Ms Li", Organisation: "Blue Sky"}}, Hosts: []string{"hal"},
		Activities: []models.PlannedActivity{
			{Kind: "welcome", StartsAt: instant(visitAt), EndsAt: instant(visitAt.Add(time.Hour)), OwnerID: "cleo"},
			{Kind: "tour", StartsAt: instant(visitAt.Add(time.Hour)), EndsAt: instant(visitAt.Add(3 * time.Hour)), OwnerID: "hal"},
		},
		Resources: []models.WantedResource{{ResourceID: "blue"}},
		Budget:    []models.PlannedAmount{{Item: models.CostMeals, Amount: 200_000}, {Item: models.CostTransport, Amount: 100_000}},
	}
}

// account is what a reception has of one item of money, by the moves of its steps.
type account struct{ held, committed int64 }

// trip follows one reception, with what its steps do in the world, and holds the laws that every history must keep.
type trip struct {
	t        require.TestingT
	r        models.ReceptionRules
	state    models.ReceptionState
	open     map[string]models.Task
	bookings map[string]models.BookingState
	accounts map[string]account
	diary    map[string]bool
	answered map[string]bool // approvals that have told their outcome
	steps    []models.ReceptionStep
	taken    []taken
	texts    *i18n.Catalogue
}

// taken is one recorded command.
type taken struct {
	e  models.ReceptionEvent
	at time.Time
	r  models.ReceptionRules
}

func newTrip(t require.TestingT, r models.ReceptionRules) *trip {
	texts, err := i18n.New()
	require.NoError(t, err)
	return &trip{
		t: t, r: r, open: map[string]models.Task{}, bookings: map[string]models.BookingState{},
		accounts: map[string]account{}, diary: map[string]bool{}, answered: map[string]bool{}, texts: texts,
	}
}

// attempt lets somebody try something; what is done is followed.
func (l *trip) attempt(at time.Time, a models.Actor, action models.ReceptionAction, data any) (models.ReceptionStep, error) {
	raw, err := json.Marshal(data)
	require.NoError(l.t, err)
	e := models.ReceptionEvent{Meta: models.Meta{Actor: a, RequestID: id.New(id.Request)}, Action: action, Data: raw}
	var old *models.ReceptionState
	if l.state.ID != "" {
		old = &l.state
	}
	before, _ := json.Marshal([]any{l.state, l.r.Plans})
	step, err := models.ApplyReception(old, e, at, l.r)
	after, _ := json.Marshal([]any{l.state, l.r.Plans})
	require.Equal(l.t, string(before), string(after), "%s changed what it was given", action)
	if err == nil {
		arrives(l.t, old, &step.State)
		l.taken = append(l.taken, taken{e, at, l.r})
		if d, ok := data.(models.ApprovalDecided); ok && d.Outcome != models.OutcomeReturned {
			l.answered[d.ApprovalID] = true
		}
		l.follow(step)
	}
	return step, err
}

func (l *trip) follow(step models.ReceptionStep) {
	t, s := l.t, step.State
	require.Equal(t, l.state.Seq+1, s.Seq)
	require.True(t, l.state.ID == "" || s.UpdatedAt.After(l.state.UpdatedAt), "every step has an instant of its own")
	for i, e := range step.Events {
		require.Equal(t, l.state.EventSeq+int64(i)+1, e.Seq, "the timeline has no gap")
		require.NotEmpty(t, e.Actor)
		_, ok := l.texts.Lookup(i18n.English, "timeline.reception."+e.Type, nil)
		require.True(t, ok, "the event %s has no text", e.Type)
		if e.Type == "claim_paid" {
			for _, u := range []string{e.Actor, e.OnBehalfOf} {
				require.NotEqual(t, l.state.Claim.By, u, "the claimant does not pay")
				require.NotContains(t, l.state.Approvers, u, "who approved does not pay")
			}
		}
	}
	require.Equal(t, l.state.EventSeq+int64(len(step.Events)), s.EventSeq)
	for _, n := range step.Notices {
		for _, part := range []string{".title", ".body"} {
			_, ok := l.texts.Lookup(i18n.English, "notification."+n.Kind+part, nil)
			require.True(t, ok, "the notice %s has no text", n.Kind)
		}
	}
	for _, task := range step.Tasks {
		_, ok := l.texts.Lookup(i18n.English, "task."+task.Kind, nil)
		require.True(t, ok, "the task %s has no text", task.Kind)
		require.True(t, task.UserID != "" || task.TeamID != "", "a task is somebody's")
		if task.State == models.TaskOpen {
			l.open[task.ID] = task
		} else {
			delete(l.open, task.ID)
		}
	}
	require.Len(t, s.Tasks, len(l.open), "the state lists exactly the open tasks")
	for _, task := range s.Tasks {
		require.Contains(t, l.open, task.ID)
	}
	if o := step.Approval; o != nil {
		require.Equal(t, []any{s.Seq, s.Number}, []any{o.Seq, o.Number})
		require.Contains(t, s.Orders, *o, "an order outlives the worker that wrote it")
	}
	l.carry(step.Holdings, s)
	for _, i := range step.Invitations {
		require.True(t, !i.Cancel || l.diary[i.UID], "only what stands in a diary is taken out of it")
		l.diary[i.UID] = !i.Cancel
	}
	if step.Plans != nil {
		l.r.Plans = *step.Plans
	}
	if was := l.state.Status; was != "" && was != s.Status {
		_, flows := receptionDiagram()
		require.True(t, flows[[2]string{string(was), string(s.Status)}], "the diagram has no flow from %s to %s", was, s.Status)
	}
	require.Equal(t, s.Back != "", l.r.Plans.Approved != nil, "while a change is decided, and only then, the approved plan is kept beside it")
	if s.NextAt != nil {
		require.True(t, s.NextAt.After(s.UpdatedAt), "the next checkpoint lies ahead: %v after %v in %s", s.NextAt, s.UpdatedAt, s.Status)
	}
	l.state = s
	l.steps = append(l.steps, step)
	l.laws()
}

// carry does what the step does with resources and money, as the store does, and compares.
func (l *trip) carry(h *models.Holdings, s models.ReceptionState) {
	t := l.t
	if h != nil {
		require.Equal(t, []any{s.ID, s.Seq, s.UpdatedAt}, []any{h.SubjectID, h.StepSeq, h.At})
		if h.ReleaseAll {
			require.Empty(t, h.Book)
			require.Empty(t, h.Money)
			clear(l.bookings)
			for item, a := range l.accounts {
				l.accounts[item] = account{committed: a.committed}
			}
		}
		for _, item := range h.Release {
			require.Contains(t, l.bookings, item, "only what is booked is released")
			delete(l.bookings, item)
		}
		for _, b := range h.Book {
			require.NotContains(t, l.bookings, b.Item)
			require.True(t, b.EndsAt.After(b.StartsAt) && b.Quantity > 0)
			l.bookings[b.Item] = models.BookingHeld
		}
		for item := range l.bookings {
			if h.Confirm {
				l.bookings[item] = models.BookingBooked
			}
		}
		for _, m := range h.Money {
			l.move(m)
		}
	}
	for _, b := range s.Bookings {
		require.Equal(t, l.bookings[b.Item], b.State, b.Item)
	}
	if s.Status != models.ReceptionClosed { // what has lapsed is no longer counted by the reception
		require.Len(t, s.Bookings, len(l.bookings))
	}
	for _, m := range s.Money {
		require.Equal(t, l.accounts[m.Item], account{m.Held, m.Committed}, m.Item)
	}
}

func (l *trip) move(m models.MoneyMove) {
	a := l.accounts[m.Item]
	require.Equal(l.t, "CNY", m.Currency)
	switch m.Kind {
	case models.MoveHold:
		require.Zero(l.t, a.held)
		a.held = m.Amount
	case models.MoveChange:
		a.held = m.Amount
	case models.MoveCommit:
		require.LessOrEqual(l.t, m.Amount, a.held, "nothing is spent that is not held")
		a.held -= m.Amount
		a.committed += m.Amount
	case models.MoveRelease:
		a.held = 0
	}
	require.Positive(l.t, m.Amount+map[bool]int64{true: 1}[m.Kind == models.MoveRelease])
	l.accounts[m.Item] = a
}

// laws hold after every step.
func (l *trip) laws() {
	t, s := l.t, l.state
	var held int64
	for item, a := range l.accounts {
		require.GreaterOrEqual(t, a.held, int64(0), item)
		held += a.held
	}
	firm := []models.ReceptionStatus{models.ReceptionApproved, models.ReceptionPreparing, models.ReceptionInProgress, models.ReceptionCompleted}
	for item, state := range l.bookings {
		require.False(t, slices.Contains(firm, s.Status) && state == models.BookingHeld, "%s is booked once the reception is approved", item)
	}
	if s.Over(s.UpdatedAt) || s.Status == models.ReceptionCancelled && s.Claim == nil {
		require.Zero(t, held, "every hold has ended as spent or released in %s", s.Status)
		require.Empty(t, s.Bookings)
		require.Empty(t, s.Tasks)
		require.False(t, s.Held())
	}
	if s.Over(s.UpdatedAt) {
		require.Nil(t, s.NextAt, "the clock has nothing to look at")
		require.Empty(t, s.AllowedActions(member(l.r.Org, s.RequesterID), s.UpdatedAt))
	}
	if s.Status == models.ReceptionApproved || s.Status == models.ReceptionPreparing {
		var planned int64
		for _, b := range s.Budget {
			planned += b.Amount
		}
		require.Equal(t, planned, held, "what is planned is held, no more and no less")
	}
	if slices.Contains([]models.ReceptionStatus{models.ReceptionRejected, models.ReceptionWithdrawn, models.ReceptionCancelled}, s.Status) {
		for uid, stands := range l.diary {
			require.False(t, stands, "%s still stands in a diary", uid)
		}
	}
	var waiting, ordered []string
	for _, a := range s.Approvals {
		if !l.answered[a.ID] {
			waiting = append(waiting, a.ID)
		}
	}
	for _, o := range s.Orders {
		ordered = append(ordered, o.ID)
		if slices.ContainsFunc(s.Approvals, func(a models.ReceptionApproval) bool {
			return a.ID == o.ID && a.Outcome == "" && a.Purpose != models.ApproveClaim
		}) {
			require.Equal(t, s.RequesterID, o.RequesterID, "an approval knows whose the request is")
		}
	}
	require.ElementsMatch(t, waiting, ordered, "exactly what has not answered stays ordered")
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	var back models.ReceptionState
	require.NoError(t, json.Unmarshal(raw, &back))
	again, _ := json.Marshal(back)
	require.Equal(t, string(raw), string(again))
}

// until lets everything happen that falls due until the instant, as the process's timer does.
func (l *trip) until(at time.Time) {
	for l.state.NextAt != nil && !at.Before(*l.state.NextAt) {
		_, err := l.attempt(*l.state.NextAt, models.Actor{}, models.ReceptionTick, nil)
		require.NoError(l.t, err)
	}
}

// replay applies the recorded commands anew and must come to the same state.
func (l *trip) replay() {
	var state *models.ReceptionState
	for i, c := range l.taken {
		step, err := models.ApplyReception(state, c.e, c.at, c.r)
		require.NoError(l.t, err)
		was, _ := json.Marshal(l.steps[i])
		is, _ := json.Marshal(step)
		require.Equal(l.t, string(was), string(is), "replayed commands give the same step")
		raw, _ := json.Marshal(step.State) // as a continued process remembers it
		state = &models.ReceptionState{}
		require.NoError(l.t, json.Unmarshal(raw, state))
	}
}

// randomPlan is a plan that may depart, grow, move and, now and then, be wrong.
func randomPlan(t *rapid.T) models.ReceptionPlan {
	p := goodPlan()
	shift := time.Duration(rapid.IntRange(-1, 30).Draw(t, "days")) * 24 * time.Hour
	*p.StartsAt = visitAt.Add(shift)
	*p.EndsAt = p.StartsAt.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "hours")) * time.Hour)
	p.Activities = nil
	if rapid.Bool().Draw(t, "activity") {
		p.Activities = []models.PlannedActivity{{Kind: "tour", StartsAt: p.StartsAt, EndsAt: p.EndsAt, OwnerID: "hal"}}
	}
	p.Kind = rapid.SampledFrom(models.ReceptionKinds()).Draw(t, "kind")
	p.Level = rapid.SampledFrom(models.ReceptionLevels()).Draw(t, "level")
	p.Hosts = rapid.SampledFrom([][]string{{"hal"}, {"sam", "hal"}, {"mia"}, nil}).Draw(t, "hosts")
	p.Resources = nil
	for _, thing := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"blue", "gold", "pens"}), 0, 3, rapid.ID).Draw(t, "things") {
		w := models.WantedResource{ResourceID: thing}
		if rapid.Bool().Draw(t, "early") {
			w.StartsAt = instant(p.StartsAt.Add(-time.Hour))
		}
		if thing == "pens" {
			w.Quantity = rapid.IntRange(1, 20).Draw(t, "pens")
		}
		p.Resources = append(p.Resources, w)
	}
	p.Budget = nil
	for _, item := range models.CostTypes() {
		if amount := rapid.SampledFrom([]int64{0, 0, 50_000, 100_000, 105_000, 400_000}).Draw(t, string(item)); amount > 0 {
			p.Budget = append(p.Budget, models.PlannedAmount{Item: item, Amount: amount})
		}
	}
	p.DepartureReason = rapid.SampledFrom([]string{"", "they asked for it"}).Draw(t, "reason")
	return p
}

// receptionData gives an action data with which mostly only the state and the actor decide about it.
func receptionData(t *rapid.T, l *trip, action models.ReceptionAction) any {
	s := l.state
	switch action {
	case models.ReceptionRevise:
		return models.PlanReception{ClientClass: "B", AccountManagerID: "amy", Plan: randomPlan(t)}
	case models.ReceptionPrepare:
		c := models.PrepareReception{ReceptionistID: rapid.SampledFrom([]string{"", "", "cleo", "lea"}).Draw(t, "receptionist")}
		for _, e := range s.Checklist {
			if rapid.Bool().Draw(t, "done") {
				c.Items = append(c.Items, e.Name)
			}
		}
		return c
	case models.ReceptionTickOff:
		if i := slices.IndexFunc(s.Activities, func(a models.ReceptionActivity) bool { return a.DoneAt == nil }); i >= 0 {
			return models.TickOff{ActivityID: s.Activities[i].ID}
		}
		return models.TickOff{}
	case models.ReceptionRaiseNeed:
		return models.RaiseNeed{Text: "a sample"}
	case models.ReceptionSolveNeed:
		if i := slices.IndexFunc(s.Needs, func(n models.ReceptionNeed) bool { return n.SolvedAt == nil }); i >= 0 {
			return models.SolveNeed{NeedID: s.Needs[i].ID, Solution: "sent"}
		}
		return models.SolveNeed{}
	case models.ReceptionFeedback:
		return models.ReceptionOpinion{Score: rapid.IntRange(1, 5).Draw(t, "score")}
	case models.ReceptionClaim:
		c := models.ClaimExpenses{}
		for range rapid.IntRange(1, 3).Draw(t, "items") {
			c.Items = append(c.Items, models.ClaimItem{
				Item:   rapid.SampledFrom(models.CostTypes()).Draw(t, "item"),
				Amount: rapid.SampledFrom([]int64{1, 40_000, 100_000, 600_000}).Draw(t, "amount"), Receipt: id.New("receipt"),
			})
		}
		return c
	case models.ReceptionClose:
		return models.CloseReception{Summary: "went well"}
	case models.ReceptionCancel, models.ReceptionReturnClaim:
		return models.Because{Reason: "because"}
	default:
		return nil
	}
}

// TestReceptionLaws lets random people press random buttons at random times, approvals decide at random, and the clock run:
// thousands of steps in all.
func TestReceptionLaws(t *testing.T) {
	t.Parallel()
	o := agency()
	r := receptionRules(t, o)
	everybody := []string{"amy", "hal", "sam", "cleo", "lea", "fin", "fay", "mia", "zoe", "otto"}
	rapid.Check(t, func(rt *rapid.T) {
		l, at := newTrip(rt, r), monday
		_, err := l.attempt(at, member(o, "amy"), models.ReceptionRecord, models.PlanReception{
			ID: id.New(id.Reception), Number: "REC-1", ClientClass: "B", AccountManagerID: "amy", Plan: goodPlan(),
		})
		require.NoError(rt, err)
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 5*3600).Draw(rt, "pause")) * time.Second)
			l.until(at)
			if l.decides(rt, at) || l.handsOver(rt, at) {
				continue
			}
			a := member(o, rapid.SampledFrom(everybody).Draw(rt, "who"))
			action := rapid.SampledFrom(models.ReceptionActions()).Draw(rt, "action")
			if likely := l.state.AllowedActions(a, at); len(likely) > 0 && rapid.IntRange(0, 3).Draw(rt, "sensible") > 0 {
				action = rapid.SampledFrom(likely).Draw(rt, "action")
			}
			allowed := slices.Contains(l.state.AllowedActions(a, at), action)
			_, err := l.attempt(at, a, action, receptionData(rt, l, action))
			if !allowed {
				require.Contains(rt, []errs.Code{errs.Forbidden, errs.Conflict, errs.ProcessClosed}, errs.CodeOf(err), "%s by %s in %s", action, a.ID, l.state.Status)
			} else if err != nil { // legal for the person and the state, but not with this data
				require.Contains(rt, []errs.Code{errs.Invalid, errs.Conflict}, errs.CodeOf(err), "%s by %s: %v", action, a.ID, err)
			}
		}
		l.replay()
	})
	require.Equal(t, receptionRules(t, o).Policy.Document(), r.Policy.Document(), "all steps share the policy: none changes it")
}

// handsOver lets somebody take over, now and then, what another one has to do with the reception.
func (l *trip) handsOver(t *rapid.T, at time.Time) bool {
	if rapid.IntRange(0, 11).Draw(t, "hands over") != 7 {
		return false
	}
	d := models.Deactivate{
		UserID: rapid.SampledFrom([]string{l.state.RequesterID, "hal", "cleo"}).Draw(t, "from"), HeirID: rapid.SampledFrom([]string{"amy", "hal", "sam", "lea"}).Draw(t, "heir"),
	}
	_, err := l.attempt(at, models.Actor{Person: models.Person{ID: models.System}}, models.ReceptionDeactivate, d)
	require.True(t, err == nil || errs.CodeOf(err) == errs.Conflict, "%v", err)
	return true
}

// decides lets the running approval have a random outcome, more often than not when there is one.
func (l *trip) decides(t *rapid.T, at time.Time) bool {
	for _, o := range l.state.Orders { // what was given up answers too, if late
		if o.Verb == models.ApprovalWithdraw && rapid.Bool().Draw(t, "answers") {
			outcome := rapid.SampledFrom([]models.ApprovalOutcome{models.OutcomeWithdrawn, models.OutcomeApproved}).Draw(t, "late")
			was := l.state
			step, err := l.attempt(at, models.Actor{}, models.ReceptionDecide, models.ApprovalDecided{ApprovalID: o.ID, Outcome: outcome, ByID: "sam"})
			require.NoError(t, err)
			require.Equal(t, was.Status, step.State.Status, "what was given up decides nothing")
			return true
		}
	}
	n := len(l.state.Approvals)
	if n == 0 || l.state.Approvals[n-1].Outcome != "" || rapid.IntRange(0, 2).Draw(t, "decides") == 0 {
		return false
	}
	a := l.state.Approvals[n-1]
	outcomes := []models.ApprovalOutcome{
		models.OutcomeApproved, models.OutcomeApproved, models.OutcomeApproved, models.OutcomeRejected, models.OutcomeReturned, models.OutcomeWithdrawn,
	}
	if a.Returned {
		outcomes = []models.ApprovalOutcome{models.OutcomeWithdrawn}
		if rapid.IntRange(0, 3).Draw(t, "leave") > 0 {
			return false
		}
	}
	d := models.ApprovalDecided{
		ApprovalID: a.ID, Outcome: rapid.SampledFrom(outcomes).Draw(t, "outcome"), ByID: "sam", Steps: []string{"dept_head"},
		Approvers: rapid.SampledFrom([][]string{{"sam"}, {"sam", "fin"}, {"sam", "mia", "fin", "fay"}}).Draw(t, "approvers"),
	}
	_, err := l.attempt(at, models.Actor{}, models.ReceptionDecide, d)
	require.NoError(t, err)
	_, err = models.ApplyReception(&l.state, l.taken[len(l.taken)-1].e, at.Add(time.Second), l.r)
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "an outcome counts once")
	return true
}
