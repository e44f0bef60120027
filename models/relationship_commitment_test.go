package models_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

func TestCommit_refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		c    models.Commit
		want string
	}{
		"nothing":       {models.Commit{DueAt: daysOn(9)}, "text:notblank"},
		"no_time":       {models.Commit{Text: "x"}, "due_at:required"},
		"the_past":      {models.Commit{Text: "x", DueAt: daysOn(1)}, "due_at:future"},
		"who_has_left":  {models.Commit{Text: "x", DueAt: daysOn(9), OwnerID: "gus"}, "owner_id:inactive"},
		"who_never_was": {models.Commit{Text: "x", DueAt: daysOn(9), OwnerID: "nobody"}, "owner_id:unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []string{tc.want}, faultsOf(activeBond(t, "A").refused(days(1), "amy", models.RelationshipCommit, tc.c)))
		})
	}
}

// What is stored is no more precise, so that what is read is what was decided.
func TestInstants_of_people_are_kept_to_the_millisecond(t *testing.T) {
	t.Parallel()
	const more = 480_437_351 * time.Nanosecond
	b, later := activeBond(t, "A"), daysOn(4).Add(more)
	b.do(days(1), "pam", models.RelationshipCommit, models.Commit{Text: "A new pump", DueAt: later})
	step := b.do(days(2), "amy", models.RelationshipInteract, models.Interact{Kind: "call", At: daysOn(1).Add(more), Summary: "They call back.", NextAt: &later})
	for _, at := range []time.Time{*b.state.LastContact, *b.state.Contact.DueAt, b.state.Commitments[0].DueAt, step.Interactions[0].At, *step.Tasks[0].DueAt} {
		require.Equal(t, at.Truncate(time.Millisecond), at)
	}
}

// promised is a promise of pam's that is due on the fifth day after the begin.
func promised(t require.TestingT) (*bond, models.OfCommitment) {
	b := activeBond(t, "A")
	b.do(days(1), "pam", models.RelationshipCommit, models.Commit{Text: "A new pump", DueAt: daysOn(4), ContactID: "li"})
	return b, models.OfCommitment{CommitmentID: b.state.Commitments[0].ID, Note: "As agreed"}
}

func TestCommitment_that_is_taken_back_after_its_time_was_broken(t *testing.T) {
	t.Parallel()
	for _, after := range []int{3, 5} { // it is due on the fourth day, and the clock has not looked
		b, of := promised(t)
		b.do(days(after), "pam", models.RelationshipRevoke, of)
		require.Len(t, b.factsOf(health.CommitmentBroken), after/5)
		require.Empty(t, b.state.Commitments)
	}
}

func TestCommitment_is_reminded_of_and_then_broken_once(t *testing.T) {
	t.Parallel()
	b, of := promised(t)
	require.Equal(t, []string{"pam"}, b.tasks(models.TaskKeepCommitment), "it is theirs who make it")
	steps := b.pass(daysOn(4).Add(-time.Minute))
	require.Len(t, steps, 1)
	require.Equal(t, []string{"pam"}, told(steps[0], "commitment_due"))
	steps = b.pass(daysOn(10))
	require.Equal(t, []string{"amy", "pam", "tom"}, told(steps[0], "commitment_broken"))
	require.Equal(t, models.CommitmentBroken, steps[0].Commitments[0].State)
	for _, s := range steps[1:] {
		require.NotContains(t, happened(s), "commitment_broken")
	}
	require.Contains(t, b.factsOf(health.CommitmentBroken), of.CommitmentID)
	require.Equal(t, []string{"pam"}, b.tasks(models.TaskKeepCommitment), "it is still owed")

	step := b.do(days(11), "pam", models.RelationshipKeep, of)
	require.Equal(t, models.CommitmentKeptLate, step.Commitments[0].State)
	require.Contains(t, b.factsOf(health.CommitmentBroken), of.CommitmentID, "what is kept late was broken, and that stays")
	require.Empty(t, b.state.Commitments)
	require.Empty(t, b.tasks(models.TaskKeepCommitment))
}

