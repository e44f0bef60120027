package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// owing is a client of class A with one of everything that can be open.
func owing(t require.TestingT) *bond {
	b := activeBond(t, "A")
	b.do(days(1), "amy", models.RelationshipAssess, levels(1, 4, 3))
	b.planned(days(2), yearPlan())
	next := yearPlan()
	next.From, next.Until, next.Activities = "2027-01-01", "2027-12-31", nil
	b.do(days(3), "amy", models.RelationshipPlan, next)
	b.do(days(3), "amy", models.RelationshipPlanSubmit, models.OfPlan{PlanID: b.state.Plans[1].ID})
	b.do(days(4), "amy", models.RelationshipClassify, models.Classify{ProposedClass: "B", Reason: "They buy less"})
	b.do(days(5), "pam", models.RelationshipCommit, models.Commit{Text: "A new pump", DueAt: daysOn(40)})
	b.do(days(6), "pam", models.RelationshipOpine, models.Opine{Text: "Nobody calls back"})
	b.do(days(7), "ben", models.RelationshipLead, models.OpenLead{Kind: models.KindLead, Title: "A second press"})
	b.do(days(7), "amy", models.RelationshipHandOver, models.OfferAccount{ToID: "ben", Reason: "I move"})
	return b
}

func (b *bond) mergedInto(after int, survivorID string) models.RelationshipStep {
	step, err := b.attempt(daysOn(after), b.who("mia"), models.RelationshipMerged, models.MergedClient{IntoID: survivorID})
	require.NoError(b.t, err)
	return step
}

func TestMergedClientLeavesNothingOpenButWhatItIsOwed(t *testing.T) {
	t.Parallel()
	b := owing(t)
	begun, other, grading := b.state.Plans[0].ID, b.state.Plans[1].ID, b.state.Proposal.ID
	b.pass(planDay(5, 1))
	step := b.mergedInto(54, "client_2")
	s := b.state
	require.True(t, s.Over())
	require.Empty(t, s.Plans)
	require.Empty(t, s.Improvements)
	require.Empty(t, s.Commitments)
	require.Empty(t, s.Opinions)
	require.Empty(t, s.Leads)
	require.Empty(t, s.Tasks)
	require.Nil(t, s.Proposal)
	require.Nil(t, s.HandOver)
	require.Nil(t, s.NextAt)
	require.Equal(t, &models.Merger{Seq: s.Seq, IntoID: "client_2"}, s.Merged, "the survivor is told")

	require.Equal(t, models.PlanClosed, b.Planned[begun].Status)
	require.Equal(t, models.PlanWithdrawn, b.Planned[other].Status, "it had not begun")
	require.Equal(t, models.GradingWithdrawn, b.Grades[grading].Outcome)
	require.NotNil(t, b.Grades[grading].DecidedAt)
	require.Equal(t, models.ImprovementStopped, step.Improvements[0].State)
	for _, o := range s.Orders {
		require.Equal(t, models.ApprovalWithdraw, o.Verb)
	}
	require.Len(t, s.Orders, 2)
	require.Empty(t, step.Commitments, "what is owed is left open for the survivor")
	require.Empty(t, step.Opinions)
	require.Empty(t, step.Leads)
}

func TestSurvivorOwesWhatWasPromisedToTheDuplicate(t *testing.T) {
	t.Parallel()
	b := owing(t)
	b.mergedInto(8, "client_2")
	r := relationshipRules(t, marketDepartment())
	r.Client.ID, r.Client.Status, r.Client.Class = "client_2", "active", "B"
	survivor := newBond(t, r)
	survivor.r.Left = models.OpenRows{Commitments: b.r.Open.Commitments, Opinions: b.r.Open.Opinions, Leads: b.r.Open.Leads}
	step, err := survivor.attempt(daysOn(9), models.Actor{}, models.RelationshipAlign, nil)
	require.NoError(t, err, "that is news enough")
	survivor.r.Left = models.OpenRows{} // they are its own now
	require.Equal(t, []string{"inherited"}, happened(step))
	promise, opinion, lead := b.r.Open.Commitments[0], b.r.Open.Opinions[0], b.r.Open.Leads[0]
	require.Equal(t, map[string]any{"from_id": "client_1", "ids": []string{promise.ID, opinion.ID, lead.ID}, "rule": "merge"}, step.Events[0].Data)
	require.Equal(t, []string{"client_2", "client_2", "client_2"}, []string{step.Commitments[0].ClientID, step.Opinions[0].ClientID, step.Leads[0].ClientID})
	require.Equal(t, []string{"pam"}, survivor.tasks(models.TaskKeepCommitment))
	require.Equal(t, []string{"rae"}, survivor.tasks(models.TaskAnswerOpinion), "still outside the sales line")
	require.Equal(t, promise.DueAt, survivor.state.Commitments[0].DueAt, "what was promised stays promised")
	require.Equal(t, opinion.DueAt, survivor.state.Opinions[0].DueAt)
	require.Equal(t, "ben", survivor.state.Leads[0].OwnerID)

	_, err = survivor.attempt(daysOn(10), models.Actor{}, models.RelationshipAlign, nil)
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "to be told again changes nothing")
	steps := survivor.pass(daysOn(40))
	require.Equal(t, []string{"amy", "pam", "tom"}, told(steps[len(steps)-1], "commitment_broken"))
	survivor.do(days(41), "pam", models.RelationshipKeep, models.OfCommitment{CommitmentID: promise.ID})
	survivor.do(days(41), "rae", models.RelationshipAnswer, models.AnswerOpinion{OpinionID: opinion.ID, Answer: "We do now."})
	survivor.do(days(41), "ben", models.RelationshipLeadClose, models.OfLead{LeadID: lead.ID, Outcome: models.LeadWon, Note: "x"})
}

func TestLostSurvivorGetsTheTasksWhenItIsRegained(t *testing.T) {
	t.Parallel()
	b := owing(t)
	b.mergedInto(8, "client_2")
	r := relationshipRules(t, marketDepartment())
	r.Client.ID, r.Client.Status = "client_2", "lost"
	survivor := newBond(t, r)
	survivor.r.Left = models.OpenRows{Commitments: b.r.Open.Commitments}
	survivor.r.Org.Users["pam"] = models.OrgUser{ID: "pam", ManagerID: "tom"}
	survivor.tick(daysOn(9))
	survivor.r.Left = models.OpenRows{}
	require.Empty(t, survivor.state.Tasks)
	survivor.do(days(10), "amy", models.RelationshipRegain, models.Because{Reason: "They are back"})
	require.Equal(t, []string{"tom"}, survivor.tasks(models.TaskKeepCommitment), "who has left is followed by their superior")
}
