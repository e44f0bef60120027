package models_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// marketDepartment is a sales team with two account managers, the people of products and maintenance, the head of the market
// department (mia) under the director (zoe), and the client representatives, who stand outside the line.
func marketDepartment() *models.Org {
	o := &models.Org{Users: map[string]models.OrgUser{}, Teams: map[string]models.OrgTeam{
		"sales":  {ID: "sales", Name: "sales", SupervisorID: "sam"},
		"tech":   {ID: "tech", Name: "tech", SupervisorID: "tom"},
		"voices": {ID: "voices", Name: models.ClientRepresentativeTeam, SupervisorID: "rae"},
	}}
	user := func(id, team, manager string, roles ...models.Role) {
		o.Users[id] = models.OrgUser{ID: id, Username: id, TeamID: team, ManagerID: manager, Active: true, Roles: roles}
	}
	user("amy", "sales", "sam", models.RoleAccountManager)
	user("ben", "sales", "sam", models.RoleAccountManager)
	user("sam", "sales", "mia", models.RoleSupervisor)
	user("pam", "tech", "tom", models.RoleStaff)
	user("rob", "tech", "tom", models.RoleStaff)
	user("tom", "tech", "mia", models.RoleSupervisor)
	user("cara", "voices", "rae", models.RoleStaff)
	user("rae", "voices", "zoe", models.RoleSupervisor)
	user("mia", "", "zoe", models.RoleManager)
	user("zoe", "", "", models.RoleDirector)
	user("otto", "", "zoe", models.RoleAuditor)
	o.Users["gus"] = models.OrgUser{ID: "gus", Username: "gus", TeamID: "sales", Roles: []models.Role{models.RoleStaff}}
	return o
}

// shipped reads a document of the policies that ship with the product.
func shipped(t require.TestingT, name string) []byte {
	body, err := policies.FS.ReadFile(name)
	require.NoError(t, err)
	return body
}

// relationshipRules are the shipped policies as first versions, with the calendar cn, for a prospect of class C that amy
// looks after.
func relationshipRules(t require.TestingT, o *models.Org) models.RelationshipRules {
	grades, faults := classification.Parse(shipped(t, "classification/default.yaml"))
	require.Empty(t, faults)
	grading, err := classification.Compile(grades, 1)
	require.NoError(t, err)
	rhythm, faults := cadence.ParsePolicy(shipped(t, "cadence/default.yaml"))
	require.Empty(t, faults)
	matrix, faults := responsibility.Parse(shipped(t, "responsibility/default.yaml"))
	require.Empty(t, faults)
	duties, err := responsibility.Compile(matrix, 1)
	require.NoError(t, err)
	var cn calendar.Document
	require.NoError(t, yaml.Unmarshal(shipped(t, "calendars/cn.yaml"), &cn))
	cn.Version = 1
	cal, err := calendar.New(cn)
	require.NoError(t, err)
	amy := "amy"
	return models.RelationshipRules{
		Classification: grading, Cadence: rhythm, Matrix: duties, Calendar: cal, Org: o,
		Client: models.Client{ID: "client_1", Name: "Blue Sky", Class: "C", AccountManagerID: &amy, Status: "prospect", Currency: "CNY"},
	}
}

// bond follows one relationship with what its steps write of it, and holds the laws that every history must keep.
type bond struct {
	t     require.TestingT
	r     models.RelationshipRules // Client and Open are kept as the store would
	state models.RelationshipState
	steps []models.RelationshipStep
	texts *i18n.Catalogue
	asked int // for request ids

	Grades  map[string]models.ClassificationRow
	Planned map[string]models.PlanRow
}

// bondBegun is the instant at which every bond begins: ten o'clock of a Monday in Shanghai.
var bondBegun = time.Date(2026, 3, 9, 2, 0, 0, 0, time.UTC)

// newBond begins the relationship with a client of the rules.
func newBond(t require.TestingT, r models.RelationshipRules) *bond {
	texts, err := i18n.New()
	require.NoError(t, err)
	b := &bond{t: t, r: r, texts: texts, Grades: map[string]models.ClassificationRow{}, Planned: map[string]models.PlanRow{}}
	_, err = b.attempt(bondBegun, models.Actor{}, models.RelationshipBegin, nil)
	require.NoError(t, err)
	return b
}

