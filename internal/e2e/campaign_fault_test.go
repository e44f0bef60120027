package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/testkit"
)

const (
	stormy = 5000 // recipients of the campaign whose parts are killed
	calm   = 300  // of the one that people operate
	// The worker is killed less often: it takes half a minute until its batches are missed.
	workersKilled, apisKilled = 5, 5
	sentBetween               = 350 // messages that the mail server takes between two kills
	// outcomesWithin bounds the wait for everybody's outcome: a refusal for the moment is tried again after a minute, then
	// after two.
	outcomesWithin = 8 * time.Minute
)

// TestCampaigns launches campaigns against a real mail server, on a stack of their own.
func TestCampaigns(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	seed := rng.Uint64()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{Seed: seed, Slow: 0.01, Delay: 200 * time.Millisecond, Script: func(recipient string, attempt int) testkit.Fate {
		return weather(seed, recipient, attempt)
	}})
	s, err := newStack(true)
	require.NoError(t, err)
	smtp := server.Config()
	s.more = []string{"SMTP_HOST=" + smtp.Host, "SMTP_PORT=" + strconv.Itoa(smtp.Port), "SMTP_FROM=" + smtp.From, "SMTP_TLS=" + smtp.TLS}
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.NoError(t, s.start())
	t.Run("account for every recipient whatever dies", func(t *testing.T) { s.campaignInAStorm(t, rng, server) })
	t.Run("survive a pause, a new rate, a restart and a resume", func(t *testing.T) { s.campaignOperated(t, server) })
	t.Run("go on in a new history", func(t *testing.T) { s.campaignContinuesAsNew(t, server) })
	t.Run("close the loop", func(t *testing.T) { s.campaignClosesTheLoop(t, server) })
	t.Run("ask the visitor of a reception", func(t *testing.T) { s.receptionAsksItsVisitor(t, server) })
	t.Run("be answered in a browser", func(t *testing.T) { s.pagesInABrowser(t, server) })
	s.verify(t)
}

// weather is what the mail server does to an attempt. Refusals for the moment are few, because they are patient.
func weather(seed uint64, recipient string, attempt int) testkit.Fate {
	if strings.HasPrefix(recipient, "calm") {
		return testkit.Accept
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(recipient))
	drawn := rand.New(rand.NewPCG(seed+uint64(attempt), h.Sum64())).Float64()
	for _, f := range []struct {
		fate  testkit.Fate
		share float64
	}{
		{testkit.RejectRecipient, 0.01},
		{testkit.RejectContent, 0.005},
		{testkit.DropAfterEnd, 0.05},
		{testkit.DropBeforeEnd, 0.02},
		{testkit.DropAtRecipient, 0.001},
		{testkit.DeferRecipient, 0.001},
		{testkit.DeferContent, 0.001},
		{testkit.EndService, 0.001},
	} {
		if drawn -= f.share; drawn < 0 {
			return f.fate
		}
	}
	return testkit.Accept
}

// addressees puts n contacts into the database, who alone are of the region.
func (s *stack) addressees(t *testing.T, region string, n int) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.database())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(ctx)) }()
	const each = 10 // contacts of a client
	now := time.Now().UTC()
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"clients"}, []string{"id", "name", "industry", "region", "class", "status", "external_ref", "version", "created_at", "updated_at"},
		pgx.CopyFromSlice(n/each, func(i int) ([]any, error) {
			return []any{id.Derive(id.Client, region, strconv.Itoa(i)), fmt.Sprintf("Client %d of %s", i, region), "paper", region, "B", "active", "", int64(1), now, now}, nil
		}))
	require.NoError(t, err)
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"contacts"}, []string{"id", "client_id", "name", "title", "phone", "email", "locale", "created_at"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			return []any{
				id.Derive(id.Contact, region, strconv.Itoa(i)), id.Derive(id.Client, region, strconv.Itoa(i/each)), fmt.Sprintf("Contact %d", i), "", "",
				fmt.Sprintf("%s%d@example.com", region, i), "en", now,
			}, nil
		}))
	require.NoError(t, err)
}

// counts are the counts of a campaign's progress.
type counts struct {
	State                                                         string
	Audience, Pending, Sent, Skipped, Failed, Withdrawn, Repeated int64
}

// outcomes are those that have one.
func (c counts) outcomes() int64 { return c.Sent + c.Skipped + c.Failed + c.Withdrawn }

