package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// openingGrace is how long the case of a bad answer may take to be recorded by its own process.
const openingGrace = time.Hour

// VerifySurveys holds every invitation, its answers and its follow-up against the rules that must always be true, and reports
// each contradiction; an error of report, or of books, ends it. books gives the survey templates by version. The case id of a
// finding is the id of the invitation; its number is that of what is asked about. It may run beside the product. The rules:
//
//   - survey.score, survey.verdict: they follow from the answers by the template in the version that the invitation began with.
//   - survey.answers: the answers by question, from which scores are counted, are those of the invitation.
//   - survey.case: a bad answer opens one case (F-30): each that must has opened one, no other has, no two the same, and the
//     case is recorded.
//   - survey.follow_up: every invitation has its process, but one of a campaign that nobody has answered.
//   - follow_up.projection.<column>, follow_up.timeline, follow_up.tasks: as for the other processes.
//   - follow_up.invitation.<field>: process and invitation agree on whom it asks about what, and on what became of it.
func (s *Store) VerifySurveys(ctx context.Context, books func(ctx context.Context, version int) (*survey.Book, error), report func(Finding) error) error {
	v := &surveyVerifier{verifier: verifier{report: report}, books: books, now: s.now}
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		for after := ""; ; {
			rows, err := loadInvitations(ctx, conn, after)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			for i := range rows {
				if err := v.check(ctx, &rows[i]); err != nil {
					return err
				}
			}
			after = rows[len(rows)-1].ID
		}
		for _, sweep := range []string{sharedCases, strayFollowUps} {
			if err := v.sweep(ctx, conn, sweep); err != nil {
				return err
			}
		}
		return nil
	})
}

type surveyVerifier struct {
	verifier
	books func(context.Context, int) (*survey.Book, error)
	now   func() time.Time
}

// verifiedInvitation is an invitation with everything that is written of it.
type verifiedInvitation struct {
	storedInvitation
	follow       *verifiedFollowUp
	rows         []string
	timeline     timelineFacts
	tasks        []string
	caseRecorded bool
}

type verifiedFollowUp struct {
	ID, Status, Purpose, SubjectID, ClientID string

	CreatedAt, UpdatedAt time.Time
	Seq                  int64
	State                models.FollowUpState
}

// loadInvitations reads the next invitations with all that belongs to them, in one snapshot.
func loadInvitations(ctx context.Context, conn *pgx.Conn, after string) ([]verifiedInvitation, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(ctx)
	found, err := tx.Query(ctx, invitationColumns+`i.id > $1 ORDER BY i.id LIMIT $2`, after, verifyBatch)
	if err != nil {
		return nil, err
	}
	invitations, err := pgx.CollectRows(found, pgx.RowToStructByName[storedInvitation])
	if err != nil || len(invitations) == 0 {
		return nil, err
	}
	rows := make([]verifiedInvitation, len(invitations))
	byID, ids := map[string]*verifiedInvitation{}, make([]string, len(invitations))
	for i := range invitations {
		rows[i].storedInvitation = invitations[i]
		byID[rows[i].ID], ids[i] = &rows[i], rows[i].ID
	}
	var b pgx.Batch
	each(&b, `SELECT id, status, purpose, subject_id, client_id, created_at, updated_at, seq, state FROM follow_ups WHERE id = ANY($1)`,
		ids, func(f verifiedFollowUp) { byID[f.ID].follow = &f })
	each(&b, `SELECT invitation_id AS case_id, concat_ws(' ', question, kind, coalesce(score::text, '-'), coalesce(gap::text, '-'),
			coalesce(array_to_string(choices, ','), ''), text, template, run_id, client_id, accountable_id) AS id
		FROM answers WHERE invitation_id = ANY($1)`, ids, func(a owned) { byID[a.CaseID].rows = append(byID[a.CaseID].rows, a.ID) })
	each(&b, `SELECT subject_id AS case_id, count(*), min(seq) AS first, max(seq) AS last FROM timeline WHERE subject_id = ANY($1) GROUP BY 1`,
		ids, func(t timelineFacts) { byID[t.CaseID].timeline = t })
	each(&b, `SELECT t.subject_id AS case_id, t.id || ' ' || t.holder AS id FROM tasks t JOIN follow_ups f ON f.id = t.subject_id
		WHERE t.subject_id = ANY($1) AND t.state = 'open' AND t.approval_id IS NULL`,
		ids, func(t owned) { byID[t.CaseID].tasks = append(byID[t.CaseID].tasks, t.ID) })
	each(&b, `SELECT i.id AS case_id, c.id FROM invitations i JOIN cases c ON c.id = i.case_id WHERE i.id = ANY($1)`,
		ids, func(c owned) { byID[c.CaseID].caseRecorded = true })
	return rows, tx.SendBatch(ctx, &b).Close()
}

func (v *surveyVerifier) check(ctx context.Context, i *verifiedInvitation) error {
	v.id, v.number = i.ID, ""
	switch {
	case i.follow != nil:
		v.number = i.follow.State.Number
		v.followUp(i, i.follow)
	case i.Purpose != models.PurposeCampaign || i.AnsweredAt != nil:
		v.expect("survey.follow_up", "one", "none")
	}
	if i.AnsweredAt != nil && v.err == nil {
		book, err := v.books(ctx, i.SurveyVersion)
		if err != nil {
			return err
		}
		template, err := book.Template(i.Template)
		if err != nil {
			return err
		}
		v.answers(i, template)
	}
	v.opened(i)
	return v.err
}