// who is a user of the department as an actor, with those for whom they stand in.
func (b *bond) who(user string, actsFor ...string) models.Actor {
	person := func(name string) models.Person {
		u := b.r.Org.Users[name]
		p := models.Person{ID: name, TeamID: u.TeamID, Roles: u.Roles}
		for _, team := range []string{"sales", "tech", "voices"} {
			if b.r.Org.Teams[team].SupervisorID == name {
				p.Supervises = append(p.Supervises, team)
			}
		}
		return p
	}
	a := models.Actor{Person: person(user)}
	for _, name := range actsFor {
		a.ActsFor = append(a.ActsFor, person(name))
	}
	return a
}

// attempt lets somebody try something at an instant; what is done is followed.
func (b *bond) attempt(at time.Time, a models.Actor, action models.RelationshipAction, data any) (models.RelationshipStep, error) {
	body, err := json.Marshal(data)
	require.NoError(b.t, err)
	b.asked++
	return b.take(at, models.RelationshipEvent{
		Meta: models.Meta{Actor: a, RequestID: "req_" + strconv.Itoa(b.asked)}, Action: action, Data: body,
	})
}

// take lets an event happen.
func (b *bond) take(at time.Time, e models.RelationshipEvent) (models.RelationshipStep, error) {
	var old *models.RelationshipState
	if b.state.Seq > 0 {
		s := b.state
		old = &s
	}
	before := b.print(old)
	step, err := models.ApplyRelationship(old, e, at, b.r)
	require.Equal(b.t, before, b.print(old), "%s changed what it was given", e.Action)
	again, errAgain := models.ApplyRelationship(old, e, at, b.r)
	require.Equal(b.t, err, errAgain)
	require.Equal(b.t, b.print(step), b.print(again), "%s: the same step twice is not the same", e.Action)
	if err == nil {
		arrives(b.t, old, &step.State)
		b.follow(step)
	}
	return step, err
}

func (b *bond) print(of any) string {
	text, err := json.Marshal([]any{of, b.r.Open})
	require.NoError(b.t, err)
	return string(text)
}

// do is attempt so long after the begin, by a user, for what must work.
func (b *bond) do(after time.Duration, user string, action models.RelationshipAction, data any) models.RelationshipStep {
	step, err := b.attempt(bondBegun.Add(after), b.who(user), action, data)
	require.NoError(b.t, err)
	return step
}

// refused is attempt so long after the begin, by a user, for what must not work.
func (b *bond) refused(after time.Duration, user string, action models.RelationshipAction, data any) *errs.Error {
	_, err := b.attempt(bondBegun.Add(after), b.who(user), action, data)
	require.Error(b.t, err)
	var e *errs.Error
	require.ErrorAs(b.t, err, &e)
	return e
}

// faultsOf are what a refusal says of fields: each field with its code, in order.
func faultsOf(e *errs.Error) []string {
	var all []string
	for _, f := range e.Fields {
		all = append(all, f.Field+":"+f.Code)
	}
	return all
}

// tick lets the clock look at an instant.
func (b *bond) tick(at time.Time) models.RelationshipStep {
	step, err := b.attempt(at, models.Actor{}, models.RelationshipTick, nil)
	require.NoError(b.t, err)
	return step
}

// pass lets the clock look whenever it must until the instant, which it reaches.
func (b *bond) pass(until time.Time) []models.RelationshipStep {
	first := len(b.steps)
	for b.state.NextAt != nil && !b.state.NextAt.After(until) {
		before := *b.state.NextAt
		at := before
		if !at.After(b.state.UpdatedAt) {
			at = b.state.UpdatedAt.Add(time.Second)
		}
		b.tick(at)
		require.True(b.t, b.state.NextAt == nil || b.state.NextAt.After(before), "the clock turns on the spot at %s", before)
	}
	return b.steps[first:]
}

// decided lets an approval answer.
func (b *bond) decided(after time.Duration, approvalID string, outcome models.ApprovalOutcome, by string) models.RelationshipStep {
	step, err := b.take(bondBegun.Add(after), models.RelationshipDecidedBy(models.ApprovalDecided{
		ApprovalID: approvalID, Seq: int64(len(b.steps)), Outcome: outcome, ByID: by, Approvers: []string{by},
	}))
	require.NoError(b.t, err)
	return step
}

// tasks are whose open tasks of a kind there are.
func (b *bond) tasks(kind string) []string {
	var users []string
	for _, task := range b.state.Tasks {
		if task.Kind == kind {
			users = append(users, task.UserID)
		}
	}
	return users
}

// told are who was told something by a step, sorted.
func told(step models.RelationshipStep, kind string) []string {
	var users []string
	for _, n := range step.Notices {
		if n.Kind == kind {
			users = append(users, n.UserID)
		}
	}
	slices.Sort(users)
	return users
}

