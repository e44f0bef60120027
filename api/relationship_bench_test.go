package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// planNone is an id that no plan has.
var planNone = id.Derive(id.Plan, "t", "none")

// relationshipBench is a world with clients whose processes really decide, in memory. It is 11:00 on Friday in Shanghai. Amy
// looks after Acme, a prospect; her superior is ben, the head of the market department is mia; hal works elsewhere.
type relationshipBench struct {
	*world
	engine *bondEngine
	store  *bondRows
}

func newRelationshipBench(t testing.TB, change ...func(*api.Deps)) *relationshipBench {
	t.Helper()
	b := &relationshipBench{store: &bondRows{states: map[string]models.RelationshipState{}}}
	b.engine = &bondEngine{store: b.store, now: friday(3, 0)}
	b.world = newWorld(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.Now = func() time.Time { return b.engine.now }
		d.Engine, d.Relationships = b.engine, b.store
	}}, change...)...)
	b.store.world = b.world
	for userID, role := range map[string]models.Role{
		amy: models.RoleAccountManager, ben: models.RoleSupervisor, mia: models.RoleManager, hal: models.RoleAccountManager, eve: models.RoleStaff,
		aud: models.RoleAuditor,
	} { // whose name, and so whose token, is their id
		u := models.User{ID: userID, Username: userID, DisplayName: "name of " + userID, Active: true, Roles: []models.Role{role}, Locale: i18n.English}
		switch userID {
		case amy, hal:
			u.ManagerID = &ben
		case ben:
			u.ManagerID = &mia
		}
		b.users.put(userID, u)
	}
	b.users.put(gone, models.User{ID: gone, Username: gone, Roles: []models.Role{models.RoleStaff}})
	b.clients.put(acme, models.Client{ID: acme, Name: "Acme", Class: "C", AccountManagerID: &amy, Status: "prospect", Version: 1, CreatedAt: noon, UpdatedAt: noon})
	b.contacts.put(contactA, models.Contact{ID: contactA, ClientID: acme, Name: "张敏", Version: 1, CreatedAt: noon, UpdatedAt: noon})
	publishCalendar(t, b.world)
	publishRelationship(t, b.world)
	b.engine.rules = rulebook.New(b.world)
	return b
}

// publishRelationship puts the shipped policies on relationships into force; the calendar that they name must be there.
func publishRelationship(t testing.TB, w *world) {
	t.Helper()
	for _, kind := range []string{"responsibility", "classification", "cadence", "health"} {
		object(t, w.do("boss", "POST", "/api/v1/policies/"+kind+"/versions", shippedPolicyOf(t, kind), "Content-Type", "application/yaml"), http.StatusCreated)
	}
}

// contactA is somebody at Acme.
var contactA = id.Derive(id.Contact, "t", "a")

// call asks as a user. Further headers are name, value pairs.
func (b *relationshipBench) call(user, method, path, body string, headers ...string) *http.Response {
	b.t.Helper()
	return b.do(user, method, "/api/v1"+path, body, headers...)
}

// get reads an answer of 200.
func (b *relationshipBench) get(user, path string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "GET", path, ""), http.StatusOK)
}

// post does what must be answered with 200.
func (b *relationshipBench) post(user, path, body string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "POST", path, body), http.StatusOK)
}

// refused is why what must not work did not.
func (b *relationshipBench) refused(user, path, body string, status int, code string) problemDoc {
	b.t.Helper()
	p := problem(b.t, b.call(user, "POST", path, body), status, code)
	require.NotContains(b.t, p.Detail, "relationship.")
	for _, f := range p.Errors {
		require.NotContains(b.t, f.Message, "field.")
		require.NotContains(b.t, f.Message, "no value")
	}
	return p
}

// decide lets an approval answer.
func (b *relationshipBench) decide(approvalID any, outcome models.ApprovalOutcome) {
	b.t.Helper()
	b.engine.mu.Lock()
	defer b.engine.mu.Unlock()
	require.NoError(b.t, b.engine.step(acme, models.RelationshipDecidedBy(models.ApprovalDecided{
		ApprovalID: approvalID.(string), Seq: int64(len(b.store.events)), Outcome: outcome, ByID: mia, Comment: "so", Approvers: []string{mia},
	})))
}

