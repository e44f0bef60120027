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
	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// The people and approvals of these tests. Ann asks, ben decides first, then sup and dan together; eve is not asked.
var (
	dan, eve             = id.Derive(id.User, "t", "dan"), id.Derive(id.User, "t", "eve")
	approvalA, approvalB = id.Derive(id.Approval, "t", "a"), id.Derive(id.Approval, "t", "b")
	approvalNone         = id.Derive(id.Approval, "t", "none")
)

// twoSteps is the policy in force.
var twoSteps = strings.NewReplacer("BEN", ben, "SUP", sup, "DAN", dan).Replace(`
kind: approval
chains:
  reception:
    select:
      - {when: reception.level == "vip", steps: [first, second]}
      - {when: "true", steps: [first, third]}
    steps:
      first: {who: [{user: BEN}], due: {after: 4h, clock: elapsed}}
      second: {mode: all, when: reception.budget_total > 100, who: [{user: SUP}, {user: DAN}]}
      third: {who: [{requester_choice: true}]}
    rules: {after_return: choose, max_returns: 1}`)

// approvalBench is a world with approvals whose process really decides, in memory. It is 11:00 on Friday.
type approvalBench struct {
	*world
	engine *approvalEngine
	store  *approvalRows
}

func newApprovalBench(t testing.TB) *approvalBench {
	t.Helper()
	b := &approvalBench{store: &approvalRows{rows: map[string]models.ApprovalRow{}, hidden: map[string]bool{}}}
	b.engine = &approvalEngine{store: b.store}
	b.world = newWorld(t, func(d *api.Deps) {
		d.Now = func() time.Time { return friday(11, 0) }
		d.Engine, d.Approvals = b.engine, b.store
	})
	for userID, role := range map[string]models.Role{
		ann: models.RoleServiceAgent, ben: models.RoleSupervisor, sup: models.RoleFinance, dan: models.RoleManager, eve: models.RoleStaff,
		aud: models.RoleAuditor,
	} { // whose name, and so whose token, is their id
		b.users.put(userID, models.User{
			ID: userID, Username: userID, DisplayName: "Somebody", Active: true, Roles: []models.Role{role}, Locale: i18n.English,
		})
	}
	doc, faults := approval.Parse([]byte(twoSteps))
	require.Empty(t, faults)
	publishApproval(t, b.world)
	policy, err := approval.Compile(doc, 1)
	require.NoError(t, err)
	chain, err := policy.Chain("reception")
	require.NoError(t, err)
	org, err := b.Org(context.Background())
	require.NoError(t, err)
	b.engine.rules = models.ApprovalRules{Chain: chain, Env: approval.Env{Org: org.ForApprovals()}}
	for _, approvalID := range []string{approvalA, approvalB} {
		state, _, err := chain.New(approval.Request{ID: approvalID, Requester: ann, Interested: []string{}, Facts: approval.Facts{
			Texts: map[string]string{"reception.level": "vip"}, Numbers: map[string]int64{"reception.budget_total": 500},
		}}, friday(9, 0), b.engine.rules.Env)
		require.NoError(t, err)
		b.store.rows[approvalID] = models.ApprovalRow{Subject: "空调不制冷", State: models.ApprovalState{
			ID: approvalID, Process: models.ComplaintProcess, Parent: "case/" + caseA, SubjectID: caseA, Number: "CMP-1", Purpose: "transfer",
			Chain: state, CreatedAt: friday(9, 0), UpdatedAt: friday(9, 0), Seq: 1, EventSeq: 2,
		}}
	}
	return b
}

// call asks as a user. Further headers are name, value pairs.
func (b *approvalBench) call(user, method, path, body string, headers ...string) *http.Response {
	b.t.Helper()
	return b.do(user, method, "/api/v1"+path, body, headers...)
}

// act does what a verb says to the approval A and answers the view, which must come.
func (b *approvalBench) act(user, verb, body string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "POST", "/approvals/"+approvalA+"/"+verb, body), http.StatusOK)
}

// change puts another state into the projection.
func (b *approvalBench) change(approvalID string, change func(*models.ApprovalState)) {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	row := b.store.rows[approvalID]
	change(&row.State)
	b.store.rows[approvalID] = row
}

// asked is one command that reached the engine.
type asked struct {
	workflowID, name, updateID string
	event                      models.ApprovalEvent
}

// approvalEngine decides as the process does, or answers err.
type approvalEngine struct {
	api.Engine
	store *approvalRows
	rules models.ApprovalRules
	mu    sync.Mutex
	err   error
	sent  []asked
}

func (e *approvalEngine) Update(_ context.Context, workflowID, name, updateID string, cmd any) (models.Reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event := cmd.(models.ApprovalEvent)
	e.sent = append(e.sent, asked{workflowID, name, updateID, event})
	if e.err != nil {
		return models.Reply{}, e.err
	}
	e.store.mu.Lock()
	defer e.store.mu.Unlock()
	approvalID := strings.TrimPrefix(workflowID, "approval/")
	row, ok := e.store.rows[approvalID]
	if !ok || row.State.Over() {
		return models.Reply{}, errs.New(errs.NotFound, "process_unknown")
	}
	step, err := models.ApplyApproval(&row.State, models.AdvanceApproval{ApprovalID: approvalID, Event: event, At: friday(11, 0)}, e.rules)
	if err != nil {
		return models.Reply{}, err
	}
	row.State = step.State
	e.store.rows[approvalID] = row
	return models.Reply{}, nil
}

// approvalRows is the projection. Hidden approvals are seen only by those who may read all.
type approvalRows struct {
	mu     sync.Mutex
	rows   map[string]models.ApprovalRow
	hidden map[string]bool
	broken error // what reading an approval answers once it is set
	events []models.TimelineEvent
	filter models.ApprovalFilter
}

func (s *approvalRows) Approval(_ context.Context, actor models.Actor, approvalID string) (models.ApprovalRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[approvalID]
	if !ok || s.hidden[approvalID] && !actor.May(models.PermCaseReadAll) {
		return models.ApprovalRow{}, none()
	}
	return row, s.broken
}

func (s *approvalRows) ApprovalAfter(_ context.Context, approvalID string, _ int64) (models.ApprovalRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[approvalID]
	if !ok {
		return row, none()
	}
	return row, s.broken
}

func (s *approvalRows) Approvals(_ context.Context, _ models.Actor, f models.ApprovalFilter, p models.Page) ([]models.ApprovalRow, string, error) {
	s.filter = f
	if p.Estimate != nil {
		*p.Estimate = 2
	}
	return []models.ApprovalRow{s.rows[approvalA]}, "more", nil
}

func (s *approvalRows) Timeline(_ context.Context, _ string, after int64, limit int) ([]models.TimelineEvent, error) {
	rest := s.events[min(int(after), len(s.events)):]
	return rest[:min(limit, len(rest))], nil
}

// publishApproval puts the policy twoSteps into force, whose people need not exist.
func publishApproval(t testing.TB, w *world) {
	t.Helper()
	doc, faults := approval.Parse([]byte(twoSteps))
	require.Empty(t, faults)
	body, err := json.Marshal(doc)
	require.NoError(t, err)
	w.policies = append(w.policies, models.PolicyVersion{Kind: approval.Kind, Version: 1, Body: body, PublishedAt: noon, CommandID: new("test")})
}
