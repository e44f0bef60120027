package classification

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// hundredths are the hundredths of a point.
const hundredths = 100

// Policy is a classification policy that is ready to grade. It never changes and is safe for concurrent use.
type Policy struct {
	version  int
	doc      Document
	criteria []string // sorted
}

// Compile compiles d, which was published as the version. It asks only for what grading needs, so that a version published
// under the checks of an older release goes on to work: the error is an errs.Invalid that carries every fault of this
// kind. Publishing asks Document.Check for everything.
func Compile(d Document, version int) (*Policy, error) {
	var c checker
	c.rules(d)
	if len(c.faults) > 0 {
		return nil, errs.NewInvalid(c.faults...)
	}
	d.Criteria = maps.Clone(d.Criteria)
	for name, criterion := range d.Criteria {
		criterion.Bands = slices.Clone(criterion.Bands)
		d.Criteria[name] = criterion
	}
	return &Policy{version: version, doc: d, criteria: slices.Sorted(maps.Keys(d.Criteria))}, nil
}

// Version returns the version as which the policy was published.
func (p *Policy) Version() int { return p.version }

// Chain returns the name of the approval chain that decides on a change of class.
func (p *Policy) Chain() string { return p.doc.Chain }

// Criteria lists the names of the criteria, sorted.
func (p *Policy) Criteria() []string { return slices.Clone(p.criteria) }

// Contract returns what the class asks of us, and nothing for what is no class.
func (p *Policy) Contract(class Class) Contract { return p.doc.Classes.of(class) }

// Criteria are the values of a client, from 0 to 100, by the name of the criterion.
type Criteria map[string]int

// With returns the criteria with those filled in that were not given and can be computed: sales are those of the last 12
// months in minor units, nil if they are not known. Sales in another currency than the policy's count as not known. Sales below the lowest band are worth 0.
func (p *Policy) With(c Criteria, sales *int64, currency string) Criteria {
	filled := make(Criteria, len(c))
	maps.Copy(filled, c)
	if sales == nil || currency != p.doc.Currency {
		return filled
	}
	for _, name := range p.criteria {
		bands := p.doc.Criteria[name].Bands
		if _, given := filled[name]; given || len(bands) == 0 {
			continue
		}
		value := 0
		for _, band := range bands {
			if *sales >= band.From {
				value = band.Value
			}
		}
		filled[name] = value
	}
	return filled
}

// CheckCriteria returns what is wrong with the values of a client, sorted by criterion and each with its path
// (criteria.payment): unknown names, missing ones, and values outside 0 to 100. None means that a score says all.
func (p *Policy) CheckCriteria(c Criteria) []errs.Field {
	var k checker
	names := slices.AppendSeq(p.Criteria(), maps.Keys(c))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		path := "criteria." + shown(name)
		switch value, given := c[name]; {
		case !slices.Contains(p.criteria, name):
			k.fault(path, "unknown_field", "name", shown(name), "known", strings.Join(p.criteria, ", "))
		case !given:
			k.fault(path, "required")
		default:
			k.between(path, value, 0, 100)
		}
	}
	return k.faults
}

func known(c Criteria, name string) bool {
	_, given := c[name]
	return given
}

// Missing lists the criteria of the policy that c has no value for, sorted. With any, a score says less than all.
func (p *Policy) Missing(c Criteria) []string {
	var names []string
	for _, name := range p.criteria {
		if _, given := c[name]; !given {
			names = append(names, name)
		}
	}
	return names
}

// Part is what one criterion brings to a score.
type Part struct {
	Criterion string `json:"criterion"`
	Value     int    `json:"value"`  // 0 to 100
	Weight    int    `json:"weight"` // percent
	Points    int    `json:"points"` // in hundredths: Value * Weight
}

// Score is what the criteria of a client are worth, with the part of each criterion, sorted by name.
type Score struct {
	Points int    `json:"points"` // in hundredths, 0 to 10000: the sum of the parts
	Parts  []Part `json:"parts,omitempty"`
}

// Score weighs the criteria. It is made for criteria without fault; of others a missing value counts as 0, one outside 0
// to 100 as the nearer end, and one of another policy as nothing.
func (p *Policy) Score(c Criteria) Score {
	s := Score{Parts: make([]Part, 0, len(p.criteria))}
	for _, name := range p.criteria {
		part := Part{Criterion: name, Value: bounded(c[name]), Weight: p.doc.Criteria[name].Weight}
		part.Points = part.Value * part.Weight
		s.Points += part.Points
		s.Parts = append(s.Parts, part)
	}
	return s
}

func bounded(value int) int { return min(max(value, 0), 100) }

// Proposal is the class that a policy proposes, and why.
type Proposal struct {
	Class Class `json:"class,omitempty"`
	Score Score `json:"score"`
	Gated bool  `json:"gated,omitempty"` // the gate lowered it
	Held  bool  `json:"held,omitempty"`  // the hysteresis kept the present class
}

// Propose grades a client who is of the current class, empty for one who has none yet: then there is no hysteresis.
// Every border is judged by itself, so that a client may move over several classes at once. The gate comes last.
func (p *Policy) Propose(c Criteria, current Class) Proposal {
	score := p.Score(c)
	class := p.class(score.Points, current)
	if _, gated := p.gated(c, class); gated {
		return Proposal{Class: p.doc.Gate.Above, Score: score, Gated: true}
	}
	return Proposal{Class: class, Score: score, Held: class == current && class != p.class(score.Points, "")}
}

// class is the best class whose border the points are on the better side of.
func (p *Policy) class(points int, current Class) Class {
	t := p.doc.Thresholds
	for _, border := range []struct {
		class Class
		from  int
	}{{ClassS, t.S}, {ClassA, t.A}, {ClassB, t.B}} {
		from := border.from
		switch {
		case !current.Valid():
		case border.class.Better(current):
			from += p.doc.Hysteresis
		default:
			from -= p.doc.Hysteresis
		}
		if points >= from*hundredths {
			return border.class
		}
	}
	return ClassC
}

// gated reports whether the gate bars the client from the class, and the value that it judged by.
func (p *Policy) gated(c Criteria, class Class) (value int, gated bool) {
	value = bounded(c[p.doc.Gate.Criterion])
	return value, value < p.doc.Gate.Minimum && class.Better(p.doc.Gate.Above)
}

// CheckManual returns what forbids to propose the class by hand to a client of these criteria: the gate, which no reason
// opens (M-13), with code gated at proposed_class; where its criterion is not known, that is required. Any other class may be
// proposed whatever the points are.
func (p *Policy) CheckManual(c Criteria, proposed Class) []errs.Field {
	var k checker
	k.oneOf("proposed_class", string(proposed), words(Classes()))
	gate := p.doc.Gate.Criterion
	switch value, gated := p.gated(c, proposed); {
	case !gated:
	case !known(c, gate):
		k.fault("criteria."+gate, "required")
	default:
		k.fault("proposed_class", "gated", "criterion", p.doc.Gate.Criterion, "value", strconv.Itoa(value),
			"minimum", strconv.Itoa(p.doc.Gate.Minimum), "above", string(p.doc.Gate.Above))
	}
	return k.faults
}
