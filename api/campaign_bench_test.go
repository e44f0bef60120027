package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/i18n"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// The people of these tests. Mia makes campaigns, the timer launches them, amy is Acme's account manager, ben only works.
var (
	mia, timer, amy = id.Derive(id.User, "t", "mia"), id.Derive(id.User, "t", "timer"), id.Derive(id.User, "t", "amy")
	campaignNone    = id.Derive(id.Campaign, "t", "none")
	invitationA     = id.Derive(id.Invitation, "t", "a")
)

// linkA is the token of the link of invitation A.
const linkA = "mcq_the-link-of-invitation-a"

// worldLink hashes what can be a token of these tests.
func worldLink(token string) ([32]byte, bool) {
	return sha256.Sum256([]byte(token)), strings.HasPrefix(token, "mcq_")
}

// noCampaigns is a projection without any campaign.
type noCampaigns struct{ campaignReader }

type campaignReader interface{ api.Campaigns }

func (noCampaigns) Campaign(context.Context, string) (models.CampaignRow, error) {
	return models.CampaignRow{}, none()
}

func (noCampaigns) Campaigns(context.Context, models.CampaignFilter, models.Page) ([]models.CampaignRow, string, error) {
	return nil, "", nil
}

// noSurveys is a projection without any invitation.
type noSurveys struct{ surveyReader }

type surveyReader interface{ api.Surveys }

func (noSurveys) Invitation(context.Context, string) (models.SurveyInvitation, error) {
	return models.SurveyInvitation{}, none()
}

func (noSurveys) InvitationByToken(context.Context, []byte) (models.SurveyInvitation, error) {
	return models.SurveyInvitation{}, none()
}

func (noSurveys) FollowUpState(context.Context, string) (models.FollowUpState, error) {
	return models.FollowUpState{}, none()
}

func (noSurveys) Invitations(context.Context, models.Actor, models.InvitationFilter, models.Page) ([]models.SurveyInvitation, string, error) {
	return nil, "", nil
}

// campaignBench is a world with campaigns and follow-ups whose processes really decide, in memory. It is 11:00 on Friday in Shanghai.
type campaignBench struct {
	*world
	engine *campaignEngine
	store  *campaignRows
	inbox  *scriptedCases
}

func newCampaignBench(t testing.TB, change ...func(*api.Deps)) *campaignBench {
	t.Helper()
	b := &campaignBench{store: &campaignRows{
		rows: map[string]models.CampaignRow{}, invitations: map[string]models.SurveyInvitation{}, follows: map[string]*models.FollowUpState{},
	}}
	b.engine = &campaignEngine{store: b.store}
	b.inbox = &scriptedCases{tasks: map[string]models.TaskRow{}}
	b.world = newWorld(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.Now = func() time.Time { return friday(3, 0) }
		d.Engine, d.Campaigns, d.Surveys, d.Cases = b.engine, b.store, b.store, b.inbox
	}}, change...)...)
	b.engine.world = b.world
	for userID, role := range map[string]models.Role{
		mia: models.RoleManager, timer: models.RoleScheduler, amy: models.RoleAccountManager, ben: models.RoleServiceAgent, sup: models.RoleSupervisor,
		aud: models.RoleAuditor, fin: models.RoleFinance,
	} { // whose name, and so whose token, is their id
		b.users.put(userID, models.User{ID: userID, Username: userID, Active: true, Roles: []models.Role{role}, Locale: i18n.English})
	}
	b.clients.put(acme, models.Client{ID: acme, Name: "Acme", Class: "B", AccountManagerID: &amy, Version: 1})
	publishCampaign(t, b.world)
	b.engine.rules = rulebook.New(b.world)
	return b
}

// publishCalendar puts the shipped calendar into force.
func publishCalendar(t testing.TB, w *world) {
	t.Helper()
	body, err := policies.FS.ReadFile("calendars/cn.yaml")
	require.NoError(t, err)
	res := w.do("boss", "PUT", "/api/v1/calendars/cn", string(body), "Content-Type", "application/yaml")
	require.Contains(t, []int{http.StatusOK, http.StatusCreated}, res.StatusCode, bodyText(t, res))
}

