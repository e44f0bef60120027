package classification

import (
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// Kind is the kind of policy whose documents this package reads.
const Kind = "classification"

// PlanPeriod is how long a relationship plan of a client of a class lasts.
type PlanPeriod string

// The plan periods.
const (
	PlanNone     PlanPeriod = "none" // the class needs no plan
	PlanHalfYear PlanPeriod = "half_year"
	PlanYear     PlanPeriod = "year"
)

// Document is the policy of kind `classification`.
type Document struct {
	Kind    string `json:"kind"`
	Version int    `json:"version,omitempty"` // given at publication; a document that names one is refused
	// Criteria are by name. Their weights sum to 100; M-16: value is more than sales.
	Criteria map[string]Criterion `json:"criteria"`
	// Currency is that of the bands, by ISO 4217. Sales in another one say nothing about them.
	Currency   string     `json:"currency,omitempty"`
	Thresholds Thresholds `json:"thresholds"`
	Hysteresis int        `json:"hysteresis"` // points by which a border must be passed to change the class
	Gate       Gate       `json:"gate"`
	Classes    Contracts  `json:"classes"`
	Chain      string     `json:"chain"` // the approval chain that decides on a change of class
	ABC        Bands      `json:"abc"`
}

// Criterion is one thing that clients are graded by, from 0 to 100.
type Criterion struct {
	Weight int               `json:"weight"` // percent
	Label  map[string]string `json:"label"`  // by language
	// Bands give the value where it can be computed from the client's sales of the last 12 months.
	Bands []Band `json:"bands,omitempty"`
}

// Band is the value of a criterion for sales of at least From, in minor units, up to the next band.
type Band struct {
	From  int64 `json:"from"`
	Value int   `json:"value"`
}

// Thresholds are the points from which on a client is of the class; the rest is C.
type Thresholds struct {
	S int `json:"S"`
	A int `json:"A"`
	B int `json:"B"`
}

// Gate bars a client whose criterion is below the minimum from every class better than Above (M-13).
type Gate struct {
	Criterion string `json:"criterion"`
	Minimum   int    `json:"minimum"`
	Above     Class  `json:"above"`
}

// Contracts are what each class asks of us.
type Contracts struct {
	S Contract `json:"S"`
	A Contract `json:"A"`
	B Contract `json:"B"`
	C Contract `json:"C"`
}

// Contract is what a class asks of us.
type Contract struct {
	ReviewEvery calendar.Period `json:"review_every"` // how often the class itself is reviewed (M-26)
	Plan        PlanPeriod      `json:"plan"`
}

// Bands are the shares of all sales, in percent, that the clients of each ABC band bring in (M-20).
type Bands struct {
	A int `json:"A"`
	B int `json:"B"`
	C int `json:"C"`
}

// of returns the contract of a class, and nothing for what is no class.
func (c Contracts) of(class Class) Contract {
	switch class {
	case ClassS:
		return c.S
	case ClassA:
		return c.A
	case ClassB:
		return c.B
	case ClassC:
		return c.C
	}
	return Contract{}
}

// Parse reads a classification policy written in YAML or JSON. It is strict about names and types and returns every fault
// at once, each with its path (criteria.revenue.bands[1].from) and, in its arguments, its line and column. What the fields
// say is for Document.Check to judge.
func Parse(body []byte) (Document, []errs.Field) {
	var d Document
	if faults := policy.Decode(body, &d); len(faults) > 0 {
		return Document{}, faults
	}
	return d, nil
}
