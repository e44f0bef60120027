// Package sample is the company and the rules that the tests of processes play with. It needs no database.
package sample

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/calendar"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// Monday is a working Monday at nine in Shanghai.
var Monday = time.Date(2026, 3, 9, 1, 0, 0, 0, time.UTC)

// Company is two teams, hotline (ann, ben, their supervisor sup1) and backoffice (dan, sup2), the manager mia and the
// director zoe above them, the account manager amy and the auditor otto.
func Company() *models.Org {
	user := func(id, team, manager string, roles ...models.Role) models.OrgUser {
		return models.OrgUser{ID: id, Username: id, TeamID: team, ManagerID: manager, Active: true, Roles: roles}
	}
	o := &models.Org{Users: map[string]models.OrgUser{}, Teams: map[string]models.OrgTeam{
		"hotline":    {ID: "hotline", Name: "hotline", SupervisorID: "sup1"},
		"backoffice": {ID: "backoffice", Name: "backoffice", SupervisorID: "sup2"},
	}}
	for _, u := range []models.OrgUser{
		user("ann", "hotline", "sup1", models.RoleServiceAgent), user("ben", "hotline", "sup1", models.RoleServiceAgent),
		user("dan", "backoffice", "sup2", models.RoleServiceAgent),
		user("sup1", "hotline", "mia", models.RoleSupervisor), user("sup2", "backoffice", "mia", models.RoleSupervisor),
		user("mia", "", "zoe", models.RoleManager), user("zoe", "", "", models.RoleDirector),
		user("amy", "", "mia", models.RoleAccountManager), user("otto", "", "zoe", models.RoleAuditor),
	} {
		o.Users[u.ID] = u
	}
	return o
}

// Actor is a user of the organisation as one who acts; of the teams that they supervise, those of Company.
func Actor(o *models.Org, id string) models.Actor {
	u := o.Users[id]
	p := models.Person{ID: id, TeamID: u.TeamID, Roles: u.Roles}
	for _, t := range []string{"hotline", "backoffice"} {
		if o.Teams[t].SupervisorID == id {
			p.Supervises = append(p.Supervises, t)
		}
	}
	return models.Actor{Person: p}
}

// SLA is the sla policy as it ships.
func SLA(tb testing.TB) policy.SLA {
	tb.Helper()
	doc, faults := policy.ParseSLA(document(tb, "sla/default.yaml"))
	if len(faults) > 0 {
		tb.Fatal("the shipped sla policy:", faults)
	}
	return doc
}

// Calendar is the document of a calendar as it ships: cn or always.
func Calendar(tb testing.TB, id string) calendar.Document {
	tb.Helper()
	var doc calendar.Document
	if err := yaml.Unmarshal(document(tb, "calendars/"+id+".yaml"), &doc); err != nil {
		tb.Fatalf("the shipped calendar %s: %v", id, err)
	}
	return doc
}

// CaseRules are the first versions of the shipped policy and the calendar cn, for the organisation.
func CaseRules(tb testing.TB, o *models.Org) models.CaseRules {
	tb.Helper()
	compiled, err := policy.CompileSLA(SLA(tb))
	if err != nil {
		tb.Fatal("the shipped sla policy:", err)
	}
	doc := Calendar(tb, "cn")
	doc.Version = 1
	cal, err := calendar.New(doc)
	if err != nil {
		tb.Fatal("the shipped calendar cn:", err)
	}
	return models.CaseRules{Policy: compiled, PolicyVersion: 1, Calendar: cal, Org: o}
}

func document(tb testing.TB, path string) []byte {
	tb.Helper()
	body, err := policies.FS.ReadFile(path)
	if err != nil {
		tb.Fatal("shipped document:", err)
	}
	return body
}

// Source holds the shipped rules as first versions, as a database gives them.
func Source(tb testing.TB) Shelf {
	tb.Helper()
	body := func(doc any) []byte {
		raw, err := json.Marshal(doc)
		if err != nil {
			tb.Fatal("shipped document:", err)
		}
		return raw
	}
	chains, faults := approval.Parse(document(tb, "approval/default.yaml"))
	if len(faults) > 0 {
		tb.Fatal("the shipped approval policy:", faults)
	}
	asks, faults := campaign.ParsePolicy(document(tb, "campaign/default.yaml"))
	if len(faults) > 0 {
		tb.Fatal("the shipped campaign policy:", faults)
	}
	rhythm, faults := cadence.ParsePolicy(document(tb, "cadence/default.yaml"))
	if len(faults) > 0 {
		tb.Fatal("the shipped cadence policy:", faults)
	}
	surveys, faults := survey.Parse(document(tb, "survey/default.yaml"))
	if len(faults) > 0 {
		tb.Fatal("the shipped survey policy:", faults)
	}
	grades, faults := classification.Parse(document(tb, "classification/default.yaml"))
	if len(faults) > 0 {
		tb.Fatal("the shipped classification policy:", faults)
	}
	duties, faults := responsibility.Parse(document(tb, "responsibility/default.yaml"))
	if len(faults) > 0 {
		tb.Fatal("the shipped responsibility policy:", faults)
	}
	return Shelf{
		policies: map[string][]byte{
			policy.KindSLA: body(SLA(tb)), approval.Kind: body(chains), campaign.Kind: body(asks), survey.Kind: body(surveys),
			cadence.Kind: body(rhythm), classification.Kind: body(grades), responsibility.Kind: body(duties),
		},
		calendar: body(Calendar(tb, "cn")),
	}
}

// Shelf gives the first version of each shipped document.
type Shelf struct {
	policies map[string][]byte
	calendar []byte
}

// PolicyInForce is the first version.
func (s Shelf) PolicyInForce(context.Context, string) (int, error) { return 1, nil }

// Policy is the first version, whichever is asked for.
func (s Shelf) Policy(_ context.Context, kind string, _ int) (models.PolicyVersion, error) {
	return models.PolicyVersion{Kind: kind, Version: 1, Body: s.policies[kind]}, nil
}

// BothInForce are the first versions.
func (s Shelf) BothInForce(context.Context, string, string) (policyVersion, calendarVersion int, err error) {
	return 1, 1, nil
}

// CalendarInForce is the first version.
func (s Shelf) CalendarInForce(context.Context, string) (int, error) { return 1, nil }

// Calendar is the first version of cn, whichever is asked for.
func (s Shelf) Calendar(_ context.Context, id string, _ int) (models.CalendarVersion, error) {
	return models.CalendarVersion{ID: id, Version: 1, Body: s.calendar}, nil
}
