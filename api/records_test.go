package api_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// beyond reads well where it is written, and is in a year in UTC that nothing can hold.
const beyond = "9999-12-31T23:59:59-05:00"

// record records something that must be taken, and answers it.
func (b *relationshipBench) record(user, path, body string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "POST", path, body), http.StatusCreated)
}

func (b *relationshipBench) faults(user, path, body string) []string {
	b.t.Helper()
	return b.refused(user, path, body, http.StatusUnprocessableEntity, "invalid").faults()
}

// TestWhatWasRecordedIsAnsweredAgainWhateverHasHappenedSince: the answer was lost; by the next attempt its time has come, the contact
// has left for another client, what it was about is over, and the client is merged. It was taken, and that is what the caller hears.
func TestWhatWasRecordedIsAnsweredAgainWhateverHasHappenedSince(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.classified("A")
	begun := b.engine.now
	twice := func(path, body string, status int) map[string]any {
		t.Helper()
		b.engine.now = begun
		b.engine.late = errs.New(errs.Pending, "pending")
		problem(t, b.call(amy, "POST", path, body, "Idempotency-Key", path), http.StatusAccepted, "pending")
		b.engine.late = nil
		events, client, contact := len(b.store.events), b.clients.byID[acme], b.contacts.byID[contactA]
		b.engine.now = begun.Add(48 * time.Hour)
		merged, moved := client, contact
		merged.MergedIntoID, moved.ClientID = &merged.ID, "client_2"
		b.clients.put(acme, merged)
		b.contacts.put(contactA, moved)
		view := object(t, b.call(amy, "POST", path, body, "Idempotency-Key", path), status)
		b.clients.put(acme, client)
		b.contacts.put(contactA, contact)
		require.Len(t, b.store.events, events, "it is applied once")
		return view
	}
	soon := `"` + begun.Add(time.Hour).Format(time.RFC3339) + `"`
	v := twice(firm+"/commitments", `{"text":"a visit","due_at":`+soon+`,"contact_id":"`+contactA+`"}`, http.StatusCreated)
	require.Equal(t, "a visit", v["text"])
	twice("/commitments/"+v["id"].(string)+"/keep", `{}`, http.StatusOK)
	twice(firm+"/interactions", `{"kind":"call","at":"2026-03-06T02:00:00Z","summary":"x","contact_id":"`+contactA+`","next_at":`+soon+`}`, http.StatusCreated)
	twice(firm+"/criteria", `{"criteria":{"potential":80}}`, http.StatusOK)
	require.Equal(t, []string{"due_at:future"}, b.faults(amy, firm+"/commitments", `{"text":"a visit","due_at":`+soon+`}`), "another one is held against the time of now")
}

// TestWhatIsRecordedAtOnceIsNotAhead: our clock tells milliseconds, and a caller's more.
func TestWhatIsRecordedAtOnceIsNotAhead(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	v := b.record(amy, firm+"/interactions", `{"kind":"call","at":"2026-03-06T03:00:00.000999Z","summary":"x"}`)
	require.Equal(t, "2026-03-06T03:00:00.000Z", v["at"])
}

