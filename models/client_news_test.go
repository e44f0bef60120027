package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/models"
)

// newsOf lists what the steps of a case told its client's relationship.
func (c *course) newsOf() []models.ClientFact {
	var facts []models.ClientFact
	var told int64
	for _, step := range c.steps {
		if n := step.State.News; n != nil && n.Seq > told {
			told = n.Seq
			facts = append(facts, n.Facts...)
		}
	}
	return facts
}

// A wave of broken promises must not be followed by one of relationships.
func TestABrokenPromiseIsToldToTheRelationshipWithTheNextActionOfAPersonAndOnce(t *testing.T) {
	t.Parallel()
	c := newCourse(t, company(), nil)
	c.until(5 * time.Hour)
	require.NotNil(t, c.promise("first_response").BreachedAt)
	require.Empty(t, c.newsOf(), "the clock tells nothing")
	c.do(6*time.Hour, "ann", models.ActionNote, models.Note{Text: "They wait.", Visibility: "internal"})
	broken := *c.promise("first_response").BreachedAt
	require.Equal(t, []models.ClientFact{{ID: "case_1", Kind: health.CaseBreached, At: broken, Seq: c.state.Seq}}, c.newsOf(), "dated when it was broken")
	c.do(6*time.Hour+time.Minute, "ann", models.ActionRespond, models.Respond{Message: "Late, but here."})
	require.Len(t, c.newsOf(), 1)
	c.do(7*time.Hour, "ann", models.ActionResolve, models.Resolve{Resolution: "Done."})
	c.do(8*time.Hour, "sup1", models.ActionClose, models.Because{Reason: "They thanked us."})
	require.Equal(t, models.CaseClosed, c.state.Status)
	var kinds []health.Kind
	for _, f := range c.newsOf() {
		kinds = append(kinds, f.Kind)
	}
	require.Equal(t, []health.Kind{health.CaseBreached, health.ComplaintOpened}, kinds, "a case that broke a promise was not in time, met late or not")
}
