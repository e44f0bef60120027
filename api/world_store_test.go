package api_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// What the world answers as sessions, people, clients, documents, messages and idempotency records.

func (w *world) Login(_ context.Context, username, password string) (string, time.Time, models.User, error) {
	for _, u := range w.users.all(nil) {
		if u.Username == username && password == "demo" {
			return username, noon.Add(time.Hour), u, nil
		}
	}
	return "", time.Time{}, models.User{}, errs.New(errs.Unauthenticated, "login.wrong")
}

func (w *world) Logout(context.Context, string) error { return w.broken }

func (w *world) Authenticate(_ context.Context, token string) (models.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.users.all(nil) {
		if u.Username == token && u.Active {
			return models.Principal{User: u, TokenID: "token_1", Actor: models.Actor{Person: models.Person{ID: u.ID, Roles: u.Roles}}}, nil
		}
	}
	return models.Principal{}, errs.New(errs.Unauthenticated, "unauthenticated")
}

func (w *world) IssueToken(_ context.Context, tokenID, userID, name string, expires *time.Time) (string, models.Token, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return "", models.Token{}, w.broken
	}
	if _, ok := w.tokens.byID[tokenID]; ok {
		return "", models.Token{}, errs.New(errs.Conflict, "conflict.secret_shown_once")
	}
	t := models.Token{ID: tokenID, UserID: userID, Name: name, ExpiresAt: expires, CreatedAt: noon}
	w.tokens.put(tokenID, t)
	return "the-secret", t, nil
}

func (w *world) RevokeToken(_ context.Context, key string) error {
	_, err := read(w, &w.tokens, key)
	return err
}

func (w *world) ListTokens(_ context.Context, p models.Page) ([]models.Token, string, error) {
	return listed(w, &w.tokens, p, nil)
}

func (w *world) User(_ context.Context, key string) (models.User, error) {
	return read(w, &w.users, key)
}

func (w *world) Users(_ context.Context, f api.UserFilter, p models.Page) ([]models.User, string, error) {
	return listed(w, &w.users, p, func(u models.User) bool {
		return (f.Role == "" || slices.Contains(u.Roles, f.Role)) && (f.Active == nil || *f.Active == u.Active)
	})
}

func (w *world) CreateUser(_ context.Context, u models.User, _ string) (models.User, error) {
	for _, other := range w.users.all(nil) {
		if other.Username == u.Username && other.ID != u.ID {
			return u, errs.New(errs.Conflict, "users.username_taken")
		}
	}
	return create(w, &w.users, u.ID, u)
}

func (w *world) UpdateUser(_ context.Context, u models.User, _ string) (models.User, error) {
	if w.users.byID[u.ID].Version != u.Version {
		return u, stale()
	}
	u.Version++
	w.users.put(u.ID, u)
	return u, nil
}

func (w *world) Team(_ context.Context, key string) (models.Team, error) {
	return read(w, &w.teams, key)
}

func (w *world) Teams(_ context.Context, p models.Page) ([]models.Team, string, error) {
	return listed(w, &w.teams, p, nil)
}

func (w *world) CreateTeam(_ context.Context, t models.Team) (models.Team, error) {
	return create(w, &w.teams, t.ID, t)
}

func (w *world) UpdateTeam(_ context.Context, t models.Team) (models.Team, error) {
	if w.teams.byID[t.ID].Version != t.Version {
		return t, stale()
	}
	t.Version++
	w.teams.put(t.ID, t)
	return t, nil
}

func (w *world) Org(context.Context) (*models.Org, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := &models.Org{Users: map[string]models.OrgUser{}, Teams: map[string]models.OrgTeam{}}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, u := range w.users.byID {
		o.Users[u.ID] = models.OrgUser{
			ID: u.ID, Username: u.Username, TeamID: text(u.TeamID), ManagerID: text(u.ManagerID), Active: u.Active, Roles: u.Roles,
		}
	}
	for _, t := range w.teams.byID {
		o.Teams[t.ID] = models.OrgTeam{ID: t.ID, Name: t.Name, SupervisorID: text(t.SupervisorID)}
	}
	return o, w.broken
}

func (w *world) Deputies(_ context.Context, userID string, p models.Page) ([]models.Deputy, string, error) {
	return listed(w, &w.deputies, p, func(d models.Deputy) bool { return userID == "" || d.UserID == userID })
}

func (w *world) AddDeputy(ctx context.Context, d models.Deputy, fits func([]models.Deputy) error) (models.Deputy, error) {
	others, _, err := w.Deputies(ctx, "", models.Page{Limit: 200})
	if err == nil {
		err = fits(slices.DeleteFunc(others, func(o models.Deputy) bool { return o.ID == d.ID }))
	}
	if err != nil {
		return d, err
	}
	return create(w, &w.deputies, d.ID, d)
}

