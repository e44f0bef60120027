package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// surveys serves what the answers to surveys add up to.
type surveys struct {
	store     Surveys
	campaigns Campaigns
	rules     *rulebook.Book
}

func (h *surveys) routes(r gin.IRouter) {
	r.GET("/surveys/scores", need(models.PermCampaignRead), h.scores)
	r.GET("/surveys/recovery", need(models.PermCampaignRead), h.recovery)
}

// figureView is a figure over n answers with its 95 % interval; value, low and high are null below the minimum of answers.
type figureView struct {
	Name   string   `json:"name"`
	N      int      `json:"n"`
	Value  *float64 `json:"value"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Method string   `json:"method"`
}

// scoreView is the score of one question of a template.
type scoreView struct {
	Template string              `json:"template"`
	Question string              `json:"question"`
	Kind     survey.QuestionKind `json:"kind"`
	figureView
	Asked        int        `json:"asked"`
	ResponseRate figureView `json:"response_rate"`
	MinimumN     int        `json:"minimum_n"`
}

// figures make a score of the answers to a question of a kind. What somebody expected is no score by itself.
var figures = map[survey.QuestionKind]func(survey.Counts, int) survey.Figure{
	survey.KindCSAT: survey.CSAT, survey.KindNPS: survey.NPS, survey.KindCES: survey.CES, survey.KindPerception: survey.Gap,
}

// toScoreView makes a score of counted answers; false for a question that is none.
func toScoreView(counts models.ScoreCounts, minimum int) (scoreView, bool) {
	figure, ok := figures[counts.Kind]
	if !ok {
		return scoreView{}, false
	}
	f := figure(counts.Counts, minimum)
	return scoreView{
		Template: counts.Template, Question: counts.Question, Kind: counts.Kind, figureView: figureView(f), Asked: counts.Asked,
		ResponseRate: figureView(survey.ResponseRate(f.N, counts.Asked, minimum)), MinimumN: minimum,
	}, true
}

// scores answers the scores of each question, of everything or of what the filters leave: template, question, campaign_id,
// run (its number, of the campaign), client_id, accountable_id (who was accountable when it happened), from, until (of the
// answers).
func (h *surveys) scores(c *gin.Context) {
	f, minimum, err := h.filter(c)
	var counted []models.ScoreCounts
	if err == nil {
		counted, err = h.store.Scores(c.Request.Context(), f)
	}
	if err != nil {
		fail(c, err)
		return
	}
	items := []scoreView{}
	for _, counts := range counted {
		if v, ok := toScoreView(counts, minimum); ok {
			items = append(items, v)
		}
	}
	answer(c, http.StatusOK, struct {
		Items    []scoreView `json:"items"`
		MinimumN int         `json:"minimum_n"`
	}{items, minimum})
}

type recoveryView struct {
	Opened    int `json:"opened"`
	Asked     int `json:"asked"`
	Answered  int `json:"answered"`
	Recovered int `json:"recovered"`
	// RecoveryRate is the share of the satisfied among the second answers, in percent.
	RecoveryRate  figureView `json:"recovery_rate"`
	AverageChange *float64   `json:"average_change"` // of the score, second less first; null below the minimum
	MinimumN      int        `json:"minimum_n"`
}

// recovery answers what became of bad answers that opened a case: the second answer, after the case, against the first. The
// filters are those of scores.
func (h *surveys) recovery(c *gin.Context) {
	f, minimum, err := h.filter(c)
	var r models.Recovery
	if err == nil {
		r, err = h.store.Recovery(c.Request.Context(), f)
	}
	if err != nil {
		fail(c, err)
		return
	}
	rate := survey.ResponseRate(r.Recovered, r.Answered, minimum)
	rate.Name = "recovery_rate"
	v := recoveryView{
		Opened: r.Opened, Asked: r.Asked, Answered: r.Answered, Recovered: r.Recovered, RecoveryRate: figureView(rate), MinimumN: minimum,
	}
	n, sum := 0, 0
	for change, times := range r.Changes {
		n, sum = n+times, sum+change*times
	}
	if n >= minimum && n > 0 {
		v.AverageChange = new(float64(sum) / float64(n))
	}
	answer(c, http.StatusOK, v)
}

// filter reads what a score is asked of, and how many answers it needs to be shown: by the templates in force.
func (h *surveys) filter(c *gin.Context) (models.ScoreFilter, int, error) {
	ctx, q := c.Request.Context(), queryOf(c)
	f := models.ScoreFilter{
		Template: q.text("template"), Question: q.text("question"), CampaignID: q.id("campaign_id", id.Campaign), ClientID: q.id("client_id", id.Client),
		AccountableID: q.id("accountable_id", id.User), From: instant(q.time("from")), Until: instant(q.time("until")),
	}
	n := q.int("run", 1, maxRun, 0)
	if n > 0 && f.CampaignID == "" {
		q.faults.add("campaign_id", "required")
	}
	if !f.From.IsZero() && !f.Until.IsZero() && !f.From.Before(f.Until) {
		q.faults.add("until", "after", "other", "from")
	}
	if err := q.err(); err != nil {
		return f, 0, err
	}
	if n > 0 {
		run, err := h.campaigns.RunOf(ctx, f.CampaignID, n)
		if err != nil {
			return f, 0, err
		}
		f.RunID = run.ID
	}
	minimum, err := h.minimum(ctx)
	return f, minimum, err
}

// minimum is how many answers a figure needs; while no templates were published there are none.
func (h *surveys) minimum(ctx context.Context) (int, error) {
	book, err := h.rules.LatestSurveys(ctx)
	if errs.CodeOf(err) == errs.NotFound {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	return book.MinimumN(), nil
}

// instant is an optional time; the zero time is none.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