func TestInteractionsAreRecordedByAnybodyAndSeenByWhoHasAPart(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	path := firm + "/interactions"
	body := `{"kind":"visit","at":"2026-03-06T02:00:00Z","contact_id":"` + contactA + `","summary":"拜访","quality":"new line","next_at":"2026-03-10T02:00:00Z"}`
	res := b.call(eve, "POST", path, body, "Idempotency-Key", "i")
	v := object(t, res, http.StatusCreated)
	require.True(t, id.Valid(id.Interaction, v["id"].(string)))
	require.Equal(t, []any{acme, eve, contactA, "new line", "2026-03-10T02:00:00.000Z"}, []any{v["client_id"], v["user_id"], v["contact_id"], v["quality"], v["next_at"]})
	require.Equal(t, v, object(t, b.call(eve, "POST", path, body, "Idempotency-Key", "i"), http.StatusCreated))
	require.Len(t, b.store.recorded.contacts, 1)
	b.record(amy, path, `{"kind":"call","at":"2026-03-06T02:30:00Z","summary":"x"}`)

	require.Len(t, b.get(amy, path)["items"], 2)
	require.Len(t, b.get(eve, path)["items"], 1, "eve has no part in the relationship, and sees her own")
	require.Empty(t, b.get(hal, path)["items"])
	require.Len(t, b.get(aud, path+"?user_id="+eve+"&kind=action")["items"], 2)
	require.Equal(t, models.RecordFilter{ClientID: acme, UserID: eve, Kind: "action"}, b.store.recorded.filter)
	require.Equal(t, []string{"user_id:typeid", "kind:oneof"}, problem(t, b.call(amy, "GET", path+"?user_id=x&kind=y", ""), 422, "invalid").faults())

	require.Equal(t, []string{"at:past", "next_at:future"}, b.faults(amy, path, `{"kind":"visit","at":"2026-03-06T03:00:01Z","summary":"x","next_at":"2026-03-06T03:00:00Z"}`))
	require.Equal(t, []string{"summary:required", "kind:oneof", "contact_id:not_of_client"},
		b.faults(amy, path, `{"kind":"telepathy","at":"2026-03-06T01:00:00Z","contact_id":"`+id.Derive(id.Contact, "t", "other")+`"}`))
	require.Equal(t, []string{"at:not_longer_ago"}, b.faults(amy, path, `{"kind":"visit","at":"2025-03-06T01:00:00Z","summary":"x"}`))
	require.Equal(t, []string{"next_at:between"}, b.faults(amy, path, `{"kind":"visit","at":"2026-03-06T02:00:00Z","summary":"x","next_at":"`+beyond+`"}`))
	require.Equal(t, []string{"lead_id:unknown"}, b.faults(amy, path, `{"kind":"visit","at":"2026-03-06T01:00:00Z","summary":"x","lead_id":"`+id.Derive(id.Lead, "t", "none")+`"}`))
	b.refused(aud, path, `{"kind":"visit","at":"2026-03-06T01:00:00Z","summary":"x"}`, http.StatusForbidden, "forbidden")
	b.refused(amy, "/clients/"+id.Derive(id.Client, "t", "none")+"/interactions", `{"kind":"visit","at":"2026-03-06T01:00:00Z","summary":"x"}`, http.StatusNotFound, "not_found")
}

func TestCommitmentsAreKeptByTheirOwnerOnce(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	path := firm + "/commitments"
	v := b.record(eve, path, `{"text":"样品","due_at":"2026-03-13T02:00:00Z","owner_id":"`+hal+`","contact_id":"`+contactA+`"}`)
	require.Equal(t, []any{"open", hal, eve, []any{}}, []any{v["state"], v["owner_id"], v["made_by"], v["allowed_actions"]})
	commitment := "/commitments/" + v["id"].(string)
	listed := b.get(hal, path)["items"].([]any)[0]
	require.Equal(t, []any{"keep", "revoke"}, field(listed, "allowed_actions"))
	require.Len(t, b.get(eve, path)["items"], 1)

	b.refused(eve, commitment+"/keep", `{}`, http.StatusForbidden, "forbidden")
	b.refused(cleo0(b), commitment+"/keep", `{}`, http.StatusNotFound, "not_found")
	require.Equal(t, []string{"reason:notblank"}, b.faults(hal, commitment+"/revoke", `{"reason":" "}`))
	v = b.post(hal, commitment+"/keep", `{"note":"sent"}`)
	require.Equal(t, []any{"kept", "sent", []any{}}, []any{v["state"], v["note"], v["allowed_actions"]})
	p := b.refused(eve, commitment+"/keep", `{}`, http.StatusForbidden, "forbidden")
	require.NotEmpty(t, p.Detail)
	b.record(amy, path, `{"text":"a visit","due_at":"2026-03-13T02:00:00Z"}`)
	p = b.refused(amy, commitment+"/revoke", `{"reason":"x"}`, http.StatusConflict, "conflict")
	require.Contains(t, p.Detail, "kept")

	require.Equal(t, []string{"text:required", "due_at:required", "owner_id:typeid"}, b.faults(eve, path, `{"owner_id":"x"}`))
	require.Equal(t, []string{"due_at:future"}, b.faults(eve, path, `{"text":"x","due_at":"2026-03-06T03:00:00Z"}`))
	require.Equal(t, []string{"due_at:between"}, b.faults(eve, path, `{"text":"x","due_at":"`+beyond+`"}`))
	require.Equal(t, []string{"owner_id:inactive"}, b.faults(eve, path, `{"text":"x","due_at":"2026-03-07T03:00:00Z","owner_id":"`+gone+`"}`))
}

