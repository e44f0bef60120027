package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// Discipline is the store of weekly reports, log-in days and trips.
type Discipline interface {
	// DisciplineReport is the report of a week; not_found when there is none.
	DisciplineReport(ctx context.Context, week cadence.Week) (models.DisciplineReport, error)
	DisciplineReports(ctx context.Context, p models.Page) ([]models.DisciplineReport, string, error)
	// DisciplineEntries lists what a report says of the readers and of everybody below them; of everybody without readers.
	DisciplineEntries(ctx context.Context, reportID string, readers []string, p models.Page) ([]models.DisciplineEntry, string, error)
	// ReportWeek makes the report of a week; made is false when there was one already.
	ReportWeek(ctx context.Context, o models.DisciplineOrder) (r models.DisciplineReport, made bool, err error)
	// NoteDay records that a user has used the product on a date; once is enough.
	NoteDay(ctx context.Context, userID string, day, at time.Time) error
	// CreateTravel stores a trip, or answers the stored one when the id exists already.
	CreateTravel(ctx context.Context, t models.Travel) (models.Travel, error)
	Travels(ctx context.Context, userID string, p models.Page) ([]models.Travel, string, error)
}

// disciplines serves the weekly reports about interactions and log-ins (U-01, U-05, U-06, U-13), and people's trips (U-02).
type disciplines struct {
	store Discipline
	org   Organisation
	rules *rulebook.Book
	now   func() time.Time
}

func (h *disciplines) routes(r gin.IRouter) {
	r.GET("/discipline/reports", need(models.PermPeopleRead), h.list)
	r.POST("/discipline/reports", need(models.PermDisciplineManage), h.create)
	r.GET("/discipline/reports/:week", need(models.PermPeopleRead), h.get)
	r.GET("/me/travel", h.travels)
	r.POST("/me/travel", need(models.PermTravelOwn), h.travel)
}

type disciplineView struct {
	ID            string `json:"id"`
	Week          string `json:"week"`
	TimeZone      string `json:"time_zone"`
	PolicyVersion int    `json:"policy_version"`
	Workdays      int    `json:"workdays"`
	MadeBy        string `json:"made_by"`
	MadeAt        Time   `json:"made_at"`
}

func toDisciplineView(r models.DisciplineReport) disciplineView {
	return disciplineView{
		ID: r.ID, Week: r.Week.Format(time.DateOnly), TimeZone: r.TimeZone, PolicyVersion: r.PolicyVersion, Workdays: r.Workdays,
		MadeBy: r.MadeBy, MadeAt: Time(r.MadeAt),
	}
}

type disciplineEntryView struct {
	UserID       string             `json:"user_id"`
	Line         []string           `json:"line"`
	Interactions interactionsView   `json:"interactions"`
	Missed       models.Listed      `json:"missed"`
	Narrow       models.Listed      `json:"narrow"`
	Leads        models.Listed      `json:"leads"`
	Broken       models.Listed      `json:"broken"`
	Logins       *models.WeekLogins `json:"logins"`
}

type interactionsView struct {
	models.WeekInteractions
	TooFew       bool     `json:"too_few"`
	QualityShare *float64 `json:"quality_share"` // of 1; null without any interaction
}

func toDisciplineEntryView(e models.DisciplineEntry) disciplineEntryView {
	f := e.Figures
	v := disciplineEntryView{
		UserID: e.UserID, Line: e.Line, Missed: f.Missed, Narrow: f.Narrow, Leads: f.Leads, Broken: f.Broken, Logins: f.Logins,
		Interactions: interactionsView{WeekInteractions: f.Interactions, TooFew: f.Interactions.TooFew()},
	}
	if f.Interactions.Had > 0 {
		v.Interactions.QualityShare = new(float64(f.Interactions.Quality) / float64(f.Interactions.Had))
	}
	return v
}

// list lists the weeks that were reported, the latest first.
func (h *disciplines) list(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.DisciplineReports(c.Request.Context(), p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toDisciplineView)
}

// get lists what the report of a week says of the caller and of everybody below them, also in the right of those whose deputy
// they are; of everybody with discipline.read_all. 404 when the week was not reported, 422 when it does not begin on a Monday.
func (h *disciplines) get(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.entries(c, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toDisciplineEntryView)
}

