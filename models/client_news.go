package models

import (
	"slices"

	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/survey"
)

// news is what a step tells of a client; nil when there is nothing, or no client.
func news(clientID string, seq int64, facts ...ClientFact) *ClientNews {
	if clientID == "" || len(facts) == 0 {
		return nil
	}
	for i := range facts {
		facts[i].Seq = seq
	}
	return &ClientNews{ClientID: clientID, Seq: seq, Facts: facts}
}

// tellClient tells the client's relationship how the case was handled: when the first of its promises is broken, and when it
// is closed. To say nothing at its record keeps the first step of a case cheap.
func (t *step) tellClient(old *CaseState) {
	s := t.s
	broken := func(s *CaseState) bool {
		return s != nil && slices.ContainsFunc(s.Promises, func(p sla.Promise) bool { return p.State == sla.Breached })
	}
	closed := s.Status == CaseClosed && s.Merge == nil && (old == nil || old.Status != CaseClosed)
	var facts []ClientFact
	switch {
	case broken(s) && !broken(old):
		facts = append(facts, ClientFact{ID: s.ID, Kind: health.CaseBreached, At: t.at})
	case closed && !broken(s):
		facts = append(facts, ClientFact{ID: s.ID, Kind: health.CaseInTime, At: t.at})
	}
	if closed && s.Type == TypeComplaint {
		facts = append(facts, ClientFact{ID: s.ID + "/opened", Kind: health.ComplaintOpened, At: s.CreatedAt})
	}
	if n := news(s.ClientID, s.Seq, facts...); n != nil {
		s.News = n
	}
}

// tellClient tells the client's relationship what somebody there has answered.
func (t *followUpStep) tellClient() {
	kinds := map[survey.Verdict]health.Kind{
		survey.Satisfied: health.SurveySatisfied, survey.Neutral: health.SurveyNeutral, survey.Dissatisfied: health.SurveyDissatisfied,
	}
	if kind, ok := kinds[t.s.Verdict]; ok {
		t.s.News = news(t.s.ClientID, t.s.Seq+1, ClientFact{ID: t.s.ID, Kind: kind, At: t.at})
	}
}

// tellClient tells the client's relationship that they were our guests.
func (t *receptionStep) tellClient() {
	t.s.News = news(t.s.ClientID, t.s.Seq+1, ClientFact{ID: t.s.ID, Kind: health.ReceptionCompleted, At: t.at, Contact: true})
}