// publishCampaign puts the shipped policies on surveys and campaigns into force.
func publishCampaign(t testing.TB, w *world) {
	t.Helper()
	publishCalendar(t, w)
	for _, kind := range []string{"survey", "campaign"} {
		body, err := policies.FS.ReadFile(kind + "/default.yaml")
		require.NoError(t, err)
		object(t, w.do("boss", "POST", "/api/v1/policies/"+kind+"/versions", string(body), "Content-Type", "application/yaml"), http.StatusCreated)
	}
}

// everyCampaign is a projection in which every id is a campaign or an invitation.
func everyCampaign(t testing.TB) (everyCampaigns, everyCampaigns) {
	t.Helper()
	b := newCampaignBench(t)
	row := b.store.rows[strings.TrimPrefix(b.make(nil), "/campaigns/")]
	b.store.rows = map[string]models.CampaignRow{"": row}
	b.invite("reception")
	return everyCampaigns{b.store}, everyCampaigns{b.store}
}

type everyCampaigns struct{ *campaignRows }

func (r everyCampaigns) Campaign(context.Context, string) (models.CampaignRow, error) {
	return r.rows[""], nil
}

// call asks as a user. Further headers are name, value pairs.
func (b *campaignBench) call(user, method, path, body string, headers ...string) *http.Response {
	b.t.Helper()
	return b.do(user, method, "/api/v1"+path, body, headers...)
}

func (b *campaignBench) get(user, path string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "GET", path, ""), http.StatusOK)
}

// make makes a campaign of mia and answers its path.
func (b *campaignBench) make(change map[string]any) string {
	b.t.Helper()
	view := object(b.t, b.call(mia, "POST", "/campaigns", newCampaign(change)), http.StatusCreated)
	return "/campaigns/" + view["id"].(string)
}

// act takes an action on a campaign and answers the view, which must come.
func (b *campaignBench) act(user, path, action string) map[string]any {
	b.t.Helper()
	return object(b.t, b.call(user, "POST", path+"/"+action, ""), http.StatusOK)
}

// invite makes an invitation of a template to a contact of Acme's, who was asked yesterday. Its link is linkA.
func (b *campaignBench) invite(template string, change ...func(*models.SurveyInvitation)) models.SurveyInvitation {
	b.t.Helper()
	hash, _ := worldLink(linkA)
	yesterday := friday(3, 0).AddDate(0, 0, -1)
	row := models.SurveyInvitation{
		ID: invitationA, Purpose: models.PurposeCampaign, SubjectID: campaignNone, RunID: id.Derive(id.Run, "t", "r"), ClientID: acme, AccountManagerID: amy,
		AccountableID: hal, Recipient: models.Recipient{Name: "Zhang Min", Email: "zhang@acme.example", Phone: "+86 21 5555", Locale: "en"},
		Template: template, SurveyVersion: 1, TokenHash: hash[:], CreatedAt: yesterday, AskedAt: &yesterday, ExpiresAt: yesterday.AddDate(0, 0, 14),
	}
	for _, f := range change {
		f(&row)
	}
	b.store.invitations[row.ID] = row
	return row
}