func (w *world) Deputy(_ context.Context, key string) (models.Deputy, error) {
	return read(w, &w.deputies, key)
}

func (w *world) RemoveDeputy(_ context.Context, key string) error {
	_, err := read(w, &w.deputies, key)
	delete(w.deputies.byID, key)
	return err
}

func (w *world) Deactivate(_ context.Context, userID string, meta models.Meta, _ time.Time) (models.User, error) {
	u, err := read(w, &w.users, userID)
	if err == nil {
		w.deactivations = append(w.deactivations, meta)
		u.Active, u.Version = false, u.Version+1
		w.users.put(userID, u)
	}
	return u, err
}

func (w *world) Move(ctx context.Context, u models.User, password string, meta models.Meta, _ time.Time) (models.User, error) {
	w.moves = append(w.moves, meta)
	return w.UpdateUser(ctx, u, password)
}

func (w *world) Lead(ctx context.Context, t models.Team, meta models.Meta, _ time.Time) (models.Team, error) {
	w.moves = append(w.moves, meta)
	return w.UpdateTeam(ctx, t)
}

func (w *world) Client(_ context.Context, key string) (models.Client, error) {
	return read(w, &w.clients, key)
}

func (w *world) Clients(_ context.Context, f api.ClientFilter, p models.Page) ([]models.Client, string, error) {
	return listed(w, &w.clients, p, func(c models.Client) bool { return strings.Contains(c.Name, f.Query) })
}

func (w *world) CreateClient(_ context.Context, c models.Client) (models.Client, error) {
	return create(w, &w.clients, c.ID, c)
}

func (w *world) UpdateClient(_ context.Context, c models.Client, words ...models.Word) (models.Client, error) {
	if w.clients.byID[c.ID].Version != c.Version {
		return c, stale()
	}
	c.Version++
	w.clients.put(c.ID, c)
	w.words = append(w.words, words...)
	return c, nil
}

// Tell tells processes what was written for them.
func (w *world) Tell(ctx context.Context) {
	w.words = slices.DeleteFunc(w.words, func(word models.Word) bool {
		err := w.deps.Engine.Signal(ctx, word.WorkflowID, word.Signal, word.Arg)
		return errs.CodeOf(err) != errs.Unavailable
	})
}

func (w *world) Contacts(_ context.Context, clientID string, p models.Page) ([]models.Contact, string, error) {
	return listed(w, &w.contacts, p, func(c models.Contact) bool { return c.ClientID == clientID })
}

func (w *world) CreateContact(_ context.Context, c models.Contact) (models.Contact, error) {
	return create(w, &w.contacts, c.ID, c)
}

func (w *world) Contact(_ context.Context, clientID, key string) (models.Contact, error) {
	c, err := read(w, &w.contacts, key)
	if err == nil && c.ClientID != clientID {
		return c, none()
	}
	return c, err
}

func (w *world) UpdateContact(_ context.Context, c models.Contact) (models.Contact, error) {
	if w.contacts.byID[c.ID].Version != c.Version {
		return c, stale()
	}
	c.Version++
	w.contacts.put(c.ID, c)
	return c, w.broken
}

func (w *world) ClientDuplicates(_ context.Context, of models.ClientTraits, most int) ([]models.ClientDuplicate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var others []models.ClientTraits
	for _, c := range w.clients.all(nil) {
		others = append(others, models.ClientTraits{Client: c, Contacts: w.contacts.all(func(p models.Contact) bool { return p.ClientID == c.ID })})
	}
	return models.ClientDuplicates(of, others, most), w.broken
}

func (w *world) MergeClient(_ context.Context, m models.ClientMerge, words ...models.Word) (models.Client, error) {
	from, err := read(w, &w.clients, m.ClientID)
	if err != nil {
		return from, err
	}
	into, err := read(w, &w.clients, m.IntoID)
	if err != nil {
		return from, errs.NewInvalid(errs.Field{Field: "into_id", Code: "unknown"})
	}
	if from, into, err = models.MergeClients(from, into, m.At); err == nil {
		from.Version, into.Version = from.Version+1, into.Version+1
		w.clients.put(from.ID, from)
		w.clients.put(into.ID, into)
		w.merges = append(w.merges, m)
		w.words = append(w.words, words...)
	}
	return from, err
}

func newest[T any](all []T, is func(T) bool) (T, error) {
	for _, v := range slices.Backward(all) {
		if is(v) {
			return v, nil
		}
	}
	var none T
	return none, errs.New(errs.NotFound, "not_found")
}

