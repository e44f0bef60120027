package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/testkit/sample"
	"github.com/mcrflow/mcrflow/models"
)

// shelf keeps the shipped policy and calendar in memory.
type shelf struct {
	policy   models.PolicyVersion
	calendar models.CalendarVersion
}

func (s shelf) PolicyInForce(context.Context, string) (int, error) { return s.policy.Version, nil }

func (s shelf) Policy(_ context.Context, _ string, version int) (models.PolicyVersion, error) {
	if version != s.policy.Version {
		return models.PolicyVersion{}, errs.New(errs.NotFound, "policy.unknown")
	}
	return s.policy, nil
}

func (s shelf) BothInForce(context.Context, string, string) (policyVersion, calendarVersion int, err error) {
	return s.policy.Version, s.calendar.Version, nil
}

func (s shelf) CalendarInForce(context.Context, string) (int, error) { return s.calendar.Version, nil }

func (s shelf) Calendar(_ context.Context, _ string, version int) (models.CalendarVersion, error) {
	if version != s.calendar.Version {
		return models.CalendarVersion{}, errs.New(errs.NotFound, "calendar.unknown")
	}
	return s.calendar, nil
}

func shipped(t *testing.T) *rulebook.Book {
	t.Helper()
	s := shelf{policy: models.PolicyVersion{Kind: policy.KindSLA, Version: 4}, calendar: models.CalendarVersion{ID: "cn", Version: 7}}
	var err error
	s.policy.Body, err = json.Marshal(sample.SLA(t))
	require.NoError(t, err)
	s.calendar.Body, err = json.Marshal(sample.Calendar(t, "cn"))
	require.NoError(t, err)
	return rulebook.New(s)
}

// ledger is a store in memory: a step is a compare-and-append, of all its cases or of none.
type ledger struct {
	cases   map[string]models.CaseState
	written int
	org     *models.Org
	down    error
}

func (l *ledger) CaseState(_ context.Context, id string) (models.CaseState, error) {
	s, ok := l.cases[id]
	if !ok {
		return s, errs.New(errs.NotFound, "case.unknown")
	}
	return s, nil
}

func (l *ledger) AdvanceCases(_ context.Context, ids []string, known map[string]int64, decide models.DecideCases) (models.CasesAdvanced, error) {
	out := models.CasesAdvanced{Behind: map[string]models.CaseState{}, Mail: map[string]bool{}}
	stored := map[string]models.CaseState{}
	for _, id := range ids {
		if s, exists := l.cases[id]; exists {
			stored[id] = s
		}
		if seq, asked := known[id]; asked && stored[id].Seq != seq {
			out.Behind[id] = stored[id]
		}
	}
	if l.down != nil || len(out.Behind) > 0 {
		return out, l.down
	}
	steps, err := decide(stored)
	if err != nil {
		return out, err
	}
	for _, step := range steps {
		l.cases[step.State.ID] = step.State
		l.written++
		out.Mail[step.State.ID] = len(step.Notices) > 0
	}
	return out, nil
}

func (l *ledger) AdvanceCase(ctx context.Context, id string, believed *models.CaseState, decide models.DecideCases) (models.CasesAdvanced, error) {
	known := map[string]int64{id: 0}
	if believed != nil {
		known[id] = believed.Seq
	}
	return l.AdvanceCases(ctx, []string{id}, known, decide)
}

func (l *ledger) Complainant(context.Context, string) (models.Recipient, error) {
	return models.Recipient{Name: "Ms Li", Email: "li@blue.example"}, nil
}

func (l *ledger) NextCaseNumber(_ context.Context, t models.CaseType, day string) (string, error) {
	return fmt.Sprintf("%s-%s-%04d", t, day, len(l.cases)+1), l.down
}

func (l *ledger) Org(context.Context) (*models.Org, error) { return l.org, nil }

func (l *ledger) FreshOrg(context.Context) (*models.Org, error) { return l.org, nil }

// desk is the activity over the ledger, with one team: ann, ben and their supervisor sue.
type desk struct {
	activities.Complaint
	ledger *ledger
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	org := &models.Org{
		Users: map[string]models.OrgUser{
			"ann": {ID: "ann", TeamID: "hotline", ManagerID: "sue", Active: true, Roles: []models.Role{models.RoleServiceAgent}},
			"ben": {ID: "ben", TeamID: "hotline", ManagerID: "sue", Active: true, Roles: []models.Role{models.RoleServiceAgent}},
			"sue": {ID: "sue", TeamID: "hotline", Active: true, Roles: []models.Role{models.RoleSupervisor}},
		},
		Teams: map[string]models.OrgTeam{"hotline": {ID: "hotline", Name: "hotline", SupervisorID: "sue"}},
	}
	l := &ledger{cases: map[string]models.CaseState{}, org: org}
	return &desk{Complaint: activities.Complaint{Store: l, Rules: shipped(t)}, ledger: l}
}

