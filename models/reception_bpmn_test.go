package models_test

import (
	"encoding/xml"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/models"
)

// diagram is what a BPMN file says of one process.
type diagram struct {
	Process struct {
		Starts   []bpmnNode `xml:"startEvent"`
		Tasks    []bpmnNode `xml:"userTask"`
		Sends    []bpmnNode `xml:"sendTask"`
		Waits    []bpmnNode `xml:"receiveTask"`
		Calls    []bpmnNode `xml:"callActivity"`
		Gateways []bpmnNode `xml:"exclusiveGateway"`
		Ends     []bpmnNode `xml:"endEvent"`
		Flows    []bpmnFlow `xml:"sequenceFlow"`
		Subs     []struct {
			ID     string     `xml:"id,attr"`
			Starts []bpmnNode `xml:"startEvent"`
			Tasks  []bpmnNode `xml:"userTask"`
			Sends  []bpmnNode `xml:"sendTask"`
			Flows  []bpmnFlow `xml:"sequenceFlow"`
		} `xml:"subProcess"` // what happens beside
	} `xml:"process"`
	Shapes []struct {
		Of string `xml:"bpmnElement,attr"`
	} `xml:"BPMNDiagram>BPMNPlane>BPMNShape"`
	Edges []struct {
		Of string `xml:"bpmnElement,attr"`
	} `xml:"BPMNDiagram>BPMNPlane>BPMNEdge"`
}

type bpmnNode struct {
	ID string `xml:"id,attr"`
}

type bpmnFlow struct {
	ID     string `xml:"id,attr"`
	Name   string `xml:"name,attr"`
	Source string `xml:"sourceRef,attr"`
	Target string `xml:"targetRef,attr"`
}

// receptionDiagram is the diagram with its flows from state to state.
var receptionDiagram = diagramOf("reception")

// diagramOf reads the diagram of a process, once, and returns it with its flows from state to state.
func diagramOf(process string) func() (diagram, map[[2]string]bool) {
	return sync.OnceValues(func() (diagram, map[[2]string]bool) {
		var d diagram
		body, err := os.ReadFile("../docs/processes/" + process + ".bpmn")
		if err == nil {
			err = xml.Unmarshal(body, &d)
		}
		if err != nil {
			panic(err)
		}
		flows := map[[2]string]bool{}
		for _, f := range d.Process.Flows {
			if source := strings.TrimPrefix(f.Source, "after_"); f.Target != "after_"+source {
				flows[[2]string{source, f.Target}] = true
			}
		}
		return d, flows
	})
}

// shows requires that the nodes of the diagram are the states, and that everything is drawn.
func (d diagram) shows(t *testing.T, states ...string) {
	t.Helper()
	p := d.Process
	nodes := nodeIDs(p.Tasks, p.Sends, p.Waits, p.Calls, p.Ends)
	require.ElementsMatch(t, states, nodes)
	all := append(nodeIDs(p.Starts, p.Gateways), nodes...)
	drawn := slices.Clone(p.Flows)
	for _, sub := range p.Subs {
		all = append(append(all, sub.ID), nodeIDs(sub.Starts, sub.Tasks, sub.Sends)...)
		drawn = append(drawn, sub.Flows...)
	}
	var shown, flows, edges []string
	for _, s := range d.Shapes {
		shown = append(shown, s.Of)
	}
	require.ElementsMatch(t, all, shown, "every node is drawn")
	for _, f := range drawn {
		require.Subset(t, all, []string{f.Source, f.Target})
		flows = append(flows, f.ID)
	}
	for _, e := range d.Edges {
		edges = append(edges, e.Of)
	}
	require.ElementsMatch(t, flows, edges, "every flow is drawn")
}

// texts are the values of states as they stand in a diagram.
func texts[S ~string](states []S) []string {
	list := make([]string, len(states))
	for i, s := range states {
		list[i] = string(s)
	}
	return list
}

func TestReceptionDiagram_has_the_states_of_the_code(t *testing.T) {
	t.Parallel()
	d, _ := receptionDiagram()
	d.shows(t, texts(models.ReceptionStatuses())...)
	for _, end := range d.Process.Ends {
		require.False(t, slices.ContainsFunc(models.ReceptionActions(), func(a models.ReceptionAction) bool {
			s := models.ReceptionState{Status: models.ReceptionStatus(end.ID), RequesterID: "amy"}
			return slices.Contains(s.AllowedActions(member(agency(), "amy"), monday), a)
		}), "%s is an end", end.ID)
	}
}

// TestReceptionDiagram_shows_what_can_happen: every flow of the diagram is walked here, and nothing else ever happens, here
// or in the random histories of TestReceptionLaws.
func TestReceptionDiagram_shows_what_can_happen(t *testing.T) {
	t.Parallel()
	_, flows := receptionDiagram()
	walked := map[[2]string]bool{{"recorded", "draft"}: true}
	walk := func(v *stay) {
		from := "recorded"
		for _, step := range v.steps {
			if to := string(step.State.Status); to != from {
				walked[[2]string{from, to}] = true
				from = to
			}
		}
	}
	storm := models.Because{Reason: "storm"}
	higher := planOf(func(p *models.ReceptionPlan) { p.Level = "vip" })
	asked := func() *stay {
		v := newVisit(t, nil)
		v.do(time.Hour, "amy", models.ReceptionSubmit, nil)
		return v
	}
	prepared := func() *stay {
		v := approved(t, nil)
		v.do(3*time.Hour, "cleo", models.ReceptionPrepare, nil)
		return v
	}
	for _, start := range []func() *stay{
		func() *stay { return newVisit(t, nil) }, asked, func() *stay { return approved(t, nil) }, prepared,
	} {
		v := start()
		v.do(4*time.Hour, "amy", models.ReceptionCancel, storm)
		walk(v)
	}
	for _, start := range []func() *stay{func() *stay { return approved(t, nil) }, prepared} {
		v := start()
		v.do(4*time.Hour, "amy", models.ReceptionRevise, higher)
		v.outcome(5*time.Hour, models.OutcomeRejected)
		v.do(6*time.Hour, "amy", models.ReceptionRevise, higher)
		v.outcome(7*time.Hour, models.OutcomeReturned)
		v.do(8*time.Hour, "amy", models.ReceptionWithdraw, nil)
		walk(v)
	}
	v := asked()
	v.outcome(2*time.Hour, models.OutcomeRejected)
	walk(v)
	v = asked()
	v.do(2*time.Hour, "amy", models.ReceptionWithdraw, nil)
	walk(v)
	v = asked()
	v.outcome(2*time.Hour, models.OutcomeReturned)
	v.do(3*time.Hour, "amy", models.ReceptionWithdraw, nil)
	walk(v)
	v = visited(t, nil)
	v.do(5*daylong, "amy", models.ReceptionClose, models.CloseReception{Summary: "s"})
	walk(v)
	v = visited(t, nil)
	v.do(5*daylong, "amy", models.ReceptionClaim, models.ClaimExpenses{Items: []models.ClaimItem{expense(models.CostMeals, 1, "A")}})
	v.do(6*daylong, "fin", models.ReceptionPay, nil)
	v.do(7*daylong, "amy", models.ReceptionClose, models.CloseReception{Summary: "s"})
	walk(v)
	require.Equal(t, flows, walked)
}
