package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// twin is one approval twice: at the product, and as the pure core says that it must be.
type twin struct {
	t      *testing.T
	s      *stack
	rng    *rand.Rand
	id     string
	visit  *visit // nil: of a case, which is submitted again on the approval itself
	people []person
	chain  *approval.Chain
	env    approval.Env
	state  approval.State
	tally  *verbTally
}

// verbTally counts the commands of all twins by verb.
type verbTally struct {
	sync.Mutex
	accepted, refused map[approval.Verb]int
	outcomes          map[approval.Outcome]int
}

func (v *verbTally) count(in map[approval.Verb]int, verb approval.Verb) {
	v.Lock()
	defer v.Unlock()
	in[verb]++
}

// seesAll are those of the cast who may see every approval.
var seesAll = []string{"manager1", "director1"}

// lawCast is the cast of a twin; who else is in the company may get other rules from other tests meanwhile.
var lawCast = []string{"am1", "am2", "manager1", "clerk1", "clerk2", "finance1", "director1", "agent1", "agent2", "agent4", "supervisor2"}

// TestTheProductDecidesAsThePureCoreDoes leads approvals through random commands of random people over HTTP, good ones and
// bad ones. After each, everybody sees what the pure core says, and a refusal carries the code of the core's refusal.
func TestTheProductDecidesAsThePureCoreDoes(t *testing.T) {
	t.Parallel()
	s := shared
	tally := &verbTally{accepted: map[approval.Verb]int{}, refused: map[approval.Verb]int{}, outcomes: map[approval.Outcome]int{}}
	t.Run("lives", func(t *testing.T) {
		for i := range 14 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				w := &twin{t: t, s: s, rng: rand.New(rand.NewPCG(20261122, uint64(i))), tally: tally}
				for _, name := range lawCast {
					w.people = append(w.people, s.as(t, name))
				}
				if i%7 == 6 {
					w.ofCase()
				} else {
					w.ofVisit(i)
				}
				w.live(20)
			})
		}
	})
	t.Log("accepted:", tally.accepted, "refused:", tally.refused, "ends:", tally.outcomes)
	for _, verb := range models.ApprovalVerbs() {
		require.Positive(t, tally.accepted[verb], "%s was accepted somewhere", verb)
		require.Positive(t, tally.refused[verb], "%s was refused somewhere", verb)
	}
	for _, outcome := range []approval.Outcome{"", approval.Approved, approval.Rejected, approval.Withdrawn} {
		require.Positive(t, tally.outcomes[outcome], "some end as %q", outcome)
	}
}

// ofVisit begins with the approval of a reception that asks for two, three or four steps.
func (w *twin) ofVisit(i int) {
	change := M{"departure_reason": "They come from far away.", "level": []string{"standard", "vip"}[i%2], "budget": w.budget()}
	w.visit = w.s.visit(w.t, change)
	w.begin(w.visit.do("am1", "submit", nil).Approval.ID, w.s.as(w.t, "am1"))
}

// budget is one that finance must approve, or not.
func (w *twin) budget() []M {
	return []M{{"item": "meals", "amount": 10_000 + w.rng.IntN(20_000)}, {"item": "lodging", "amount": 600_000 * w.rng.IntN(2)}}
}

// ofCase begins with the transfer of the accountability for a case.
func (w *twin) ofCase() {
	from, to := w.s.as(w.t, "agent4"), w.s.as(w.t, "agent1")
	m := w.s.record(w.t, from, "calm", nil)
	m.do(from, "transfer-accountability", M{"to_id": to.ID, "reason": "On leave from tomorrow."})
	w.begin(m.view().Transfer.ApprovalID, from, to.ID)
}

