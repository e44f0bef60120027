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

// activeBond is an active relationship with a client of the class.
func activeBond(t require.TestingT, class string) *bond {
	r := relationshipRules(t, marketDepartment())
	r.Client.Class, r.Client.Status = class, "active"
	return newBond(t, r)
}

// daysOn is so many days after the begin.
func daysOn(n int) time.Time { return bondBegun.AddDate(0, 0, n) }

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// spoke is an interaction so long after the begin.
func spoke(after time.Duration, contact string) models.Interact {
	return models.Interact{Kind: "call", At: bondBegun.Add(after), ContactID: contact, Summary: "How they are"}
}

// factsOf are the facts of a kind, by id.
func (b *bond) factsOf(kind health.Kind) map[string]health.Fact {
	all := map[string]health.Fact{}
	for _, f := range b.state.Facts {
		if f.Kind == kind {
			all[f.ID] = f
		}
	}
	return all
}

func contactDue(at time.Time) string { return fmt.Sprintf("contact/%d", at.Unix()) }

func (b *bond) tell(at time.Time, facts ...models.ClientFact) (models.RelationshipStep, error) {
	return b.attempt(at, models.Actor{}, models.RelationshipFact, models.ClientNews{Facts: facts})
}

func TestInteract_refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*models.Interact)
		want   string
	}{
		"the_future":                 {func(c *models.Interact) { c.At = c.At.Add(time.Hour) }, "at:past"},
		"no_time":                    {func(c *models.Interact) { c.At = time.Time{} }, "at:required"},
		"what_is_too_long_ago":       {func(c *models.Interact) { c.At = c.At.Add(-days(91)) }, "at:not_longer_ago"},
		"an_unknown_kind":            {func(c *models.Interact) { c.Kind = "pigeon" }, "kind:oneof"},
		"the_kind_of_a_told_one":     {func(c *models.Interact) { c.Kind = models.InteractionReception }, "kind:oneof"},
		"nothing_said":               {func(c *models.Interact) { c.Summary = " " }, "summary:notblank"},
		"an_appointment_in_the_past": {func(c *models.Interact) { past := c.At.Add(-time.Hour); c.NextAt = &past }, "next_at:future"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := activeBond(t, "A")
			c := spoke(days(1), "li")
			tc.change(&c)
			e := b.refused(days(1), "amy", models.RelationshipInteract, c)
			require.Equal(t, errs.Invalid, e.Code)
			require.Equal(t, []string{tc.want}, faultsOf(e))
		})
	}
	t.Run("who_does_not_work_with_clients", func(t *testing.T) {
		t.Parallel()
		e := activeBond(t, "A").refused(days(1), "otto", models.RelationshipInteract, spoke(days(1), ""))
		require.Equal(t, "relationship.not_yours", e.Key)
	})
	t.Run("a_lead_that_is_not_open", func(t *testing.T) {
		t.Parallel()
		c := spoke(days(1), "")
		c.LeadID = "lead_1"
		e := activeBond(t, "A").refused(days(1), "amy", models.RelationshipInteract, c)
		require.Equal(t, "relationship.no_such", e.Key)
		require.Equal(t, map[string]string{"what": "lead", "id": "lead_1"}, e.Args)
	})
}

func TestInteract_writes_the_row_and_tells_no_text(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	c := spoke(days(1), "li")
	c.Quality = "They will renew"
	step := b.do(days(1), "rob", models.RelationshipInteract, c)
	require.Len(t, step.Interactions, 1)
	row := step.Interactions[0]
	require.Equal(t, []any{"rob", "li", "call", c.At, c.Summary, c.Quality}, []any{row.UserID, row.ContactID, row.Kind, row.At, row.Summary, row.Quality})
	require.Equal(t, []string{"interaction"}, happened(step))
	require.Equal(t, map[string]any{"id": row.ID, "kind": "call", "at": c.At, "contact_id": "li"}, step.Events[0].Data)
	require.Equal(t, c.At, *b.state.LastContact)
	require.Equal(t, map[string]time.Time{"li": c.At}, b.state.Spoken)
	require.Equal(t, c.At.AddDate(0, 0, 14), *b.state.Contact.DueAt, "the next contact is due an interval after the latest")
}

