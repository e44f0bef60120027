package robot

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Tally counts what a robot did, by action.
type Tally struct {
	Cases      int // that it met
	Receptions int // that it planned
	Clients    int // that it looked after
	LeftAlone  int // of them
	Done       map[string]int
	Refused    map[string]int // somebody was faster
	Skipped    map[string]int // planned, but nobody might do it then
	Took       time.Duration
}

func newTally() Tally {
	return Tally{Done: map[string]int{}, Refused: map[string]int{}, Skipped: map[string]int{}}
}

// Actions is the number of actions that were taken.
func (t Tally) Actions() int {
	n := 0
	for _, count := range t.Done {
		n += count
	}
	return n
}

// String is the tally as a table, one action a line.
func (t Tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "robot: %d cases met, %d receptions planned, %d clients looked after, %d left alone, %d actions in %s\n", t.Cases, t.Receptions, t.Clients, t.LeftAlone, t.Actions(), t.Took.Round(time.Second/10))
	names := map[string]bool{}
	for _, counts := range []map[string]int{t.Done, t.Refused, t.Skipped} {
		for name := range counts {
			names[name] = true
		}
	}
	fmt.Fprintf(&b, "%-26s %6s %8s %8s\n", "action", "done", "refused", "skipped")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&b, "%-26s %6d %8d %8d\n", name, t.Done[name], t.Refused[name], t.Skipped[name])
	}
	return b.String()
}

//go:embed texts.yaml
var textsYAML []byte

// texts are what the robot says: language → occasion → sentences.
var texts = readTexts()

func readTexts() map[string]map[string][]string {
	var out map[string]map[string][]string
	if err := yaml.UnmarshalWithOptions(textsYAML, &out, yaml.Strict()); err != nil {
		panic(err) // a mistake in the embedded file
	}
	return out
}