func TestPendingCommandOnARecordSaysWhereToReadOfIt(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	commitment := "/commitments/" + b.record(eve, firm+"/commitments", `{"text":"样品","due_at":"2026-03-13T02:00:00Z","owner_id":"`+hal+`"}`)["id"].(string)
	opinion := b.record(eve, firm+"/opinions", `{"text":"交付太慢"}`)
	owner := opinion["owner_id"].(string)
	b.classified("A")
	assessed := b.record(amy, firm+"/assessments", `{"levels":{"key":{"level":1,"evidence":"x"}}}`)
	improvement := "/improvements/" + field(assessed["improvements"].([]any)[0], "id").(string)
	for path, tc := range map[string]struct{ user, body, at string }{
		commitment + "/keep":                              {hal, `{}`, firm + "/commitments"},
		commitment + "/revoke":                            {hal, `{"reason":"x"}`, firm + "/commitments"},
		improvement + "/stop":                             {amy, `{"summary":"enough"}`, firm + "/improvements"},
		"/opinions/" + opinion["id"].(string) + "/answer": {owner, `{"answer":"x"}`, "/opinions/" + opinion["id"].(string)},
		firm + "/commitments":                             {eve, `{"text":"x","due_at":"2026-03-13T02:00:00Z"}`, firm},
	} {
		b.engine.err = errs.New(errs.Pending, "pending")
		res := b.call(tc.user, "POST", path, tc.body)
		problem(t, res, http.StatusAccepted, "pending")
		require.Equal(t, "/api/v1"+tc.at, res.Header.Get("Location"), path)
		b.engine.err = nil
		require.Equal(t, http.StatusOK, b.call(tc.user, "GET", tc.at, "").StatusCode, path)
	}
}

// cleo0 is somebody of the staff without any part in Acme.
func cleo0(b *relationshipBench) string {
	b.users.put(cleo, models.User{ID: cleo, Username: cleo, Active: true, Roles: []models.Role{models.RoleStaff}})
	return cleo
}

func TestOpinionsGoOutsideTheSalesLine(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	v := b.record(eve, firm+"/opinions", `{"text":"交付太慢","contact_id":"`+contactA+`","department_ids":["`+teamID+`"]}`)
	owner := v["owner_id"].(string)
	require.Equal(t, []any{eve, "open", []any{teamID}}, []any{v["by_id"], v["state"], v["department_ids"]})
	path := "/opinions/" + v["id"].(string)
	b.record(hal, firm+"/leads", `{"kind":"lead","title":"x"}`) // a part in the relationship, none in the opinion
	for user, sees := range map[string]bool{eve: true, owner: true, amy: true, aud: true, hal: false} {
		status := b.call(user, "GET", path, "").StatusCode
		require.Equal(t, sees, status == http.StatusOK, "%s %d", user, status)
		require.Equal(t, sees, len(b.get(user, firm+"/opinions")["items"].([]any)) == 1, user)
	}
	require.Empty(t, b.get(hal, firm+"/relationship")["opinions"], "nor by the page of the relationship")
	require.Len(t, b.get(amy, firm+"/relationship")["opinions"], 1)
	require.Equal(t, []any{"answer"}, b.get(owner, path)["allowed_actions"])
	answer := `{"answer":"加急","commitment":{"text":"下周交付","due_at":"2026-03-13T02:00:00Z"}}`
	b.refused(eve, path+"/answer", answer, http.StatusForbidden, "forbidden")
	b.refused(hal, path+"/answer", answer, http.StatusNotFound, "not_found")
	require.Equal(t, []string{"answer:required", "commitment.text:required", "commitment.due_at:required"}, b.faults(owner, path+"/answer", `{"commitment":{}}`))
	require.Equal(t, []string{"commitment.due_at:future"}, b.faults(owner, path+"/answer", `{"answer":"x","commitment":{"text":"x","due_at":"2026-03-01T00:00:00Z"}}`))
	require.Equal(t, []string{"commitment.due_at:between"}, b.faults(owner, path+"/answer", `{"answer":"x","commitment":{"text":"x","due_at":"`+beyond+`"}}`))
	v = b.post(owner, path+"/answer", answer)
	require.Equal(t, []any{"answered", owner, b.store.recorded.promised[0].ID}, []any{v["state"], v["answered_by"], v["commitment_id"]})
	b.record(eve, firm+"/opinions", `{"text":"x"}`)
	b.refused(owner, path+"/answer", answer, http.StatusConflict, "conflict")
	require.Equal(t, []string{"department_ids[0]:unknown"}, b.faults(eve, firm+"/opinions", `{"text":"x","department_ids":["`+id.Derive(id.Team, "t", "none")+`"]}`))
}

