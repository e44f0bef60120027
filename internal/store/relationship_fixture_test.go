package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

// A bond is a desk with one client who is looked after: one is the account manager.
type bond struct{ *desk }

func newBond(t testing.TB, o store.Options) *bond {
	t.Helper()
	b := &bond{newDesk(t, o)}
	b.client.AccountManagerID = &b.one.ID
	var err error
	b.client, err = b.UpdateClient(t.Context(), b.client)
	require.NoError(t, err)
	return b
}

// newBondOf is the same desk with another client.
func newBondOf(b *bond, c models.Client) *bond {
	d := *b.desk
	d.client = c
	return &bond{&d}
}

// next is a step after a state, nil for the first one, with one event.
func (b *bond) next(old *models.RelationshipState, change func(*models.RelationshipStep)) models.RelationshipStep {
	at := b.tick()
	s := models.RelationshipState{
		ID: b.client.ID, Stage: models.StageActive, Class: b.client.Class, ClassSince: at, AccountManagerID: b.one.ID, ManagerSince: at,
		Team: map[string]string{"account_manager": b.one.ID}, CreatedAt: at,
	}
	if old != nil {
		s = *old
	}
	s.Seq++
	s.EventSeq++
	s.UpdatedAt = at
	step := models.RelationshipStep{
		State: s, TraceID: "trace-6",
		Events: []models.TimelineEvent{{Seq: s.EventSeq, At: at, Type: "changed", Actor: b.one.ID, Data: map[string]any{"step": float64(s.Seq)}}},
	}
	if change != nil {
		change(&step)
	}
	return step
}

func decided(step models.RelationshipStep) models.DecideRelationship {
	return func(*models.RelationshipState) (models.RelationshipStep, error) { return step, nil }
}

// step takes a step that must be taken.
func (b *bond) step(t testing.TB, old *models.RelationshipState, change func(*models.RelationshipStep)) models.RelationshipState {
	t.Helper()
	step := b.next(old, change)
	behind, _, err := b.AdvanceRelationship(t.Context(), b.client.ID, old, decided(step))
	require.NoError(t, err)
	require.Nil(t, behind)
	return step.State
}

// everythingOpen gives the client one of each kind of what can be open.
func (b *bond) everythingOpen(step *models.RelationshipStep) {
	s, at := &step.State, step.State.UpdatedAt
	due := at.AddDate(0, 1, 0)
	grading := &models.ClassificationRow{
		ID: id.New(id.Grading), ClientID: s.ID, FromClass: "B", Class: "A", Computed: "A", Criteria: classification.Criteria{"potential": 80},
		PolicyVersion: 1, Reason: "grows", RequestedBy: b.one.ID, RequestedAt: at, ApprovalID: "approval_1", Outcome: "pending",
	}
	s.Proposal = &models.ClassProposal{ID: grading.ID, ApprovalID: grading.ApprovalID, Class: "A", RequesterID: b.one.ID, Version: 1}
	s.Orders = []models.ApprovalOrder{{ID: grading.ApprovalID, Purpose: models.ApproveClass, SubjectID: s.ID}}
	plan := b.plan(s, 2027)
	improvement := &models.ImprovementRow{
		ID: id.New(id.Improvement), ClientID: s.ID, AssessmentID: "assessment_1", Level: "key", FromLevel: 2, Target: 4, OwnerID: b.one.ID, State: "open",
		DueAt: due, Actions: []models.PlanActivity{{ID: "step_9", Title: "meet", OwnerID: b.one.ID, DueAt: due}}, CreatedAt: at,
	}
	commitment := &models.CommitmentRow{ID: id.New(id.Commitment), ClientID: s.ID, Text: "a sample", OwnerID: b.two.ID, State: "open", DueAt: due, MadeBy: b.one.ID, MadeAt: at}
	opinion := &models.OpinionRow{
		ID: id.New(id.Case), ClientID: s.ID, Text: "too slow", Departments: []string{b.team.ID}, ByID: b.one.ID, At: at, OwnerID: b.boss.ID,
		Monitors: []string{b.boss.ID}, State: "open", DueAt: due,
	}
	lead := &models.LeadRow{
		ID: id.New(id.Lead), ClientID: s.ID, Kind: models.KindLead, Title: "two more lines", OwnerID: b.two.ID, Stage: models.LeadNew, Amount: ptr(int64(100)),
		Currency: "CNY", ActedAt: at, DueAt: &due, CreatedBy: b.one.ID, CreatedAt: at,
	}
	s.Plans = []models.PlanState{{ID: plan.ID, Status: plan.Status, From: plan.From, Until: plan.Until, OwnerID: plan.OwnerID}}
	s.Improvements = []models.ImprovementState{{ID: improvement.ID, Level: "key", Target: 4, OwnerID: b.one.ID, DueAt: due}}
	s.Commitments = []models.CommitmentState{{ID: commitment.ID, OwnerID: b.two.ID, DueAt: due}}
	s.Opinions = []models.OpinionState{{ID: opinion.ID, OwnerID: b.boss.ID, ByID: b.one.ID, DueAt: due}}
	s.Leads = []models.LeadState{{ID: lead.ID, Stage: lead.Stage, OwnerID: b.two.ID, ActedAt: at}}
	task := models.Task{ID: id.New(id.Task), Kind: "answer_opinion", UserID: b.boss.ID, CreatedAt: at, DueAt: &due, Why: map[string]string{"about": opinion.ID}, State: models.TaskOpen}
	s.Tasks = []models.Task{task}
	step.Tasks = []models.Task{task}
	step.Classifications, step.Plans, step.Improvements = []*models.ClassificationRow{grading}, []*models.PlanRow{plan}, []*models.ImprovementRow{improvement}
	step.Commitments, step.Opinions, step.Leads = []*models.CommitmentRow{commitment}, []*models.OpinionRow{opinion}, []*models.LeadRow{lead}
	step.Assessment = &models.AssessmentRow{
		ID: id.New(id.Assessment), ClientID: s.ID, At: at, ByID: b.one.ID, Levels: map[cadence.Level]models.Assessed{"key": {Level: 2, Evidence: "one call a year"}},
		Warnings: []cadence.Level{"broad"}, Monitors: []string{b.boss.ID},
	}
	step.Interactions = []*models.InteractionRow{{ID: id.New(id.Interaction), ClientID: s.ID, UserID: b.one.ID, Kind: "visit", At: at, Summary: "on site", CreatedAt: at}}
}

// plan is a draft for a year.
func (b *bond) plan(s *models.RelationshipState, year int) *models.PlanRow {
	from := start.AddDate(year-start.Year(), 1-int(start.Month()), 1-start.Day())
	return &models.PlanRow{
		ID: id.New(id.Plan), ClientID: s.ID, Status: models.PlanDraft, From: from, Until: from.AddDate(1, 0, 0), Version: 1,
		Document:  models.PlanDraftData{From: from.Format("2006-01-02"), Until: from.AddDate(1, 0, -1).Format("2006-01-02"), Goals: []string{"grow"}},
		OwnerID:   b.one.ID,
		CreatedBy: b.one.ID, CreatedAt: s.UpdatedAt, UpdatedAt: s.UpdatedAt,
	}
}
