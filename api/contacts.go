package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

type clientContactView struct {
	ID               string   `json:"id"`
	ClientID         string   `json:"client_id"`
	Name             string   `json:"name"`
	Title            string   `json:"title"`
	Phone            string   `json:"phone"`
	Email            string   `json:"email"`
	Locale           string   `json:"locale"`
	TimeZone         string   `json:"time_zone"`
	Role             *string  `json:"role"`
	Influence        *int     `json:"influence"`
	Attitude         *string  `json:"attitude"`
	RelationStrength *int     `json:"relation_strength"`
	KnownByIDs       []string `json:"known_by_ids"`
	Preferences      string   `json:"preferences"`
	Worries          string   `json:"worries"`
	Left             bool     `json:"left"`
	MergedIntoID     *string  `json:"merged_into_id"`
	Version          int64    `json:"version"`
	CreatedAt        Time     `json:"created_at"`
	UpdatedAt        Time     `json:"updated_at"`
}

func toClientContactView(p models.Contact) clientContactView {
	return clientContactView{
		ID: p.ID, ClientID: p.ClientID, Name: p.Name, Title: p.Title, Phone: p.Phone, Email: p.Email, Locale: p.Locale,
		TimeZone: p.TimeZone, Role: filled(string(p.Role)), Influence: p.Influence, Attitude: filled(string(p.Attitude)),
		RelationStrength: p.RelationStrength, KnownByIDs: each(p.KnownByIDs, func(s string) string { return s }),
		Preferences: p.Preferences, Worries: p.Worries, Left: p.Left, MergedIntoID: p.MergedIntoID, Version: p.Version,
		CreatedAt: Time(p.CreatedAt), UpdatedAt: Time(p.UpdatedAt),
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

// getContact answers one person at a client. 404 unknown.
func (h *clients) getContact(c *gin.Context) {
	row, err := h.store.Contact(c.Request.Context(), c.Param("id"), c.Param("contact_id"))
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.Version)
	answer(c, http.StatusOK, toClientContactView(row))
}

type createContactRequest struct {
	Name             string   `json:"name" binding:"required,notblank,max=100"`
	Title            string   `json:"title" binding:"max=100"`
	Phone            string   `json:"phone" binding:"omitempty,phone"`
	Email            string   `json:"email" binding:"omitempty,email,max=254"`
	Locale           string   `json:"locale" binding:"omitempty,locale"`
	TimeZone         string   `json:"time_zone" binding:"omitempty,time_zone"` // the organisation's if absent
	Role             string   `json:"role" binding:"omitempty,oneof=decision_maker approver influencer user gatekeeper other"`
	Influence        *int     `json:"influence" binding:"omitempty,min=0,max=10"`
	Attitude         string   `json:"attitude" binding:"omitempty,oneof=opponent sceptical neutral supportive champion"`
	RelationStrength *int     `json:"relation_strength" binding:"omitempty,min=0,max=5"`
	KnownByIDs       []string `json:"known_by_ids" binding:"max=20,unique,dive,typeid=user"`
	Preferences      string   `json:"preferences" binding:"max=2000"`
	Worries          string   `json:"worries" binding:"max=2000"`
}

// createContact adds a person at a client. 404 unknown client, 409 client_merged, 422 bad values.
func (h *clients) createContact(c *gin.Context) {
	var req createContactRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	ctx, now := c.Request.Context(), h.now().UTC()
	if _, err := h.store.Client(ctx, c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	err := h.acquainted(ctx, req.KnownByIDs)
	row := models.Contact{
		ID: newID(c, id.Contact), ClientID: c.Param("id"), Name: strings.TrimSpace(req.Name), Title: req.Title, Phone: req.Phone,
		Email: req.Email, Locale: req.Locale, TimeZone: req.TimeZone, Role: models.ContactRole(req.Role), Influence: req.Influence,
		Attitude: models.Attitude(req.Attitude), RelationStrength: req.RelationStrength, KnownByIDs: req.KnownByIDs,
		Preferences: req.Preferences, Worries: req.Worries, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if err == nil {
		row, err = h.store.CreateContact(ctx, row)
	}
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.Version)
	created(c, row.ID, toClientContactView(row))
}

type patchContactRequest struct {
	Name             patch[string]     `json:"name" binding:"omitnil,notblank,max=100"`
	Title            patch[string]     `json:"title" binding:"omitnil,max=100"`
	Phone            clearable[string] `json:"phone" binding:"omitnil,phone"`
	Email            clearable[string] `json:"email" binding:"omitnil,email,max=254"`
	Locale           clearable[string] `json:"locale" binding:"omitnil,locale"`
	TimeZone         clearable[string] `json:"time_zone" binding:"omitnil,time_zone"`
	Role             clearable[string] `json:"role" binding:"omitnil,oneof=decision_maker approver influencer user gatekeeper other"`
	Influence        clearable[int]    `json:"influence" binding:"omitnil,min=0,max=10"`
	Attitude         clearable[string] `json:"attitude" binding:"omitnil,oneof=opponent sceptical neutral supportive champion"`
	RelationStrength clearable[int]    `json:"relation_strength" binding:"omitnil,min=0,max=5"`
	KnownByIDs       patch[[]string]   `json:"known_by_ids" binding:"omitnil,max=20,unique,dive,typeid=user"`
	Preferences      patch[string]     `json:"preferences" binding:"omitnil,max=2000"`
	Worries          patch[string]     `json:"worries" binding:"omitnil,max=2000"`
	Left             patch[bool]       `json:"left"`
}

// patchContact changes a person at a client; null clears. 404 unknown, 412 when If-Match is stale, 422 bad values.
func (h *clients) patchContact(c *gin.Context) {
	var req patchContactRequest
	if err := bind(c, &req); err != nil {
		fail(c, err)
		return
	}
	read := func(ctx context.Context, clientID string) (models.Contact, error) {
		return h.store.Contact(ctx, clientID, c.Param("contact_id"))
	}
	row, err := change(c, func(row models.Contact) int64 { return row.Version }, read, func(row *models.Contact) error {
		req.into(row)
		row.UpdatedAt = h.now().UTC()
		if !req.KnownByIDs.set {
			return nil // one who has left meanwhile does not stand in the way of other changes
		}
		return h.acquainted(c.Request.Context(), row.KnownByIDs)
	}, h.store.UpdateContact)
	if err != nil {
		fail(c, err)
		return
	}
	etag(c, row.Version)
	answer(c, http.StatusOK, toClientContactView(row))
}

func (r patchContactRequest) into(row *models.Contact) {
	r.Name.into(&row.Name)
	row.Name = strings.TrimSpace(row.Name)
	r.Title.into(&row.Title)
	clearedText(r.Phone, &row.Phone)
	clearedText(r.Email, &row.Email)
	clearedText(r.Locale, &row.Locale)
	clearedText(r.TimeZone, &row.TimeZone)
	clearedText(r.Role, &row.Role)
	clearedText(r.Attitude, &row.Attitude)
	r.Influence.into(&row.Influence)
	r.RelationStrength.into(&row.RelationStrength)
	r.KnownByIDs.into(&row.KnownByIDs)
	r.Preferences.into(&row.Preferences)
	r.Worries.into(&row.Worries)
	r.Left.into(&row.Left)
}

// clearedText changes a text when the field was present; null is the empty text.
func clearedText[T ~string](from clearable[string], into *T) {
	if from.set {
		*into = T(textOf(from.value))
	}
}

// acquainted checks that those who know a contact are active users.
func (h *clients) acquainted(ctx context.Context, users []string) error {
	var f faults
	for i := range users {
		if _, err := activeUser(ctx, h.people, &f, fmt.Sprintf("known_by_ids[%d]", i), &users[i]); err != nil {
			return err
		}
	}
	return f.err()
}
