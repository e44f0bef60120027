package e2e_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The policies of the tests. All count on the calendar that never closes. A case keeps the policy that it began with, so
// that cases of several policies run beside each other.
var policies = map[string]string{
	"calm":     document("1h", "4h", "1h", "1h", "0", "1h", "1h"),
	"breach":   document("2s", "4s", "1h", "1h", "0", "1h", "1h"),
	"handover": document("1h", "4h", "2s", "1h", "0", "1h", "1h"),
	"waiting":  document("1h", "4h", "1h", "1s", "2", "2s", "1h"),
	"brief":    document("1h", "4h", "1h", "1h", "0", "1s", "1s"),
	"urgent":   document("30m", "1h", "1h", "1h", "0", "1h", "1h"),
	"outage":   document("6s", "1h", "1h", "1h", "0", "1h", "1h"),
}

func document(response, resolution, handover, chaser, giveUp, confirmation, reopen string) string {
	return strings.NewReplacer(
		"{response}", response, "{resolution}", resolution, "{handover}", handover, "{chaser}", chaser, "{give_up}", giveUp,
		"{confirmation}", confirmation, "{reopen}", reopen,
	).Replace(`kind: sla
calendar: always
priority:
  matrix:
    high: {high: P1, medium: P1, low: P2}
    medium: {high: P2, medium: P3, low: P3}
    low: {high: P3, medium: P4, low: P4}
rules:
  - when: "true"
    milestones:
      - {name: first_response, target: {response}, clock: working, warn_at: ["50%"]}
      - {name: resolution, target: {resolution}, clock: working, warn_at: ["50%"], pauses_in: [waiting_customer], on_reopen: new_cycle}
handover: {target: {handover}, clock: working, bounces_before_adjudication: 2}
update_every: {interval: 8h, clock: working}
waiting: {chaser: {chaser}, clock: working, give_up_after: {give_up}}
confirmation: {window: {confirmation}, clock: working}
reopen: {window: {reopen}, clock: elapsed}
extension: {max: 1}
ladder:
  - {on: warning, notify: [accountable, handler]}
  - {on: breach, notify: [supervisor], task: supervise}
  - {on: breach, after: 1s, clock: working, notify: [manager]}
  - {on: breach, after: 2s, clock: working, notify: [director, client_representative], task: supervise}
`)
}

var inForce = struct {
	sync.Mutex
	policy map[*stack]string
}{policy: map[*stack]string{}}

// under does something while the policy is in force, which the manager publishes when it is not.
func (s *stack) under(t testing.TB, policy string, do func()) {
	t.Helper()
	inForce.Lock()
	defer inForce.Unlock()
	if inForce.policy[s] != policy {
		a := s.as(t, "manager1").try(t, http.MethodPost, "/policies/sla/versions", policies[policy], "Content-Type", "application/yaml")
		require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
		inForce.policy[s] = policy
	}
	do()
}
