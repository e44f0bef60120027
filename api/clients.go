package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// clients serves the companies that promises are made to, and the people there.
type clients struct {
	store  Clients
	people People
	words  Words
	bonds  relationshipCommands
	now    func() time.Time
}

func (h *clients) routes(r gin.IRouter) {
	r.GET("/clients", need(models.PermClientRead), h.list)
	r.POST("/clients", need(models.PermClientWrite), h.create)
	r.POST("/clients/duplicates", need(models.PermClientRead), h.check)
	r.GET("/clients/:id", need(models.PermClientRead), h.get)
	r.PATCH("/clients/:id", need(models.PermClientWrite), h.patch)
	r.GET("/clients/:id/contacts", need(models.PermClientRead), h.listContacts)
	r.POST("/clients/:id/contacts", need(models.PermClientWrite), h.createContact)
	r.GET("/clients/:id/contacts/:contact_id", need(models.PermClientRead), h.getContact)
	r.PATCH("/clients/:id/contacts/:contact_id", need(models.PermClientWrite), h.patchContact)
	r.GET("/clients/:id/duplicates", need(models.PermClientRead), h.duplicates)
	r.POST("/clients/:id/merge", need(models.PermClientMerge), h.merge)
}

type clientView struct {
	ID               string  `json:"id"`
	Name             string  `json:"name"`
	Industry         string  `json:"industry"`
	Region           string  `json:"region"`
	Class            string  `json:"class"`
	AccountManagerID *string `json:"account_manager_id"`
	Status           string  `json:"status"`
	ExternalRef      string  `json:"external_ref"`
	Sales12m         *int64  `json:"sales_12m"`
	Currency         string  `json:"currency"`
	MergedIntoID     *string `json:"merged_into_id"`
	Version          int64   `json:"version"`
	CreatedAt        Time    `json:"created_at"`
	UpdatedAt        Time    `json:"updated_at"`
}

func toClientView(c models.Client) clientView {
	return clientView{
		ID: c.ID, Name: c.Name, Industry: c.Industry, Region: c.Region, Class: c.Class, AccountManagerID: c.AccountManagerID,
		Status: c.Status, ExternalRef: c.ExternalRef, Sales12m: c.Sales12m, Currency: c.Currency, MergedIntoID: c.MergedIntoID,
		Version: c.Version, CreatedAt: Time(c.CreatedAt), UpdatedAt: Time(c.UpdatedAt),
	}
}

// newClientView is the answer to a new client.
type newClientView struct {
	clientView
	PossibleDuplicates []clientDuplicateView `json:"possible_duplicates"`
}

// list lists clients in the order in which they were made. Filters: q (a part of the name), class, region, account_manager_id,
// status. Clients that were merged are listed under that status only.
func (h *clients) list(c *gin.Context) {
	q := queryOf(c)
	f := ClientFilter{
		Query: q.text("q"), Class: oneOf(q, "class", "S", "A", "B", "C"), Region: q.text("region"),
		AccountManagerID: q.id("account_manager_id", id.User), Status: oneOf(q, "status", "prospect", "active", "dormant", "lost", models.ClientMerged),
	}
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Clients(c.Request.Context(), f, p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toClientView)
}

// get answers one client; one that was merged names its survivor. 404 unknown.
func (h *clients) get(c *gin.Context) {
	row, err := h.store.Client(c.Request.Context(), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.Version)
	answer(c, http.StatusOK, toClientView(row))
}

type createClientRequest struct {
	Name             string  `json:"name" binding:"required,notblank,max=200"`
	Industry         string  `json:"industry" binding:"max=100"`
	Region           string  `json:"region" binding:"max=100"`
	Class            string  `json:"class" binding:"omitempty,oneof=S A B C"` // C if absent
	AccountManagerID *string `json:"account_manager_id" binding:"omitempty,typeid=user"`
	Status           string  `json:"status" binding:"omitempty,oneof=prospect active dormant lost"` // prospect if absent
	ExternalRef      string  `json:"external_ref" binding:"max=200"`
	Sales12m         *int64  `json:"sales_12m" binding:"omitempty,min=0,max=100000000000000"` // models.MaxAmount
	Currency         string  `json:"currency" binding:"omitempty,currency"`                   // required beside sales_12m
}