func TestInteract_keeps_the_next_appointment_as_a_task(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	appoint := func(at, next int) models.RelationshipStep {
		c, due := spoke(days(at), ""), daysOn(next)
		c.NextAt = &due
		return b.do(days(at), "amy", models.RelationshipInteract, c)
	}
	appoint(1, 8)
	appoint(2, 9)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskMeetClient), "the latest appointment of a person counts")
	b.do(days(3), "rob", models.RelationshipInteract, spoke(days(3), ""))
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskMeetClient), "somebody else keeps no appointment")
	b.do(days(9), "amy", models.RelationshipInteract, spoke(days(9), ""))
	require.Empty(t, b.tasks(models.TaskMeetClient))
}

func TestContact_that_is_missed_is_asked_for_again(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	due := *b.state.Contact.DueAt
	require.Equal(t, daysOn(14), due)
	b.pass(due.Add(-time.Minute))
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskContactClient), "the person is reminded")
	require.Empty(t, b.factsOf(health.ContactMissed))
	steps := b.pass(due)
	last := steps[len(steps)-1]
	require.Equal(t, []string{"amy"}, told(last, "contact_missed"), "the superior hears of it in the weekly digest")
	require.Contains(t, happened(last), "contact_missed")
	require.Contains(t, b.factsOf(health.ContactMissed), contactDue(due))
	require.Equal(t, 1, b.state.Contact.Missed)
	require.Equal(t, daysOn(28), *b.state.Contact.DueAt)
	require.Equal(t, []string{"amy"}, b.tasks(models.TaskContactClient), "the task stays")

	b.do(days(15), "amy", models.RelationshipInteract, spoke(days(15), ""))
	require.Empty(t, b.tasks(models.TaskContactClient))
	require.Zero(t, b.state.Contact.Missed)
	require.Equal(t, daysOn(29), *b.state.Contact.DueAt)
	require.Contains(t, b.factsOf(health.ContactMissed), contactDue(due), "what was missed stays missed")
	require.Contains(t, b.factsOf(health.ContactKept), contactDue(daysOn(28)))
}

func TestContact_that_was_kept_but_recorded_late_is_no_longer_missed(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	b.pass(daysOn(14))
	require.Len(t, b.factsOf(health.ContactMissed), 1)
	b.do(days(15), "amy", models.RelationshipInteract, spoke(days(13), ""))
	require.Empty(t, b.factsOf(health.ContactMissed))
	require.Equal(t, daysOn(13), b.factsOf(health.ContactKept)[contactDue(daysOn(14))].At)
	require.Equal(t, daysOn(28), *b.state.Contact.DueAt, "an old interaction never brings the next contact forward")
}

// Whether somebody records in the evening or a week later that they met the client makes no difference to what was missed.
func TestContact_that_was_kept_is_not_missed_whenever_the_class_was_given(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		known   int // the day on which it becomes known
		missed  []int
		inARow  int
		nextDue int
	}{
		"in_time":                       {18, nil, 0, 32},
		"after_it_was_missed":           {20, nil, 0, 33},
		"after_the_next_was_missed_too": {40, []int{33}, 1, 47},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := activeBond(t, "A")
			b.do(days(5), "amy", models.RelationshipInteract, spoke(days(5), ""))
			require.Equal(t, daysOn(19), *b.state.Contact.DueAt)
			b.pass(daysOn(tc.known))
			b.do(days(tc.known), "amy", models.RelationshipInteract, spoke(days(18), ""))
			missed := b.factsOf(health.ContactMissed)
			require.Len(t, missed, len(tc.missed))
			for _, day := range tc.missed {
				require.Contains(t, missed, contactDue(daysOn(day)))
			}
			require.Equal(t, tc.inARow, b.state.Contact.Missed)
			require.Equal(t, daysOn(tc.nextDue), *b.state.Contact.DueAt)
		})
	}
}

func TestContact_asks_for_contacts_that_nobody_has_spoken_with(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		contacts []string
		missing  string
	}{
		"none_of_three": {nil, "3"},
		"one_of_three":  {[]string{"li", "li", "li"}, "2"},
		"all_of_three":  {[]string{"li", "wu", "xu"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := activeBond(t, "A")
			for i, c := range tc.contacts {
				b.do(days(1)+time.Duration(i)*time.Hour, "amy", models.RelationshipInteract, spoke(days(1), c))
			}
			b.pass(b.state.Contact.DueAt.Add(-time.Minute))
			require.Equal(t, []string{"amy"}, b.tasks(models.TaskContactClient))
			for _, task := range b.state.Tasks {
				if task.Kind == models.TaskContactClient {
					require.Equal(t, tc.missing, task.Why["missing"])
				}
			}
		})
	}
}