func TestLeadsArePromotedActedOnAndClosed(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	res := b.call(eve, "POST", firm+"/leads", `{"kind":"lead","title":"两条产线","amount":100,"currency":"CNY"}`)
	v := object(t, res, http.StatusCreated)
	path := "/leads/" + v["id"].(string)
	require.Equal(t, "/api/v1"+path, res.Header.Get("Location"))
	require.Equal(t, []any{"new", eve, nil, []any{"act", "stage", "close"}}, []any{v["stage"], v["owner_id"], v["outcome"], v["allowed_actions"]})
	b.refused(hal, path+"/act", `{"note":"x"}`, http.StatusNotFound, "not_found")
	require.Equal(t, []string{"at:past"}, b.faults(eve, path+"/act", `{"note":"x","at":"2026-03-07T00:00:00Z"}`))
	b.engine.now = b.engine.now.Add(time.Hour)
	v = b.post(eve, path+"/act", `{"note":"called","at":"2026-03-06T03:30:00Z"}`)
	require.Equal(t, "2026-03-06T03:30:00.000Z", v["acted_at"])
	require.Equal(t, "screening", b.post(amy, path+"/stage", `{"stage":"screening"}`)["stage"])
	b.refused(amy, path+"/stage", `{"stage":"new"}`, http.StatusConflict, "conflict")
	require.Equal(t, []string{"stage:oneof"}, b.faults(amy, path+"/stage", `{"stage":"won"}`))
	require.Equal(t, []string{"note:required"}, b.faults(amy, path+"/close", `{"outcome":"won"}`))

	require.Len(t, b.get(eve, "/leads?open=true&stage=screening")["items"], 1)
	require.Equal(t, models.LeadFilter{Of: []string{eve}, Stage: "screening", Open: new(true)}, b.store.recorded.leadsAsOf)
	require.Equal(t, []any{"act", "stage", "close"}, field(b.get(eve, "/leads?owner_id="+eve)["items"].([]any)[0], "allowed_actions"))
	problem(t, b.call(hal, "GET", "/leads?owner_id="+eve, ""), http.StatusForbidden, "forbidden")
	require.Empty(t, b.get(hal, "/leads")["items"])
	require.Len(t, b.get(mia, "/leads?owner_id="+eve)["items"], 1)

	v = b.post(eve, path+"/close", `{"outcome":"won","note":"signed"}`)
	require.Equal(t, []any{"won", "opportunity", []any{}}, []any{v["outcome"], v["kind"], v["allowed_actions"]})
	b.record(eve, firm+"/leads", `{"kind":"opportunity","title":"x"}`)
	b.refused(eve, path+"/act", `{"note":"x"}`, http.StatusConflict, "conflict")
	require.Equal(t, []string{"kind:oneof", "title:required"}, b.faults(eve, firm+"/leads", `{"kind":"dream"}`))
}

