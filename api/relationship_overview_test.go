package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

func TestOverviewNamesWhatTheCallerMayNotSee(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	view := b.get(eve, firm+"/overview")
	require.Nil(t, view["relationship"])
	require.Empty(t, view["hidden"], "nothing has begun that could be hidden")
	require.Empty(t, b.engine.sent, "an overview begins nothing")

	b.classified("A")
	b.drafted(nil)
	score := 5
	b.store.overview = models.ClientOverview{
		Contacts:     []models.Contact{b.contacts.byID[contactA]},
		OpenCases:    []models.ClientCase{{ID: caseA, Number: "CMP-1", Type: models.TypeComplaint, Status: models.CaseOpen, Priority: "P2", Subject: "late", CreatedAt: noon}},
		Receptions:   []models.ClientReception{{ID: receptionA, Number: "RCP-1", Status: models.ReceptionApproved, Kind: "company_visit", Level: "vip", RequesterID: amy, CreatedAt: noon}},
		Responses:    []models.ClientResponse{{InvitationID: invitationA, Purpose: models.PurposeCase, SubjectID: caseA, Score: &score, Verdict: "satisfied", AnsweredAt: noon}},
		Interactions: []models.InteractionRow{{ID: "interaction_1", ClientID: acme, UserID: amy, Kind: "call", At: noon, CreatedAt: noon}},
		Tasks:        []models.ClientTask{{ID: "task_1", Process: models.RelationshipProcess, Kind: "draft_plan", UserID: amy, CreatedAt: noon}},
		Events:       []models.ClientEvent{{SubjectID: caseA, Process: models.ComplaintProcess, Number: "CMP-1", Seq: 1, At: noon, Type: "recorded", Actor: amy}},
	}
	view = b.get(aud, firm+"/overview")
	require.Equal(t, []any{[]any{}, []any{}}, []any{view["hidden"], view["narrowed"]})
	require.Equal(t, []any{"Acme", "A"}, []any{field(view, "client", "name"), field(view, "relationship", "class")})
	require.NotEmpty(t, field(view, "relationship", "next_obligations"))
	require.NotNil(t, field(view, "relationship", "health", "score"))
	for _, section := range []string{"contacts", "class_history", "plans", "open_cases", "receptions", "responses", "interactions", "tasks", "timeline"} {
		require.Len(t, view[section], 1, section)
	}
	require.Equal(t, []any{"complaint", caseA, "CMP-1"}, []any{field(view["timeline"].([]any)[0], "process"), field(view["timeline"].([]any)[0], "subject_id"), field(view["timeline"].([]any)[0], "number")})

	view = b.get(amy, firm+"/overview")
	require.Empty(t, view["hidden"])
	require.Contains(t, view["allowed_actions"], "classify")
	require.Equal(t, []any{"open_cases", "past_cases", "receptions", "responses", "timeline"}, view["narrowed"])

	view = b.get(eve, firm+"/overview")
	require.Equal(t, []any{"relationship", "class_history", "plans", "assessments", "improvements", "interactions", "commitments", "opinions", "leads", "tasks"}, view["hidden"])
	require.Nil(t, view["relationship"])
	require.Empty(t, view["allowed_actions"])
	problem(t, b.call(amy, "GET", "/clients/"+unknownFirm+"/overview", ""), http.StatusNotFound, "not_found")
}

func TestOverviewShowsOpinionsOnlyToWhoMayReadThem(t *testing.T) {
	t.Parallel()
	b := newRelationshipBench(t)
	b.classified("A")
	b.record(amy, firm+"/leads", `{"kind":"lead","title":"x","owner_id":"`+eve+`"}`)
	opinion := func(n, by string) models.OpinionRow {
		return models.OpinionRow{ID: "opinion_" + n, ClientID: acme, Text: "too slow", ByID: by, OwnerID: aud, At: noon, DueAt: noon, State: models.OpinionOpen}
	}
	b.store.overview = models.ClientOverview{
		Opinions:     []models.OpinionRow{opinion("1", amy), opinion("2", eve)},
		Assessments:  []models.AssessmentRow{{ID: "assessment_1", ClientID: acme, At: noon, ByID: amy}},
		Improvements: []models.ImprovementRow{{ID: "improvement_1", ClientID: acme, Level: "key", FromLevel: 1, Target: 3, OwnerID: amy, State: models.ImprovementOpen, DueAt: noon, CreatedAt: noon}},
	}
	for user, want := range map[string]int{amy: 2, aud: 2, eve: 1} {
		view := b.get(user, firm+"/overview")
		require.NotNil(t, view["relationship"], "eve owns a lead")
		require.Len(t, view["opinions"], want)
		require.Equal(t, user == eve, slices.Contains(view["narrowed"].([]any), any("opinions")))
		require.Len(t, view["assessments"], 1)
		require.Len(t, view["improvements"], 1)
	}
}