func (d *desk) event(t *testing.T, who string, action models.CaseAction, data any) models.CaseEvent {
	t.Helper()
	raw, err := json.Marshal(data)
	require.NoError(t, err)
	u := d.ledger.org.Users[who]
	p := models.Person{ID: who, TeamID: u.TeamID, Roles: u.Roles}
	if who == "sue" {
		p.Supervises = []string{"hotline"}
	}
	return models.CaseEvent{Meta: models.Meta{Actor: models.Actor{Person: p}, RequestID: fmt.Sprintf("%s-%s-%d", who, action, d.ledger.written)}, Action: action, Data: raw}
}

// advance takes a step; the state in the answer is whole.
func (d *desk) advance(id string, e models.CaseEvent, at time.Time) (models.CaseAdvanced, error) {
	in := models.AdvanceCase{CaseID: id, Event: e, At: at}
	if s, ok := d.ledger.cases[id]; ok {
		in.State = &s
	}
	out, err := d.Advance(context.Background(), in)
	if err == nil {
		out.State, err = out.Onto(in.State)
	}
	return out, err
}

// record begins a case; nine o'clock on that Monday in Shanghai is one o'clock in UTC.
func (d *desk) record(t *testing.T, id string, at time.Time) models.CaseState {
	t.Helper()
	out, err := d.advance(id, d.event(t, "ann", models.ActionRecord, models.RecordCase{
		Type: models.TypeComplaint, ClientID: "client", ClientClass: "B", Channel: "phone", Subject: "no light", Impact: "high", Urgency: "high", FirstContactID: "ann",
	}), at)
	require.NoError(t, err)
	return *out.State
}

func (d *desk) merge(t *testing.T, from, into string, at time.Time) models.CaseAdvanced {
	t.Helper()
	out, err := d.advance(from, d.event(t, "sue", models.ActionLink, models.Link{CaseID: into, Kind: models.LinkDuplicate}), at)
	require.NoError(t, err)
	return out
}

func TestAdvance_records_with_number_and_pinned_rules(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	late := time.Date(2026, 3, 8, 20, 0, 0, 0, time.UTC) // four in the morning of the 9th in Shanghai
	s := d.record(t, "case_1", late)
	require.Equal(t, "complaint-20260309-0001", s.Number, "the day of the number is the calendar's")
	require.Equal(t, []any{4, "cn", 7}, []any{s.PolicyVersion, s.CalendarID, s.CalendarVersion})
	require.Equal(t, s, d.ledger.cases["case_1"], "the answer is what was written")
}

func TestAdvance_twice_has_the_effect_of_once(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := models.AdvanceCase{CaseID: "case_1", At: now, Event: d.event(t, "ann", models.ActionRecord, models.RecordCase{
		Type: models.TypeInquiry, Channel: "phone", Impact: "low", Urgency: "low", FirstContactID: "ann",
	})}
	recorded, err := d.Advance(context.Background(), first)
	require.NoError(t, err)
	again, err := d.Advance(context.Background(), first)
	require.NoError(t, err)
	require.True(t, again.Behind, "the step was taken before")
	require.Equal(t, recorded.State, again.State)

	respond := models.AdvanceCase{CaseID: "case_1", State: recorded.State, At: now.Add(time.Minute), Event: d.event(t, "ann", models.ActionRespond, models.Respond{Message: "hello"})}
	answered, err := d.Advance(context.Background(), respond)
	require.NoError(t, err)
	require.False(t, answered.Behind)
	again, err = d.Advance(context.Background(), respond)
	require.NoError(t, err)
	require.True(t, again.Behind)
	told, err := answered.Onto(recorded.State)
	require.NoError(t, err)
	require.Equal(t, told, again.State)
	require.Contains(t, again.State.Handled, respond.Event.Meta.RequestID, "by which the process knows that its command was applied")
	require.Equal(t, 2, d.ledger.written)
}