// TestAssessIsOfferedToDoers: who holds a post for the client only to monitor is not offered what they would be refused, neither on
// the client's pages nor with a task.
func TestAssessIsOfferedToDoers(t *testing.T) {
	t.Parallel()
	inbox := &scriptedCases{tasks: map[string]models.TaskRow{}}
	b := newRelationshipBench(t, func(d *api.Deps) { d.Cases = inbox })
	b.classified("A")
	state := b.store.states[acme]
	for user, doer := range map[string]bool{amy: true, ben: false} {
		require.Contains(t, slices.Collect(maps.Values(state.Team)), user, "who has a post")
		inbox.tasks[taskA] = models.TaskRow{
			Task:    models.Task{ID: taskA, Kind: models.TaskAssessClient, UserID: user, CreatedAt: noon, State: models.TaskOpen},
			Process: models.RelationshipProcess, SubjectID: acme, Subject: "Acme", Relationship: &state,
		}
		for _, view := range []map[string]any{b.get(user, firm+"/relationship"), b.get(user, firm+"/overview")} {
			require.Equal(t, doer, slices.Contains(view["allowed_actions"].([]any), any("assess")), user)
		}
		task := b.get(user, "/tasks")["items"].([]any)[0].(map[string]any)
		require.Equal(t, doer, slices.Contains(task["actions"].([]any), any("assess")), user)
	}
	b.refused(ben, firm+"/assessments", `{"levels":{"key":{"level":3,"evidence":"x"}}}`, http.StatusForbidden, "forbidden")
}

func TestAssessmentsOpenImprovements(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	path := firm + "/assessments"
	body := `{"levels":{"key":{"level":1,"evidence":"one call a year"},"broad":{"level":4,"evidence":"知道所有工程师"}},"analysis":"thin"}`
	b.refused(amy, path, body, http.StatusConflict, "conflict") // a prospect has no class yet
	b.classified("A")
	b.refused(eve, path, body, http.StatusForbidden, "forbidden")
	require.Equal(t, []string{"levels:required"}, b.faults(amy, path, `{"levels":{}}`))
	require.Equal(t, []string{"levels.key.level:max", "levels.key.evidence:notblank"}, b.faults(amy, path, `{"levels":{"key":{"level":6,"evidence":" "}}}`))
	b.refused(amy, path, `{"levels":{"deep":{"level":1,"evidence":"x"}}}`, http.StatusBadRequest, "malformed")
	v := b.record(amy, path, body)
	require.Equal(t, amy, v["by_id"])
	require.NotEmpty(t, v["warnings"], "broad relations ahead of the key ones")
	require.EqualValues(t, 1, field(v, "levels", "key", "level"))
	require.Len(t, b.get(amy, path)["items"], 1)
	opened := v["improvements"].([]any)
	require.NotEmpty(t, opened)
	improvement := "/improvements/" + field(opened[0], "id").(string)
	require.Equal(t, []any{"actions", "stop"}, field(opened[0], "allowed_actions"))
	require.Len(t, b.get(amy, firm+"/improvements")["items"], len(opened))

	require.Equal(t, []string{"actions[0].title:required", "actions[0].due_at:future"}, b.faults(amy, improvement+"/actions", `{"actions":[{"due_at":"2026-03-01T00:00:00Z"}]}`))
	require.Equal(t, []string{"actions[0].due_at:between"}, b.faults(amy, improvement+"/actions", `{"actions":[{"title":"x","due_at":"`+beyond+`"}]}`))
	v = b.post(amy, improvement+"/actions", `{"actions":[{"title":"拜访总经理","due_at":"2026-03-20T00:00:00Z"}]}`)
	require.Equal(t, []any{"actions", "complete-action", "stop"}, v["allowed_actions"])
	action := field(v["actions"].([]any)[0], "id").(string)
	b.refused(hal, improvement+"/complete-action", `{"action_id":"`+action+`"}`, http.StatusNotFound, "not_found")
	require.Equal(t, []string{"action_id:unknown"}, b.faults(amy, improvement+"/complete-action", `{"action_id":"`+id.Derive(id.PlanActivity, "t", "none")+`"}`))
	v = b.post(amy, improvement+"/complete-action", `{"action_id":"`+action+`","note":"met"}`)
	require.Equal(t, "done", field(v["actions"].([]any)[0], "state"))
	b.refused(amy, improvement+"/complete-action", `{"action_id":"`+action+`"}`, http.StatusConflict, "conflict")
	require.Equal(t, []string{"summary:required"}, b.faults(amy, improvement+"/stop", `{}`))
	require.Equal(t, "stopped", b.post(amy, improvement+"/stop", `{"summary":"enough"}`)["state"])
}
