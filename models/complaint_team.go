package models

import "slices"

// changeTeam lets the case follow somebody who holds it into their team: its supervisors are those of its holders' teams. What
// waits for a supervisor who has no say in it any more waits for the new one.
func (t *step) changeTeam() error {
	c, err := decode[ChangeTeam](t)
	if err != nil {
		return err
	}
	return t.bySystem(ruleTeam, func() error {
		s, team := t.s, t.rules.Org.Users[c.UserID].TeamID
		var left string
		if s.AccountableID == c.UserID {
			left, s.AccountableTeamID = s.AccountableTeamID, team
		}
		if s.AssigneeID == c.UserID {
			left, s.TeamID = s.TeamID, team
		}
		t.event("team_changed", map[string]any{"user_id": c.UserID, "from_team_id": left, "team_id": team})
		old, heir := t.rules.Org.Teams[left].SupervisorID, t.rules.Org.Supervisor(c.UserID)
		if old == "" || heir == "" || heir == old || t.supervises(old) {
			return nil
		}
		for _, task := range slices.Clone(s.Tasks) {
			if task.UserID == old && kinds(TaskSupervise, TaskAdjudicate)(task) {
				t.settle(TaskCancelled, func(o Task) bool { return o.ID == task.ID })
				t.open(task.Kind, heir, "", task.DueAt, "rule", ruleTeam, "from", old)
				t.notify("case_supervised", []string{heir})
			}
		}
		return nil
	})
}

// supervises reports whether the user may do what the case leaves to supervisors.
func (t *step) supervises(userID string) bool {
	p := Person{ID: userID, Roles: t.rules.Org.Users[userID].Roles}
	for _, id := range []string{t.s.TeamID, t.s.AccountableTeamID} {
		if team, ok := t.rules.Org.Teams[id]; ok && team.SupervisorID == userID {
			p.Supervises = append(p.Supervises, id)
		}
	}
	return whoSupervisor.is(p, t.s)
}
