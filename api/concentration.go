package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/models"
)

// concentration serves what sales alone say of clients: the ABC bands (M-20) and the Pareto share (M-21). Both are computed at
// each reading and decide nothing. Sales in several currencies are no one sum: each currency is looked at by itself.
type concentration struct {
	store Grading
	rules *rulebook.Book
}

func (h *concentration) routes(r gin.IRouter) {
	r.GET("/clients/grading", need(models.PermRelationshipReadAll), h.grading)
	r.GET("/clients/concentration", need(models.PermRelationshipReadAll), h.figures)
}

// topClients is the part of the clients of whom it is said what they bought: the best fifth (M-21).
const topClients = 0.2

// gradedClient is a client with the sales by which it is ranked, and its place.
type gradedClient struct {
	models.ClientSales
	classification.Share
}

type gradedClientView struct {
	ClientID   string  `json:"client_id"`
	ClientName string  `json:"client_name"`
	Currency   string  `json:"currency"`
	Sales12m   int64   `json:"sales_12m"`
	Rank       int     `json:"rank"`
	Band       string  `json:"band"`
	Share      float64 `json:"share"`
	Cumulative float64 `json:"cumulative"`
}

// ranked ranks the clients whose sales are known, by currency and then who bought most first. 409 without a policy in force.
func (h *concentration) ranked(ctx context.Context, f models.SalesFilter) ([]gradedClient, error) {
	policy, err := h.rules.LatestClassification(ctx)
	if errs.CodeOf(err) == errs.NotFound {
		err = errs.Wrap(err, errs.Conflict, "grading.no_policy")
	}
	if err != nil {
		return nil, err
	}
	all, err := h.store.ClientSales(ctx, f)
	if err != nil {
		return nil, err
	}
	byCurrency := map[string][]classification.Sales{}
	for _, s := range all {
		byCurrency[s.Currency] = append(byCurrency[s.Currency], classification.Sales{ClientID: s.ClientID, Amount: s.Amount})
	}
	shares := map[string]map[string]classification.Share{}
	for currency, sales := range byCurrency {
		shares[currency] = policy.ABC(sales)
	}
	graded := each(all, func(s models.ClientSales) gradedClient { return gradedClient{s, shares[s.Currency][s.ClientID]} })
	slices.SortFunc(graded, func(a, b gradedClient) int { return a.place().compare(b.place()) })
	return graded, nil
}

// salesPlace is where a client stands in the list.
type salesPlace struct {
	currency string
	amount   int64
	id       string
}

func (g gradedClient) place() salesPlace { return salesPlace{g.Currency, g.Amount, g.ClientID} }

func (p salesPlace) compare(o salesPlace) int {
	return cmp.Or(cmp.Compare(p.currency, o.currency), cmp.Compare(o.amount, p.amount), cmp.Compare(p.id, o.id))
}

func (p salesPlace) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.currency + "|" + strconv.FormatInt(p.amount, 10) + "|" + p.id))
}

func salesPlaceOf(cursor string) (salesPlace, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.SplitN(string(text), "|", 3)
	if err != nil || len(parts) != 3 {
		return salesPlace{}, errs.Wrap(err, errs.Malformed, "cursor")
	}
	amount, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return salesPlace{}, errs.Wrap(err, errs.Malformed, "cursor")
	}
	return salesPlace{parts[0], amount, parts[2]}, nil
}

// salesFilter reads the filters: industry, currency.
func salesFilter(q *query) models.SalesFilter {
	f := models.SalesFilter{Industry: q.text("industry"), Currency: q.text("currency")}
	if f.Currency != "" && !models.ValidCurrency(f.Currency) {
		q.faults.add("currency", "currency")
	}
	return f
}

// grading lists the clients with the ABC band and the share of each. Filters: industry (M-20), currency.
func (h *concentration) grading(c *gin.Context) {
	q := queryOf(c)
	f, p := salesFilter(q), q.page()
	err := q.err()
	var after salesPlace
	if err == nil && p.Cursor != "" {
		after, err = salesPlaceOf(p.Cursor)
	}
	var all []gradedClient
	if err == nil {
		all, err = h.ranked(c.Request.Context(), f)
	}
	if err != nil {
		fail(c, err)
		return
	}
	if p.Estimate != nil {
		*p.Estimate = int64(len(all))
	}
	if p.Cursor != "" {
		all = slices.DeleteFunc(all, func(g gradedClient) bool { return g.place().compare(after) <= 0 })
	}
	next := ""
	if len(all) > p.Limit {
		all = all[:p.Limit]
		next = all[p.Limit-1].place().cursor()
	}
	list(c, all, next, func(g gradedClient) gradedClientView {
		return gradedClientView{
			ClientID: g.ClientID, ClientName: g.Name, Currency: g.Currency, Sales12m: g.Amount, Rank: g.Rank, Band: g.Band,
			Share: g.Share.Share, Cumulative: g.Cumulative,
		}
	})
}

type concentrationView struct {
	Currency string               `json:"currency"`
	Clients  int                  `json:"clients"`
	Sales12m int64                `json:"sales_12m"`
	Top      float64              `json:"top"`       // the part of the clients that is looked at
	TopShare float64              `json:"top_share"` // of all sales that they brought in
	Bands    map[string]bandsView `json:"bands"`
}

type bandsView struct {
	Clients  int   `json:"clients"`
	Sales12m int64 `json:"sales_12m"`
}

// figures answers for each currency what share of all sales the best fifth of the clients brought in, and the size of the
// bands. Filters: industry, currency.
func (h *concentration) figures(c *gin.Context) {
	q := queryOf(c)
	f := salesFilter(q)
	err := q.err()
	var all []gradedClient
	if err == nil {
		all, err = h.ranked(c.Request.Context(), f)
	}
	if err != nil {
		fail(c, err)
		return
	}
	sales, figures := map[string][]classification.Sales{}, map[string]concentrationView{}
	for _, g := range all {
		v, known := figures[g.Currency]
		if !known {
			v = concentrationView{Currency: g.Currency, Top: topClients, Bands: map[string]bandsView{classification.BandA: {}, classification.BandB: {}, classification.BandC: {}}}
		}
		band := v.Bands[g.Band]
		band.Clients, band.Sales12m = band.Clients+1, band.Sales12m+g.Amount
		v.Bands[g.Band] = band
		v.Clients, v.Sales12m = v.Clients+1, v.Sales12m+g.Amount
		figures[g.Currency] = v
		sales[g.Currency] = append(sales[g.Currency], classification.Sales{ClientID: g.ClientID, Amount: g.Amount})
	}
	out := struct {
		Items []concentrationView `json:"items"`
	}{[]concentrationView{}}
	for _, currency := range sortedKeys(figures) {
		v := figures[currency]
		v.TopShare = classification.Pareto(sales[currency], topClients)
		out.Items = append(out.Items, v)
	}
	answer(c, http.StatusOK, out)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