// mailing is one campaign of a test.
type mailing struct {
	s    *stack
	by   person
	path string
}

// mail makes a campaign for the region that may send at any hour.
func (s *stack) mail(t *testing.T, region string, rate int) *mailing {
	t.Helper()
	by := s.as(t, "manager1")
	a := by.try(t, http.MethodPost, "/campaigns", M{
		"name": unique("Wave"), "audience": M{"region": []string{region}}, "template": "relationship", "channels": []string{"email"},
		"rate": rate, "quiet_hours": M{}, "expires_after": "14d",
	})
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	return &mailing{s, by, "/campaigns/" + into[struct{ ID string }](t, a).ID}
}

// act takes an action, again while the product is being killed.
func (m *mailing) act(t *testing.T, action string) {
	t.Helper()
	a, err := m.by.patiently(m.path+"/"+action, unique(action), M{})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, "%s: %s", action, a.body)
}

func (m *mailing) progress(t *testing.T) counts {
	t.Helper()
	return get[counts](t, m.by, m.path+"/progress")
}

// watch reads the progress until the context ends, and requires the numbers to add up, and outcomes to be final, in each
// sample. What it answers is how many there were.
func (m *mailing) watch(ctx context.Context, settled *atomic.Bool) (samples int, err error) {
	var last counts
	for tick := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil; <-tick.C {
		a, err := call(m.s.url, m.by.token, http.MethodGet, "/api/v1"+m.path+"/progress", nil)
		if err != nil || a.status != http.StatusOK {
			continue // the API is down
		}
		var now counts
		if err := json.Unmarshal(a.body, &now); err != nil {
			return samples, err
		}
		samples++
		switch {
		case now.Audience != stormy || now.Audience != now.Pending+now.outcomes():
			return samples, fmt.Errorf("planned is not what became of everybody: %+v", now)
		case now.Sent < last.Sent || now.Skipped < last.Skipped || now.Failed < last.Failed || now.Repeated < last.Repeated:
			return samples, fmt.Errorf("an outcome was taken back: %+v after %+v", now, last)
		}
		last = now
		settled.Store(now.Pending == 0)
	}
	return samples, nil
}

