package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// The people and receptions of these tests. Ann asks, ben approves, hal is the host, cleo receives, fin pays, eve has no part.
var (
	hal, cleo, fin = id.Derive(id.User, "t", "hal"), id.Derive(id.User, "t", "cleo"), id.Derive(id.User, "t", "fin")
	receptionA     = id.Derive(id.Reception, "t", "a")
	receptionNone  = id.Derive(id.Reception, "t", "none")
)

// asksBen is a chain with one step.
var asksBen = strings.ReplaceAll(`
kind: approval
chains:
  reception:
    select:
      - {when: "true", steps: [dept_head]}
    steps:
      dept_head: {who: [{user: BEN}], due: {after: 4h, clock: elapsed}}`, "BEN", ben)

// receptionBench is a world with receptions whose process really decides, in memory. It is 11:00 on Friday; the visits are
// on Thursday.
type receptionBench struct {
	*world
	engine *receptionEngine
	store  *receptionRows
	inbox  *scriptedCases
}

func newReceptionBench(t testing.TB) *receptionBench {
	t.Helper()
	b := &receptionBench{store: &receptionRows{rows: map[string]models.ReceptionRow{}, hidden: map[string]bool{}}}
	b.engine = &receptionEngine{store: b.store}
	b.inbox = &scriptedCases{tasks: map[string]models.TaskRow{}}
	b.world = newWorld(t, func(d *api.Deps) {
		d.Now = func() time.Time { return friday(11, 0) }
		d.Engine, d.Receptions, d.Approvals, d.Cases, d.Sessions = b.engine, b.store, b.store, b.inbox, hotlineSessions{d.Sessions}
	})
	b.store.world = b.world
	for userID, role := range map[string]models.Role{
		ann: models.RoleStaff, ben: models.RoleSupervisor, hal: models.RoleManager, cleo: models.RoleReceptionClerk, fin: models.RoleFinance,
		eve: models.RoleStaff, aud: models.RoleAuditor,
	} { // whose name, and so whose token, is their id
		b.users.put(userID, models.User{
			ID: userID, Username: userID, DisplayName: "name of " + userID, Email: userID[5:] + "@ours.example", Active: true,
			Roles: []models.Role{role}, TeamID: &hotline, Locale: i18n.English,
		})
	}
	b.users.put(gone, models.User{ID: gone, Username: gone, Roles: []models.Role{models.RoleStaff}})
	b.clients.put(acme, models.Client{ID: acme, Name: "Acme", Class: "B", AccountManagerID: &hal, Version: 1})
	publish(t, b.world)
	object(t, b.do("boss", "POST", "/api/v1/policies/approval/versions", asksBen, "Content-Type", "application/yaml"), http.StatusCreated)
	publishReception(t, b.world)
	b.engine.rules = rulebook.New(b.world)
	return b
}

// publishReception puts the shipped policy on receptions into force; the calendar and the chain that it names must be there.
func publishReception(t testing.TB, w *world) {
	t.Helper()
	body, err := policies.FS.ReadFile("reception/default.yaml")
	require.NoError(t, err)
	object(t, w.do("boss", "POST", "/api/v1/policies/reception/versions", string(body), "Content-Type", "application/yaml"), http.StatusCreated)
}

// everyReception is a projection in which every id is a reception.
type everyReception struct{ *receptionRows }

func everyPlanned(t testing.TB) everyReception {
	t.Helper()
	b := newReceptionBench(t)
	row := b.store.rows[strings.TrimPrefix(b.plan(nil), "/receptions/")]
	b.store.rows = map[string]models.ReceptionRow{"": row}
	return everyReception{b.store}
}

func (r everyReception) Reception(context.Context, models.Actor, string) (models.ReceptionRow, error) {
	return r.rows[""], nil
}

// call asks as a user. Further headers are name, value pairs.
func (b *receptionBench) call(user, method, path, body string, headers ...string) *http.Response {
	b.t.Helper()
	return b.do(user, method, "/api/v1"+path, body, headers...)
}

// get reads an answer of 200.
func (b *receptionBench) get(user, path string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "GET", path, ""), http.StatusOK)
}

// plan records a reception of ann's and answers its path.
func (b *receptionBench) plan(change map[string]any) string {
	b.t.Helper()
	view := object(b.t, b.call(ann, "POST", "/receptions", newPlan(change)), http.StatusCreated)
	return "/receptions/" + view["id"].(string)
}

// act takes an action on a reception and answers the view, which must come.
func (b *receptionBench) act(user, path, action, body string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "POST", path+"/"+action, body), http.StatusOK)
}