// begin waits until the product has begun the approval, and begins it in the core.
func (w *twin) begin(id string, requester person, interested ...string) {
	w.t.Helper()
	w.id = id
	until(w.t, func() bool { return requester.try(w.t, http.MethodGet, "/approvals/"+id, nil).status == http.StatusOK }, func() string { return "the approval" })
	view := w.view(requester)
	text := requester.try(w.t, http.MethodGet, "/policies/approval", nil, "Accept", "application/yaml")
	doc, faults := approval.Parse(text.body)
	require.Empty(w.t, faults)
	policy, err := approval.Compile(doc, view.PolicyVersion)
	require.NoError(w.t, err)
	w.chain, err = policy.Chain(view.Chain)
	require.NoError(w.t, err)
	w.env.Org = w.company()
	w.state, _, err = w.chain.New(approval.Request{
		ID: id, SubjectID: view.SubjectID, Requester: requester.ID, Interested: interested, Facts: factsOf(view.Facts),
	}, time.Now(), w.env)
	require.NoError(w.t, err)
	w.agree()
}

// company is the organisation as the API shows it.
func (w *twin) company() approval.Org {
	o := approval.Org{People: map[string]approval.Person{}, Teams: map[string]approval.Team{}}
	admin := w.s.as(w.t, "admin")
	for _, u := range all[struct {
		ID        string   `json:"id"`
		Active    bool     `json:"active"`
		Roles     []string `json:"roles"`
		TeamID    string   `json:"team_id"`
		ManagerID string   `json:"manager_id"`
	}](w.t, admin, "/users") {
		o.People[u.ID] = approval.Person{ID: u.ID, Active: u.Active, Roles: u.Roles, TeamID: u.TeamID, ManagerID: u.ManagerID}
	}
	for _, team := range all[struct {
		ID           string `json:"id"`
		Name         string `json:"name"`
		SupervisorID string `json:"supervisor_id"`
	}](w.t, admin, "/teams") {
		o.Teams[team.ID] = approval.Team{ID: team.ID, Name: team.Name, SupervisorID: team.SupervisorID}
	}
	return o
}

func factsOf(flat M) approval.Facts {
	f := approval.Facts{Texts: map[string]string{}, Numbers: map[string]int64{}, Flags: map[string]bool{}, Lists: map[string][]string{}}
	for name, value := range flat {
		switch v := value.(type) {
		case string:
			f.Texts[name] = v
		case float64:
			f.Numbers[name] = int64(v)
		case bool:
			f.Flags[name] = v
		case []any:
			for _, one := range v {
				f.Lists[name] = append(f.Lists[name], one.(string))
			}
		}
	}
	return f
}

// lawView is an approval as the API shows it, as far as the core says what it must be.
type lawView struct {
	SubjectID      string          `json:"subject_id"`
	Chain          string          `json:"chain"`
	PolicyVersion  int             `json:"policy_version"`
	State          string          `json:"state"`
	Outcome        string          `json:"outcome"`
	Facts          M               `json:"facts"`
	Steps          []lawStep       `json:"steps"`
	AllowedActions []approval.Verb `json:"allowed_actions"`
}

// lawStep is a step as the API and the core both write it; what the one leaves out is null in the other.
type lawStep struct {
	ID           string `json:"id"`
	Mode         string `json:"mode"`
	State        string `json:"state"`
	Rule         string `json:"rule"`
	Participants []struct {
		UserID     string `json:"user_id"`
		OnBehalfOf string `json:"on_behalf_of"`
		Position   string `json:"position"`
		AddedBy    string `json:"added_by"`
		State      string `json:"state"`
		Opinion    string `json:"opinion"`
		Comment    string `json:"comment"`
	} `json:"participants"`
}

func (w *twin) view(p person) lawView {
	w.t.Helper()
	return get[lawView](w.t, p, "/approvals/"+w.id)
}

// core is the approval as the core says that it must be shown.
func (w *twin) core() (steps []lawStep) {
	w.t.Helper()
	text, err := json.Marshal(w.chain.Steps(w.state))
	require.NoError(w.t, err)
	require.NoError(w.t, json.Unmarshal(text, &steps))
	return steps
}

