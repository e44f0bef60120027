package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// storedInvitation is a models.SurveyInvitation by column.
type storedInvitation struct {
	ID, SubjectID, RunID, RecipientID, FirstID, ClientID, ContactID string
	AccountManagerID, AccountableID, Name, Email, Phone, Locale     string
	TimeZone, Template, CaseID, Channel                             string

	Purpose                       models.Purpose
	SurveyVersion                 int
	TokenHash                     []byte
	CreatedAt, ExpiresAt          time.Time
	AskedAt, AnsweredAt           *time.Time
	Complete, OptedOut, Withdrawn bool
	Answers                       survey.Answers
	Score                         *int
	Verdict                       survey.Verdict
}

// What a storedInvitation is made of; the channel is read of one invitation only.
const (
	invitationColumns = invitationSelect + `'' AS channel FROM invitations i WHERE `
	oneInvitation     = invitationSelect + `coalesce((SELECT r.channel FROM campaign_recipients r WHERE r.id = i.recipient_id), '') AS channel
		FROM invitations i WHERE `
	invitationSelect = `SELECT i.id, i.purpose, i.subject_id, coalesce(i.run_id, '') AS run_id, coalesce(i.recipient_id, '') AS recipient_id,
		coalesce(i.first_id, '') AS first_id, i.client_id, coalesce(i.contact_id, '') AS contact_id, coalesce(i.account_manager_id, '') AS account_manager_id,
		coalesce(i.accountable_id, '') AS accountable_id, i.name, i.email, i.phone, i.locale, i.time_zone, i.template,
		i.survey_version, i.token_hash, i.created_at, i.asked_at, i.expires_at, i.answered_at, i.complete, i.opted_out, i.withdrawn, i.answers,
		i.score, i.verdict, coalesce(i.case_id, '') AS case_id, `
)

func (i storedInvitation) row() models.SurveyInvitation {
	return models.SurveyInvitation{
		ID: i.ID, Purpose: i.Purpose, SubjectID: i.SubjectID, RunID: i.RunID, RecipientID: i.RecipientID, FirstID: i.FirstID,
		ClientID: i.ClientID, AccountManagerID: i.AccountManagerID, AccountableID: i.AccountableID,
		Recipient: models.Recipient{
			ContactID: i.ContactID, Name: i.Name, Email: i.Email, Phone: i.Phone, Locale: i.Locale, TimeZone: i.TimeZone,
		},
		Template: i.Template, SurveyVersion: i.SurveyVersion, TokenHash: i.TokenHash, CreatedAt: i.CreatedAt, AskedAt: i.AskedAt,
		ExpiresAt: i.ExpiresAt, AnsweredAt: i.AnsweredAt, Complete: i.Complete, OptedOut: i.OptedOut, Withdrawn: i.Withdrawn,
		Answers: i.Answers, Score: i.Score, Verdict: i.Verdict, CaseID: i.CaseID, Channel: campaign.Channel(i.Channel),
	}
}

func verdictOf(i *models.SurveyInvitation) survey.Verdict { return cmp.Or(i.Verdict, survey.NoVerdict) }

// Invitation returns one invitation, whoever asks: for the process itself. not_found when there is none.
func (s *Store) Invitation(ctx context.Context, id string) (models.SurveyInvitation, error) {
	return s.oneInvitation(ctx, `i.id = $%d`, id)
}

// InvitationByToken returns the invitation whose link has the token of the hash (auth.HashLink); not_found when there is none.
func (s *Store) InvitationByToken(ctx context.Context, hash []byte) (models.SurveyInvitation, error) {
	return s.oneInvitation(ctx, `i.token_hash = $%d`, hash)
}

func (s *Store) oneInvitation(ctx context.Context, where string, arg any) (models.SurveyInvitation, error) {
	var q query
	q.add(oneInvitation+where, arg)
	rows, err := read[storedInvitation](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return models.SurveyInvitation{}, err
	}
	if len(rows) == 0 {
		return models.SurveyInvitation{}, notFound()
	}
	return rows[0].row(), nil
}

// invitationScope is the row rule of invitations: with models.PermSurveyReadAll everything is seen; otherwise a person sees
// those of the clients that they manage, and those about what they were accountable for. A deputy sees what the person sees.
func invitationScope(a models.Actor) scope {
	var sc scope
	for _, p := range a.In(models.FollowUpProcess) {
		sc.all = sc.all || p.May(models.PermSurveyReadAll)
		sc.principals = append(sc.principals, p.ID)
	}
	sc.principals = distinct(sc.principals)
	return sc
}

