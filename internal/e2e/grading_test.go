package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// gradedInTheShadow grades every client by a candidate, which changes nothing until it is put in force, once.
func (s *stack) gradedInTheShadow(t *testing.T) {
	b := s.bond(t, nil, M{"class": "S", "status": "active"})
	b.do("manager1", b.of("criteria"), M{"criteria": criteria(90)})
	const path = "/policies/classification"
	candidate := get[M](t, s.as(t, "manager1"), path)
	was := candidate["version"].(float64)
	body := shipped(t, "classification")
	in(body, "thresholds")["S"] = 96
	shadowID := s.publish(t, path+"/shadows", body)["id"].(string)
	require.Equal(t, was, get[M](t, s.as(t, "manager1"), path)["version"], "nothing is in force by that")

	type grade struct {
		Class  string
		Points float64
	}
	type move struct {
		ClientID  string `json:"client_id"`
		From      string
		Moves     bool
		InForce   *grade `json:"in_force"`
		Candidate *grade
		Approval  string
	}
	var found []move
	for _, m := range all[move](t, s.as(t, "manager1"), path+"/shadows/"+shadowID+"/report") {
		if m.ClientID == b.ID {
			found = append(found, m)
		}
	}
	require.Equal(t, []move{{b.ID, "S", true, &grade{"S", 90}, &grade{"A", 90}, "classification"}}, found)
	summary := get[struct {
		Moves []struct {
			From, To string
			Clients  int
		}
		Outdated bool
	}](t, s.as(t, "manager1"), path+"/shadows/"+shadowID+"/summary")
	require.False(t, summary.Outdated)
	require.Equal(t, "S", summary.Moves[0].From)
	require.Equal(t, "A", summary.Moves[0].To)

	refused(t, b.post("am1", path+"/shadows/"+shadowID+"/publish", M{}), http.StatusForbidden, "forbidden")
	require.Equal(t, was+1, s.publish(t, path+"/shadows/"+shadowID+"/publish", M{})["version"])
	refused(t, b.post("manager1", path+"/shadows/"+shadowID+"/publish", M{}), http.StatusConflict, "conflict")
	require.Equal(t, was+1, get[M](t, s.as(t, "manager1"), path)["version"])
	require.Equal(t, "S", b.view().Class, "a class changes by its approval, not by the policy")
}
