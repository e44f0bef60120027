package models_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

// healthPolicy is the shipped one.
func healthPolicy(t require.TestingT) *health.Policy {
	d, faults := health.Parse(shipped(t, "health/default.yaml"))
	require.Empty(t, faults)
	p, err := health.Compile(d, 1)
	require.NoError(t, err)
	return p
}

// copyOf is a bond that goes its own way from here.
func copyOf(b *bond, t require.TestingT) *bond {
	c := *b
	c.t, c.steps, c.Grades, c.Planned = t, nil, map[string]models.ClassificationRow{}, map[string]models.PlanRow{}
	return &c
}

// drawNews draws what other processes tell of a client within forty days, some of it twice or overtaken.
func drawNews(t *rapid.T) []models.ClientFact {
	kinds := []health.Kind{health.SurveySatisfied, health.CaseInTime, health.CaseBreached, health.ComplaintOpened, health.ReceptionCompleted}
	facts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) models.ClientFact {
		f := models.ClientFact{
			ID: fmt.Sprintf("subject_%d", rapid.IntRange(0, 9).Draw(t, "subject")), Seq: rapid.Int64Range(1, 3).Draw(t, "seq"),
		}
		// What a process says in one step is one thing, so all of it follows from the subject and the step.
		n := int(f.Seq)*7 + int(f.ID[len(f.ID)-1]-'0')
		f.Kind, f.At = kinds[n%len(kinds)], bondBegun.Add(time.Duration(n*n*31%(40*24))*time.Hour)
		return f
	}), 1, 20).Draw(t, "facts")
	for n := range rapid.IntRange(0, 6).Draw(t, "receptions") {
		at := bondBegun.Add(time.Duration(rapid.IntRange(0, 40*24).Draw(t, "hour")) * time.Hour)
		facts = append(facts, models.ClientFact{ID: fmt.Sprintf("reception_%d", n), Seq: 1, Kind: health.ReceptionCompleted, At: at, Contact: true})
	}
	for n := range rapid.IntRange(0, 4).Draw(t, "promises") {
		f := promising(n, models.Commit{Text: "x", DueAt: daysOn(60 + n)})
		facts = append(facts, f)
	}
	return facts
}

func TestLaw_order_and_repetition_of_news_make_no_difference(t *testing.T) {
	t.Parallel()
	base, policy := activeBond(t, "S"), healthPolicy(t)
	rapid.Check(t, func(rt *rapid.T) {
		facts := drawNews(rt)
		told := func(facts []models.ClientFact) models.RelationshipState {
			b := copyOf(base, rt)
			for _, f := range facts {
				if _, err := b.tell(daysOn(41), f); err != nil {
					require.Equal(rt, errs.Conflict, errs.CodeOf(err), "what is known already")
				}
			}
			return b.state
		}
		one := told(facts)
		other := told(rapid.Permutation(append(slices.Clone(facts), facts[:len(facts)/2]...)).Draw(rt, "order"))
		require.Equal(rt, one.Facts, other.Facts)
		require.Equal(rt, policy.Score(one.Facts, daysOn(42), time.UTC), policy.Score(other.Facts, daysOn(42), time.UTC))
		require.Equal(rt, one.LastContact, other.LastContact)
		require.Equal(rt, one.Contact, other.Contact)
		require.Equal(rt, one.DormantAt, other.DormantAt)
		byID := func(a, b models.CommitmentState) int { return strings.Compare(a.ID, b.ID) }
		require.Equal(rt, slices.SortedFunc(slices.Values(one.Commitments), byID), slices.SortedFunc(slices.Values(other.Commitments), byID))
	})
}

func TestLaw_volume_alone_never_raises_health_beyond_the_cap(t *testing.T) {
	t.Parallel()
	base, policy := activeBond(t, "S"), healthPolicy(t)
	rapid.Check(t, func(rt *rapid.T) {
		b := copyOf(base, rt)
		hours := slices.Sorted(slices.Values(rapid.SliceOfN(rapid.IntRange(0, 80*24), 1, 60).Draw(rt, "hours")))
		for _, h := range hours {
			at := bondBegun.Add(time.Duration(h)*time.Hour + time.Minute)
			b.pass(at)
			_, err := b.attempt(at, b.who("amy"), models.RelationshipInteract, spoke(at.Sub(bondBegun), ""))
			require.NoError(rt, err)
		}
		kept := b.factsOf(health.ContactKept)
		weeks := map[int]bool{}
		for _, h := range hours {
			weeks[h/(7*24)] = true
		}
		require.Len(rt, kept, len(weeks), "each interval counts once, however often somebody spoke with the client in it")
		raised := slices.DeleteFunc(slices.Clone(b.state.Facts), func(f health.Fact) bool { return f.Kind != health.ContactKept })
		at := b.state.UpdatedAt
		require.LessOrEqual(rt, policy.Score(raised, at, time.UTC).Points-policy.Score(nil, at, time.UTC).Points, 8)
	})
}

