package e2e_test

import (
	"io"
	"mime/quotedprintable"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/testkit"
	"github.com/mcrflow/mcrflow/models"
)

// bond is the relationship with one client in a test.
type bond struct {
	t      *testing.T
	s      *stack
	server *testkit.SMTPServer
	ID     string
}

// bondView is what the tests look at of a relationship.
type bondView struct {
	Stage        string
	Class        string
	Proposal     *struct{ Class string }
	ClassHistory []struct {
		Class     string
		Outcome   string
		DecidedBy []string `json:"decided_by"`
	} `json:"class_history"`
	ReviewDueAt      time.Time `json:"review_due_at"`
	AccountManagerID string    `json:"account_manager_id"`
	Cadence          struct {
		ContactEvery  string     `json:"contact_every"`
		LastContactAt *time.Time `json:"last_contact_at"`
		NextDueAt     time.Time  `json:"next_due_at"`
	}
	Commitments []struct{ ID string }
	Leads       []struct{ ID string }
	HandOver    *struct{ Items []struct{ Kind, ID string } } `json:"hand_over"`
	Health      struct {
		Score         int
		Contributions []struct {
			Kind   string
			Points int
		}
	}
	NextObligations []struct {
		Kind, ID string
		DueAt    time.Time `json:"due_at"`
	} `json:"next_obligations"`
}

// TestRelationships has a stack of its own, whose obligations fall due within seconds.
func TestRelationships(t *testing.T) {
	t.Parallel()
	server := testkit.NewSMTP(t, testkit.SMTPPlan{})
	s, err := newStack(true)
	require.NoError(t, err)
	smtp := server.Config()
	s.more = []string{"SMTP_HOST=" + smtp.Host, "SMTP_PORT=" + strconv.Itoa(smtp.Port), "SMTP_FROM=" + smtp.From, "SMTP_TLS=" + smtp.TLS}
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	require.NoError(t, s.start())
	s.askAtOnce(t, s.as(t, "manager1"))
	s.quicken(t)
	t.Run("live through a year", func(t *testing.T) { s.year(t, server) })
	t.Run("are graded by a candidate beside the policy in force", s.gradedInTheShadow)
	t.Run("are handed over and end when their client is merged", s.handedOverAndMerged)
	t.Run("are reported by the week", s.weekReported)
	t.Run("keep every command whatever dies", s.bondUnderFire)
	s.verify(t)
}

// quicken publishes the policies that ship with the product, but for class A with obligations that fall due within seconds, on
// the calendar that never closes.
func (s *stack) quicken(t *testing.T) {
	t.Helper()
	cadence := shipped(t, "cadence")
	cadence["calendar"], cadence["remind_before"] = "always", "1s"
	in(cadence, "commitments")["remind_before"] = "1s"
	in(cadence, "classes", "A")["contact_every"] = "5s"
	s.publish(t, "/policies/cadence/versions", cadence)
	grading := shipped(t, "classification")
	in(grading, "classes", "A")["review_every"] = "8s"
	s.publish(t, "/policies/classification/versions", grading)
}

// shipped reads a policy that ships with the product.
func shipped(t *testing.T, kind string) M {
	t.Helper()
	text, err := os.ReadFile("../../policies/" + kind + "/default.yaml")
	require.NoError(t, err)
	var doc M
	require.NoError(t, yaml.Unmarshal(text, &doc))
	return doc
}

// in is a part of a document.
func in(doc M, path ...string) M {
	for _, name := range path {
		doc = doc[name].(M)
	}
	return doc
}

func (s *stack) publish(t *testing.T, path string, doc M) M {
	t.Helper()
	a := s.as(t, "manager1").try(t, http.MethodPost, path, doc)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	return into[M](t, a)
}

// bond makes a client, with somebody who looks after it.
func (s *stack) bond(t *testing.T, server *testkit.SMTPServer, change M) *bond {
	t.Helper()
	body := M{"name": unique("Larch & Loom"), "industry": "textiles", "region": "EMEA", "account_manager_id": s.as(t, "am1").ID, "sales_12m": 420_000_000, "currency": "CNY"}
	for key, v := range change {
		body[key] = v
	}
	a := s.as(t, "manager1").try(t, http.MethodPost, "/clients", body)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	return &bond{t, s, server, into[struct{ ID string }](t, a).ID}
}

// post gives a command of somebody on anything of the client.
func (b *bond) post(by, path string, body any) answer {
	b.t.Helper()
	return b.s.as(b.t, by).try(b.t, http.MethodPost, path, body)
}

// do gives a command that must be allowed, and answers the id of what it made, if it made anything.
func (b *bond) do(by, path string, body any) string {
	b.t.Helper()
	a := b.post(by, path, body)
	require.Contains(b.t, []int{http.StatusOK, http.StatusCreated}, a.status, "%s %s: %s", by, path, a.body)
	return into[struct{ ID string }](b.t, a).ID
}

// of is a path under the client.
func (b *bond) of(path string) string { return "/clients/" + b.ID + "/" + path }

// view reads the relationship as the manager, who sees them all. What explains the health must sum to it, at every reading.
func (b *bond) view() bondView {
	b.t.Helper()
	v := get[bondView](b.t, b.s.as(b.t, "manager1"), b.of("relationship"))
	sum := 0
	for _, c := range v.Health.Contributions {
		sum += c.Points
	}
	require.Equal(b.t, v.Health.Score, sum, "%+v", v.Health)
	return v
}

// shows waits until the health counts a fact of the kind.
func (b *bond) shows(kind string) {
	b.t.Helper()
	until(b.t, func() bool {
		for _, c := range b.view().Health.Contributions {
			if c.Kind == kind {
				return true
			}
		}
		return false
	}, func() string { return kind + " in the health" })
}

// becomes waits for a class and a stage.
func (b *bond) becomes(class, stage string) bondView {
	b.t.Helper()
	var v bondView
	until(b.t, func() bool { v = b.view(); return v.Class == class && v.Stage == stage }, func() string {
		return "class " + class + ", " + stage + "; it is " + v.Class + ", " + v.Stage
	})
	return v
}

// await waits until the timeline has an event of the type, and answers the first one that fits.
func (b *bond) await(kind string, fits func(event) bool) event {
	b.t.Helper()
	var found event
	until(b.t, func() bool {
		events := b.s.timeline(b.t, "/clients/"+b.ID)
		i := slices.IndexFunc(events, func(e event) bool { return e.Type == kind && (fits == nil || fits(e)) })
		if i >= 0 {
			found = events[i]
		}
		return i >= 0
	}, func() string { return kind + " in the timeline" })
	return found
}

// awaitTask waits until somebody is asked for something about the client.
func (b *bond) awaitTask(by, kind string) {
	b.t.Helper()
	m := &matter{b.t, b.s, b.ID}
	m.awaitTask(b.s.as(b.t, by), kind)
}

// told waits for a message to the address that says the words.
func (b *bond) told(address, words string) {
	b.t.Helper()
	until(b.t, func() bool {
		for _, m := range b.server.Taken() {
			if m.To != address {
				continue
			}
			text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(m.Data)))
			require.NoError(b.t, err)
			if strings.Contains(string(text), words) {
				return true
			}
		}
		return false
	}, func() string { return "a message to " + address + " that says " + words })
}

func (b *bond) keep(path string) {
	b.t.Helper()
	b.s.keep(b.t, models.RelationshipWorkflowID(b.ID), models.RelationshipProcess, path)
}