// campaignInAStorm kills worker and API while a campaign runs against a server that refuses, loses and delays.
func (s *stack) campaignInAStorm(t *testing.T, rng *rand.Rand, server *testkit.SMTPServer) {
	s.addressees(t, "storm", stormy)
	m := s.mail(t, "storm", 60_000)
	begun := time.Now()
	m.act(t, "launch")

	type watched struct {
		samples int
		err     error
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var settled atomic.Bool
	end := make(chan watched, 1)
	go func() {
		n, err := m.watch(ctx, &settled)
		end <- watched{n, err}
	}()

	parts := slices.Concat(slices.Repeat([]string{"worker"}, workersKilled), slices.Repeat([]string{"api"}, apisKilled))
	rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	inFlight := 0
	for _, part := range parts {
		mark := len(server.Taken())
		eventually(t, time.Minute, func() bool { return len(server.Taken()) >= mark+sentBetween || settled.Load() }, func() string { return fmt.Sprintf("messages after %d: %+v", mark, m.progress(t)) })
		require.False(t, settled.Load(), "kills must meet a campaign that is under way")
		inFlight += server.Receiving()
		s.kill(t, part)
		require.NoError(t, s.restart(part))
		t.Logf("%5.1fs killed and restarted %s, %d messages taken", time.Since(begun).Seconds(), part, len(server.Taken()))
	}
	eventually(t, outcomesWithin, settled.Load, func() string { return fmt.Sprintf("an outcome for all: %+v", m.progress(t)) })
	until(t, func() bool { return m.progress(t).State == "ended" }, func() string { return "the end of the run" })
	stop()
	w := <-end
	require.NoError(t, w.err)
	require.Positive(t, w.samples)

	p := m.progress(t)
	require.Zero(t, p.Pending)
	require.EqualValues(t, stormy, p.Sent+p.Failed, "nobody was skipped or withdrawn: %+v", p)
	require.Positive(t, p.Failed)
	m.everybodyOnce(t, p, "storm", server)
	duplicates, lost := 0, 0
	for key, r := range server.ByMessageID() {
		if !strings.Contains(key, "@") {
			require.Fail(t, "a message without an id", key)
		}
		duplicates += r.Accepted - 1
		lost += r.Lost
		require.LessOrEqual(t, r.Accepted-1, r.Lost, "%s was sent again although its acknowledgement had arrived", key)
	}
	require.GreaterOrEqual(t, p.Repeated, int64(duplicates), "every duplicate is counted")
	require.Positive(t, duplicates, "the storm must lose acknowledgements")
	t.Logf("%5.1fs %+v; %d samples; %d taken twice, %d acknowledgements lost, %d in flight at kills; %v", time.Since(begun).Seconds(), p, w.samples,
		duplicates, lost, inFlight, server.Fates())
}

// everybodyOnce holds what the product says of its recipients against what the mail server has taken for the region.
func (m *mailing) everybodyOnce(t *testing.T, p counts, region string, server *testkit.SMTPServer) {
	t.Helper()
	ids, taken := map[string]map[string]bool{}, 0
	for _, mail := range server.Taken() {
		if !strings.HasPrefix(mail.To, region) {
			continue
		}
		if ids[mail.To] == nil {
			ids[mail.To] = map[string]bool{}
		}
		ids[mail.To][mail.MessageID] = true
		taken++
	}
	states, contacts, repeated := map[string]int64{}, map[string]bool{}, int64(0)
	for _, r := range all[struct {
		Email, State string
		ContactID    string `json:"contact_id"`
		Repeated     int64
	}](t, m.by, m.path+"/recipients") {
		states[r.State]++
		contacts[r.ContactID] = true
		repeated += r.Repeated
		require.LessOrEqual(t, len(ids[r.Email]), 1, "%s: a repetition has the key of the first attempt", r.Email)
		if r.State == "sent" {
			require.Len(t, ids[r.Email], 1, "%s was told to have it", r.Email)
		}
	}
	require.Equal(t, p.Audience, int64(len(contacts)), "everybody once")
	require.Equal(t, []int64{p.Sent, p.Failed, p.Audience}, []int64{states["sent"], states["failed"], states["sent"] + states["failed"]})
	require.Equal(t, p.Repeated, repeated)
	require.GreaterOrEqual(t, int64(taken), p.Sent)
}

// campaignOperated pauses a campaign, changes its rate, restarts the worker and resumes: nothing leaves meanwhile, and
// everybody gets their message once.
func (s *stack) campaignOperated(t *testing.T, server *testkit.SMTPServer) {
	s.addressees(t, "calm", calm)
	m := s.mail(t, "calm", 600)
	m.act(t, "launch")
	until(t, func() bool { return m.progress(t).Sent > 0 }, func() string { return "the first message" })
	m.act(t, "pause")
	require.NoError(t, end(s.worker)) // which ends what it has begun
	require.NoError(t, s.startWorker())
	paused := m.progress(t)
	require.Equal(t, "paused", paused.State)
	require.Positive(t, paused.Pending)
	a := m.by.try(t, http.MethodPatch, m.path, M{"rate": 60_000})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.NoError(t, end(s.worker))
	require.NoError(t, s.startWorker())
	resumable := time.Now().Add(3 * time.Second) // at the new rate all would have left by then
	until(t, func() bool { return time.Now().After(resumable) }, func() string { return "three seconds" })
	require.Equal(t, paused, m.progress(t), "nothing leaves during a pause")

	m.act(t, "resume")
	eventually(t, 2*time.Minute, func() bool { return m.progress(t).Pending == 0 }, func() string { return fmt.Sprintf("an outcome for all: %+v", m.progress(t)) })
	p := m.progress(t)
	require.EqualValues(t, calm, p.Sent, "%+v", p)
	m.everybodyOnce(t, p, "calm", server)
	taken := 0
	for to, r := range server.ByRecipient() {
		if strings.HasPrefix(to, "calm") {
			require.Equal(t, 1, r.Accepted, to)
			taken++
		}
	}
	require.Equal(t, calm, taken)
	versions := map[int64]int64{}
	for _, r := range all[struct {
		CampaignVersion int64 `json:"campaign_version"`
	}](t, m.by, m.path+"/recipients") {
		versions[r.CampaignVersion]++
	}
	require.Equal(t, map[int64]int64{1: paused.Sent, 2: calm - paused.Sent}, versions, "everybody knows which version they got")
}