// answers derives what follows from the answers.
func (v *surveyVerifier) answers(i *verifiedInvitation, template *survey.Template) {
	var score *int
	if primary, ok := template.Primary(i.Answers); ok {
		score = &primary
	}
	v.expect("survey.score", number(score), number(i.Score))
	v.expect("survey.verdict", string(template.Verdict(i.Answers)), string(i.Verdict))
	gaps := template.Gaps(i.Answers)
	var expected []string
	for _, q := range template.Questions() {
		a, given := i.Answers[q.ID]
		if !given {
			continue
		}
		var gap *int
		if n, ok := gaps[q.ID]; ok {
			gap = &n
		}
		parts := []string{q.ID, string(q.Kind), cmp.Or(number(a.Score), "-"), cmp.Or(number(gap), "-"), strings.Join(a.Choices, ","), a.Text, i.Template}
		for _, id := range []string{i.RunID, i.ClientID, i.AccountableID} {
			if id != "" {
				parts = append(parts, id)
			}
		}
		expected = append(expected, strings.Join(parts, " "))
	}
	v.listed("survey.answers", expected, i.rows)
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

// opened holds the case of the answer against the answer.
func (v *surveyVerifier) opened(i *verifiedInvitation) {
	if i.CaseID == "" {
		bad := i.follow != nil && i.follow.State.Status == models.FollowUpAnswered && i.Verdict == survey.Dissatisfied &&
			(i.Purpose == models.PurposeCampaign || i.Purpose == models.PurposeReception)
		if bad {
			v.expect("survey.case", "a case", "none")
		}
		return
	}
	v.expect("survey.case", string(survey.Dissatisfied), string(i.Verdict))
	if i.follow != nil && !i.caseRecorded && v.now().Sub(i.follow.UpdatedAt) > openingGrace {
		v.expect("survey.case", i.CaseID, "none")
	}
}

// followUp holds the process against its own rows and its invitation.
func (v *surveyVerifier) followUp(i *verifiedInvitation, f *verifiedFollowUp) {
	s := &f.State
	for _, c := range []struct {
		rule          string
		state, stored any
	}{
		{"projection.status", string(s.Status), f.Status},
		{"projection.purpose", string(s.Purpose), f.Purpose},
		{"projection.subject_id", s.SubjectID, f.SubjectID},
		{"projection.client_id", s.ClientID, f.ClientID},
		{"projection.created_at", moment(&s.CreatedAt), moment(&f.CreatedAt)},
		{"projection.updated_at", moment(&s.UpdatedAt), moment(&f.UpdatedAt)},
		{"projection.seq", s.Seq, f.Seq},
		{"invitation.purpose", string(s.Purpose), string(i.Purpose)},
		{"invitation.subject_id", s.SubjectID, i.SubjectID},
		{"invitation.client_id", s.ClientID, i.ClientID},
		{"invitation.run_id", s.RunID, i.RunID},
		{"invitation.first_id", s.FirstID, i.FirstID},
		{"invitation.template", s.Template, i.Template},
		{"invitation.survey_version", s.SurveyVersion, i.SurveyVersion},
		{"invitation.asked_at", moment(s.AskedAt), moment(i.AskedAt)},
		{"invitation.expires_at", moment(&s.ExpiresAt), moment(&i.ExpiresAt)},
		{"invitation.answered_at", moment(s.AnsweredAt), moment(i.AnsweredAt)},
		{"invitation.complete", s.Complete, i.Complete},
		{"invitation.opted_out", s.OptedOut, i.OptedOut},
		{"invitation.score", number(s.Score), number(i.Score)},
		{"invitation.verdict", string(cmp.Or(s.Verdict, survey.NoVerdict)), string(i.Verdict)},
		{"invitation.case_id", s.CaseID, i.CaseID},
	} {
		v.expect("follow_up."+c.rule, fmt.Sprint(c.state), fmt.Sprint(c.stored))
	}
	called := slices.Contains([]models.FollowUpStatus{models.FollowUpWithdrawn, models.FollowUpSkipped, models.FollowUpFailed}, s.Status)
	if called || s.Purpose != models.PurposeCampaign { // a campaign that is stopped withdraws its invitations itself
		v.expect("follow_up.invitation.withdrawn", fmt.Sprint(called), fmt.Sprint(i.Withdrawn))
	}
	v.expect("follow_up.timeline", span(s.EventSeq, 1, s.EventSeq), span(i.timeline.Count, i.timeline.First, i.timeline.Last))
	var tasks []string
	for _, t := range s.Tasks {
		tasks = append(tasks, t.ID+" "+cmp.Or(t.UserID, t.TeamID))
	}
	v.listed("follow_up.tasks", tasks, i.tasks)
}

// The sweeps look over whole tables.
const (
	sharedCases = `SELECT min(id) AS case_id, '' AS number, 'survey.case' AS rule, '1 answer that opens ' || case_id AS expected, count(*)::text AS found
		FROM invitations WHERE case_id IS NOT NULL GROUP BY invitations.case_id HAVING count(*) > 1`
	strayFollowUps = `SELECT f.id AS case_id, coalesce(f.state ->> 'number', '') AS number, 'survey.invitation' AS rule, 'one' AS expected, 'none' AS found
		FROM follow_ups f LEFT JOIN invitations i ON i.id = f.id WHERE i.id IS NULL`
)
