package e2e_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// betweenKills is how many commands about one client are acknowledged between two kills.
const betweenKills = 10

// bondUnderFire kills worker and API while several people record promises and conversations with one client, whose cases are
// being closed. Every command that was acknowledged is there once, and so is what the cases tell.
func (s *stack) bondUnderFire(t *testing.T) {
	b := s.bond(t, nil, M{"class": "B", "status": "active"})
	agent := s.as(t, "agent1")
	var cases []*matter
	for range 3 {
		m := s.recordFor(t, agent, "brief", b.ID, nil)
		m.do(agent, "respond", M{"message": "We are on it."})
		cases = append(cases, m)
	}

	var acknowledged atomic.Int64
	give := func(p person, path, key string, body M) {
		a, err := p.patiently(path, key, body)
		switch {
		case err != nil:
			t.Error(err)
		case a.status != http.StatusOK && a.status != http.StatusCreated:
			t.Errorf("%s: status %d %s", key, a.status, a.body)
		default:
			acknowledged.Add(1)
		}
	}
	promises, talks := sync.Map{}, sync.Map{} // what was to be recorded
	var enough atomic.Bool
	due, begun := time.Now().Add(time.Hour), time.Now()
	var callers sync.WaitGroup
	defer callers.Wait() // they stop when the test has failed
	for _, name := range []string{"am1", "am2", "manager1", "agent2"} {
		p := s.as(t, name)
		callers.Go(func() {
			for n := 0; !enough.Load() && !t.Failed(); n++ {
				text := fmt.Sprintf("%s %d", name, n)
				if n%2 == 0 {
					promises.Store(text, true)
					give(p, b.of("commitments"), unique("promise"), M{"text": text, "due_at": due})
				} else {
					talks.Store(text, true)
					give(p, b.of("interactions"), unique("talk"), M{"kind": "call", "at": begun, "summary": text})
				}
			}
		})
	}
	for _, m := range cases {
		callers.Go(func() { give(agent, "/cases/"+m.ID+"/resolve", unique("resolve"), M{"resolution": "Replaced."}) })
	}
	for _, part := range []string{"worker", "api", "worker", "api"} {
		mark := acknowledged.Load()
		until(t, func() bool { return acknowledged.Load() >= mark+betweenKills || t.Failed() }, func() string { return "the commands go on" })
		s.kill(t, part)
		require.NoError(t, s.restart(part))
		t.Logf("%5.1fs killed and restarted %s, %d commands acknowledged", time.Since(begun).Seconds(), part, acknowledged.Load())
	}
	enough.Store(true)
	callers.Wait()
	require.False(t, t.Failed())

	manager := s.as(t, "manager1")
	once := func(what string, wanted *sync.Map, found []string) {
		seen := map[string]int{}
		for _, text := range found {
			seen[text]++
		}
		n := 0
		wanted.Range(func(text, _ any) bool {
			n++
			require.Equal(t, 1, seen[text.(string)], "%s %s", what, text)
			return true
		})
		require.Len(t, found, n, what)
	}
	var texts []string
	for _, c := range all[struct{ Text string }](t, manager, b.of("commitments")) {
		texts = append(texts, c.Text)
	}
	once("promise", &promises, texts)
	texts = nil
	for _, i := range all[struct{ Summary string }](t, manager, b.of("interactions")) {
		texts = append(texts, i.Summary)
	}
	once("talk", &talks, texts)

	told := func() map[any]int {
		told := map[any]int{}
		for _, e := range s.timeline(t, "/clients/"+b.ID) {
			if e.Type == "learned" {
				told[e.Data["id"]]++
			}
		}
		return told
	}
	want := map[any]int{}
	for _, m := range cases {
		want[m.ID], want[m.ID+"/opened"] = 1, 1
	}
	until(t, func() bool { return len(told()) >= len(want) }, func() string { return fmt.Sprintf("what the cases tell: %v", told()) })
	require.Equal(t, want, told(), "each fact arrives once")
	b.view()
}