func TestAdvance_refusals_are_final_and_write_nothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		who    string
		action models.CaseAction
		data   any
		code   errs.Code
	}{
		"no relation":      {"ben", models.ActionRespond, models.Respond{Message: "m"}, errs.Forbidden},
		"wrong state":      {"ann", models.ActionResume, nil, errs.Conflict},
		"unknown receiver": {"ann", models.ActionAssign, models.Assign{AssigneeID: "nobody"}, errs.Invalid},
		"data of no shape": {"ann", models.ActionRespond, []int{1}, errs.Malformed},
		"with itself":      {"ann", models.ActionLink, models.Link{CaseID: "case_1", Kind: models.LinkDuplicate}, errs.Conflict},
		"with no case":     {"ann", models.ActionLink, models.Link{CaseID: "case_9", Kind: models.LinkDuplicate}, errs.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			before := d.record(t, "case_1", now)
			_, err := d.advance("case_1", d.event(t, c.who, c.action, c.data), now.Add(time.Minute))
			require.Equal(t, c.code, errs.CodeOf(err), "%v", err)
			require.False(t, errs.CodeOf(err).Retryable())
			require.Equal(t, before, d.ledger.cases["case_1"])
			require.Equal(t, 1, d.ledger.written)
		})
	}
	d := newDesk(t)
	_, err := d.advance("case_1", models.CaseEvent{Action: models.ActionRecord, Data: json.RawMessage(`[]`)}, now)
	require.Equal(t, errs.Malformed, errs.CodeOf(err))
	_, err = d.advance("case_1", d.event(t, "ann", models.ActionRecord, models.RecordCase{FirstContactID: "nobody"}), now)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}

func TestAdvance_failures_are_tried_again(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.record(t, "case_1", now)
	d.ledger.down = errors.New("connection reset")
	_, err := d.advance("case_1", d.event(t, "ann", models.ActionNote, models.Note{Text: "n"}), now)
	require.ErrorIs(t, err, d.ledger.down)
	require.True(t, errs.CodeOf(err).Retryable())
}

func TestAdvance_adopts_the_stored_state(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.record(t, "case_1", now)
	out, err := d.Advance(context.Background(), models.AdvanceCase{CaseID: "case_1", Event: models.CaseEvent{Action: models.ActionAdopt}})
	require.NoError(t, err)
	require.Equal(t, models.CaseAdvanced{Advanced: models.MovedOn(&s)}, out)
	_, err = d.Advance(context.Background(), models.AdvanceCase{CaseID: "case_9", Event: models.CaseEvent{Action: models.ActionAdopt}})
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestAdvance_follows_merges_to_the_case_that_lives_on(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 4 {
		d.record(t, fmt.Sprintf("case_%d", i), now.Add(time.Duration(i)*time.Second))
	}
	out := d.merge(t, "case_2", "case_1", now.Add(time.Minute))
	require.Equal(t, []string{"case_1"}, out.Touched, "the partner is told to adopt its new state")
	require.Equal(t, "case_1", out.State.Merge.Into)
	d.merge(t, "case_1", "case_0", now.Add(2*time.Minute))

	out = d.merge(t, "case_3", "case_2", now.Add(3*time.Minute))
	require.Equal(t, "case_0", out.State.Merge.Into, "through two merges")
	require.Equal(t, []string{"case_0"}, out.Touched)

	_, err := d.advance("case_0", d.event(t, "sue", models.ActionLink, models.Link{CaseID: "case_2", Kind: models.LinkDuplicate}), now.Add(4*time.Minute))
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "a circle: %v", err)

	out, err = d.advance("case_3", d.event(t, "sue", models.ActionUnlink, models.Unlink{CaseID: "case_0"}), now.Add(5*time.Minute))
	require.NoError(t, err)
	require.Nil(t, out.State.Merge, "a merge is undone with the case that it was made with")
	require.Equal(t, models.CaseOpen, d.ledger.cases["case_3"].Status)
}

func TestAdvance_writes_both_cases_of_a_merge_or_neither(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.record(t, "case_1", now)
	d.record(t, "case_2", now.Add(time.Second))
	_, err := d.advance("case_1", d.event(t, "sue", models.ActionCancel, models.Because{Reason: "r"}), now.Add(time.Minute))
	require.NoError(t, err)
	written, before := d.ledger.written, d.ledger.cases["case_2"]
	_, err = d.advance("case_2", d.event(t, "sue", models.ActionLink, models.Link{CaseID: "case_1", Kind: models.LinkDuplicate}), now.Add(2*time.Minute))
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
	require.Equal(t, written, d.ledger.written)
	require.Equal(t, before, d.ledger.cases["case_2"])
}
