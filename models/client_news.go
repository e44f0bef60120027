package models

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/health"
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

// tellClient tells the client's relationship how the case was handled: when it is closed, and of the first broken promise with
// the next action of a person. To say nothing at its record keeps the first step of a case cheap, and to say nothing at the
// breach itself keeps a wave of breaches from being followed by one of relationships, in which the next ones would be late.
func (t *step) tellClient(old *CaseState) {
	s := t.s
	closed := s.Status == CaseClosed && s.Merge == nil && (old == nil || old.Status != CaseClosed)
	var facts []ClientFact
	switch broken := firstBreach(s); {
	case broken != nil && !s.BreachTold && (closed || t.actor != System):
		s.BreachTold = true
		facts = append(facts, ClientFact{ID: s.ID, Kind: health.CaseBreached, At: *broken})
	case broken == nil && closed:
		facts = append(facts, ClientFact{ID: s.ID, Kind: health.CaseInTime, At: t.at})
	}
	if closed && s.Type == TypeComplaint {
		facts = append(facts, ClientFact{ID: s.ID + "/opened", Kind: health.ComplaintOpened, At: s.CreatedAt})
	}
	if n := news(s.ClientID, s.Seq, facts...); n != nil {
		s.News = n
	}
}

// firstBreach is when the first of the case's promises was broken; nil: none was.
func firstBreach(s *CaseState) *time.Time {
	var first *time.Time
	for _, p := range s.Promises {
		if p.BreachedAt != nil && (first == nil || p.BreachedAt.Before(*first)) {
			first = p.BreachedAt
		}
	}
	return first
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
