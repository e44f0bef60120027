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
		t.overseen(t.rules.Org.Teams[left].SupervisorID, "case_supervised", func(Task) string { return t.rules.Org.Supervisor(c.UserID) })
		return nil
	})
}

// SupervisionTasks are the kinds of tasks of cases that are given to somebody as the supervisor of a team.
func SupervisionTasks() []string { return []string{TaskSupervise, TaskAdjudicate} }

// changeLead lets what waits for the supervisor of a team wait for the new one: adjudications for that of the accountable
// person's team, all else for that of the handler's.
func (t *step) changeLead() error {
	c, err := decode[ChangeLead](t)
	if err != nil {
		return err
	}
	return t.bySystem(ruleLead, func() error {
		s, org := t.s, t.rules.Org
		t.event(ruleLead, map[string]any{"team_id": c.TeamID, "from_id": c.FromID, "supervisor_id": org.TeamSupervisor(c.TeamID)})
		t.overseen(c.FromID, "case_led", func(task Task) string {
			if task.Kind == TaskAdjudicate || s.TeamID != c.TeamID {
				return org.Supervisor(s.AccountableID)
			}
			return org.Supervisor(s.AssigneeID)
		})
		return nil
	})
}

// overseen gives the heir of each task what waits for a supervisor who has no say in the case any more. Without an heir it stays.
func (t *step) overseen(old, notice string, heirOf func(Task) string) {
	if old == "" || t.supervises(old) {
		return
	}
	for _, task := range slices.Clone(t.s.Tasks) {
		heir := heirOf(task)
		if task.UserID != old || heir == "" || heir == old || !kinds(SupervisionTasks()...)(task) {
			continue
		}
		t.settle(TaskCancelled, func(o Task) bool { return o.ID == task.ID })
		t.open(task.Kind, heir, "", task.DueAt, "rule", t.rule, "from", old)
		t.notify(notice, []string{heir})
	}
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
