// Package demo fills a database for its first start: the example organisation, the first administrator and the default
// policies. All of it may run on every start: what is there already stays as it is.
package demo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// Stores is what Load writes to. Creating something under an id that exists must return what is stored.
type Stores interface {
	CreateTeam(ctx context.Context, t models.Team) (models.Team, error)
	UpdateTeam(ctx context.Context, t models.Team) (models.Team, error)
	CreateUser(ctx context.Context, u models.User, password string) (models.User, error)
	CreateClient(ctx context.Context, c models.Client) (models.Client, error)
	CreateContact(ctx context.Context, c models.Contact) (models.Contact, error)
	CreateResource(ctx context.Context, r models.Resource) (models.Resource, error)
	CreateBudget(ctx context.Context, b models.Budget) (models.Budget, error)
}

// document is the form of examples/demo.yaml. People and teams refer to each other by name.
type document struct {
	Password  string     `yaml:"password"` // of everybody
	TimeZone  string     `yaml:"time_zone"`
	Teams     []team     `yaml:"teams"`
	Users     []user     `yaml:"users"`
	Clients   []client   `yaml:"clients"`
	Resources []resource `yaml:"resources"`
	Budgets   []budget   `yaml:"budgets"`
}

type team struct {
	Name       string `yaml:"name"`
	Supervisor string `yaml:"supervisor"`
}

type user struct {
	Username    string        `yaml:"username"`
	DisplayName string        `yaml:"display_name"`
	Roles       []models.Role `yaml:"roles"`
	Team        string        `yaml:"team"`
	Manager     string        `yaml:"manager"` // named further up in the document, so that there is no circle
	Locale      string        `yaml:"locale"`
}

type client struct {
	Name           string    `yaml:"name"`
	Industry       string    `yaml:"industry"`
	Region         string    `yaml:"region"`
	Class          string    `yaml:"class"`
	AccountManager string    `yaml:"account_manager"`
	Status         string    `yaml:"status"`
	Sales12m       *int64    `yaml:"sales_12m"` // in minor units
	Currency       string    `yaml:"currency"`
	Contacts       []contact `yaml:"contacts"`
}

type contact struct {
	Name   string `yaml:"name"`
	Title  string `yaml:"title"`
	Phone  string `yaml:"phone"`
	Email  string `yaml:"email"`
	Locale string `yaml:"locale"`

	Role             models.ContactRole `yaml:"role"`
	Influence        *int               `yaml:"influence"`
	Attitude         models.Attitude    `yaml:"attitude"`
	RelationStrength *int               `yaml:"relation_strength"`
	KnownBy          []string           `yaml:"known_by"` // usernames
	Preferences      string             `yaml:"preferences"`
	Worries          string             `yaml:"worries"`
}

type resource struct {
	Name     string              `yaml:"name"`
	Kind     models.ResourceKind `yaml:"kind"`
	Capacity int                 `yaml:"capacity"`
	Quantity int                 `yaml:"quantity"` // 1 if absent
	Calendar string              `yaml:"calendar"` // always at hand if absent
	Location string              `yaml:"location"`
	Class    string              `yaml:"class"`
}

// budget is one period's money of a team: an amount in minor units for each type of cost.
type budget struct {
	Team     string                    `yaml:"team"`
	From     string                    `yaml:"from"`
	Until    string                    `yaml:"until"` // the last day, included
	Currency string                    `yaml:"currency"`
	Control  models.BudgetControl      `yaml:"control"`
	Amounts  map[models.CostType]int64 `yaml:"amounts"`
}

// Load stores the people, clients, resources and budgets of the document. Identifiers follow from names, so a second call, also after one
// that was interrupted, only adds what is missing: what somebody has changed since then stays changed.
func Load(ctx context.Context, s Stores, body []byte) error {
	var doc document
	if err := yaml.NewDecoder(bytes.NewReader(body), yaml.Strict()).DecodeContext(ctx, &doc); err != nil {
		return fmt.Errorf("read demo document: %w", err)
	}
	if err := doc.loadPeople(ctx, s); err != nil {
		return err
	}
	if err := doc.loadClients(ctx, s); err != nil {
		return err
	}
	if err := doc.loadResources(ctx, s); err != nil {
		return err
	}
	return doc.loadBudgets(ctx, s)
}