// classified is Acme as a client of the class.
func (b *relationshipBench) classified(class string) {
	b.t.Helper()
	view := object(b.t, b.call(amy, "POST", firm+"/classification", `{"proposed_class":"`+class+`","reason":"grows","criteria":`+allCriteria+`}`), http.StatusCreated)
	b.decide(view["proposal"].(map[string]any)["approval_id"], models.OutcomeApproved)
}

// firm is the path of Acme; allCriteria are values of all criteria of the shipped policy.
var (
	firm        = "/clients/" + acme
	allCriteria = `{"strategic_fit":80,"revenue":70,"potential":90,"decision_influence":60,"credit":70,"payment":70,"cooperation":60,"product_overlap":50}`
)

// told is one thing that the engine was told of a client.
type bondTold struct {
	workflowID, name, updateID string
	event                      models.RelationshipEvent
}

// bondEngine decides as the process does, or answers err. A command that it has taken before changes nothing. late is what it
// answers of a command that it has taken.
type bondEngine struct {
	api.Engine
	store *bondRows
	rules *rulebook.Book
	mu    sync.Mutex
	now   time.Time
	err   error
	late  error
	sent  []bondTold
}

func (e *bondEngine) Start(_ context.Context, _, workflowID string, input any, name, updateID string, cmd any) (models.Reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event := cmd.(models.RelationshipEvent)
	e.sent = append(e.sent, bondTold{workflowID, name, updateID, event})
	if e.err != nil {
		return models.Reply{}, e.err
	}
	clientID := input.(models.RelationshipInput).ClientID
	if _, begun := e.store.states[clientID]; !begun {
		if err := e.step(clientID, models.RelationshipEvent{Action: models.RelationshipBegin}); err != nil {
			return models.Reply{}, err
		}
	}
	if name == models.RelationshipReady {
		return models.Reply{}, nil
	}
	if slices.Contains(e.store.states[clientID].Handled, event.Meta.RequestID) {
		return models.Reply{}, nil
	}
	if err := e.step(clientID, event); err != nil {
		return models.Reply{}, err
	}
	return models.Reply{}, e.late
}

func (e *bondEngine) Signal(_ context.Context, workflowID, name string, arg any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var event models.RelationshipEvent
	if err := json.Unmarshal(arg.(json.RawMessage), &event); err != nil {
		return err
	}
	e.sent = append(e.sent, bondTold{workflowID: workflowID, name: name, event: event})
	clientID := strings.TrimPrefix(workflowID, "client/")
	if _, begun := e.store.states[clientID]; !begun {
		return none()
	}
	if e.err != nil {
		return e.err
	}
	return e.step(clientID, event)
}

// step decides one step and writes what it wants written.
func (e *bondEngine) step(clientID string, event models.RelationshipEvent) error {
	ctx := context.Background()
	rules, err := e.rules.ForRelationship(ctx)
	if err != nil {
		return err
	}
	if rules.Org, err = e.store.world.Org(ctx); err != nil {
		return err
	}
	if rules.Client, err = e.store.world.Client(ctx, clientID); err != nil {
		return err
	}
	if rules.Open, err = e.store.OpenRows(ctx, clientID); err != nil {
		return err
	}
	var old *models.RelationshipState
	if s, begun := e.store.states[clientID]; begun {
		old = &s
	}
	step, err := models.ApplyRelationship(old, event, e.now, rules)
	if err == nil {
		e.store.write(clientID, step)
	}
	return err
}

// field reads a value within an answer along the names.
func field(v any, path ...string) any {
	for _, name := range path {
		v = v.(map[string]any)[name]
	}
	return v
}

// newClientPlan is a complete plan for the year with some fields replaced; nil takes one out.
func newClientPlan(change map[string]any) string {
	body := map[string]any{
		"from": "2026-04-01", "until": "2027-03-31", "goals": []any{"双方高层互访"},
		"decision_chain": []any{map[string]any{"contact_id": contactA, "role": "decision_maker", "influence": 9, "attitude": "neutral", "strength": 2, "known_by_ids": []any{amy}}},
		"activities": []any{
			map[string]any{"kind": "visit", "title": "季度拜访", "due_at": "2026-06-30T09:00:00Z"},
			map[string]any{"kind": "company_visit", "title": "参观新产线", "owner_id": hal, "due_at": "2026-09-10T02:00:00Z"},
		},
		"budget": []any{map[string]any{"period": "2026-H1", "item": "拜访", "amount": 2_000_000}}, "currency": "CNY",
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