// command draws what somebody may try with the client at the instant.
func command(t *rapid.T, b *bond, at time.Time) (string, models.RelationshipAction, any) {
	s := b.state
	days := func(name string) time.Time { return at.AddDate(0, 0, rapid.IntRange(1, 60).Draw(t, name)) }
	text := func(name string) string { return fmt.Sprint(rapid.IntRange(0, 99).Draw(t, name)) }
	commitment, opinion, lead, improvement, action := "commitment_1", "opinion_1", "lead_1", "improvement_1", "step_1"
	if n := len(s.Commitments); n > 0 {
		commitment = s.Commitments[rapid.IntRange(0, n-1).Draw(t, "commitment")].ID
	}
	if n := len(s.Opinions); n > 0 {
		opinion = s.Opinions[rapid.IntRange(0, n-1).Draw(t, "opinion")].ID
	}
	if n := len(s.Leads); n > 0 {
		lead = s.Leads[rapid.IntRange(0, n-1).Draw(t, "lead")].ID
	}
	if n := len(s.Improvements); n > 0 {
		i := s.Improvements[rapid.IntRange(0, n-1).Draw(t, "improvement")]
		if improvement = i.ID; len(i.Actions) > 0 {
			action = i.Actions[rapid.IntRange(0, len(i.Actions)-1).Draw(t, "action of it")].ID
		}
	}
	user := rapid.SampledFrom([]string{"amy", "pam", "rae", "mia"}).Draw(t, "user")
	switch rapid.SampledFrom([]string{
		"interact", "appoint", "commit", "keep", "revoke", "opine", "answer", "lead", "act", "promote", "close", "assess", "improve", "improved", "stop",
	}).Draw(t, "what") {
	case "interact":
		return user, models.RelationshipInteract, models.Interact{
			Kind: "visit", At: at.Add(-time.Duration(rapid.IntRange(0, 80*24).Draw(t, "ago")) * time.Hour), ContactID: text("contact"), Summary: "x",
		}
	case "appoint":
		next := days("next")
		return user, models.RelationshipInteract, models.Interact{Kind: "call", At: at, Summary: "x", NextAt: &next}
	case "commit":
		return user, models.RelationshipCommit, models.Commit{Text: "x", DueAt: days("due")}
	case "keep":
		return "mia", models.RelationshipKeep, models.OfCommitment{CommitmentID: commitment}
	case "revoke":
		return "mia", models.RelationshipRevoke, models.OfCommitment{CommitmentID: commitment, Note: "x"}
	case "opine":
		return user, models.RelationshipOpine, models.Opine{Text: "x", Departments: []string{"tech"}}
	case "answer":
		return "rae", models.RelationshipAnswer, models.AnswerOpinion{OpinionID: opinion, Answer: "x", Commitment: &models.Commit{Text: "x", DueAt: days("due")}}
	case "lead":
		return user, models.RelationshipLead, models.OpenLead{Kind: models.KindLead, Title: "x"}
	case "act":
		return "mia", models.RelationshipLeadAct, models.OfLead{LeadID: lead, Note: "x"}
	case "promote":
		return "mia", models.RelationshipLeadStage, models.OfLead{LeadID: lead, Stage: rapid.SampledFrom(models.LeadStages()).Draw(t, "stage")}
	case "close":
		return "mia", models.RelationshipLeadClose, models.OfLead{LeadID: lead, Outcome: models.LeadLost, Note: "x"}
	case "assess":
		level := rapid.IntRange(0, 5)
		return "amy", models.RelationshipAssess, levels(level.Draw(t, "key"), level.Draw(t, "broad"), level.Draw(t, "organisation"))
	case "improve":
		return "amy", models.RelationshipImprove, models.Improve{
			ImprovementID: improvement, Actions: many(models.PlanActivity{Title: "x", DueAt: days("due")}, rapid.IntRange(1, 30).Draw(t, "actions")),
		}
	case "improved":
		return "mia", models.RelationshipImproved, models.OfImprovement{ImprovementID: improvement, ActionID: action}
	default:
		return "mia", models.RelationshipImproveStop, models.OfImprovement{ImprovementID: improvement, Note: "x"}
	}
}

func TestLaw_the_clock_leaves_nothing_that_is_due_and_the_state_stays_small(t *testing.T) {
	t.Parallel()
	base := activeBond(t, "S")
	rapid.Check(t, func(rt *rapid.T) {
		b, at := copyOf(base, rt), bondBegun
		for range rapid.IntRange(1, 25).Draw(rt, "commands") {
			at = at.Add(time.Duration(rapid.IntRange(1, 30*24).Draw(rt, "hours")) * time.Hour)
			for b.state.NextAt != nil && !b.state.NextAt.After(at) {
				b.tick(*b.state.NextAt)
				for _, d := range b.state.Obligations() {
					require.True(rt, d.At.IsZero() || d.At.After(b.state.UpdatedAt), "%s %s is due and was left", d.Kind, d.ID)
				}
			}
			user, action, data := command(rt, b, at)
			if _, err := b.attempt(at, b.who(user), action, data); err != nil {
				require.Contains(rt, []errs.Code{errs.Conflict, errs.Invalid, errs.NotFound, errs.Forbidden}, errs.CodeOf(err), "%v", err)
			}
			small(rt, b.state)
		}
	})
}

// small demands the bounds of what a relationship keeps.
func small(t require.TestingT, s models.RelationshipState) {
	require.LessOrEqual(t, len(s.Facts), models.KeptFacts)
	require.LessOrEqual(t, len(s.Spoken), models.KeptContacts)
	require.LessOrEqual(t, len(s.Commitments), models.MaxOpenCommitments)
	require.LessOrEqual(t, len(s.Opinions), models.MaxOpenOpinions)
	require.LessOrEqual(t, len(s.Leads), models.MaxOpenLeads)
	require.LessOrEqual(t, len(s.Improvements), len(cadence.Levels()))
	most := len(s.Commitments) + len(s.Opinions) + len(s.Leads) + 16 // one of each kind, and an appointment of each person
	for _, i := range s.Improvements {
		require.LessOrEqual(t, len(i.Actions), models.MaxActions)
		most += 1 + len(i.Actions)
	}
	require.LessOrEqual(t, len(s.Tasks), most, "no task outlives what it is about")
}
