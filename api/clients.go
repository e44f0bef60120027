package api

import (
	"context"
	"net/http"
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
	now    func() time.Time
}

func (h *clients) routes(r gin.IRouter) {
	r.GET("/clients", need(models.PermClientRead), h.list)
	r.POST("/clients", need(models.PermClientWrite), h.create)
	r.GET("/clients/:id", need(models.PermClientRead), h.get)
	r.PATCH("/clients/:id", need(models.PermClientWrite), h.patch)
	r.GET("/clients/:id/contacts", need(models.PermClientRead), h.listContacts)
	r.POST("/clients/:id/contacts", need(models.PermClientWrite), h.createContact)
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
	Version          int64   `json:"version"`
	CreatedAt        Time    `json:"created_at"`
	UpdatedAt        Time    `json:"updated_at"`
}

func toClientView(c models.Client) clientView {
	return clientView{
		ID: c.ID, Name: c.Name, Industry: c.Industry, Region: c.Region, Class: c.Class, AccountManagerID: c.AccountManagerID,
		Status: c.Status, ExternalRef: c.ExternalRef, Version: c.Version, CreatedAt: Time(c.CreatedAt), UpdatedAt: Time(c.UpdatedAt),
	}
}

// list lists clients in the order in which they were made. Filters: q (a part of the name), class, region, account_manager_id, status.
func (h *clients) list(c *gin.Context) {
	q := queryOf(c)
	f := ClientFilter{
		Query: q.text("q"), Class: oneOf(q, "class", "S", "A", "B", "C"), Region: q.text("region"),
		AccountManagerID: q.id("account_manager_id", id.User), Status: oneOf(q, "status", "prospect", "active", "dormant", "lost"),
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

// get answers one client. 404 unknown.
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
}

// create adds a client. 422 bad values.
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
		ExternalRef: req.ExternalRef, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	err := h.managed(c.Request.Context(), row)
	if err == nil {
		row, err = h.store.CreateClient(c.Request.Context(), row)
	}
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.Version)
	created(c, row.ID, toClientView(row))
}

type patchClientRequest struct {
	Name             patch[string]     `json:"name" binding:"omitnil,notblank,max=200"`
	Industry         patch[string]     `json:"industry" binding:"omitnil,max=100"`
	Region           patch[string]     `json:"region" binding:"omitnil,max=100"`
	Class            patch[string]     `json:"class"`
	AccountManagerID clearable[string] `json:"account_manager_id" binding:"omitnil,typeid=user"`
	Status           patch[string]     `json:"status" binding:"omitnil,oneof=prospect active dormant lost"`
	ExternalRef      patch[string]     `json:"external_ref" binding:"omitnil,max=200"`
}

// patch changes a client. 404 unknown, 412 when If-Match is stale, 422 bad values. The class is a contract: it changes by
// classification and never here.
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
	row, err := change(c, func(row models.Client) int64 { return row.Version }, h.store.Client,
		func(row *models.Client) error {
			req.Name.into(&row.Name)
			row.Name = strings.TrimSpace(row.Name)
			req.Industry.into(&row.Industry)
			req.Region.into(&row.Region)
			req.Status.into(&row.Status)
			req.ExternalRef.into(&row.ExternalRef)
			row.UpdatedAt = h.now().UTC()
			if !req.AccountManagerID.set {
				return nil // one who has left meanwhile does not stand in the way of other changes
			}
			row.AccountManagerID = req.AccountManagerID.value
			return h.managed(c.Request.Context(), *row)
		}, h.store.UpdateClient)
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.Version)
	answer(c, http.StatusOK, toClientView(row))
}

// managed checks that the account manager is an active user.
func (h *clients) managed(ctx context.Context, row models.Client) error {
	var f faults
	if _, err := activeUser(ctx, h.people, &f, "account_manager_id", row.AccountManagerID); err != nil {
		return err
	}
	return f.err()
}

type clientContactView struct {
	ID        string `json:"id"`
	ClientID  string `json:"client_id"`
	Name      string `json:"name"`
	Title     string `json:"title"`
	Phone     string `json:"phone"`
	Email     string `json:"email"`
	Locale    string `json:"locale"`
	TimeZone  string `json:"time_zone"`
	CreatedAt Time   `json:"created_at"`
}

func toClientContactView(p models.Contact) clientContactView {
	return clientContactView{
		ID: p.ID, ClientID: p.ClientID, Name: p.Name, Title: p.Title, Phone: p.Phone, Email: p.Email, Locale: p.Locale,
		TimeZone: p.TimeZone, CreatedAt: Time(p.CreatedAt),
	}
}

// listContacts lists the people at a client. 404 unknown client.
func (h *clients) listContacts(c *gin.Context) {
	q := queryOf(c)
	p := q.page()
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	if _, err := h.store.Client(ctx, c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	rows, next, err := h.store.Contacts(ctx, c.Param("id"), p)
	if err != nil {
		fail(c, err)
		return
	}
	list(c, rows, next, toClientContactView)
}

type createContactRequest struct {
	Name     string `json:"name" binding:"required,notblank,max=100"`
	Title    string `json:"title" binding:"max=100"`
	Phone    string `json:"phone" binding:"omitempty,phone"`
	Email    string `json:"email" binding:"omitempty,email,max=254"`
	Locale   string `json:"locale" binding:"omitempty,locale"`
	TimeZone string `json:"time_zone" binding:"omitempty,time_zone"` // the organisation's if absent
}

// createContact adds a person at a client. 404 unknown client, 422 bad values.
func (h *clients) createContact(c *gin.Context) {
	var req createContactRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	if _, err := h.store.Client(ctx, c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	row, err := h.store.CreateContact(ctx, models.Contact{
		ID: newID(c, id.Contact), ClientID: c.Param("id"), Name: strings.TrimSpace(req.Name), Title: req.Title, Phone: req.Phone,
		Email: req.Email, Locale: req.Locale, TimeZone: req.TimeZone, CreatedAt: h.now().UTC(),
	})
	if err != nil {
		fail(c, err)
		return
	}
	answer(c, http.StatusCreated, toClientContactView(row))
}
