package health

import (
	"slices"
	"strings"
	"time"
)

// Kind says what happened.
type Kind string

// The kinds of facts.
const (
	ContactKept        Kind = "contact_kept"        // the cadence of a period was kept
	ContactMissed      Kind = "contact_missed"      // it was not
	SurveySatisfied    Kind = "survey_satisfied"    // the client answered so
	SurveyNeutral      Kind = "survey_neutral"      // neither satisfied nor dissatisfied
	SurveyDissatisfied Kind = "survey_dissatisfied" // the client answered so
	CaseInTime         Kind = "case_in_time"        // a case ended with every promise kept
	CaseBreached       Kind = "case_breached"       // a promise of a case was broken
	ComplaintOpened    Kind = "complaint_opened"    // the client complained
	CommitmentKept     Kind = "commitment_kept"     // what was promised was done in time
	CommitmentBroken   Kind = "commitment_broken"   // it was not
	ActivityDone       Kind = "activity_done"       // an activity of the plan was done when it was due
	ActivityLate       Kind = "activity_late"       // it was done late, or is overdue
	ActivityDropped    Kind = "activity_dropped"    // it was given up
	Level              Kind = "level"               // a relation was assessed: Value is 1 to 5, the ID says which relation
	ReceptionCompleted Kind = "reception_completed" // the client was our guest
	OpinionAnswered    Kind = "opinion_answered"    // an opinion of the client was answered in time (D-09)
	OpinionLate        Kind = "opinion_late"        // it was not
)

// sides says which sign the points of a kind may have: 1 for good news, -1 for bad, 0 for either.
var sides = []struct {
	kind Kind
	side int
}{
	{ContactKept, 1},
	{ContactMissed, -1},
	{SurveySatisfied, 1},
	{SurveyNeutral, 0},
	{SurveyDissatisfied, -1},
	{CaseInTime, 1},
	{CaseBreached, -1},
	{ComplaintOpened, -1},
	{CommitmentKept, 1},
	{CommitmentBroken, -1},
	{ActivityDone, 1},
	{ActivityLate, -1},
	{ActivityDropped, -1},
	{Level, 0},
	{ReceptionCompleted, 1},
	{OpinionAnswered, 1},
	{OpinionLate, -1},
}

// Kinds lists the kinds of facts in a fixed order.
func Kinds() []Kind {
	kinds := make([]Kind, len(sides))
	for i, s := range sides {
		kinds[i] = s.kind
	}
	return kinds
}

// The lowest, the middle and the highest level of a relation. The middle one counts nothing.
const (
	lowestLevel  = 1
	middleLevel  = 3
	highestLevel = 5
)

// Fact is something that happened with a client. A source gives the same ID to what replaces a fact, with a higher Seq, and
// never gives one Seq of an ID to two different facts.
type Fact struct {
	ID    string    `json:"id"`
	Kind  Kind      `json:"kind"`
	At    time.Time `json:"at"`
	Seq   int64     `json:"seq"`
	Value int       `json:"value,omitempty"` // of a level, 1 to 5
}

// compare orders facts by their time, then by their ID.
func compare(a, b Fact) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// Merge adds f to a set of facts, in which each ID stands once, with its highest Seq; the oldest go when there are more than
// keep. It leaves facts as they are and returns the new set in its own order: by time, then ID. Merging is idempotent, and
// the order of merging makes no difference as long as nothing has to go; nor does it after that, if what replaces a fact is
// not older than the fact.
func Merge(facts []Fact, f Fact, keep int) []Fact {
	f.At = f.At.Round(0).UTC() // as it is read back
	merged := make([]Fact, 0, len(facts)+1)
	for _, other := range facts {
		if other.ID != f.ID {
			merged = append(merged, other)
		} else if other.Seq >= f.Seq {
			return facts
		}
	}
	i, _ := slices.BinarySearchFunc(merged, f, compare)
	merged = slices.Insert(merged, i, f)
	return merged[max(0, len(merged)-max(0, keep)):]
}