// happened are the types of a step's timeline events.
func happened(step models.RelationshipStep) []string {
	var types []string
	for _, e := range step.Events {
		types = append(types, e.Type)
	}
	return types
}

// follow keeps what the step writes, and demands what holds of every step.
func (b *bond) follow(step models.RelationshipStep) {
	t, was, s := b.t, b.state, step.State
	require.Equal(t, was.Seq+1, s.Seq)
	require.True(t, was.Seq == 0 || s.UpdatedAt.After(was.UpdatedAt), "every step has an instant of its own")
	for i, e := range step.Events {
		require.Equal(t, was.EventSeq+int64(i)+1, e.Seq, "the timeline has no gap")
		require.NotEmpty(t, e.Actor)
		b.says("timeline.relationship." + e.Type)
	}
	require.Equal(t, was.EventSeq+int64(len(step.Events)), s.EventSeq)
	for _, n := range step.Notices {
		require.NotEmpty(t, n.UserID)
		b.says("notification." + n.Kind + ".title")
		b.says("notification." + n.Kind + ".body")
	}
	for _, task := range step.Tasks {
		require.NotEmpty(t, task.UserID, "a task is somebody's")
		b.says("task." + task.Kind)
	}
	b.owed(s)
	b.keep(step)
	b.state, b.steps = s, append(b.steps, step)
}

// says demands a text.
func (b *bond) says(key string) {
	_, ok := b.texts.Lookup(i18n.English, key, nil)
	require.True(b.t, ok, "%s has no text", key)
}

// owed demands of the obligations that somebody owes them, that the clock looks in time, and that open tasks are open once.
func (b *bond) owed(s models.RelationshipState) {
	var next *time.Time
	for _, d := range s.Obligations() {
		require.False(b.t, d.DueAt.IsZero(), d.Kind)
		if d.At.IsZero() {
			continue
		}
		if next == nil || d.At.Before(*next) {
			next = &d.At
		}
	}
	require.Equal(b.t, next, s.NextAt)
	seen := map[string]bool{}
	for _, task := range s.Tasks {
		require.Equal(b.t, models.TaskOpen, task.State)
		require.False(b.t, seen[task.ID], "the task %s %s stands twice", task.Kind, task.ID)
		seen[task.ID] = true
	}
}

// keep writes what the step writes, as the store would.
func (b *bond) keep(step models.RelationshipStep) {
	if c := step.Client; c != nil {
		b.r.Client.Class, b.r.Client.Status, b.r.Client.AccountManagerID = c.Class, c.Status, c.AccountManagerID
	}
	o := &b.r.Open
	o.Classifications = kept(o.Classifications, step.Classifications, func(r models.ClassificationRow) (string, bool) { return r.ID, r.Outcome == "pending" })
	o.Plans = kept(o.Plans, step.Plans, func(r models.PlanRow) (string, bool) {
		return r.ID, !slices.Contains([]models.PlanStatus{models.PlanClosed, models.PlanRejected, models.PlanWithdrawn}, r.Status)
	})
	o.Improvements = kept(o.Improvements, step.Improvements, func(r models.ImprovementRow) (string, bool) { return r.ID, r.State == "open" })
	o.Commitments = kept(o.Commitments, step.Commitments, func(r models.CommitmentRow) (string, bool) {
		return r.ID, r.State == "open" || r.State == "broken"
	})
	o.Opinions = kept(o.Opinions, step.Opinions, func(r models.OpinionRow) (string, bool) { return r.ID, r.State != "answered" })
	o.Leads = kept(o.Leads, step.Leads, func(r models.LeadRow) (string, bool) { return r.ID, r.Outcome == "" })
	for _, r := range step.Classifications {
		b.Grades[r.ID] = *r
	}
	for _, r := range step.Plans {
		b.Planned[r.ID] = *r
	}
}

// kept are the open rows after a step has written some.
func kept[R any](open []R, written []*R, of func(R) (id string, open bool)) []R {
	rows := slices.Clone(open)
	for _, w := range written {
		id, stays := of(*w)
		rows = slices.DeleteFunc(rows, func(r R) bool {
			other, _ := of(r)
			return other == id
		})
		if stays {
			rows = append(rows, readBack(*w))
		}
	}
	return rows
}

// readBack is a value as it is read back.
func readBack[R any](r R) R {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	var back R
	if err := json.Unmarshal(text, &back); err != nil {
		panic(err)
	}
	return back
}
