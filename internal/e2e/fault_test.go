package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/mcrflow/mcrflow/models"
)

const (
	loads      = 4  // callers at the same time
	perCase    = 6  // notes that a caller writes before the next case
	betweenAck = 12 // commands acknowledged between two kills: the product must live in between
)

// TestKilledPartsLoseAndDoubleNothing kills worker, API, engine and database, each twice, under load, and then all at
// once. Every command that was acknowledged is there exactly once, and every case goes on.
func TestKilledPartsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	s, err := newStack(false)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.NoError(t, s.start())
	agent := s.as(t, "agent1")

	readsWorkWithoutTheEngine(t, s, agent)

	rng := seeded(t)
	l := s.load(t, agent)
	begun := time.Now()
	l.through(t, rng, "worker", "worker", "api", "api", "engine", "engine", "database", "database")

	late := s.record(t, agent, "outage", nil) // falls due while nothing runs
	due := *late.view().milestone(t, "first_response").DueAt
	for _, part := range []string{"database", "engine", "worker", "api"} {
		s.kill(t, part)
	}
	require.True(t, time.Now().Before(due), "all must be down before the promise falls due")
	until(t, func() bool { return time.Now().After(due) }, func() string { return "the due time" })
	for _, part := range []string{"database", "engine", "worker", "api"} {
		require.NoError(t, s.restart(part))
	}
	t.Logf("%5.1fs killed and restarted all", time.Since(begun).Seconds())
	late.await("milestone_breached", 1)
	require.Equal(t, due, *late.view().milestone(t, "first_response").DueAt)
	told := 0
	for _, kind := range late.told(s.as(t, "supervisor1")) {
		if kind == "milestone_breached" {
			told++
		}
	}
	require.Equal(t, 1, told, "told once, afterwards")

	l.allThere(t)
	s.verify(t)
}

// TestOneProgramLosesAndDoublesNothing does the same to API and worker in one program, where a case begins without an update, and
// is acknowledged before the engine knows of its first step.
func TestOneProgramLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	s, err := newStack(false)
	require.NoError(t, err)
	s.alone = true
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.NoError(t, s.start())
	agent := s.as(t, "agent1")

	m := s.record(t, agent, "calm", nil)
	m.do(agent, "note", M{"text": "It goes on."})
	updates := 0
	for _, e := range m.history().Events {
		if e.EventType == enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED {
			updates++
		}
	}
	require.Equal(t, 1, updates, "the note's; the record came with the start")
	m.keep("begun_beside")
	for _, e := range s.history(t, models.ReceptionWorkflowID(s.visit(t, nil).ID)).Events {
		require.NotEqual(t, enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED, e.EventType, "a draft begins in the same way")
	}

	l := s.load(t, agent)
	l.through(t, seeded(t), "api", "api", "api", "api", "engine", "database")
	l.allThere(t)
	s.verify(t)
}

// load is callers who write cases and notes for a new client.
func (s *stack) load(t *testing.T, agent person) *load {
	t.Helper()
	s.under(t, "calm", func() {})
	return &load{agent: agent, clientID: s.client(t, "B"), notes: map[string][]string{}}
}

// through kills the parts under load, one after the other in an order by chance, and restarts each; then the load ends.
func (l *load) through(t *testing.T, rng *rand.Rand, parts ...string) {
	t.Helper()
	s := l.agent.s
	var callers sync.WaitGroup
	for n := range loads {
		callers.Go(func() { l.run(n) })
	}
	rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	begun := time.Now()
	for _, part := range parts {
		mark := l.acknowledged.Load()
		until(t, func() bool { return l.acknowledged.Load() >= mark+betweenAck || l.failed() != nil },
			func() string { return fmt.Sprintf("the load goes on, after %d commands", l.acknowledged.Load()) })
		require.NoError(t, l.failed())
		s.kill(t, part)
		require.NoError(t, s.restart(part))
		t.Logf("%5.1fs killed and restarted %s, %d commands acknowledged", time.Since(begun).Seconds(), part, l.acknowledged.Load())
	}
	l.enough.Store(true)
	callers.Wait()
	require.NoError(t, l.failed())
}

// allThere requires that every case goes on, that each command that was acknowledged is there exactly once, and that there is no
// case that nobody knows of.
func (l *load) allThere(t *testing.T) {
	t.Helper()
	s := l.agent.s
	var going sync.WaitGroup // at once: after a worker has died, the next step of each of its processes takes seconds
	for id := range l.notes {
		going.Go(func() {
			if _, err := l.patiently("/cases/"+id+"/respond", "respond-"+id, M{"message": "We are still there."}); err != nil {
				t.Error(err)
			}
		})
	}
	going.Wait()
	for id, notes := range l.notes {
		m := &matter{t, s, id}
		seen := map[any]int{}
		for _, e := range m.timeline() {
			if e.Type == "noted" {
				seen[e.Data["text"]]++
			}
		}
		require.Len(t, seen, len(notes), "case %s", id)
		for _, text := range notes {
			require.Equal(t, 1, seen[text], "case %s: %s", id, text)
		}
		require.Equal(t, "in_progress", m.view().State)
	}
	t.Logf("%d cases, %d commands acknowledged, each there once", len(l.notes), l.acknowledged.Load())
	require.Len(t, all[caseView](t, l.agent, "/cases?client_id="+l.clientID), len(l.notes), "no case that nobody knows of")
}

