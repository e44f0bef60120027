package models_test

import (
	"encoding/xml"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/models"
)

// approvalDiagram is what the BPMN file says of an approval.
type approvalDiagram struct {
	Starts   []bpmnNode `xml:"process>startEvent"`
	Tasks    []bpmnNode `xml:"process>userTask"`
	Events   []bpmnNode `xml:"process>intermediateThrowEvent"`
	Gateways []bpmnNode `xml:"process>exclusiveGateway"`
	Ends     []bpmnNode `xml:"process>endEvent"`
	Flows    []struct {
		ID     string `xml:"id,attr"`
		Source string `xml:"sourceRef,attr"`
		Target string `xml:"targetRef,attr"`
	} `xml:"process>sequenceFlow"`
	Shapes []struct {
		Of string `xml:"bpmnElement,attr"`
	} `xml:"BPMNDiagram>BPMNPlane>BPMNShape"`
	Edges []struct {
		Of string `xml:"bpmnElement,attr"`
	} `xml:"BPMNDiagram>BPMNPlane>BPMNEdge"`
}

func readApprovalDiagram(t *testing.T) approvalDiagram {
	t.Helper()
	body, err := os.ReadFile("../docs/processes/approval.bpmn")
	require.NoError(t, err)
	var d approvalDiagram
	require.NoError(t, xml.Unmarshal(body, &d))
	return d
}

func nodeIDs(lists ...[]bpmnNode) []string {
	var ids []string
	for _, list := range lists {
		for _, n := range list {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

func TestApprovalDiagram_has_the_states_of_the_code(t *testing.T) {
	t.Parallel()
	d := readApprovalDiagram(t)
	require.Equal(t, []string{string(models.ApprovalBegin)}, nodeIDs(d.Starts))
	require.ElementsMatch(t, []string{string(approval.VisitActive), string(models.ApprovalReturned)}, nodeIDs(d.Tasks))
	require.ElementsMatch(t, []string{
		string(approval.VisitPassed), string(approval.VisitSkipped), string(approval.VisitRefused), string(approval.VisitVoid), string(approval.VisitCancelled),
	}, nodeIDs(d.Events))
	require.ElementsMatch(t, []string{string(approval.Approved), string(approval.Rejected), string(approval.Withdrawn)}, nodeIDs(d.Ends))
	all := nodeIDs(d.Starts, d.Tasks, d.Events, d.Gateways, d.Ends)
	var shown, flows, edges []string
	for _, s := range d.Shapes {
		shown = append(shown, s.Of)
	}
	for _, f := range d.Flows {
		require.Subset(t, all, []string{f.Source, f.Target})
		flows = append(flows, f.ID)
	}
	for _, e := range d.Edges {
		edges = append(edges, e.Of)
	}
	require.ElementsMatch(t, all, shown, "every node is drawn")
	require.ElementsMatch(t, flows, edges, "every flow is drawn")
}

// reach lists the nodes among stops that the diagram leads to from the node, without stopping at another one on the way.
func (d approvalDiagram) reach(from string, stops []string) []string {
	var found []string
	seen := map[string]bool{}
	var walk func(string)
	walk = func(at string) {
		for _, f := range d.Flows {
			switch {
			case f.Source != at || seen[f.Target]:
			case slices.Contains(stops, f.Target):
				seen[f.Target] = true
				found = append(found, f.Target)
			default:
				seen[f.Target] = true
				walk(f.Target)
			}
		}
	}
	walk(from)
	return found
}

// TestApprovalDiagram_shows_what_can_happen: every way from one wait to the next is walked here, but for those that need a
// chain nobody may publish.
func TestApprovalDiagram_shows_what_can_happen(t *testing.T) {
	t.Parallel()
	d := readApprovalDiagram(t)
	people := func(gone ...string) approval.Org {
		org := approval.Org{People: map[string]approval.Person{}}
		for _, name := range []string{"ann", "ben", "sue"} {
			org.People[name] = approval.Person{ID: name, Active: !slices.Contains(gone, name)}
		}
		return org
	}
	walked := map[[2]string]bool{}
	visits := map[approval.VisitState]bool{}
	walk := func(rules string, org approval.Org, commands ...approval.Command) {
		doc, faults := approval.Parse([]byte(`
kind: approval
chains:
  reception:
    select: [{when: "true", steps: [one, two]}]
    steps: {one: {who: [{user: ben}]}, two: {who: [{user: sue}]}}
    rules: ` + rules))
		require.Empty(t, faults)
		policy, err := approval.Compile(doc, 1)
		require.NoError(t, err)
		chain, err := policy.Chain("reception")
		require.NoError(t, err)
		from := string(models.ApprovalBegin)
		note := func(s approval.State) {
			to := string((&models.ApprovalState{Chain: s}).Status())
			if to == string(models.ApprovalOpen) {
				to = string(approval.VisitActive)
			}
			if from != to || to != string(models.ApprovalReturned) { // there, nothing has moved
				walked[[2]string{from, to}] = true
			}
			from = to
			for _, v := range s.Visits {
				visits[v.State] = true
			}
		}
		s, _, err := chain.New(approval.Request{ID: "a", Requester: "ann"}, monday, approval.Env{Org: org})
		require.NoError(t, err)
		note(s)
		for i, cmd := range commands {
			if cmd.Verb == approval.OrgChanged {
				org = people("ben", "sue")
			}
			s, _, err = chain.Apply(s, cmd, monday.Add(time.Duration(i+1)*time.Minute), approval.Env{Org: org})
			require.NoError(t, err, cmd)
			note(s)
		}
	}
	act := func(verb approval.Verb, actor string) approval.Command {
		return approval.Command{Verb: verb, Actor: actor}
	}
	back := func(actor, to string) approval.Command {
		return approval.Command{Verb: approval.Return, Actor: actor, To: to}
	}
	agree, finish := act(approval.Approve, "ben"), act(approval.Approve, "sue")
	gone := approval.Command{Verb: approval.OrgChanged, Actor: approval.System}
	walk(`{}`, people(), agree, finish)
	walk(`{}`, people(), agree, act(approval.TakeBack, "ben"), act(approval.Reject, "ben"))
	walk(`{}`, people(), agree, back("sue", "one"), back("ben", "requester"), act(approval.Resubmit, "ann"), act(approval.Withdraw, "ann"))
	walk(`{}`, people(), back("ben", "requester"), act(approval.Withdraw, "ann"))
	walk(`{}`, people(), gone)
	walk(`{nobody_found: skip}`, people("ben"), finish)
	walk(`{nobody_found: skip}`, people("ben", "sue"))
	walk(`{nobody_found: reject}`, people("ben"))
	walk(`{nobody_found: skip, after_return: resume}`, people(), agree, back("sue", "requester"), gone, act(approval.Resubmit, "ann"))
	walk(`{nobody_found: reject}`, people(), agree, back("sue", "requester"), gone, act(approval.Resubmit, "ann"))

	stops := nodeIDs(d.Tasks, d.Ends)
	drawn := map[[2]string]bool{}
	for _, from := range append(nodeIDs(d.Starts), nodeIDs(d.Tasks)...) {
		for _, to := range d.reach(from, stops) {
			drawn[[2]string{from, to}] = true
		}
	}
	require.Subset(t, drawn, walked)
	delete(drawn, [2]string{"begin", "approved"}) // a chain in which nobody was asked is rejected
	require.Equal(t, drawn, walked)
	require.Len(t, visits, 6, "every state of a visit was met")
}
