package api

import (
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/models"
)

type caseView struct {
	ID              string              `json:"id"`
	Number          string              `json:"number"`
	Type            models.CaseType     `json:"type"`
	State           models.CaseStatus   `json:"state"`
	Priority        string              `json:"priority"`
	Impact          string              `json:"impact"`
	Urgency         string              `json:"urgency"`
	Subject         string              `json:"subject"`
	Description     string              `json:"description"`
	Category        string              `json:"category"`
	Channel         string              `json:"channel"`
	Contact         caseContactView     `json:"contact"`
	MergedContacts  []caseContactView   `json:"merged_contacts"`
	OccurredAt      *Time               `json:"occurred_at"`
	ExternalRef     string              `json:"external_ref"`
	ClientID        string              `json:"client_id"`
	AccountableID   string              `json:"accountable_id"`
	AssigneeID      *string             `json:"assignee_id"`
	TeamID          *string             `json:"team_id"`
	Offer           *offerView          `json:"offer"`
	Transfer        *transferView       `json:"transfer"`
	Extension       *extensionView      `json:"extension"`
	Waiting         *waitingView        `json:"waiting"`
	Milestones      []milestoneView     `json:"milestones"`
	PastMilestones  []milestoneView     `json:"past_milestones"`
	EscalationLevel int                 `json:"escalation_level"`
	Bounces         int                 `json:"bounces"`
	ReopenCount     int                 `json:"reopen_count"`
	Satisfaction    *int                `json:"satisfaction"`
	Resolution      *string             `json:"resolution"`
	RootCause       *string             `json:"root_cause"`
	ResolvedAt      *Time               `json:"resolved_at"`
	ConfirmBy       *Time               `json:"confirm_by"`
	ReopenUntil     *Time               `json:"reopen_until"`
	Links           []linkView          `json:"links"`
	MergedInto      *string             `json:"merged_into"`
	PolicyVersion   int                 `json:"policy_version"`
	CalendarID      string              `json:"calendar_id"`
	CalendarVersion int                 `json:"calendar_version"`
	Version         int64               `json:"version"`
	CreatedBy       string              `json:"created_by"`
	CreatedAt       Time                `json:"created_at"`
	UpdatedAt       Time                `json:"updated_at"`
	ClosedAt        *Time               `json:"closed_at"`
	AllowedActions  []models.CaseAction `json:"allowed_actions"`
}

// newCaseView is the answer to a new case.
type newCaseView struct {
	caseView
	PossibleDuplicates []duplicateView `json:"possible_duplicates"`
}

type caseContactView struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
	Email string `json:"email"`
}

type offerView struct {
	ToID      *string `json:"to_id,omitempty"`
	TeamID    *string `json:"team_id,omitempty"`
	ByID      string  `json:"by_id"`
	At        Time    `json:"at"`
	ExpiresAt Time    `json:"expires_at"`
}

type transferView struct {
	ToID       string  `json:"to_id"`
	ApprovalID string  `json:"approval_id"`
	AskedBy    string  `json:"asked_by"`
	AskedAt    Time    `json:"asked_at"`
	ApprovedBy *string `json:"approved_by"`
	ApprovedAt *Time   `json:"approved_at"`
}

type extensionView struct {
	Milestone  string `json:"milestone"`
	ApprovalID string `json:"approval_id"`
	By         string `json:"by"`
	Reason     string `json:"reason"`
	AskedBy    string `json:"asked_by"`
	AskedAt    Time   `json:"asked_at"`
}

type waitingView struct {
	Since        Time  `json:"since"`
	Until        *Time `json:"until"`
	NextChaserAt *Time `json:"next_chaser_at"`
	Chasers      int   `json:"chasers"`
}

type linkView struct {
	CaseID string `json:"case_id"`
	Kind   string `json:"kind"`
	At     Time   `json:"at"`
}

type milestoneView struct {
	Name       string        `json:"name"`
	Cycle      int           `json:"cycle"`
	State      sla.State     `json:"state"`
	Target     string        `json:"target"`
	Clock      sla.ClockKind `json:"clock"`
	StartedAt  Time          `json:"started_at"`
	DueAt      *Time         `json:"due_at"`
	MetAt      *Time         `json:"met_at"`
	BreachedAt *Time         `json:"breached_at"`
	Elapsed    string        `json:"elapsed"`
	Remaining  string        `json:"remaining"`
}

type duplicateView struct {
	ID         string            `json:"id"`
	Number     string            `json:"number"`
	Subject    string            `json:"subject"`
	State      models.CaseStatus `json:"state"`
	CreatedAt  Time              `json:"created_at"`
	Similarity float64           `json:"similarity"`
}

type eventView struct {
	Seq        int64          `json:"seq"`
	At         Time           `json:"at"`
	Type       string         `json:"type"`
	Actor      string         `json:"actor"`
	OnBehalfOf *string        `json:"on_behalf_of"`
	RequestID  *string        `json:"request_id"` // null: the process's own step
	Data       map[string]any `json:"data"`
}

