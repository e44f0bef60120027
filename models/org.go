package models

import (
	"maps"
	"slices"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Org is a snapshot of who stands where, for rules that look for "the supervisor of".
type Org struct {
	Users map[string]OrgUser
	Teams map[string]OrgTeam
}

// OrgUser is a user in the snapshot.
type OrgUser struct {
	ID        string
	Username  string
	TeamID    string
	ManagerID string
	Active    bool
	Roles     []Role
}

// OrgUserOf is the user as a snapshot has them.
func OrgUserOf(u User) OrgUser {
	o := OrgUser{ID: u.ID, Username: u.Username, Active: u.Active, Roles: u.Roles}
	if u.TeamID != nil {
		o.TeamID = *u.TeamID
	}
	if u.ManagerID != nil {
		o.ManagerID = *u.ManagerID
	}
	return o
}

// OrgTeam is a team in the snapshot.
type OrgTeam struct {
	ID           string
	Name         string
	SupervisorID string
	CalendarID   string
}

// ClientRepresentativeTeam is the name of the team that stands for the client-representative function, outside the
// sales line; its supervisor is who is told.
const ClientRepresentativeTeam = "client_representative"

// ErrPeopleMoved refuses a step that was decided by where somebody stood a moment ago: decided by where they stand now, it may be
// taken.
var ErrPeopleMoved = errs.New(errs.Unavailable, "unavailable.people_moved")

// With returns the organisation in which the user stands as given; o stays as it is.
func (o *Org) With(u OrgUser) *Org {
	changed := Org{Users: maps.Clone(o.Users), Teams: o.Teams}
	changed.Users[u.ID] = u
	return &changed
}

// WithTeam returns the organisation in which the team stands as given; o stays as it is.
func (o *Org) WithTeam(t Team) *Org {
	changed := Org{Users: o.Users, Teams: maps.Clone(o.Teams)}
	team := OrgTeam{ID: t.ID, Name: t.Name}
	if t.SupervisorID != nil {
		team.SupervisorID = *t.SupervisorID
	}
	if t.CalendarID != nil {
		team.CalendarID = *t.CalendarID
	}
	changed.Teams[t.ID] = team
	return &changed
}

// Supervisor returns who supervises the user's team; for that supervisor, their manager. Empty when there is nobody active.
func (o *Org) Supervisor(userID string) string {
	u := o.Users[userID]
	if sup := o.active(o.Teams[u.TeamID].SupervisorID); sup != "" && sup != userID {
		return sup
	}
	return o.Manager(userID)
}

// Manager returns the nearest active person up the reporting line. Empty when there is nobody.
func (o *Org) Manager(userID string) string {
	id := o.Users[userID].ManagerID
	for range len(o.Users) { // a line longer than the company is a circle
		if id == "" || o.active(id) != "" {
			return id
		}
		id = o.Users[id].ManagerID
	}
	return ""
}

// TeamSupervisor returns who supervises the team. Empty when there is nobody active.
func (o *Org) TeamSupervisor(teamID string) string { return o.active(o.Teams[teamID].SupervisorID) }

// WithRole lists the active users who have the role, by id.
func (o *Org) WithRole(r Role) []string {
	var ids []string
	for id, u := range o.Users {
		if u.Active && slices.Contains(u.Roles, r) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Relation lists whom a ladder's word means for a case: a relation (accountable, handler, supervisor, manager, director,
// account_manager, client_representative) or a role. Nobody twice, nobody inactive.
func (o *Org) Relation(name string, s *CaseState) []string {
	switch name {
	case "accountable":
		return o.all(s.AccountableID)
	case "handler":
		return o.all(s.AssigneeID)
	case "supervisor":
		return o.all(o.Supervisor(s.AssigneeID))
	case "manager":
		return o.all(o.Manager(o.Supervisor(s.AssigneeID)))
	case "director":
		if id := o.Manager(o.Manager(o.Supervisor(s.AssigneeID))); id != "" {
			return o.all(id)
		}
		return o.WithRole(RoleDirector)
	case "account_manager":
		return o.all(s.AccountManagerID)
	case "client_representative":
		for _, t := range o.Teams {
			if t.Name == ClientRepresentativeTeam { // team names are unique
				return o.all(t.SupervisorID)
			}
		}
		return nil
	default:
		return o.WithRole(Role(name))
	}
}

func (o *Org) active(id string) string {
	if o.Users[id].Active {
		return id
	}
	return ""
}

func (o *Org) all(id string) []string {
	if id = o.active(id); id == "" {
		return nil
	}
	return []string{id}
}
