package models_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// matters are what a case may have open besides its state, each laid over a case that has none.
var matters = map[string]func(*models.CaseState){
	"nothing":          func(*models.CaseState) {},
	"offer to ben":     func(s *models.CaseState) { s.Offer = &models.Offer{ToID: "ben"} },
	"offer to hotline": func(s *models.CaseState) { s.Offer = &models.Offer{TeamID: "hotline"} },
	"offer to dan's":   func(s *models.CaseState) { s.Offer = &models.Offer{TeamID: "backoffice"} },
	"adjudication":     func(s *models.CaseState) { s.Adjudicating = true },
	"extension": func(s *models.CaseState) {
		s.Extension = &models.ExtensionRequest{Milestone: "resolution", AskedBy: "dan"}
	},
	"transfer": func(s *models.CaseState) { s.Transfer = &models.Transfer{ToID: "amy", AskedBy: "ann"} },
	"approved transfer": func(s *models.CaseState) {
		s.Transfer = &models.Transfer{ToID: "amy", AskedBy: "ann", ApprovedBy: "sup1", ApprovedAt: &monday}
	},
	"link": func(s *models.CaseState) { s.Links = []models.CaseLink{{CaseID: "c", Kind: models.LinkRelated}} },
}

// whoMayDoWhat is the process's description, section "Who may do what", in its own words: in which states, on which open
// matter, and for whom an action is legal, when dan handles the case and ann is accountable for it. dan is of sup2's team and ann, with ben, of
// sup1's; mia and zoe stand above both. Nobody else is allowed anything.
var whoMayDoWhat = []struct {
	action models.CaseAction
	states string
	needs  string // the matters on which alone it is legal; with "not ", on all but these
	who    string
}{
	{models.ActionRespond, "open in_progress waiting_customer", "", "dan ann"},
	{models.ActionWait, "open in_progress", "", "dan ann"},
	{models.ActionResume, "waiting_customer", "", "dan ann"},
	{models.ActionNote, "open in_progress waiting_customer resolved closed", "", "dan ann"},
	{models.ActionResolve, "open in_progress waiting_customer", "", "dan ann"},
	{models.ActionAssign, "open in_progress waiting_customer", "not adjudication", "dan ann sup1 sup2 mia zoe"},
	{models.ActionAccept, "open in_progress waiting_customer", "offer to ben", "ben"},
	{models.ActionDecline, "open in_progress waiting_customer", "offer to ben", "ben"},
	{models.ActionAccept, "open in_progress waiting_customer", "offer to hotline", "ann ben sup1"},
	{models.ActionDecline, "open in_progress waiting_customer", "offer to hotline", "ann ben sup1"},
	{models.ActionAccept, "open in_progress waiting_customer", "offer to dan's", "sup2"},
	{models.ActionDecline, "open in_progress waiting_customer", "offer to dan's", "sup2"},
	{models.ActionPrioritize, "open in_progress waiting_customer", "", "sup1 sup2 mia zoe"},
	{models.ActionCancel, "open in_progress waiting_customer", "", "sup1 sup2 mia zoe"},
	{models.ActionAdjudicate, "open in_progress waiting_customer", "", "sup1 sup2 mia zoe"},
	{models.ActionClose, "resolved", "", "sup1 sup2 mia zoe"},
	{models.ActionEscalate, "open in_progress waiting_customer", "", "dan ann sup1 sup2 mia zoe"},
	{models.ActionTransfer, "open in_progress waiting_customer resolved", "not transfer, approved transfer", "ann sup1 sup2 mia zoe"},
	{models.ActionAcceptAccountability, "open in_progress waiting_customer resolved", "approved transfer", "amy"},
	{models.ActionRefuseAccountability, "open in_progress waiting_customer resolved", "approved transfer", "amy"},
	{models.ActionExtend, "open in_progress waiting_customer", "not extension", "dan ann"},
	{models.ActionClientMessage, "open in_progress waiting_customer resolved", "", "ann ben dan sup1 sup2 sup3 mia zoe amy"},
	{models.ActionReopen, "resolved closed", "", "ann ben dan sup1 sup2 sup3 mia zoe amy"},
	{models.ActionLink, "open in_progress waiting_customer resolved closed", "", "dan ann sup1 sup2 mia zoe"},
	{models.ActionUnlink, "open in_progress waiting_customer resolved closed", "link", "dan ann sup1 sup2 mia zoe"},
}

// bigCompany is the company with a third team that has nothing to do with the case, and an auditor in the hotline.
func bigCompany() *models.Org {
	o := company()
	o.Teams["field"] = models.OrgTeam{ID: "field", Name: "field", SupervisorID: "sup3"}
	o.Users["sup3"] = models.OrgUser{ID: "sup3", TeamID: "field", ManagerID: "mia", Active: true, Roles: []models.Role{models.RoleSupervisor}}
	otto := o.Users["otto"]
	otto.TeamID = "hotline"
	o.Users["otto"] = otto
	return o
}

// handedOver is a case for which ann is accountable and that dan handles.
func handedOver(t *testing.T, r models.CaseRules) models.CaseState {
	t.Helper()
	s := newCase(t, r, "ann", monday).State
	step, err := models.ApplyCase(&s, event(t, actor(r.Org, "sup1"), models.ActionAdjudicate, models.Adjudicate{AssigneeID: "dan", Reason: "r"}), monday.Add(time.Minute), r)
	require.NoError(t, err)
	return step.State
}