// sees reports whether the person may see the approval.
func (w *twin) sees(p person) bool {
	return slices.Contains(seesAll, p.name) || slices.Contains(w.state.Involved(), p.ID)
}

// allowed are the verbs that the core allows and the product offers to the person.
func (w *twin) allowed(p person) []approval.Verb {
	verbs := []approval.Verb{}
	for _, verb := range approval.Allowed(w.state, p.ID, time.Now()) {
		if verb != approval.Resubmit || w.visit == nil {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}

// agree requires that everybody sees the approval as the core says that it is.
func (w *twin) agree() {
	w.t.Helper()
	want := w.core()
	for _, p := range w.people {
		if !w.sees(p) {
			refused(w.t, p.try(w.t, http.MethodGet, "/approvals/"+w.id, nil), http.StatusNotFound, "not_found")
			require.Empty(w.t, w.allowed(p))
			continue
		}
		got := w.view(p)
		require.Equal(w.t, want, got.Steps)
		require.Equal(w.t, w.allowed(p), got.AllowedActions, p.name)
		require.Equal(w.t, string(w.state.Outcome), got.Outcome)
	}
}

// live leads the approval through random commands, and two more after its end.
func (w *twin) live(commands int) {
	w.t.Helper()
	for over := 0; commands > 0 && over < 2; commands-- {
		if w.state.Outcome != "" {
			over++
		}
		by := w.people[w.rng.IntN(len(w.people))]
		for range 12 { // most often somebody who can do something
			mine := w.allowed(by)
			if w.rng.IntN(12) == 0 || slices.ContainsFunc([]approval.Verb{approval.Approve, approval.TakeBack, approval.Resubmit}, func(v approval.Verb) bool {
				return slices.Contains(mine, v)
			}) {
				break
			}
			by = w.people[w.rng.IntN(len(w.people))]
		}
		if w.visit != nil && w.withRequester() && w.rng.IntN(2) == 0 {
			w.submitAgain()
		} else {
			w.command(by)
		}
		w.agree()
	}
	w.inboxes()
	w.tally.Lock()
	defer w.tally.Unlock()
	w.tally.outcomes[w.state.Outcome]++
}

func (w *twin) withRequester() bool {
	v := w.state.Active()
	return v != nil && v.Step == approval.StepRequester
}

// command has the person use a verb, most often one that they may use.
func (w *twin) command(by person) {
	w.t.Helper()
	verbs := models.ApprovalVerbs()
	if mine := w.allowed(by); len(mine) > 0 && w.rng.IntN(5) > 0 {
		verbs = mine
	}
	verb := verbs[w.rng.IntN(len(verbs))]
	switch decides := slices.Contains(verbs, approval.Approve); {
	case !decides && slices.Contains(verbs, approval.TakeBack) && w.rng.IntN(2) == 0:
		verb = approval.TakeBack
	case decides && w.rng.IntN(3) == 0:
		verb = []approval.Verb{approval.Approve, approval.Approve, approval.Approve, approval.Reject}[w.rng.IntN(4)]
	case slices.Contains([]approval.Verb{approval.CC, approval.Comment, approval.Reject, approval.Withdraw}, verb): // too little, or an early end
		verb = verbs[w.rng.IntN(len(verbs))]
	}
	cmd, body := w.arguments(verb)
	cmd.Verb, cmd.Actor = verb, by.ID
	next, _, err := w.chain.Apply(w.state, cmd, time.Now(), w.env)
	if verb == approval.Resubmit && w.visit != nil { // what has a plan is changed and submitted there
		err = errs.New(errs.Conflict, "approval.resubmit_there")
	}
	if err != nil && !w.sees(by) {
		err = errs.New(errs.NotFound, "not_found")
	}
	a := by.try(w.t, http.MethodPost, "/approvals/"+w.id+"/"+string(verb), body)
	if err == nil {
		require.Equal(w.t, http.StatusOK, a.status, "%s %s %v: %s", by.name, verb, body, a.body)
		w.state = next
		w.tally.count(w.tally.accepted, verb)
		return
	}
	require.Equal(w.t, string(errs.CodeOf(err)), into[problem](w.t, a).Code, "%s %s %v: %s", by.name, verb, body, a.body)
	w.tally.count(w.tally.refused, verb)
}

// arguments draws what a verb is used with, for the core and for the product.
func (w *twin) arguments(verb approval.Verb) (approval.Command, M) {
	somebody := func() string {
		if w.rng.IntN(20) == 0 {
			return "user_00000000000000000000000000"
		}
		return w.people[w.rng.IntN(len(w.people))].ID
	}
	comment := []string{"", "Because."}[w.rng.IntN(2)]
	cmd, body := approval.Command{Comment: comment}, M{"comment": comment}
	switch verb {
	case approval.Return:
		targets := append([]string{approval.StepRequester, approval.StepRequester, "nowhere"}, w.state.Path...)
		cmd.To, cmd.Resume = targets[w.rng.IntN(len(targets))], []string{"", approval.AfterResume, approval.AfterWalkAgain}[w.rng.IntN(3)]
		body["to"], body["resume"] = cmd.To, cmd.Resume
	case approval.Transfer, approval.Delegate:
		cmd.ToID = somebody()
		body["to_id"] = cmd.ToID
	case approval.AddSign:
		cmd.Position = []approval.Position{approval.Before, approval.After, approval.Parallel}[w.rng.IntN(3)]
		cmd.UserIDs = slices.Compact([]string{somebody(), somebody()})
		body["position"], body["user_ids"] = cmd.Position, cmd.UserIDs
	case approval.RemoveSign:
		cmd.UserID = somebody()
		if v := w.state.Active(); v != nil && w.rng.IntN(3) > 0 {
			for _, p := range v.Participants {
				if p.AddedBy != "" {
					cmd.UserID = p.UserID
				}
			}
		}
		body["user_id"] = cmd.UserID
	case approval.CC:
		cmd.UserIDs = []string{somebody()}
		body["user_ids"] = cmd.UserIDs
	case approval.Comment:
		cmd.Comment = "I wonder."
		body = M{"text": cmd.Comment}
	case approval.Urge:
		cmd.Comment, body = "", M{}
	}
	return cmd, body
}

// submitAgain has the requester submit the reception again, as it was or with another budget.
func (w *twin) submitAgain() {
	w.t.Helper()
	w.visit.await("draft")
	if w.rng.IntN(2) == 0 {
		w.visit.plan["budget"] = w.budget()
		w.visit.do("am1", "revise", w.visit.plan)
	}
	w.visit.do("am1", "submit", nil)
	requester := w.s.as(w.t, "am1")
	until(w.t, func() bool { return w.view(requester).State != "returned" }, func() string { return "the request is still with its requester" })
	facts := factsOf(w.view(requester).Facts)
	next, _, err := w.chain.Apply(w.state, approval.Command{Verb: approval.Resubmit, Actor: requester.ID, Facts: &facts}, time.Now(), w.env)
	require.NoError(w.t, err)
	w.state = next
	w.tally.count(w.tally.accepted, approval.Resubmit)
}

// inboxes requires that exactly those have a task whom the core asks.
func (w *twin) inboxes() {
	w.t.Helper()
	want, got := M{}, M{}
	for _, o := range w.state.OpenTasks() {
		want[o.UserID] = o.Kind
	}
	for _, p := range w.people {
		for _, o := range all[struct {
			Kind       string `json:"kind"`
			ApprovalID string `json:"approval_id"`
		}](w.t, p, "/tasks?box=todo&process=approval") {
			if o.ApprovalID == w.id {
				got[p.ID] = o.Kind
			}
		}
	}
	require.Equal(w.t, want, got)
}