// view shows a case to the caller: with the time that its promises have left by its own calendar, and with what this
// caller may do now.
func (h *cases) view(c *gin.Context, row models.CaseRow) (caseView, error) {
	s, now := row.State, h.now()
	cal, err := h.rules.Calendar(c.Request.Context(), s.CalendarID, s.CalendarVersion)
	if err != nil {
		return caseView{}, err
	}
	v := caseView{
		ID: s.ID, Number: s.Number, Type: s.Type, State: s.Status, Priority: s.Priority, Impact: s.Impact, Urgency: s.Urgency,
		Subject: row.Record.Subject, Description: row.Record.Description, Category: s.Category, Channel: s.Channel,
		Contact: toCaseContactView(row.Record.Contact), MergedContacts: each(row.Contacts, toCaseContactView),
		OccurredAt: timePtr(row.Record.OccurredAt), ExternalRef: row.Record.ExternalRef, ClientID: s.ClientID,
		AccountableID: s.AccountableID, AssigneeID: filled(s.AssigneeID), TeamID: filled(s.TeamID),
		EscalationLevel: s.EscalationLevel, Bounces: s.Bounces, ReopenCount: s.ReopenCount, Satisfaction: row.Satisfied,
		Resolution: filled(row.Resolution), RootCause: filled(row.RootCause),
		ResolvedAt: timePtr(s.ResolvedAt), ConfirmBy: timePtr(s.ConfirmBy), ReopenUntil: timePtr(s.ReopenUntil),
		Links:         each(s.Links, func(l models.CaseLink) linkView { return linkView{l.CaseID, l.Kind, Time(l.At)} }),
		PolicyVersion: s.PolicyVersion, CalendarID: s.CalendarID, CalendarVersion: s.CalendarVersion, Version: s.Seq,
		CreatedBy: s.CreatedBy, CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt), ClosedAt: timePtr(s.ClosedAt),
		AllowedActions: s.AllowedActions(caller(c).Actor, now),
	}
	if o := s.Offer; o != nil {
		v.Offer = &offerView{filled(o.ToID), filled(o.TeamID), o.ByID, Time(o.At), Time(o.ExpiresAt)}
	}
	if t := s.Transfer; t != nil {
		v.Transfer = &transferView{t.ToID, t.ApprovalID, t.AskedBy, Time(t.AskedAt), filled(t.ApprovedBy), timePtr(t.ApprovedAt)}
	}
	if e := s.Extension; e != nil {
		v.Extension = &extensionView{e.Milestone, e.ApprovalID, isoSpan(e.By), e.Reason, e.AskedBy, Time(e.AskedAt)}
	}
	if w := s.Waiting; w != nil {
		v.Waiting = &waitingView{Since: Time(w.Since), Until: timePtr(w.Until), Chasers: w.Chasers}
		if !w.NextChaserAt.IsZero() {
			v.Waiting.NextChaserAt = timePtr(&w.NextChaserAt)
		}
	}
	if s.Merge != nil {
		v.MergedInto = &s.Merge.Into
	}
	current, past := cycles(s.Promises)
	toView := func(p sla.Promise) milestoneView {
		rules := sla.Rules{Calendar: cal}
		return milestoneView{
			Name: p.Name, Cycle: p.Cycle, State: p.State, Target: isoSpan(p.Target), Clock: p.Clock, StartedAt: Time(p.StartedAt),
			DueAt: timePtr(p.DueAt), MetAt: timePtr(p.MetAt), BreachedAt: timePtr(p.BreachedAt),
			Elapsed: isoDuration(p.Elapsed(now, rules)), Remaining: isoDuration(p.Remaining(now, rules)),
		}
	}
	v.Milestones, v.PastMilestones = each(current, toView), each(past, toView)
	return v, nil
}

// cycles parts the promises of a case: the newest of each name, in the order in which the names first came up, and those
// that it took the place of.
func cycles(promises []sla.Promise) (current, past []sla.Promise) {
	for _, p := range promises {
		i := slices.IndexFunc(current, func(c sla.Promise) bool { return c.Name == p.Name })
		if i < 0 {
			current = append(current, p)
			continue
		}
		past = append(past, current[i])
		current[i] = p
	}
	return current, past
}

func toCaseContactView(c models.CaseContact) caseContactView { return caseContactView(c) }

func duplicateViews(list []models.SimilarCase) []duplicateView {
	return each(list, func(s models.SimilarCase) duplicateView {
		// Two decimals are all that the measure is worth.
		return duplicateView{s.ID, s.Number, s.Subject, s.Status, Time(s.CreatedAt), float64(int(s.Similarity*100)) / 100}
	})
}

func toEventView(e models.TimelineEvent) eventView {
	data := instants(e.Data).(map[string]any) // none: an empty one
	return eventView{e.Seq, Time(e.At), e.Type, e.Actor, filled(e.OnBehalfOf), filled(e.TraceID), data}
}

// filled is a text that is answered as null when there is none.
func filled(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// each converts a list; no list is an empty one.
func each[T, V any](list []T, convert func(T) V) []V {
	out := make([]V, len(list))
	for i, v := range list {
		out[i] = convert(v)
	}
	return out
}
