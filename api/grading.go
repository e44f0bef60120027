package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

const (
	standingsAtOnce = 1000   // clients that are graded with one read
	gradedForAPage  = 20_000 // clients that a page of the report looks at, however few of them would move
)

// moveView is a client whose class would be another one, or whom the candidate cannot grade.
type moveView struct {
	ClientID         string     `json:"client_id"`
	ClientName       string     `json:"client_name"`
	AccountManagerID *string    `json:"account_manager_id"`
	From             *string    `json:"from"`
	Moves            bool       `json:"moves"`
	InForce          *gradeView `json:"in_force"`  // null: it cannot grade the client, or there is none
	Candidate        *gradeView `json:"candidate"` // null: it cannot grade the client
	Missing          []string   `json:"missing"`   // criteria that nobody has given
	Approval         *string    `json:"approval"`  // the chain that would decide
}

// gradeView is what a policy proposes for a client.
type gradeView struct {
	Class  string          `json:"class"`
	Points float64         `json:"points"`
	Parts  []scorePartView `json:"parts"`
	Gated  bool            `json:"gated"` // the strategic-fit gate lowered it
	Held   bool            `json:"held"`  // the hysteresis kept the class of today
}

func toGradeView(p classification.Proposal) *gradeView {
	if p.Class == "" {
		return nil
	}
	return &gradeView{
		Class: string(p.Class), Points: hundredths(p.Score.Points), Gated: p.Gated, Held: p.Held,
		Parts: each(p.Score.Parts, func(p classification.Part) scorePartView {
			return scorePartView{p.Criterion, p.Value, p.Weight, hundredths(p.Points)}
		}),
	}
}

// report lists the clients whose class a candidate would change, and those whom it cannot grade, in the order of their ids. A
// page may be short of its limit before the last one: then few clients would move among many. 404 unknown.
func (h *shadows) report(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	err := q.err()
	if err == nil && p.Cursor != "" && !id.Valid(id.Client, p.Cursor) {
		err = errs.New(errs.Malformed, "cursor")
	}
	ctx := c.Request.Context()
	var k compared
	if err == nil {
		k, err = h.compared(ctx, c.Param("id"))
	}
	var moves []classification.Move
	var next string
	if err == nil {
		moves, next, err = h.moves(ctx, k, p)
	}
	if err == nil && p.Estimate != nil {
		err = h.eachClient(ctx, "", func(s classification.Standing) bool {
			if _, told := classification.Compare(k.inForce, k.candidate, s); told {
				*p.Estimate++
			}
			return true
		})
	}
	var names map[string]string
	if err == nil {
		names, err = h.store.ClientNames(ctx, each(moves, func(m classification.Move) string { return m.ClientID }))
	}
	if err != nil {
		fail(c, err)
		return
	}
	list(c, moves, next, func(m classification.Move) moveView {
		return moveView{
			ClientID: m.ClientID, ClientName: names[m.ClientID], AccountManagerID: filled(m.AccountManagerID), From: filled(string(m.From)),
			Moves: m.Changes(), InForce: toGradeView(m.Now), Candidate: toGradeView(m.Next), Missing: append([]string{}, m.Missing...),
			Approval: filled(m.Approval),
		}
	})
}

// moves grades clients until the page is full, and answers where the next one begins.
func (h *shadows) moves(ctx context.Context, k compared, p models.Page) (moves []classification.Move, next string, err error) {
	last, looked := "", 0
	err = h.eachClient(ctx, p.Cursor, func(s classification.Standing) bool {
		if len(moves) == p.Limit || looked == gradedForAPage {
			next = last
			return false
		}
		if m, told := classification.Compare(k.inForce, k.candidate, s); told {
			moves = append(moves, m)
		}
		last = s.ClientID
		looked++
		return true
	})
	return moves, next, err
}

// eachClient visits the clients after one, until told to stop.
func (h *shadows) eachClient(ctx context.Context, after string, visit func(classification.Standing) bool) error {
	for {
		some, err := h.store.Standings(ctx, after, standingsAtOnce)
		if err != nil {
			return err
		}
		for _, s := range some {
			if !visit(s) {
				return nil
			}
		}
		if len(some) < standingsAtOnce {
			return nil
		}
		after = some[len(some)-1].ClientID
	}
}

type shadowSummaryView struct {
	Shadow    shadowView     `json:"shadow"`
	InForce   *int           `json:"in_force"` // the version; null: none
	Outdated  bool           `json:"outdated"` // it is based on another version than the one in force
	Clients   int            `json:"clients"`
	Moves     []movesView    `json:"moves"`
	Approvals map[string]int `json:"approvals"` // by chain
	Ungraded  int            `json:"ungraded"`  // clients whom the candidate cannot grade
	Missing   map[string]int `json:"missing"`   // by criterion, of how many of them it is missing
	Managers  []balanceView  `json:"by_account_manager"`
}

type movesView struct {
	From    *string `json:"from"`
	To      string  `json:"to"`
	Clients int     `json:"clients"`
}

// balanceView is what a candidate means for one account manager; null has the clients who have nobody. Obligations are a year's.
type balanceView struct {
	AccountManagerID *string `json:"account_manager_id"`
	classification.Balance
}

// summary adds up what a candidate would change for whom. 404 unknown.
func (h *shadows) summary(c *gin.Context) {
	v, err := h.summed(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusOK, v)
}

func (h *shadows) summed(ctx context.Context, shadowID string) (shadowSummaryView, error) {
	k, err := h.compared(ctx, shadowID)
	if err != nil {
		return shadowSummaryView{}, err
	}
	v := shadowSummaryView{Shadow: toShadowView(k.shadow), Moves: []movesView{}, Approvals: map[string]int{}, Missing: map[string]int{}, Managers: []balanceView{}}
	if k.inForce != nil {
		v.InForce = new(k.inForce.Version())
	}
	v.Outdated = k.shadow.PublishedAs == nil && k.shadow.BasedOn != valueOf(v.InForce)
	moves := map[[2]classification.Class]int{}
	tally := classification.NewTally(k.load(k.inForce), k.load(k.candidate))
	err = h.eachClient(ctx, "", func(s classification.Standing) bool {
		m, _ := classification.Compare(k.inForce, k.candidate, s)
		tally.Add(m)
		v.Clients++
		if m.Changes() {
			moves[[2]classification.Class{m.From, m.Next.Class}]++
			v.Approvals[m.Approval]++
		}
		if len(m.Missing) > 0 {
			v.Ungraded++
		}
		for _, criterion := range m.Missing {
			v.Missing[criterion]++
		}
		return true
	})
	for _, from := range append(classification.Classes(), "") {
		for _, to := range classification.Classes() {
			if n := moves[[2]classification.Class{from, to}]; n > 0 {
				v.Moves = append(v.Moves, movesView{filled(string(from)), string(to), n})
			}
		}
	}
	balances := tally.Balances()
	for _, manager := range sortedKeys(balances) {
		v.Managers = append(v.Managers, balanceView{filled(manager), balances[manager]})
	}
	return v, err
}
