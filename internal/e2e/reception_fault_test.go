package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	sameCourse = 4  // visits that take each course
	killsApart = 8  // commands acknowledged between two kills of the worker
	mostKills  = 12 // while the visits last
	leastKills = 6
	giftsEach  = 1
)

// course is what people do about one visit, step after step, and the state in which that leaves it. A step is who, what, and
// what the visit's timeline then says, if anything; "?" marks a step that is taken beside the next one and may come too late.
type course struct{ end, steps string }

const (
	approved = "am1 submit submitted; manager1 approve; clerk1 approve approved"
	visited  = approved + "; clerk1 prepare prepared; clerk1 start started; clerk1 complete completed"
)

var courses = []course{
	{"rejected", "am1 submit submitted; manager1 reject rejected"},
	{"rejected", "am1 submit submitted; manager1 approve; clerk1 reject rejected"},
	{"withdrawn", "am1 submit submitted; am1 withdraw withdrawn"},
	{"cancelled", "am1 submit submitted; am1 cancel cancelled"},
	{"cancelled", "am1 submit submitted; manager1 return returned; am1 revise revised; am1 submit resubmitted; am1 cancel cancelled"},
	{"cancelled", "am1 submit submitted; manager1 approve; clerk1 approve ?; am1 cancel cancelled"},
	{"cancelled", approved + "; clerk1 prepare prepared; manager1 cancel cancelled"},
	{"closed", visited + "; am1 expense-claim claim_submitted; finance1 pay claim_paid; am1 close closed"},
	{"closed", visited + "; am1 claim-over claim_submitted; manager1 approve; clerk1 approve claim_approved; finance1 pay claim_paid; am1 close closed"},
	{"closed", visited + "; am1 claim-over claim_submitted; manager1 reject claim_rejected; am1 expense-claim claim_submitted; finance1 pay claim_paid; am1 close closed"},
	{"closed", visited + "; am1 expense-claim claim_submitted; finance1 return-claim claim_returned; am1 close closed"},
	{"in_approval", "am1 submit submitted; manager1 approve"}, // goes on when all is calm
}

// everyWord holds all that the timelines of visits say of steps.
var everyWord = func() (words string) {
	for _, c := range courses {
		words += c.steps + ";"
	}
	return words
}()

// crowd leads many visits along their courses at the same time, as patient callers do.
type crowd struct {
	s            *stack
	cast         map[string]person
	acknowledged atomic.Int64
	underWay     atomic.Int64
	given        chan struct{} // a command has just been given
}

// attended is one visit of the crowd.
type attended struct {
	*crowd
	course
	id         string
	plan       M
	said       []string // what its timeline must say, in order
	held, paid int64    // minor units, for meals: of the plan, and of the claim
	err        error
}

