package store

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/mcrflow/mcrflow/models"
)

// cachedCases bounds the cases that are remembered at the same time.
const cachedCases = 2048

// caseCache remembers cases as they were read or written last, each as of a step of its own. A case changes by steps and in
// no other way until its client is asked about it, so an entry is never wrong about its step, only about later ones.
type caseCache struct {
	rows *lru.Cache[string, models.CaseRow]
}

func newCaseCache() (caseCache, error) {
	rows, err := lru.New[string, models.CaseRow](cachedCases)
	return caseCache{rows}, err
}

// after returns the case as of the step or later, if that is remembered.
func (c caseCache) after(id string, seq int64) (models.CaseRow, bool) {
	row, ok := c.rows.Get(id)
	return row, ok && row.State.Seq >= seq
}

// keep remembers a case that was read.
func (c caseCache) keep(row models.CaseRow) {
	if row.State.Survey == nil { // what the client answers is another row's
		c.rows.Add(row.State.ID, row)
	}
}

// follow remembers what a step has written. Whoever has missed a step, or cannot tell what another case has brought along,
// forgets the case.
func (c caseCache) follow(step *models.CaseStep) {
	row, ok := c.rows.Get(step.State.ID)
	switch {
	case step.Record != nil:
		row = models.CaseRow{Record: *step.Record, Contacts: []models.CaseContact{}}
	case !ok || row.State.Seq != step.State.Seq-1 || step.State.Survey != nil || step.Inherit != "" || step.Disinherit != "":
		c.rows.Remove(step.State.ID)
		return
	}
	row.State = step.State
	if r := step.Resolution; r != nil {
		row.Resolution, row.RootCause = r.Resolution, r.RootCause
	}
	c.rows.Add(step.State.ID, row)
}