// seeded makes the test's own chance, which E2E_SEED repeats.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("E2E_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("seed %d (E2E_SEED repeats it)", seed)
	return rand.New(rand.NewPCG(seed, seed))
}

// readsWorkWithoutTheEngine: commands are refused for the moment, and what is known can still be read.
func readsWorkWithoutTheEngine(t *testing.T, s *stack, agent person) {
	t.Helper()
	m := s.record(t, agent, "calm", nil)
	require.NoError(t, end(s.engine))
	a := m.try(agent, "respond", M{"message": "Hello."})
	refused(t, a, http.StatusServiceUnavailable, "unavailable")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Equal(t, "open", m.view().State)
	require.NotEmpty(t, m.timeline())
	require.Contains(t, m.tasks(agent), "handle")
	ready, err := call(s.url, "", http.MethodGet, "/readyz", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	checks := into[struct {
		Checks map[string]string `json:"checks"`
	}](t, ready).Checks
	require.Equal(t, "ok", checks["database"])
	require.NotEqual(t, "ok", checks["engine"])
	require.NoError(t, s.restart("engine"))
	until(t, func() bool {
		return m.try(agent, "note", M{"text": "The engine is back."}).status == http.StatusOK
	}, func() string { return "commands after the engine is back" })
}

// kill ends a part as a power cut does, and waits until it is gone.
func (s *stack) kill(t testing.TB, part string) {
	t.Helper()
	p := map[string]interface {
		PID() int
		Done() <-chan error
	}{"worker": s.worker, "api": s.api, "engine": s.engine, "database": s.pg}[part]
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	for range p.Done() { // it says that it was killed, then closes
	}
}

func (s *stack) restart(part string) error {
	return map[string]func() error{
		"worker": s.startWorker, "api": s.startAPI, "engine": s.startEngine, "database": s.startPostgres,
	}[part]()
}

// load gives commands as patient callers do: each again, under its key, until it has a final answer.
type load struct {
	agent        person
	clientID     string
	acknowledged atomic.Int64
	enough       atomic.Bool

	mu    sync.Mutex
	notes map[string][]string // by case: the texts that were acknowledged
	err   error
}

func (l *load) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *load) run(caller int) {
	for n := 0; !l.enough.Load(); n++ {
		if err := l.one(fmt.Sprintf("%d-%d", caller, n)); err != nil {
			l.mu.Lock()
			l.err = errors.Join(l.err, err)
			l.mu.Unlock()
			return
		}
	}
}

// one records a case and writes its notes.
func (l *load) one(name string) error {
	body := complaint(l.clientID, M{"subject": "Load " + name})
	text, err := l.patiently("/cases", "case-"+name, body)
	if err != nil {
		return err
	}
	var v caseView
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	l.mu.Lock()
	l.notes[v.ID] = nil
	l.mu.Unlock()
	for n := 0; n < perCase && !l.enough.Load(); n++ {
		note := fmt.Sprintf("note %s-%d", name, n)
		if _, err := l.patiently("/cases/"+v.ID+"/note", note, M{"text": note}); err != nil {
			return err
		}
		l.mu.Lock()
		l.notes[v.ID] = append(l.notes[v.ID], note)
		l.mu.Unlock()
	}
	return nil
}

func (l *load) patiently(path, key string, body M) ([]byte, error) {
	a, err := l.agent.patiently(path, key, body)
	if err == nil && a.status != http.StatusOK && a.status != http.StatusCreated {
		err = fmt.Errorf("%s with key %s: status %d %s", path, key, a.status, a.body)
	}
	if err == nil {
		l.acknowledged.Add(1)
	}
	return a.body, err
}

// patiently gives a command again under its key until it has a final answer.
func (p person) patiently(path, key string, body any) (answer, error) {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		a, err := call(p.s.url, p.token, http.MethodPost, "/api/v1"+path, body, "Idempotency-Key", key)
		var broken *brokenContract
		switch {
		case errors.As(err, &broken):
			return a, err
		case err == nil && a.status != http.StatusAccepted && a.status != http.StatusTooManyRequests && a.status < 500:
			return a, nil
		case time.Now().After(deadline):
			return a, fmt.Errorf("%s with key %s: no final answer: %w %s", path, key, err, a.body)
		}
		<-time.After(100 * time.Millisecond)
	}
}