// newCampaign is a complete body with some fields replaced; nil takes one out.
func newCampaign(change map[string]any) string {
	body := map[string]any{
		"name": "客户服务日", "audience": map[string]any{"class": []any{"S", "A"}}, "template": "relationship", "channels": []any{"email", "sms"}, "rate": 60,
		"window": map[string]any{"from": "09:00", "to": "18:00", "working": true}, "reminders": map[string]any{"count": 1, "spacing": "3d"}, "expires_after": "14d",
	}
	for name, v := range change {
		body[name] = v
		if v == nil {
			delete(body, name)
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// launched is one command that reached the engine.
type launched struct {
	workflowType, workflowID, name, updateID string
	meta                                     models.Meta
	data                                     json.RawMessage
}

// campaignEngine decides as the processes do, or answers err. late is what it answers of an answer that it has taken; one that it
// has taken before changes nothing.
type campaignEngine struct {
	api.Engine
	world *world
	store *campaignRows
	rules *rulebook.Book
	mu    sync.Mutex
	err   error
	late  error
	sent  []launched
}

func (e *campaignEngine) Start(_ context.Context, workflowType, workflowID string, input any, name, updateID string, cmd any) (models.Reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch event := cmd.(type) {
	case models.CampaignEvent:
		e.sent = append(e.sent, launched{workflowType, workflowID, name, updateID, event.Meta, event.Data})
		if e.err != nil {
			return models.Reply{}, e.err
		}
		return models.Reply{}, e.campaign(input.(models.CampaignInput).CampaignID, event)
	case models.FollowUpEvent:
		e.sent = append(e.sent, launched{workflowType, workflowID, name, updateID, event.Meta, event.Data})
		if e.err != nil {
			return models.Reply{}, e.err
		}
		invitationID := input.(models.FollowUpInput).InvitationID
		if s := e.store.follows[invitationID]; s != nil && slices.Contains(s.Handled, event.Meta.RequestID) {
			return models.Reply{}, nil
		}
		if err := e.followUp(invitationID, event); err != nil {
			return models.Reply{}, err
		}
		return models.Reply{}, e.late
	}
	panic("unknown command")
}

func (e *campaignEngine) Update(_ context.Context, workflowID, name, updateID string, cmd any) (models.Reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event := cmd.(models.CampaignEvent)
	e.sent = append(e.sent, launched{"", workflowID, name, updateID, event.Meta, event.Data})
	if e.err != nil {
		return models.Reply{}, e.err
	}
	return models.Reply{}, e.campaign(strings.TrimPrefix(workflowID, "campaign/"), event)
}

// judged are the rules in force.
func (e *campaignEngine) judged() (models.FollowUpRules, error) {
	ctx := context.Background()
	p, version, cal, err := e.rules.LatestCampaign(ctx)
	if err != nil {
		return models.FollowUpRules{}, err
	}
	book, err := e.rules.LatestSurveys(ctx)
	if err != nil {
		return models.FollowUpRules{}, err
	}
	org, err := e.world.Org(ctx)
	return models.FollowUpRules{
		Policy: *p, PolicyVersion: version, Book: book, SurveyVersion: book.Version(), Calendar: cal, CalendarID: cal.ID(), CalendarVersion: cal.Version(), Org: org,
	}, err
}

func (e *campaignEngine) campaign(campaignID string, event models.CampaignEvent) error {
	rules, err := e.judged()
	if err != nil {
		return err
	}
	row, known := e.store.rows[campaignID]
	var old *models.CampaignState
	switch {
	case known:
		old = &row.State
	case event.Action != models.CampaignCreate:
		return errs.New(errs.NotFound, "process_unknown")
	default:
		var cmd models.DefineCampaign
		if err := json.Unmarshal(event.Data, &cmd); err != nil {
			return err
		}
		cmd.ID, cmd.Number = campaignID, "CPN-20260306-0001"
		event.Data, _ = json.Marshal(cmd)
	}
	step, err := models.ApplyCampaign(old, event, friday(3, 0), rules)
	if err != nil {
		return err
	}
	if l := step.Launch; l != nil && len(e.store.people) == 0 {
		return errs.New(errs.Conflict, "campaign.empty_audience")
	} else if l != nil {
		n := int64(len(e.store.people))
		e.store.runs = append(e.store.runs, models.RunRow{
			ID: l.RunID, CampaignID: campaignID, N: l.N, StartedAt: l.StartedAt, Until: l.Until, SurveyVersion: l.SurveyVersion, PolicyVersion: l.PolicyVersion,
			CalendarID: l.CalendarID, CalendarVersion: l.CalendarVersion, Audience: n, Pending: n,
		})
	}
	row.State, row.Run = step.State, nil
	if len(e.store.runs) > 0 {
		row.Run = &e.store.runs[len(e.store.runs)-1]
	}
	e.store.rows[campaignID] = row
	e.store.events = append(e.store.events, step.Events...)
	return nil
}

func (e *campaignEngine) followUp(invitationID string, event models.FollowUpEvent) error {
	rules, err := e.judged()
	if err != nil {
		return err
	}
	row := e.store.invitations[invitationID]
	rules.Invitation = &row
	step, err := models.ApplyFollowUp(e.store.follows[invitationID], event, friday(3, 0), rules)
	if err != nil {
		return err
	}
	e.store.follows[invitationID] = &step.State
	e.store.invitations[invitationID] = *step.Invitation
	e.store.optedOut = append(e.store.optedOut, step.OptOut...)
	return nil
}

// responses are the answers that reached the engine.
func (b *campaignBench) responses() []models.Response {
	var all []models.Response
	for _, s := range b.engine.sent {
		var r models.Response
		if s.name == "respond" {
			require.NoError(b.t, json.Unmarshal(s.data, &r))
			all = append(all, r)
		}
	}
	return all
}