func (h *disciplines) entries(c *gin.Context, p models.Page) ([]models.DisciplineEntry, string, error) {
	ctx := c.Request.Context()
	_, _, calendar, err := h.rules.LatestCadence(ctx)
	if err != nil {
		return nil, "", err
	}
	week, err := models.WeekBeginning(c.Param("week"), calendar)
	if err != nil {
		return nil, "", err
	}
	r, err := h.store.DisciplineReport(ctx, week)
	if err != nil {
		return nil, "", err
	}
	var readers []string
	for _, person := range caller(c).Actor.In(models.DisciplineProcess) {
		if person.May(models.PermDisciplineReadAll) {
			return h.store.DisciplineEntries(ctx, r.ID, nil, p)
		}
		readers = append(readers, person.ID)
	}
	return h.store.DisciplineEntries(ctx, r.ID, readers, p)
}

type createDisciplineRequest struct {
	Week string `json:"week" binding:"required,date"`
}

// create makes the report of a past week, as the schedule does after its end: 201; 200 with the report that is there already,
// which stays as it is. 422 when the week is not over, or does not begin on a Monday.
func (h *disciplines) create(c *gin.Context) {
	r, made, err := h.created(c)
	switch {
	case err != nil:
		fail(c, err)
	case made:
		created(c, r.Week.Format(time.DateOnly), toDisciplineView(r))
	default:
		answer(c, http.StatusOK, toDisciplineView(r))
	}
}

func (h *disciplines) created(c *gin.Context) (models.DisciplineReport, bool, error) {
	var none models.DisciplineReport
	var req createDisciplineRequest
	if err := bind(c, &req); err != nil {
		return none, false, err
	}
	ctx := c.Request.Context()
	policy, version, calendar, err := h.rules.LatestCadence(ctx)
	if err != nil {
		return none, false, err
	}
	week, err := models.WeekBeginning(req.Week, calendar)
	if err != nil {
		return none, false, err
	}
	org, err := h.org.Org(ctx)
	if err != nil {
		return none, false, err
	}
	o, err := models.NewDiscipline(week, caller(c).User.ID, h.now(), policy, version, calendar, org)
	if err != nil {
		return none, false, err
	}
	return h.store.ReportWeek(ctx, o)
}

type travelView struct {
	ID        string `json:"id"`
	From      string `json:"from"`
	Until     string `json:"until"`
	CreatedAt Time   `json:"created_at"`
}

func toTravelView(t models.Travel) travelView {
	return travelView{ID: t.ID, From: t.From.Format(time.DateOnly), Until: t.Until.Format(time.DateOnly), CreatedAt: Time(t.CreatedAt)}
}

// travels lists the caller's trips, the latest entered first.
func (h *disciplines) travels(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Travels(c.Request.Context(), caller(c).User.ID, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toTravelView)
}

type travelRequest struct {
	From  string `json:"from" binding:"required,date"`
	Until string `json:"until" binding:"required,date"` // the last day, included
}

// longestTrip bounds the days of one trip.
const longestTrip = 92

// travel enters days on which the caller is on a trip, the last one included; what was reported stays as it was. Auditors, who
// change nothing, and machines take none. 422 when the
// trip ends before it begins or is longer than 92 days; 409 for more trips than anybody can have.
func (h *disciplines) travel(c *gin.Context) {
	t, err := h.travelled(c)
	if err != nil {
		fail(c, err)
		return
	}
	c.Header("Location", "/api/v1/me/travel")
	answer(c, http.StatusCreated, toTravelView(t))
}

func (h *disciplines) travelled(c *gin.Context) (models.Travel, error) {
	var req travelRequest
	if err := bind(c, &req); err != nil {
		return models.Travel{}, err
	}
	now := h.now().UTC()
	t := models.Travel{ID: newID(c, id.Travel), UserID: caller(c).User.ID, CreatedAt: now}
	var err error
	if t.From, err = time.Parse(time.DateOnly, req.From); err == nil {
		t.Until, err = time.Parse(time.DateOnly, req.Until)
	}
	if err != nil {
		return t, errs.Wrap(err, errs.Internal, "internal") // bind has checked them
	}
	var f faults
	switch {
	case t.Until.Before(t.From):
		f.add("until", "not_before", "other", "from")
	case t.Until.After(t.From.AddDate(0, 0, longestTrip-1)):
		f.add("until", "too_long", "max", strconv.Itoa(longestTrip)+"d")
	}
	if err := f.err(); err != nil {
		return t, err
	}
	return h.store.CreateTravel(c.Request.Context(), t)
}