func TestCommitment_ends(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		after  time.Duration
		user   string
		action models.RelationshipAction
		state  string
		fact   health.Kind
	}{
		"kept_in_time":                     {days(2), "pam", models.RelationshipKeep, models.CommitmentKept, health.CommitmentKept},
		"kept_by_the_account_manager":      {days(2), "amy", models.RelationshipKeep, models.CommitmentKept, health.CommitmentKept},
		"kept_late_before_the_clock_looks": {days(4), "pam", models.RelationshipKeep, models.CommitmentKeptLate, health.CommitmentBroken},
		"taken_back":                       {days(2), "mia", models.RelationshipRevoke, models.CommitmentRevoked, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, of := promised(t)
			step := b.do(tc.after, tc.user, tc.action, of)
			row := step.Commitments[0]
			require.Equal(t, []any{tc.state, "As agreed", "A new pump", "pam"}, []any{row.State, row.Note, row.Text, row.OwnerID})
			require.NotNil(t, row.EndedAt)
			require.Empty(t, b.state.Commitments)
			require.Empty(t, b.tasks(models.TaskKeepCommitment))
			var kinds []health.Kind
			for _, f := range b.state.Facts {
				kinds = append(kinds, f.Kind)
			}
			if tc.fact == "" {
				require.Empty(t, kinds, "it counts neither as kept nor as broken")
			} else {
				require.Equal(t, []health.Kind{tc.fact}, kinds)
			}
			e := b.refused(tc.after+time.Hour, "mia", tc.action, of)
			require.Equal(t, errs.Conflict, e.Code, "nothing is open any more")
		})
	}
}

func TestCommitment_is_for_those_whom_it_concerns(t *testing.T) {
	t.Parallel()
	b, of := promised(t)
	b.do(days(1), "rob", models.RelationshipCommit, models.Commit{Text: "A drawing", DueAt: daysOn(9)})
	require.Equal(t, "relationship.not_yours", b.refused(days(2), "rob", models.RelationshipKeep, of).Key, "one's own promise gives no right to another's")
	require.Equal(t, "relationship.no_such", b.refused(days(2), "amy", models.RelationshipKeep, models.OfCommitment{CommitmentID: "commitment_1"}).Key)
	of.Note = ""
	require.Equal(t, []string{"note:notblank"}, faultsOf(b.refused(days(2), "pam", models.RelationshipRevoke, of)), "to take a promise back needs a reason")
}

// promising is a fact of a case in which a promise was made.
func promising(n int, c models.Commit) models.ClientFact {
	c.SubjectID = fmt.Sprintf("case_%d", n)
	return models.ClientFact{ID: c.SubjectID + "/promise", Seq: 1, Kind: health.CaseInTime, At: daysOn(1), Commitment: &c}
}

// fillCommitments lets other processes make as many promises as people may have open.
func (b *bond) fillCommitments() {
	var news []models.ClientFact
	for i := range models.MaxOpenCommitments {
		news = append(news, promising(i, models.Commit{Text: "x", DueAt: daysOn(300)}))
	}
	_, err := b.tell(daysOn(1), news...)
	require.NoError(b.t, err)
	require.Len(b.t, b.state.Commitments, models.MaxOpenCommitments)
}

func TestCommitment_of_another_process_is_never_lost(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	b.fillCommitments()
	e := b.refused(days(1), "amy", models.RelationshipCommit, models.Commit{Text: "x", DueAt: daysOn(9)})
	require.Equal(t, "relationship.wrong_state", e.Key, "the bound is for people")
	_, err := b.tell(daysOn(2), promising(1000, models.Commit{Text: "x", DueAt: daysOn(1), OwnerID: "gus"}))
	require.NoError(t, err)
	require.Len(t, b.state.Commitments, models.MaxOpenCommitments+1)
	late := b.state.Commitments[models.MaxOpenCommitments]
	require.Equal(t, "amy", late.OwnerID, "what belongs to nobody is the account manager's")
	b.tick(*b.state.NextAt)
	require.True(t, b.state.Commitments[models.MaxOpenCommitments].Broken)
}

func TestCommitment_told_twice_is_one(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	c := models.Commit{Text: "x", DueAt: daysOn(9)}
	_, err := b.tell(daysOn(1), promising(1, c))
	require.NoError(t, err)
	again := promising(1, c)
	again.Seq = 2
	_, err = b.tell(daysOn(2), again)
	require.NoError(t, err)
	require.Len(t, b.state.Commitments, 1)
	b.do(days(3), "amy", models.RelationshipKeep, models.OfCommitment{CommitmentID: b.state.Commitments[0].ID})
	again.Seq = 3
	_, err = b.tell(daysOn(4), again)
	require.NoError(t, err)
	require.Empty(t, b.state.Commitments, "one that is kept does not come back")
}

func TestCommitments_that_are_broken_at_once_are_told_each(t *testing.T) {
	t.Parallel()
	b := accountOf(t)
	due := bondBegun.AddDate(0, 1, 0)
	for i, text := range []string{"samples", "a visit"} {
		b.do(time.Duration(i+5)*time.Hour, "amy", models.RelationshipCommit, models.Commit{Text: text, DueAt: due})
	}
	keys := map[string]bool{}
	for _, step := range b.pass(due) {
		for _, n := range step.Notices {
			if n.Kind == "commitment_broken" && n.UserID == "amy" {
				keys[n.Key] = true
			}
		}
	}
	require.Len(t, keys, 2, "a notice of the same key is told once")
}
