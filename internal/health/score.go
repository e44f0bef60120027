package health

import (
	"maps"
	"slices"
	"time"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Policy is a health policy that is ready to score. It never changes and is safe for concurrent use.
type Policy struct {
	version int
	base    int
	rules   []namedRule  // by name
	of      map[Kind]int // the place of the rule for a kind
}

type namedRule struct {
	Rule
	name string
}

// Compile compiles d, which was published as the version. It asks only for what scoring needs, so that a version published
// under the checks of an older release goes on to work: the error is an errs.Invalid that carries every fault of this kind.
// Publishing asks Document.Check for everything.
func Compile(d Document, version int) (*Policy, error) {
	var c checker
	p := &Policy{version: version, of: map[Kind]int{}}
	if d.Base == nil {
		c.fault("base", "required")
	} else {
		p.base = *d.Base
	}
	for _, name := range slices.Sorted(maps.Keys(d.Rules)) {
		r := namedRule{d.Rules[name], name}
		path := "rules." + shown(name)
		if _, taken := p.of[r.Fact]; taken {
			c.fault(path+".fact", "duplicate", "value", shown(string(r.Fact)))
		}
		if r.Within.IsZero() {
			c.fault(path+".within", "required")
		}
		if r.Points == nil && r.PointsPerLevel == nil {
			c.fault(path+".points", "required")
		}
		p.of[r.Fact] = len(p.rules)
		p.rules = append(p.rules, r)
	}
	if len(c.faults) > 0 {
		return nil, errs.NewInvalid(c.faults...)
	}
	return p, nil
}

// Version returns the version as which the policy was published.
func (p *Policy) Version() int { return p.version }

// Contribution is what one fact adds to a score or takes from it, and by which rule. The base has neither fact nor time; nor
// has what brings the score back to its limits.
type Contribution struct {
	Fact   string    `json:"fact,omitempty"` // ID
	Kind   Kind      `json:"kind,omitempty"`
	Points int       `json:"points"`
	At     time.Time `json:"at,omitzero"`
	Rule   string    `json:"rule"`
}

// Score is the health of a client at an instant: Points, from 0 to 100, are the sum of those of the contributions.
type Score struct {
	Points        int            `json:"points"`
	Contributions []Contribution `json:"contributions"` // the base, the facts from the newest, the limit if it was met
	Version       int            `json:"version"`       // of the policy
}

// dated is a fact that has a rule.
type dated struct {
	Fact
	rule   int
	points int       // by itself, before the cap
	until  time.Time // it counts from At until then
}

// Score returns the score of the facts at the instant; windows end by the wall calendar of loc. A fact of the future does not
// count yet. Where the facts of a rule go over its cap, the oldest of those that do count less or nothing. The order and the
// repetition of facts make no difference.
func (p *Policy) Score(facts []Fact, at time.Time, loc *time.Location) Score {
	return p.score(p.dated(facts, loc), at)
}

// dated returns the facts that have a rule, each ID once, from the newest.
func (p *Policy) dated(facts []Fact, loc *time.Location) []dated {
	latest := make(map[string]Fact, len(facts))
	for _, f := range facts {
		if known, ok := latest[f.ID]; !ok || f.Seq > known.Seq {
			latest[f.ID] = f
		}
	}
	list := make([]dated, 0, len(latest))
	for _, f := range latest {
		i, ok := p.of[f.Kind]
		if !ok {
			continue
		}
		f.At = f.At.Round(0).UTC()
		r := p.rules[i]
		list = append(list, dated{Fact: f, rule: i, points: r.points(f), until: r.Within.After(f.At, loc)})
	}
	slices.SortFunc(list, func(a, b dated) int { return compare(b.Fact, a.Fact) })
	return list
}

// points returns what a fact of the rule counts by itself. Levels out of their range count as the nearest in it.
func (r *Rule) points(f Fact) int {
	if r.PointsPerLevel != nil {
		return (min(max(f.Value, lowestLevel), highestLevel) - middleLevel) * *r.PointsPerLevel
	}
	return *r.Points
}

// score adds up those of the facts, given from the newest, that count at the instant.
func (p *Policy) score(list []dated, at time.Time) Score {
	sums := make([]int, len(p.rules))
	var counting []dated
	for _, f := range list {
		if !f.At.After(at) && at.Before(f.until) {
			sums[f.rule] += f.points
			counting = append(counting, f)
		}
	}
	p.limit(counting, sums)
	s := Score{Points: p.base, Contributions: []Contribution{{Rule: RuleBase, Points: p.base}}, Version: p.version}
	for _, f := range counting {
		if f.points != 0 {
			s.Points += f.points
			s.Contributions = append(s.Contributions, Contribution{Fact: f.ID, Kind: f.Kind, Points: f.points, At: f.At, Rule: p.rules[f.rule].name})
		}
	}
	if over := s.Points - min(max(s.Points, 0), highest); over != 0 {
		s.Points -= over
		s.Contributions = append(s.Contributions, Contribution{Rule: RuleLimit, Points: -over})
	}
	return s
}

// limit takes from the oldest facts what the sum of their rule is over its cap.
func (p *Policy) limit(counting []dated, sums []int) {
	for i := len(counting) - 1; i >= 0; i-- {
		f := &counting[i]
		most := p.rules[f.rule].AtMost
		over := sums[f.rule] - min(max(sums[f.rule], -most), most)
		switch {
		case over > 0 && f.points > 0:
			over = min(over, f.points)
		case over < 0 && f.points < 0:
			over = max(over, f.points)
		default:
			continue
		}
		f.points -= over
		sums[f.rule] -= over
	}
}