func may(action models.CaseAction, state, matter string) (who []string, legal bool) {
	for _, w := range whoMayDoWhat {
		except, negated := strings.CutPrefix(w.needs, "not ")
		on := w.needs == "" || slices.Contains(strings.Split(except, ", "), matter) != negated
		if w.action == action && on && slices.Contains(strings.Fields(w.states), state) {
			return strings.Fields(w.who), true
		}
	}
	return nil, false
}

// TestWhoMayDoWhat asks for every action in every state, on every open matter, by everybody, in person and by a deputy.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	o := bigCompany()
	base := handedOver(t, rules(t, o))
	at, window := monday.Add(time.Hour), monday.Add(24*time.Hour)
	everybody := []string{"ann", "ben", "dan", "sup1", "sup2", "sup3", "mia", "zoe", "amy", "otto"}
	stranger := models.Person{ID: "eve", Roles: []models.Role{models.RoleScheduler}}
	for _, status := range []models.CaseStatus{
		models.CaseOpen, models.CaseInProgress, models.CaseWaitingCustomer, models.CaseResolved, models.CaseClosed, models.CaseCancelled,
	} {
		for matter, lay := range matters {
			s := base
			s.Status = status
			if status == models.CaseClosed {
				s.ClosedAt, s.ReopenUntil = &monday, &window
			}
			lay(&s)
			for _, action := range models.CaseActions() {
				who, legal := may(action, string(status), matter)
				for _, name := range everybody {
					want := errs.Code("")
					switch {
					case status == models.CaseCancelled:
						want = errs.ProcessClosed
					case !legal:
						want = errs.Conflict
					case !slices.Contains(who, name):
						want = errs.Forbidden
					}
					for _, a := range []models.Actor{actor(o, name), {Person: stranger, ActsFor: []models.Person{{ID: "nobody"}, actor(o, name).Person}}} {
						p, err := models.CheckCase(&s, action, a, at)
						if want != "" {
							require.Equal(t, want, errs.CodeOf(err), "%s %s in %s with %s", a.ID, action, status, matter)
						} else {
							require.NoError(t, err, "%s for %s %s in %s with %s", a.ID, name, action, status, matter)
							require.Equal(t, name, p.ID, "in whose right")
						}
						require.Equal(t, want == "", slices.Contains(s.AllowedActions(a, at), action), "what is offered is what is allowed")
					}
				}
			}
		}
	}
}

func TestCheckCase_says_what_was_missing(t *testing.T) {
	t.Parallel()
	o := company()
	s := newCase(t, rules(t, o), "ann", monday).State
	var e *errs.Error
	_, err := models.CheckCase(&s, models.ActionPrioritize, actor(o, "ben"), monday)
	require.ErrorAs(t, err, &e)
	require.Equal(t, map[string]string{"action": "prioritize", "who": "supervisor"}, e.Args)
	_, err = models.CheckCase(&s, models.ActionResume, actor(o, "ann"), monday)
	require.ErrorAs(t, err, &e)
	require.Equal(t, "open", e.Args["state"])
	require.Contains(t, strings.Split(e.Args["allowed"], ", "), "respond")
	require.NotContains(t, e.Args["allowed"], "resume")
	_, err = models.CheckCase(&s, "dance", actor(o, "ann"), monday)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestCase_is_over_when_the_window_to_reopen_it_ends(t *testing.T) {
	t.Parallel()
	until := monday.Add(7 * 24 * time.Hour)
	s := models.CaseState{Status: models.CaseClosed, ReopenUntil: &until}
	require.False(t, s.Over(until.Add(-time.Nanosecond)))
	require.True(t, s.Over(until))
	_, err := models.CheckCase(&s, models.ActionReopen, actor(company(), "ann"), until)
	require.Equal(t, errs.ProcessClosed, errs.CodeOf(err))
}

func TestDeputy_is_recorded_as_B_for_A(t *testing.T) {
	t.Parallel()
	o := company()
	r := rules(t, o)
	s := newCase(t, r, "ann", monday).State
	deputy := actor(o, "dan")
	deputy.ActsFor = []models.Person{actor(o, "ann").Person}
	step, err := models.ApplyCase(&s, event(t, deputy, models.ActionRespond, models.Respond{Message: "m"}), monday.Add(time.Minute), r)
	require.NoError(t, err)
	require.Equal(t, []string{"dan", "ann"}, []string{step.Events[0].Actor, step.Events[0].OnBehalfOf})
	for _, e := range step.Events[1:] {
		if e.Type == "milestone_met" {
			require.Equal(t, []string{models.System, ""}, []string{e.Actor, e.OnBehalfOf}, "the clock's word is nobody's")
		}
	}

	offer, err := models.ApplyCase(&s, event(t, actor(o, "sup1"), models.ActionAssign, models.Assign{AssigneeID: "ben"}), monday.Add(time.Minute), r)
	require.NoError(t, err)
	deputy.ActsFor = []models.Person{actor(o, "ben").Person}
	step, err = models.ApplyCase(&offer.State, event(t, deputy, models.ActionAccept, nil), monday.Add(2*time.Minute), r)
	require.NoError(t, err)
	require.Equal(t, "ben", step.State.AssigneeID, "the case is ben's, who was asked")
}
