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
		Calls    []bpmnNode `xml:"callActivity"`
		Gateways []bpmnNode `xml:"exclusiveGateway"`
		Ends     []bpmnNode `xml:"endEvent"`
		Flows    []struct {
			Source string `xml:"sourceRef,attr"`
			Target string `xml:"targetRef,attr"`
		} `xml:"sequenceFlow"`
	} `xml:"process"`
	Shapes []struct {
		Of string `xml:"bpmnElement,attr"`
	} `xml:"BPMNDiagram>BPMNPlane>BPMNShape"`
}

type bpmnNode struct {
	ID string `xml:"id,attr"`
}

// receptionDiagram reads the diagram and returns it with its flows from state to state.
var receptionDiagram = sync.OnceValues(func() (diagram, map[[2]string]bool) {
	var d diagram
	body, err := os.ReadFile("../docs/processes/reception.bpmn")
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

func TestReceptionDiagram_has_the_states_of_the_code(t *testing.T) {
	t.Parallel()
	d, _ := receptionDiagram()
	var nodes, all []string
	for _, list := range [][]bpmnNode{d.Process.Tasks, d.Process.Calls, d.Process.Ends} {
		for _, n := range list {
			nodes = append(nodes, n.ID)
		}
	}
	var states []string
	for _, s := range models.ReceptionStatuses() {
		states = append(states, string(s))
	}
	require.ElementsMatch(t, states, nodes)
	for _, list := range [][]bpmnNode{d.Process.Starts, d.Process.Gateways} {
		for _, n := range list {
			all = append(all, n.ID)
		}
	}
	all = append(all, nodes...)
	var shown []string
	for _, s := range d.Shapes {
		shown = append(shown, s.Of)
	}
	require.ElementsMatch(t, all, shown, "every node is drawn")
	for _, f := range d.Process.Flows {
		require.Subset(t, all, []string{f.Source, f.Target})
	}
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