// decide lets the open approval of a reception have its outcome.
func (b *receptionBench) decide(path string, outcome models.ApprovalOutcome) {
	b.t.Helper()
	receptionID := strings.TrimPrefix(path, "/receptions/")
	approvals := b.store.rows[receptionID].State.Approvals
	data, err := json.Marshal(models.ApprovalDecided{
		ApprovalID: approvals[len(approvals)-1].ID, Outcome: outcome, ByID: ben, Comment: "so", Approvers: []string{ben}, Steps: []string{"dept_head"},
	})
	require.NoError(b.t, err)
	require.NoError(b.t, b.engine.step(receptionID, models.ReceptionEvent{Action: models.ReceptionDecide, Data: data}))
}

// change puts another state into the projection.
func (b *receptionBench) change(path string, change func(*models.ReceptionRow)) {
	receptionID := strings.TrimPrefix(path, "/receptions/")
	row := b.store.rows[receptionID]
	change(&row)
	b.store.rows[receptionID] = row
}

// newPlan is a complete body with some fields replaced; nil takes one out.
func newPlan(change map[string]any) string {
	body := map[string]any{
		"client_id": acme, "kind": "company_visit", "purpose": "参观新产线", "starts_at": "2026-03-12T09:30:00+08:00", "ends_at": "2026-03-12T08:00:00Z",
		"visitors":   []any{map[string]any{"name": "张敏", "organisation": "北方制造", "identity": "manager"}},
		"hosts":      []any{hal},
		"activities": []any{map[string]any{"kind": "tour", "starts_at": "2026-03-12T01:30:00Z", "ends_at": "2026-03-12T03:00:00Z", "place": "一号厂房", "owner_id": cleo}},
		"resources":  []any{map[string]any{"resource_id": hallID}},
		"budget":     []any{map[string]any{"item": "meals", "amount": 200_000}, map[string]any{"item": "transport", "amount": 100_000}},
	}
	for name, v := range change {
		body[name] = v
		if v == nil {
			delete(body, name)
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// planned is one command on a reception that reached the engine.
type planned struct {
	workflowID, name, updateID string
	event                      models.ReceptionEvent
}

// receptionEngine decides as the process does, or answers err. A deaf one takes every command and does nothing.
type receptionEngine struct {
	api.Engine
	store *receptionRows
	rules *rulebook.Book
	mu    sync.Mutex
	err   error
	deaf  bool
	sent  []planned
}

func (e *receptionEngine) Start(_ context.Context, _, workflowID string, input any, name, updateID string, cmd any) (models.Reply, error) {
	return models.Reply{}, e.take(workflowID, name, updateID, cmd.(models.ReceptionEvent), input.(models.ReceptionInput).ReceptionID)
}

func (e *receptionEngine) Update(_ context.Context, workflowID, name, updateID string, cmd any) (models.Reply, error) {
	return models.Reply{}, e.take(workflowID, name, updateID, cmd.(models.ReceptionEvent), strings.TrimPrefix(workflowID, "reception/"))
}

func (e *receptionEngine) take(workflowID, name, updateID string, event models.ReceptionEvent, receptionID string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent = append(e.sent, planned{workflowID, name, updateID, event})
	if e.err != nil || e.deaf {
		return e.err
	}
	return e.step(receptionID, event)
}

// step decides one step and writes what it wants written.
func (e *receptionEngine) step(receptionID string, event models.ReceptionEvent) error {
	ctx := context.Background()
	org, err := e.store.world.Org(ctx)
	if err != nil {
		return err
	}
	row, known := e.store.rows[receptionID]
	var old *models.ReceptionState
	rules, err := e.rules.ForNewReception(ctx, org, hotline)
	if known {
		old = &row.State
		rules, err = e.rules.OfReception(ctx, old, org)
	} else {
		if event.Action != models.ReceptionRecord {
			return errs.New(errs.NotFound, "process_unknown")
		}
		var cmd models.PlanReception
		if err := json.Unmarshal(event.Data, &cmd); err != nil {
			return err
		}
		cmd.ID, cmd.Number = receptionID, "RCP-20260306-0001"
		event.Data, _ = json.Marshal(cmd)
	}
	if err != nil {
		return err
	}
	rules.Plans, rules.Resources = row.Plans, e.store.world.resources.byID
	at := friday(11, 0)
	if known {
		at = row.State.UpdatedAt.Add(time.Minute)
	}
	step, err := models.ApplyReception(old, event, at, rules)
	if err != nil {
		return err
	}
	e.store.write(receptionID, row, step)
	return nil
}

// receptionRows is the projection. Hidden receptions are seen only by those who may read all.
type receptionRows struct {
	world       *world
	rows        map[string]models.ReceptionRow
	hidden      map[string]bool
	unreadable  error // what reading a reception answers once it is set
	needs       []models.NeedRow
	claims      []models.ClaimRow
	feedback    []models.FeedbackRow
	invitations []models.InvitationRow
	others      []models.OtherReception
	events      []models.TimelineEvent
	away        map[string][]models.Slot
	filter      models.ReceptionFilter
}

func (s *receptionRows) write(receptionID string, row models.ReceptionRow, step models.ReceptionStep) {
	row.State = step.State
	if step.Plans != nil {
		row.Plans = *step.Plans
	}
	row.Summary = step.Summary
	s.rows[receptionID] = row
	s.events = append(s.events, step.Events...)
	at := step.State.UpdatedAt
	if n := step.Need; n != nil && n.Solution == "" {
		s.needs = append(s.needs, models.NeedRow{ID: n.ID, Text: n.Text, Kind: n.Kind, OwnerID: cleo, RaisedBy: n.By, RaisedAt: at})
	} else if n != nil {
		s.needs[0].Solution, s.needs[0].SolvedBy, s.needs[0].SolvedAt = n.Solution, n.By, &at
	}
	if x := step.Claim; x != nil && x.Items != nil {
		s.claims = append(s.claims, models.ClaimRow{ID: x.ID, State: x.State, Items: x.Items, Total: step.State.Claim.Total, Currency: "CNY", By: x.By, CreatedAt: at, UpdatedAt: at})
	} else if x != nil {
		s.claims[0].State, s.claims[0].Comment = x.State, x.Comment
	}
	if f := step.Feedback; f != nil {
		s.feedback = append(s.feedback, models.FeedbackRow{ID: f.ID, Score: f.Score, Comment: f.Comment, Visitor: f.Visitor, By: f.By, At: at})
	}
	for _, i := range step.Invitations {
		s.invitations = append(s.invitations, models.InvitationRow{
			UID: i.UID, UserID: i.UserID, Sequence: i.Sequence, StartsAt: i.StartsAt, EndsAt: i.EndsAt, Cancelled: i.Cancel, UpdatedAt: at,
		})
	}
}

func (s *receptionRows) Reception(_ context.Context, actor models.Actor, receptionID string) (models.ReceptionRow, error) {
	row, ok := s.rows[receptionID]
	if !ok || s.hidden[receptionID] && !actor.May(models.PermReceptionReadAll) {
		return models.ReceptionRow{}, none()
	}
	return row, s.unreadable
}

func (s *receptionRows) Receptions(_ context.Context, _ models.Actor, f models.ReceptionFilter, p models.Page) ([]models.ReceptionRow, string, error) {
	s.filter = f
	if p.Estimate != nil {
		*p.Estimate = int64(len(s.rows))
	}
	var rows []models.ReceptionRow
	for _, row := range s.rows {
		rows = append(rows, row)
	}
	return rows, "more", nil
}

func (s *receptionRows) Timeline(_ context.Context, _ string, after int64, limit int) ([]models.TimelineEvent, error) {
	rest := s.events[min(int(after), len(s.events)):]
	return rest[:min(limit, len(rest))], nil
}

func (s *receptionRows) ReceptionNeeds(context.Context, string) ([]models.NeedRow, error) {
	return s.needs, nil
}

func (s *receptionRows) ReceptionClaims(context.Context, string) ([]models.ClaimRow, error) {
	return s.claims, nil
}

func (s *receptionRows) ReceptionFeedback(context.Context, string) ([]models.FeedbackRow, error) {
	return s.feedback, nil
}

func (s *receptionRows) ReceptionInvitations(context.Context, string) ([]models.InvitationRow, error) {
	return s.invitations, nil
}

func (s *receptionRows) OtherReceptions(_ context.Context, from, until time.Time, _ string) ([]models.OtherReception, error) {
	var found []models.OtherReception
	for _, o := range s.others {
		if !o.StartsAt.Before(from) && !o.StartsAt.After(until) {
			found = append(found, o)
		}
	}
	return found, nil
}

func (s *receptionRows) ResourcesByID(_ context.Context, ids []string) (map[string]models.Resource, error) {
	found := map[string]models.Resource{}
	for _, key := range ids {
		if r, err := s.world.resources.get(key); err == nil {
			found[key] = r
		}
	}
	return found, nil
}

func (s *receptionRows) AwayOf(context.Context, []string, models.Slot) (map[string][]models.Slot, error) {
	return s.away, nil
}

func (s *receptionRows) ApprovalAfter(context.Context, string, int64) (models.ApprovalRow, error) {
	return models.ApprovalRow{}, none()
}

// Approval finds an approval in which ben and the requester have a part; an approval is one by its id only.
func (s *receptionRows) Approval(_ context.Context, actor models.Actor, approvalID string) (models.ApprovalRow, error) {
	if actor.ID != ben {
		return models.ApprovalRow{}, none()
	}
	row := models.ApprovalRow{State: models.ApprovalState{ID: approvalID}}
	row.State.Chain.Request.Requester = ann
	row.State.Chain.CC = []string{ben}
	return row, nil
}

func (s *receptionRows) Approvals(context.Context, models.Actor, models.ApprovalFilter, models.Page) ([]models.ApprovalRow, string, error) {
	return nil, "", nil
}
