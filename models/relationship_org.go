package models

import "github.com/mcrflow/mcrflow/internal/responsibility"

// clientPeople is the organisation as the care of one client looks at it.
type clientPeople struct {
	*Org
	accountManagerID string
}

// ForClient is the organisation for a client of the account manager.
func (o *Org) ForClient(accountManagerID string) responsibility.People {
	return clientPeople{o, accountManagerID}
}

// AccountManager is the client's.
func (p clientPeople) AccountManager() string { return p.accountManagerID }

// WithRole lists the active users who have the role.
func (p clientPeople) WithRole(role string) []string { return p.Org.WithRole(Role(role)) }

// TeamSupervisor is the active supervisor of the team of this name.
func (p clientPeople) TeamSupervisor(team string) string {
	for _, t := range p.Teams {
		if t.Name == team { // team names are unique
			return p.active(t.SupervisorID)
		}
	}
	return ""
}

// Manager is the nearest active person above the user.
func (p clientPeople) Manager(userID string) string { return p.Supervisor(userID) }

// Active reports whether the user works here.
func (p clientPeople) Active(userID string) bool { return p.active(userID) != "" }