// TestAKilledWorkerLeavesNothingHeldBookedOrHalfPaid kills the worker at random instants while visits are submitted, decided,
// cancelled and settled. At the end every command counts once, budgets and resources keep what living visits need and nothing
// more, and approvals that were under way go on.
func TestAKilledWorkerLeavesNothingHeldBookedOrHalfPaid(t *testing.T) {
	t.Parallel()
	s, err := newStack(true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.NoError(t, s.start())
	c := &crowd{s: s, cast: map[string]person{}, given: make(chan struct{})}
	for _, name := range []string{"am1", "manager1", "clerk1", "finance1"} {
		c.cast[name] = s.as(t, name)
	}
	room, gifts := c.resource(t, "room"), c.resource(t, "gift_stock")
	visits := c.invite(t, room, gifts)

	var leaders sync.WaitGroup
	for _, v := range visits {
		leaders.Go(func() { v.err = v.lead(v.steps) })
	}
	done := make(chan struct{})
	go func() { leaders.Wait(); close(done) }()
	kills, met := c.killWorkers(t, seeded(t), done)
	<-done
	for _, v := range visits {
		require.NoError(t, v.err)
	}
	t.Logf("%d visits, %d commands acknowledged, %d kills met %d under way", len(visits), c.acknowledged.Load(), kills, met)
	require.GreaterOrEqual(t, kills, leastKills)
	require.Positive(t, met)
	c.countsOnce(t, visits, room, gifts)

	for _, v := range visits {
		if v.end == "in_approval" {
			require.NoError(t, v.lead("clerk1 approve approved"))
			v.end = "approved"
		}
	}
	c.countsOnce(t, visits, room, gifts)
	s.verify(t)
}

func (c *crowd) resource(t *testing.T, kind string) string {
	t.Helper()
	return all[struct{ ID string }](t, c.cast["am1"], "/resources?kind="+kind)[0].ID
}

// invite plans the visits, each on a day of its own and for an amount of its own.
func (c *crowd) invite(t *testing.T, room, gifts string) []*attended {
	t.Helper()
	var visits []*attended
	for i := range sameCourse * len(courses) {
		v := &attended{crowd: c, course: courses[i%len(courses)], held: int64(20_000 + 100*i)}
		v.plan = c.s.plan(t, M{
			"activities": []M{}, "budget": []M{{"item": "meals", "amount": v.held}}, "departure_reason": "They come from far away.",
			"resources": []M{{"resource_id": room}, {"resource_id": gifts, "quantity": giftsEach}},
		})
		a := c.cast["am1"].try(t, http.MethodPost, "/receptions", v.plan)
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
		v.id = into[receptionView](t, a).ID
		visits = append(visits, v)
	}
	return visits
}

// killWorkers kills one worker after the other while there are visits, each a random moment after a command was given, and
// answers how many that were and how many commands they met.
func (c *crowd) killWorkers(t *testing.T, rng *rand.Rand, done <-chan struct{}) (kills int, met int64) {
	t.Helper()
	for begun := time.Now(); kills < mostKills; kills++ {
		mark := c.acknowledged.Load()
		until(t, func() bool { return c.acknowledged.Load() >= mark+killsApart || over(done) },
			func() string { return fmt.Sprintf("the visits go on, after %d commands", c.acknowledged.Load()) })
		select {
		case <-c.given:
		case <-done:
			return kills, met
		}
		<-time.After(time.Duration(rng.Int64N(int64(40 * time.Millisecond)))) // anywhere between the steps of a command
		now := c.underWay.Load()
		c.s.kill(t, "worker")
		require.NoError(t, c.s.restart("worker"))
		met += now
		t.Logf("%5.1fs killed a worker with %d commands under way, %d acknowledged", time.Since(begun).Seconds(), now, c.acknowledged.Load())
	}
	return kills, met
}

func over(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// lead takes the steps one after the other.
func (v *attended) lead(steps string) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	for step := range strings.SplitSeq(steps, "; ") {
		words := append(strings.Fields(step), "")
		by, action, says := v.cast[words[0]], words[1], words[2]
		path, err := v.mayTake(by, action)
		if err != nil {
			return err
		}
		key, body := unique(action), v.body(action)
		if says == "?" {
			beside.Go(func() { _, _ = v.give(by, path, key, body) })
			continue
		}
		if says != "" {
			v.said = append(v.said, says)
		}
		a, err := v.give(by, path, key, body)
		// After a kill, what everybody sees may be a step ahead of what the process knows: one looks and presses again.
		for n := 0; n < 20 && err == nil && a.status == http.StatusConflict && strings.Contains(string(a.body), `"code":"conflict"`); n++ {
			if path, err = v.mayTake(by, action); err == nil {
				a, err = v.give(by, path, unique(action), body)
			}
		}
		if err != nil || a.status != http.StatusOK {
			return fmt.Errorf("%s in %s (%s): %v status %d %s", step, v.id, v.steps, err, a.status, a.body)
		}
	}
	return nil
}

// mayTake waits until the person may take the action, on the visit or on its newest approval, and says where.
func (v *attended) mayTake(by person, action string) (string, error) {
	word := action
	if action == "claim-over" {
		word = "expense-claim"
	}
	var view struct {
		Approvals      []struct{ ID string }
		AllowedActions []string `json:"allowed_actions"`
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		path := "/receptions/" + v.id
		err := v.read(v.cast["am1"], path, &view)
		if slices.Contains([]string{"approve", "reject", "return"}, action) && len(view.Approvals) > 0 {
			path = "/approvals/" + view.Approvals[len(view.Approvals)-1].ID
		}
		view.AllowedActions = nil
		if err == nil {
			err = v.read(by, path, &view)
		}
		if err != nil {
			return "", err
		}
		if slices.Contains(view.AllowedActions, word) {
			return path + "/" + word, nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return "", fmt.Errorf("%s may not %s in %s (%s), only %v", by.name, action, v.id, v.steps, view.AllowedActions)
}

// read reads an object; one that is not there yet, or not for the person, leaves the view as it is.
func (v *attended) read(by person, path string, view any) error {
	a, err := call(v.s.url, by.token, http.MethodGet, "/api/v1"+path, nil)
	switch {
	case err != nil || a.status == http.StatusNotFound:
		return err
	case a.status != http.StatusOK:
		return fmt.Errorf("%s GET %s: status %d %s", by.name, path, a.status, a.body)
	}
	return json.Unmarshal(a.body, view)
}

func (v *attended) body(action string) M {
	switch action {
	case "revise":
		v.held += 7
		v.plan["budget"] = []M{{"item": "meals", "amount": v.held}}
		return v.plan
	case "return":
		return M{"to": "requester", "comment": "Say more."}
	case "cancel":
		return M{"reason": "It had to be."}
	case "return-claim":
		v.paid = 0
		return M{"reason": "Where is the receipt?"}
	case "expense-claim", "claim-over":
		v.paid = v.held - 500
		if action == "claim-over" {
			v.paid += 300_000
		}
		return M{"items": []M{{"item": "meals", "amount": v.paid, "receipt": unique("FP")}}}
	case "close":
		return M{"summary": "They liked it."}
	default:
		return M{}
	}
}

// give gives the command, again under its key, until it has a final answer.
func (v *attended) give(by person, path, key string, body M) (answer, error) {
	v.underWay.Add(1)
	defer v.underWay.Add(-1)
	select {
	case v.given <- struct{}{}:
	default: // no kill waits for one
	}
	a, err := by.patiently(path, key, body)
	if err == nil && a.status == http.StatusOK {
		v.acknowledged.Add(1)
	}
	return a, err
}

// alive reports whether the visit is still to come.
func (v *attended) alive() bool { return v.end == "in_approval" || v.end == "approved" }

// countsOnce requires every visit to be where its course leads and to have counted every command once, and what is held,
// booked and spent to be exactly what the visits need.
func (c *crowd) countsOnce(t *testing.T, visits []*attended, room, gifts string) {
	t.Helper()
	var held, committed int64
	kept, given := map[string]int{}, map[string]int{}
	paid, asked := map[string]int{}, map[string]int{}
	for _, v := range visits {
		v.countsOnce(t)
		committed += v.paid
		if v.paid > 0 {
			paid[v.id] = 1
		}
		if v.alive() {
			held += v.held
			kept[v.id] = 1
		}
		if v.alive() || v.end == "closed" { // what was given away does not come back
			given[v.id] = giftsEach
		}
		if v.end == "in_approval" {
			asked[v.id] = 1
		}
	}
	require.Equal(t, kept, c.booked(t, room), "the room is kept for those who come")
	require.Equal(t, given, c.booked(t, gifts), "gifts are kept for those who come, and were given to those who came")

	todo := map[string]int{}
	for _, name := range []string{"manager1", "clerk1"} {
		for _, o := range all[task](t, c.cast[name], "/tasks?box=todo&process=approval") {
			todo[o.SubjectID]++
		}
	}
	require.Equal(t, asked, todo, "nobody is asked about what is decided, and one about what is not")

	commits := map[string]int{}
	for _, b := range all[struct {
		ID              string
		Held, Committed int64
	}](t, c.cast["finance1"], "/budgets") {
		held -= b.Held
		committed -= b.Committed
		for _, e := range all[struct {
			Kind      string
			SubjectID *string `json:"subject_id"`
		}](t, c.cast["finance1"], "/budgets/"+b.ID+"/entries") {
			if e.Kind == "commit" {
				commits[*e.SubjectID]++
			}
		}
	}
	require.Zero(t, held, "what is held is what those need who come")
	require.Zero(t, committed, "what is spent is what was claimed and paid")
	require.Equal(t, paid, commits, "nothing is half paid, nothing twice")
}

// booked counts the pieces of a resource that each visit has.
func (c *crowd) booked(t *testing.T, resource string) map[string]int {
	t.Helper()
	from := time.Now().UTC().AddDate(0, 0, 19)
	pieces := map[string]int{}
	for _, b := range all[struct {
		SubjectID string `json:"subject_id"`
		Quantity  int
	}](t, c.cast["clerk1"], "/resources/"+resource+"/bookings?"+url.Values{
		"from": {from.Format(time.RFC3339)}, "until": {from.AddDate(0, 0, 92).Format(time.RFC3339)},
	}.Encode()) {
		pieces[b.SubjectID] += b.Quantity
	}
	return pieces
}

func (v *attended) countsOnce(t *testing.T) {
	t.Helper()
	about, asks := v.id+": "+v.steps, v.cast["am1"]
	view := func() receptionView { return get[receptionView](t, asks, "/receptions/"+v.id) }
	until(t, func() bool { return view().State == v.end }, func() string { return about + ", not " + view().State })
	if !v.alive() {
		require.Empty(t, view().Held, about)
	}
	races := strings.Contains(v.steps, "?")
	var said []string
	for i, e := range all[event](t, asks, "/receptions/"+v.id+"/timeline") {
		require.EqualValues(t, i+1, e.Seq, about)
		if strings.Contains(everyWord, " "+e.Type+";") && !(races && e.Type == "approved") {
			said = append(said, e.Type)
		}
	}
	require.Equal(t, v.said, said, about)

	approvals := get[struct{ Approvals []struct{ ID string } }](t, asks, "/receptions/"+v.id).Approvals
	require.Len(t, approvals, strings.Count(v.steps, " submitted")+strings.Count(v.steps, "claim-over"), about)
	require.Len(t, all[approvalView](t, asks, "/approvals?subject_id="+v.id), len(approvals), about)
	for _, a := range approvals {
		happened := func(kind string) (n int) {
			for _, e := range all[event](t, asks, "/approvals/"+a.ID+"/timeline") {
				if e.Type == kind {
					n++
				}
			}
			return n
		}
		ended := map[bool]int{false: 1}[v.end == "in_approval"] // a moment after the visit, when that was cancelled
		until(t, func() bool { return happened("approval_ended") >= ended }, func() string { return about + ": its approval goes on" })
		require.Equal(t, []int{1, ended}, []int{happened("approval_started"), happened("approval_ended")}, about)
	}
}