func (w *world) LatestPolicy(_ context.Context, kind string) (models.PolicyVersion, error) {
	return newest(w.policies, func(v models.PolicyVersion) bool { return v.Kind == kind })
}

func (w *world) PolicyInForce(ctx context.Context, kind string) (int, error) {
	v, err := w.LatestPolicy(ctx, kind)
	return v.Version, err
}

func (w *world) Policy(_ context.Context, kind string, version int) (models.PolicyVersion, error) {
	return newest(w.policies, func(v models.PolicyVersion) bool { return v.Kind == kind && v.Version == version })
}

func (w *world) PolicyVersions(context.Context, string, models.Page) ([]models.PolicyVersion, string, error) {
	all := slices.Clone(w.policies)
	slices.Reverse(all)
	return all, "", nil
}

func (w *world) PublishPolicy(_ context.Context, v models.PolicyVersion) (models.PolicyVersion, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, err := newest(w.policies, func(o models.PolicyVersion) bool { return *o.CommandID == *v.CommandID }); err == nil {
		return old, nil
	}
	v.Version = 1
	for _, o := range w.policies {
		if o.Kind == v.Kind {
			v.Version++
		}
	}
	w.policies = append(w.policies, v)
	return v, w.broken
}

func (w *world) LatestCalendar(_ context.Context, key string) (models.CalendarVersion, error) {
	return newest(w.calendars, func(v models.CalendarVersion) bool { return v.ID == key })
}

func (w *world) CalendarInForce(ctx context.Context, key string) (int, error) {
	v, err := w.LatestCalendar(ctx, key)
	return v.Version, err
}

func (w *world) BothInForce(ctx context.Context, kind, calendarID string) (policyVersion, calendarVersion int, err error) {
	p, _ := w.LatestPolicy(ctx, kind)
	c, _ := w.LatestCalendar(ctx, calendarID)
	return p.Version, c.Version, nil
}

func (w *world) Calendar(_ context.Context, key string, version int) (models.CalendarVersion, error) {
	return newest(w.calendars, func(v models.CalendarVersion) bool { return v.ID == key && v.Version == version })
}

func (w *world) CalendarIDs(context.Context) ([]string, error) {
	var ids []string
	for _, v := range w.calendars {
		if !slices.Contains(ids, v.ID) {
			ids = append(ids, v.ID)
		}
	}
	slices.Sort(ids)
	return ids, w.broken
}

func (w *world) CalendarVersions(_ context.Context, key string, _ models.Page) ([]models.CalendarVersion, string, error) {
	var all []models.CalendarVersion
	for _, v := range slices.Backward(w.calendars) {
		if v.ID == key {
			all = append(all, v)
		}
	}
	return all, "", nil
}

func (w *world) PublishCalendar(ctx context.Context, v models.CalendarVersion) (models.CalendarVersion, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, _, err := w.CalendarVersions(ctx, v.ID, models.Page{})
	if v.Version != 0 && v.Version != len(all)+1 {
		return models.CalendarVersion{}, stale()
	}
	v.Version = len(all) + 1
	w.calendars = append(w.calendars, v)
	return v, err
}

func (w *world) Notifications(_ context.Context, userID string, unread *bool, p models.Page) ([]models.Notification, string, error) {
	return listed(w, &w.notes, p, func(n models.Notification) bool {
		return n.UserID == userID && (unread == nil || *unread == (n.ReadAt == nil))
	})
}

func (w *world) MarkRead(_ context.Context, userID, key string, at time.Time) (models.Notification, error) {
	n, err := read(w, &w.notes, key)
	if err != nil || n.UserID != userID {
		return n, errs.New(errs.NotFound, "not_found")
	}
	n.ReadAt = &at
	w.notes.put(key, n)
	return n, nil
}

func (w *world) Webhooks(_ context.Context, p models.Page) ([]models.Webhook, string, error) {
	return listed(w, &w.webhooks, p, nil)
}

func (w *world) CreateWebhook(_ context.Context, h models.Webhook) (models.Webhook, error) {
	return create(w, &w.webhooks, h.ID, h)
}

func (w *world) DeleteWebhook(_ context.Context, key string) error {
	_, err := read(w, &w.webhooks, key)
	return err
}

func (w *world) Claim(_ context.Context, userID, key string, fresh models.IdempotencyRecord) (models.IdempotencyRecord, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.answers[userID+key]; ok {
		return old, false, nil
	}
	w.answers[userID+key] = fresh
	return fresh, true, nil
}

func (w *world) Answer(_ context.Context, userID, key string, rec models.IdempotencyRecord) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.answers[userID+key].Status == 0 {
		w.answers[userID+key] = rec
	}
	return nil
}
