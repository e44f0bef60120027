package cadence

// Level is one of the levels of relation with a client (M-42).
type Level string

// The levels, in the order in which they are to be built (M-43).
const (
	Key          Level = "key"          // 关键: with those who decide
	Broad        Level = "broad"        // 普遍: with everyone who works with us
	Organisation Level = "organisation" // 组织: of one company with the other
)

var levels = [...]Level{Key, Broad, Organisation}

// Levels lists the levels in the order in which they are to be built.
func Levels() []Level { return append([]Level(nil), levels[:]...) }

// Of returns the target of a level, 0 for what is none.
func (t Targets) Of(l Level) int {
	switch l {
	case Key:
		return t.Key
	case Broad:
		return t.Broad
	case Organisation:
		return t.Organisation
	}
	return 0
}

// OrderWarnings returns the levels that are ahead of one that should come before them and has not reached its target, in
// order: a warning, no refusal (M-43). have is 1 to 5 by level; a level that is missing was not assessed, and counts as not
// begun where it should come before.
func OrderWarnings(have map[Level]int, targets Targets) []Level {
	var ahead []Level
	for i, level := range levels {
		for _, earlier := range levels[:i] {
			if have[level] > have[earlier] && have[earlier] < targets.Of(earlier) {
				ahead = append(ahead, level)
				break
			}
		}
	}
	return ahead
}

// BelowTarget returns the assessed levels that have not reached their targets, in order. A level that is missing was not
// assessed and opens nothing.
func BelowTarget(have map[Level]int, targets Targets) []Level {
	var below []Level
	for _, level := range levels {
		if value, assessed := have[level]; assessed && value < targets.Of(level) {
			below = append(below, level)
		}
	}
	return below
}
