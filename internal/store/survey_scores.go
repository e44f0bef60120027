package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// filterScores limits the rows of an alias to those that the filter asks for; at is the column of the time, and ofCampaign
// the condition on a campaign.
func (q *query) filterScores(f models.ScoreFilter, alias, at, ofCampaign string) {
	for _, e := range []struct{ column, value string }{
		{"template", f.Template},
		{"run_id", f.RunID},
		{"client_id", f.ClientID},
		{"accountable_id", f.AccountableID},
	} {
		if e.value != "" {
			q.add(` AND `+alias+`.`+e.column+` = $%d`, e.value)
		}
	}
	if f.CampaignID != "" {
		q.add(` AND `+alias+ofCampaign, f.CampaignID)
	}
	if !f.From.IsZero() {
		q.add(` AND `+alias+`.`+at+` >= $%d`, f.From)
	}
	if !f.Until.IsZero() {
		q.add(` AND `+alias+`.`+at+` < $%d`, f.Until)
	}
}

// scoreCounts counts the answers by what was asked and by value. A perception counts by its gap, if the expectation was
// answered, too (F-20).
func scoreCounts(f models.ScoreFilter) *query {
	q := &query{}
	q.add(`SELECT a.template, a.question, a.kind, CASE a.kind WHEN '` + string(survey.KindPerception) + `' THEN a.gap ELSE a.score END AS value, count(*) AS n
		FROM answers a WHERE a.score IS NOT NULL`)
	if f.Question != "" {
		q.add(` AND a.question = $%d`, f.Question)
	}
	q.filterScores(f, "a", "at", `.run_id IN (SELECT id FROM campaign_runs WHERE campaign_id = $%d)`)
	q.add(` GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`)
	return q
}

// askedCounts counts who was asked, by template.
func askedCounts(f models.ScoreFilter) *query {
	q := &query{}
	q.add(`SELECT i.template, count(*) AS n FROM invitations i WHERE i.asked_at IS NOT NULL`)
	q.filterScores(f, "i", "asked_at", `.subject_id = $%d`)
	q.add(` GROUP BY 1 ORDER BY 1`)
	return q
}

// RunScores counts the answers to the main question of the template, by value, that came to a run of a campaign. They are
// counted when they come: reading them takes as long for a million of them as for one.
func (s *Store) RunScores(ctx context.Context, runID, template string) (map[int]int, error) {
	counts := map[int]int{}
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT score, n FROM campaign_scores WHERE run_id = $1 AND template = $2 AND n > 0`, runID, template)
		if err != nil {
			return err
		}
		var score, n int
		_, err = pgx.ForEachRow(rows, []any{&score, &n}, func() error {
			counts[score] = n
			return nil
		})
		return err
	})
	return counts, err
}

type (
	scoreCount struct {
		Template, Question string
		Kind               survey.QuestionKind
		Value              *int
		N                  int
	}
	askedCount struct {
		Template string
		N        int
	}
)

// Scores counts the answers that the filter asks for, by template and question, in their order; Asked is how many were asked
// by the template within the filter's times. A question whose kind changed between versions of the template has an entry for
// each kind. A template by which people were asked of whom nobody has answered has one entry, without a question, unless the
// filter asks for one. Who is accountable is who was when what is asked about happened.
func (s *Store) Scores(ctx context.Context, f models.ScoreFilter) ([]models.ScoreCounts, error) {
	counts, invited := scoreCounts(f), askedCounts(f)
	var answered []scoreCount
	var asked []askedCount
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue(counts.text.String(), counts.args...).Query(func(rows pgx.Rows) (err error) {
			answered, err = pgx.CollectRows(rows, pgx.RowToStructByName[scoreCount])
			return err
		})
		b.Queue(invited.text.String(), invited.args...).Query(func(rows pgx.Rows) (err error) {
			asked, err = pgx.CollectRows(rows, pgx.RowToStructByName[askedCount])
			return err
		})
		return conn.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return nil, err
	}
	return scores(answered, asked, f.Question == ""), nil
}

// scores puts the counts together; both are in order.
func scores(answered []scoreCount, asked []askedCount, unanswered bool) []models.ScoreCounts {
	total := make(map[string]int, len(asked))
	for _, a := range asked {
		total[a.Template] = a.N
	}
	var list []models.ScoreCounts
	has := map[string]bool{}
	for _, a := range answered {
		if a.Value == nil { // a perception of somebody who did not say what they had expected
			continue
		}
		if n := len(list); n == 0 || list[n-1].Template != a.Template || list[n-1].Question != a.Question || list[n-1].Kind != a.Kind {
			list = append(list, models.ScoreCounts{
				Template: a.Template, Question: a.Question, Kind: a.Kind, Counts: map[int]int{}, Asked: total[a.Template],
			})
			has[a.Template] = true
		}
		list[len(list)-1].Counts[*a.Value] = a.N
	}
	for _, a := range asked {
		if unanswered && !has[a.Template] {
			list = append(list, models.ScoreCounts{Template: a.Template, Counts: map[int]int{}, Asked: a.N})
		}
	}
	return list
}

// recoveries compares each bad answer that opened a case with the latest second one.
func recoveries(f models.ScoreFilter) *query {
	q := &query{}
	q.add(`SELECT count(*) AS opened, count(i.asked_at) AS asked, count(i.answered_at) AS answered,
			count(*) FILTER (WHERE i.verdict = '` + string(survey.Satisfied) + `') AS recovered, i.score - f.score AS change
		FROM invitations f LEFT JOIN LATERAL (SELECT asked_at, answered_at, verdict, score FROM invitations s WHERE s.first_id = f.id
			ORDER BY answered_at DESC NULLS LAST, asked_at DESC NULLS LAST LIMIT 1) i ON true
		WHERE f.case_id IS NOT NULL`)
	q.filterScores(f, "f", "answered_at", `.subject_id = $%d`)
	q.add(` GROUP BY i.score - f.score`)
	return q
}

// Recovery compares the first answers that the filter asks for, and that opened a case, with the second ones (F-30). Who was
// asked again more than once counts once, with the latest answer. The filter's question says nothing here. A change is the
// difference of two scores: it means something where both templates ask by the same scale, which a filter for the template
// makes sure of; Recovered goes by the verdicts.
func (s *Store) Recovery(ctx context.Context, f models.ScoreFilter) (models.Recovery, error) {
	q := recoveries(f)
	rows, err := read[struct {
		Opened, Asked, Answered, Recovered int
		Change                             *int
	}](ctx, s, q.text.String(), q.args...)
	r := models.Recovery{Changes: map[int]int{}}
	for _, row := range rows {
		r.Opened, r.Asked = r.Opened+row.Opened, r.Asked+row.Asked
		r.Answered, r.Recovered = r.Answered+row.Answered, r.Recovered+row.Recovered
		if row.Change != nil {
			r.Changes[*row.Change] += row.Answered
		}
	}
	return r, err
}