// create adds a client, and names those that may be the same company: it is never refused for them. 409 for an external
// reference that another client has, or had when it was merged; 422 bad values.
func (h *clients) create(c *gin.Context) {
	var req createClientRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	now := h.now().UTC()
	row := models.Client{
		ID: newID(c, id.Client), Name: strings.TrimSpace(req.Name), Industry: req.Industry, Region: req.Region,
		Class: or(req.Class, "C"), AccountManagerID: req.AccountManagerID, Status: or(req.Status, "prospect"),
		ExternalRef: req.ExternalRef, Sales12m: req.Sales12m, Currency: req.Currency, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	ctx := c.Request.Context()
	err := h.sound(ctx, row)
	var duplicates []models.ClientDuplicate
	if err == nil { // before the client is there: nothing may fail what is stored
		duplicates, err = h.store.ClientDuplicates(ctx, models.ClientTraits{Client: row}, duplicatesOfNew)
	}
	if err == nil {
		row, err = h.store.CreateClient(ctx, row)
	}
	if err != nil {
		fail(c, err)
		return
	}
	h.begin(c, row.ID)
	etag(c, row.Version)
	created(c, row.ID, newClientView{toClientView(row), each(duplicates, toClientDuplicateView)})
}

type patchClientRequest struct {
	Name             patch[string]     `json:"name" binding:"omitnil,notblank,max=200"`
	Industry         patch[string]     `json:"industry" binding:"omitnil,max=100"`
	Region           patch[string]     `json:"region" binding:"omitnil,max=100"`
	Class            patch[string]     `json:"class"`
	AccountManagerID clearable[string] `json:"account_manager_id" binding:"omitnil,typeid=user"`
	Status           patch[string]     `json:"status" binding:"omitnil,oneof=prospect active dormant lost"`
	ExternalRef      patch[string]     `json:"external_ref" binding:"omitnil,max=200"`
	Sales12m         clearable[int64]  `json:"sales_12m" binding:"omitnil,min=0,max=100000000000000"`
	Currency         patch[string]     `json:"currency" binding:"omitnil,currency"`
}

// patch changes a client. 403 for another's account manager or status, 404 unknown, 409 client_merged, 412 when If-Match is
// stale, 422 bad values. The class is a contract: it changes by classification and never here.
func (h *clients) patch(c *gin.Context) {
	var req patchClientRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	if req.Class.set {
		var f faults
		f.add("class", "class_by_classification")
		fail(c, f.err())
		return
	}
	var words []models.Word
	if req.AccountManagerID.set || req.Status.set {
		words = append(words, models.AlignWord(c.Param("id")))
	}
	row, err := change(c, func(row models.Client) int64 { return row.Version }, h.store.Client,
		func(row *models.Client) error {
			if err := row.Open(); err != nil {
				return err
			}
			if err := h.mayMove(c, *row, req); err != nil {
				return err
			}
			req.Name.into(&row.Name)
			row.Name = strings.TrimSpace(row.Name)
			req.Industry.into(&row.Industry)
			req.Region.into(&row.Region)
			req.Status.into(&row.Status)
			req.ExternalRef.into(&row.ExternalRef)
			req.Sales12m.into(&row.Sales12m)
			req.Currency.into(&row.Currency)
			row.UpdatedAt = h.now().UTC()
			if !req.AccountManagerID.set { // one who has left meanwhile does not stand in the way of other changes
				return priced(*row).err()
			}
			row.AccountManagerID = req.AccountManagerID.value
			return h.sound(c.Request.Context(), *row)
		}, func(ctx context.Context, row models.Client) (models.Client, error) {
			return h.store.UpdateClient(ctx, row, words...)
		})
	if err != nil {
		fail(c, err)
		return
	}
	if len(words) > 0 {
		h.words.Tell(c.Request.Context())
	}
	etag(c, row.Version)
	answer(c, http.StatusOK, toClientView(row))
}

// mayMove refuses to take a client from its account manager, or to say that it is lost or dormant, for who neither acts for
// the account manager nor may oversee relationships or people: the process takes over what the row says.
func (h *clients) mayMove(c *gin.Context, row models.Client, req patchClientRequest) error {
	manager := textOf(row.AccountManagerID)
	moves := req.AccountManagerID.set && textOf(req.AccountManagerID.value) != manager || req.Status.set && req.Status.value != row.Status
	actor := caller(c).Actor
	mine := slices.ContainsFunc(actor.In(models.RelationshipProcess), func(p models.Person) bool { return p.ID == manager })
	if manager == "" || !moves || mine || inRight(actor, models.RelationshipProcess, models.PermRelationshipManage) || may(c, models.PermPeopleWrite) {
		return nil
	}
	return forbidden(models.PermRelationshipManage)
}

// beginWithin bounds how long the answer to a new client waits for its process.
const beginWithin = 2 * time.Second

// begin begins the process of a client that is stored. What does not begin now is begun by a sweep.
func (h *clients) begin(c *gin.Context, clientID string) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), beginWithin)
	defer cancel()
	if err := h.bonds.begin(ctx, clientID); err != nil {
		edgeOf(c).log.WarnContext(ctx, "client's process not begun yet", "client_id", clientID, "request_id", requestIDOf(c), "err", err)
	}
}

// sound checks that the account manager is an active user, and that the sales are in some currency.
func (h *clients) sound(ctx context.Context, row models.Client) error {
	f := priced(row)
	if _, err := activeUser(ctx, h.people, &f, "account_manager_id", row.AccountManagerID); err != nil {
		return err
	}
	return f.err()
}

func priced(row models.Client) (f faults) {
	if row.Sales12m != nil && row.Currency == "" {
		f.add("currency", "required")
	}
	return f
}