// narrowInvitations limits the invitations i to those in the scope.
func (q *query) narrowInvitations(sc scope) {
	if !sc.all {
		n := q.arg(sc.principals)
		fmt.Fprintf(&q.text, ` AND (i.accountable_id = ANY($%[1]d)
			OR EXISTS (SELECT FROM clients k WHERE k.id = i.client_id AND k.account_manager_id = ANY($%[1]d)))`, n)
	}
}

// filterInvitations limits the invitations i to those that the filter asks for.
func (q *query) filterInvitations(f models.InvitationFilter) {
	for _, e := range []struct{ column, value string }{
		{"subject_id", f.SubjectID},
		{"client_id", f.ClientID},
		{"run_id", f.RunID},
	} {
		if e.value != "" {
			q.add(` AND i.`+e.column+` = $%d`, e.value)
		}
	}
	if f.Answered != nil && *f.Answered {
		q.add(` AND i.answered_at IS NOT NULL`)
	} else if f.Answered != nil {
		q.add(` AND i.answered_at IS NULL`)
	}
}

// Invitations lists the invitations that the actor may see and the filter asks for, the newest first, and the cursor of the
// next page, empty on the last.
func (s *Store) Invitations(ctx context.Context, actor models.Actor, f models.InvitationFilter, p models.Page) ([]models.SurveyInvitation, string, error) {
	after, err := decodeCursor(p.Cursor)
	if err != nil {
		return nil, "", err
	}
	sc := invitationScope(actor)
	if err := invitationCount(sc, f).estimate(ctx, s, p); err != nil {
		return nil, "", err
	}
	limit := limitOf(p)
	q := invitationList(sc, f, after, limit+1)
	found, err := read[storedInvitation](ctx, s, q.text.String(), q.args...)
	if err != nil {
		return nil, "", err
	}
	rows := make([]models.SurveyInvitation, len(found))
	for i, r := range found {
		rows[i] = r.row()
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	return rows, encodeCursor(rows[limit-1].ID), nil
}

// invitationCount is a statement that finds what all pages together show; only the planner reads it.
func invitationCount(sc scope, f models.InvitationFilter) *query {
	q := &query{}
	q.add(`SELECT FROM invitations i WHERE true`)
	q.filterInvitations(f)
	q.narrowInvitations(sc)
	return q
}

// invitationList is the statement of a page. Like caseList, it begins with the index that names the fewest invitations:
// those of a subject, client or run, of the people in the scope, or all.
func invitationList(sc scope, f models.InvitationFilter, after string, n int) *query {
	q := &query{}
	if !sc.all && f.SubjectID == "" && f.ClientID == "" && f.RunID == "" {
		q.walkInvitations(sc.principals, f, after, n)
		return q
	}
	q.add(invitationColumns + `true`)
	q.filterInvitations(f)
	q.narrowInvitations(sc)
	if after != "" {
		q.add(` AND i.id < $%d`, after)
	}
	q.add(` ORDER BY i.id DESC LIMIT $%d`, n)
	return q
}

// walkInvitations merges one walk per person who was accountable and one per client that they manage, each from the newest
// on and no further than the page.
func (q *query) walkInvitations(principals []string, f models.InvitationFilter, after string, n int) {
	limit := q.arg(n)
	walk := func(column string) {
		q.add(` CROSS JOIN LATERAL (SELECT i.id FROM invitations i WHERE i.` + column + ` = p.id`)
		q.filterInvitations(f)
		if after != "" {
			q.add(` AND i.id < $%d`, after)
		}
		fmt.Fprintf(&q.text, ` ORDER BY i.id DESC LIMIT $%d) w`, limit)
	}
	q.add(invitationColumns+`i.id IN (SELECT x.id FROM (
	SELECT w.id FROM unnest($%d::text[]) p(id)`, principals)
	walk("accountable_id")
	q.add(` UNION SELECT w.id FROM (SELECT id FROM clients WHERE account_manager_id = ANY($%d)) p`, principals)
	walk("client_id")
	fmt.Fprintf(&q.text, `) x ORDER BY x.id DESC LIMIT $%d) ORDER BY i.id DESC`, limit)
}