func (d document) loadPeople(ctx context.Context, s Stores) error {
	teams := make([]models.Team, len(d.Teams))
	known := make(map[string]bool)
	for i, t := range d.Teams {
		// Without a supervisor at first: nobody is there yet.
		stored, err := s.CreateTeam(ctx, models.Team{ID: teamID(t.Name), Name: t.Name})
		if err != nil {
			return fmt.Errorf("demo team %s: %w", t.Name, err)
		}
		teams[i] = stored
		known[stored.ID] = true
	}
	for _, u := range d.Users {
		row := models.User{
			ID: userID(u.Username), Username: u.Username, DisplayName: u.DisplayName, Email: u.Username + "@mcrflow.example",
			Locale: u.Locale, TimeZone: d.TimeZone, Roles: u.Roles, Active: true,
			TeamID: ref(teamID, u.Team), ManagerID: ref(userID, u.Manager),
		}
		for _, other := range []*string{row.TeamID, row.ManagerID} {
			if other != nil && !known[*other] {
				return fmt.Errorf("demo user %s: team %q or manager %q is not named before", u.Username, u.Team, u.Manager)
			}
		}
		if _, err := s.CreateUser(ctx, row, d.Password); err != nil {
			return fmt.Errorf("demo user %s: %w", u.Username, err)
		}
		known[row.ID] = true
	}
	for i, t := range d.Teams {
		if teams[i].SupervisorID != nil || teams[i].Version > 1 { // a later start, perhaps after a change by hand
			continue
		}
		teams[i].SupervisorID = ref(userID, t.Supervisor)
		if _, err := s.UpdateTeam(ctx, teams[i]); err != nil {
			return fmt.Errorf("demo team %s: %w", t.Name, err)
		}
	}
	return nil
}

func (d document) loadClients(ctx context.Context, s Stores) error {
	for _, c := range d.Clients {
		row := models.Client{
			ID: id.Derive(id.Client, "demo", c.Name), Name: c.Name, Industry: c.Industry, Region: c.Region, Class: c.Class,
			AccountManagerID: ref(userID, c.AccountManager), Status: c.Status, Sales12m: c.Sales12m, Currency: c.Currency,
		}
		if _, err := s.CreateClient(ctx, row); err != nil {
			return fmt.Errorf("demo client %s: %w", c.Name, err)
		}
		for _, p := range c.Contacts {
			knownBy, err := d.users(p.KnownBy)
			if err != nil {
				return fmt.Errorf("demo contact %s: %w", p.Name, err)
			}
			_, err = s.CreateContact(ctx, models.Contact{
				ID: id.Derive(id.Contact, row.ID, p.Name), ClientID: row.ID, Name: p.Name, Title: p.Title,
				Phone: p.Phone, Email: p.Email, Locale: p.Locale, Role: p.Role, Influence: p.Influence, Attitude: p.Attitude,
				RelationStrength: p.RelationStrength, KnownByIDs: knownBy, Preferences: p.Preferences, Worries: p.Worries,
			})
			if err != nil {
				return fmt.Errorf("demo contact %s: %w", p.Name, err)
			}
		}
	}
	return nil
}

func (d document) loadResources(ctx context.Context, s Stores) error {
	for _, r := range d.Resources {
		row := models.Resource{
			ID: id.Derive(id.Resource, "demo", r.Name), Name: r.Name, Kind: r.Kind, Capacity: r.Capacity, Quantity: cmp.Or(r.Quantity, 1),
			Location: r.Location, Class: r.Class, Active: true,
		}
		if r.Calendar != "" {
			row.CalendarID = &r.Calendar
		}
		if _, err := s.CreateResource(ctx, row); err != nil {
			return fmt.Errorf("demo resource %s: %w", r.Name, err)
		}
	}
	return nil
}

func (d document) loadBudgets(ctx context.Context, s Stores) error {
	for _, b := range d.Budgets {
		from, err := time.Parse(time.DateOnly, b.From)
		if err != nil {
			return fmt.Errorf("demo budget of %s: %w", b.Team, err)
		}
		until, err := time.Parse(time.DateOnly, b.Until)
		if err != nil {
			return fmt.Errorf("demo budget of %s: %w", b.Team, err)
		}
		for _, cost := range models.CostTypes() {
			amount, given := b.Amounts[cost]
			if !given {
				continue
			}
			_, err := s.CreateBudget(ctx, models.Budget{
				ID: id.Derive(id.Budget, teamID(b.Team), string(cost)+" "+b.From), TeamID: teamID(b.Team), StartsOn: from, EndsOn: until, CostType: cost,
				Amount: amount, Currency: b.Currency, Control: b.Control, CreatedBy: models.System,
			})
			if err != nil {
				return fmt.Errorf("demo budget of %s for %s: %w", b.Team, cost, err)
			}
		}
	}
	return nil
}

// users are the ids of people of the document.
func (d document) users(names []string) ([]string, error) {
	ids := make([]string, len(names))
	for i, name := range names {
		if !slices.ContainsFunc(d.Users, func(u user) bool { return u.Username == name }) {
			return nil, fmt.Errorf("user %q is not named", name)
		}
		ids[i] = userID(name)
	}
	return ids, nil
}

func userID(username string) string { return id.Derive(id.User, "demo", username) }

func teamID(name string) string { return id.Derive(id.Team, "demo", name) }

// ref is the id of what a name refers to; nil without a name.
func ref(of func(string) string, name string) *string {
	if name == "" {
		return nil
	}
	v := of(name)
	return &v
}