func TestContact_of_a_prospect_is_never_due(t *testing.T) {
	t.Parallel()
	b := newBond(t, relationshipRules(t, marketDepartment()))
	b.do(days(1), "amy", models.RelationshipInteract, spoke(days(1), "li"))
	require.Equal(t, models.StageProspect, b.state.Stage)
	require.Nil(t, b.state.Contact.DueAt)
	require.Nil(t, b.state.DormantAt)
	require.Nil(t, b.state.Assess.DueAt)
	require.Empty(t, b.factsOf(health.ContactKept))
}

func TestContact_makes_a_classified_client_active(t *testing.T) {
	t.Parallel()
	for _, stage := range []models.Stage{models.StageClassified, models.StagePlanned} {
		b := activeBond(t, "A")
		b.state.Stage, b.r.Client.Status = stage, stage.ClientStatus()
		step := b.do(days(1), "amy", models.RelationshipInteract, spoke(days(1), ""))
		require.Equal(t, models.StageActive, b.state.Stage)
		require.Equal(t, []string{"interaction", "active"}, happened(step))
		require.Equal(t, models.System, step.Events[1].Actor, "a rule, and no person, says so")
	}
}

func TestContact_client_falls_dormant_and_wakes(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	dormant := *b.state.DormantAt
	require.Equal(t, time.Date(2026, 6, 9, 2, 0, 0, 0, time.UTC), dormant)
	b.pass(dormant.Add(-time.Second))
	require.Equal(t, models.StageActive, b.state.Stage)
	steps := b.pass(dormant)
	require.Equal(t, models.StageDormant, b.state.Stage)
	require.Equal(t, []string{"amy", "sam"}, told(steps[len(steps)-1], "client_dormant"))
	require.Empty(t, b.tasks(models.TaskContactClient))
	require.Nil(t, b.state.Contact.DueAt, "of a dormant client no contact is due")
	require.Equal(t, "dormant", b.r.Client.Status)

	asleep := dormant.Sub(bondBegun)
	b.do(asleep+days(30), "amy", models.RelationshipInteract, spoke(asleep-days(59), ""))
	require.Equal(t, models.StageActive, b.state.Stage)
	require.Equal(t, dormant.Add(days(30)).AddDate(0, 0, 14), *b.state.Contact.DueAt, "due from now on: what was then is past")
}

func TestContact_long_ago_wakes_no_dormant_client(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "S")
	b.pass(daysOn(70))
	require.Equal(t, models.StageDormant, b.state.Stage)
	b.do(days(90), "amy", models.RelationshipInteract, spoke(days(10), ""))
	require.Equal(t, models.StageDormant, b.state.Stage)
	require.Equal(t, daysOn(10), *b.state.LastContact)
}

func TestContact_told_by_a_reception_counts_once(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	f := models.ClientFact{ID: "reception_1/completed", Seq: 4, Kind: health.ReceptionCompleted, At: daysOn(3), Contact: true}
	step, err := b.tell(daysOn(4), f)
	require.NoError(t, err)
	require.Len(t, step.Interactions, 1)
	row := *step.Interactions[0]
	require.Equal(t, []any{"amy", "reception_1", models.InteractionReception, daysOn(3)}, []any{row.UserID, row.SubjectID, row.Kind, row.At})
	require.Equal(t, daysOn(17), *b.state.Contact.DueAt)
	before := b.state
	_, err = b.tell(daysOn(5), f)
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
	require.Equal(t, before, b.state)
}

func TestContact_remembers_a_bounded_number_of_conversations(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	for i := range models.KeptContacts + 20 {
		b.do(time.Duration(i+1)*time.Minute, "amy", models.RelationshipInteract, spoke(time.Duration(i+1)*time.Minute, fmt.Sprintf("contact_%03d", i)))
	}
	require.Len(t, b.state.Spoken, models.KeptContacts)
	require.NotContains(t, b.state.Spoken, "contact_019", "the oldest go")
	require.Contains(t, b.state.Spoken, "contact_020")
}

func TestNothing_falls_due_of_a_lost_client(t *testing.T) {
	t.Parallel()
	b := activeBond(t, "A")
	b.do(days(1), "amy", models.RelationshipCommit, models.Commit{Text: "A visit", DueAt: daysOn(3)})
	b.do(days(1), "amy", models.RelationshipLead, models.OpenLead{Kind: models.KindLead, Title: "More of it"})
	b.do(days(2), "amy", models.RelationshipLose, models.Because{Reason: "They went to another"})
	require.Nil(t, b.state.NextAt)
	step := b.tick(daysOn(400))
	require.Empty(t, step.Events)
	require.Empty(t, step.Tasks)
}
