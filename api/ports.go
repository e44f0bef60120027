package api

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/models"
)

// Engine sends commands to processes. Errors are *errs.Error: unavailable (safe to repeat), pending (accepted, no
// answer in time), not_found (no such process is running) or what the process answered.
type Engine interface {
	// Start starts the process with its first command, or finds it running, and waits for the command's answer.
	Start(ctx context.Context, workflowType, workflowID string, input any, name, updateID string, cmd any) (models.Reply, error)
	// Update sends a command to a running process and waits for its answer.
	Update(ctx context.Context, workflowID, name, updateID string, cmd any) (models.Reply, error)
	// Signal tells a running process a fact; a process that is over is not_found.
	Signal(ctx context.Context, workflowID, name string, arg any) error
	// Check reports whether the engine can be reached.
	Check(ctx context.Context) error
}

// The plain types of these interfaces live in models, so that the store can name them too.
type (
	// Principal is the caller of a request as the store knows them at this moment.
	Principal = models.Principal
	// UserFilter narrows a list of users; zero fields do not.
	UserFilter = models.UserFilter
	// ClientFilter narrows a list of clients; zero fields do not.
	ClientFilter = models.ClientFilter
	// IdempotencyRecord is what is kept of a POST with an Idempotency-Key.
	IdempotencyRecord = models.IdempotencyRecord
)

// Sessions authenticates callers. Implementations keep only hashes of secrets.
type Sessions interface {
	// Login checks a password and opens a session. Errors: unauthenticated; rate_limited while the user is locked out.
	Login(ctx context.Context, username, password string) (token string, expires time.Time, u models.User, err error)
	// Logout ends the session of the token.
	Logout(ctx context.Context, tokenID string) error
	// Authenticate finds who holds the token: unauthenticated when it is unknown, expired or revoked, or its user inactive.
	Authenticate(ctx context.Context, token string) (Principal, error)
	// IssueToken makes a service token for a user; the secret is returned once and never again: conflict for an id that was
	// issued before.
	IssueToken(ctx context.Context, tokenID, userID, name string, expires *time.Time) (token string, t models.Token, err error)
	// RevokeToken ends a token.
	RevokeToken(ctx context.Context, id string) error
	// ListTokens lists the service tokens, without secrets.
	ListTokens(ctx context.Context, p models.Page) ([]models.Token, string, error)
}

// People is the master data of users, teams and deputies. Create takes entities with their id set, and answers the
// stored one when that id exists already, so that a repeated request makes nothing twice. Update checks Version and
// answers precondition_failed when it is stale; it returns the new row.
type People interface {
	User(ctx context.Context, id string) (models.User, error)
	Users(ctx context.Context, f UserFilter, p models.Page) ([]models.User, string, error)
	CreateUser(ctx context.Context, u models.User, password string) (models.User, error)
	UpdateUser(ctx context.Context, u models.User, password string) (models.User, error) // empty password: unchanged
	Team(ctx context.Context, id string) (models.Team, error)
	Teams(ctx context.Context, p models.Page) ([]models.Team, string, error)
	CreateTeam(ctx context.Context, t models.Team) (models.Team, error)
	UpdateTeam(ctx context.Context, t models.Team) (models.Team, error)
	Deputies(ctx context.Context, userID string, p models.Page) ([]models.Deputy, string, error) // userID empty: all
	Deputy(ctx context.Context, id string) (models.Deputy, error)
}

// Staffing changes people and who stands in for them, and tells the processes that go by it. It takes a leaver out of service: in one
// transaction the user becomes inactive, their tokens end, and every case they are accountable for or hold moves to their supervisor.
// Likewise, the cases of a user who changes teams move with them, and what waits for the supervisor of a team moves to the new one.
type Staffing interface {
	Deactivate(ctx context.Context, userID string, meta models.Meta, at time.Time) (models.User, error)
	// Move is People.UpdateUser for a user whose team may be another one.
	Move(ctx context.Context, u models.User, password string, meta models.Meta, at time.Time) (models.User, error)
	// Lead is People.UpdateTeam for a team whose supervisor may be another one.
	Lead(ctx context.Context, t models.Team, meta models.Meta, at time.Time) (models.Team, error)
	// AddDeputy stores a rule that fits beside the others; no other is made meanwhile.
	AddDeputy(ctx context.Context, d models.Deputy, fits func(others []models.Deputy) error) (models.Deputy, error)
	RemoveDeputy(ctx context.Context, id string) error
}

// Clients is the master data of clients and contacts, with the same rules as People.
type Clients interface {
	Client(ctx context.Context, id string) (models.Client, error)
	Clients(ctx context.Context, f ClientFilter, p models.Page) ([]models.Client, string, error)
	CreateClient(ctx context.Context, c models.Client) (models.Client, error)
	// UpdateClient writes words with it (see Words).
	UpdateClient(ctx context.Context, c models.Client, words ...models.Word) (models.Client, error)
	Contacts(ctx context.Context, clientID string, p models.Page) ([]models.Contact, string, error)
	// Contact answers not_found for a contact of another client.
	Contact(ctx context.Context, clientID, contactID string) (models.Contact, error)
	// CreateContact answers client_merged for a client that was merged.
	CreateContact(ctx context.Context, c models.Contact) (models.Contact, error)
	UpdateContact(ctx context.Context, c models.Contact) (models.Contact, error)
	// ClientDuplicates finds the clients that may be the same company, stored or not, the likeliest first.
	ClientDuplicates(ctx context.Context, of models.ClientTraits, most int) ([]models.ClientDuplicate, error)
	// MergeClient joins a duplicate into its survivor, once per request, and answers the duplicate; words are written with it (see
	// Words). Errors: not_found, invalid, client_merged.
	MergeClient(ctx context.Context, m models.ClientMerge, words ...models.Word) (models.Client, error)
}

// Words tells processes what transactions have written for them.
type Words interface {
	// Tell tells now what can be told now; a worker tells the rest.
	Tell(ctx context.Context)
}

// Policies is the store of published policy and calendar versions; they are immutable. Latest and InForce answer not_found
// when none was published. Publish gives the next version number.
type Policies interface {
	LatestPolicy(ctx context.Context, kind string) (models.PolicyVersion, error)
	PolicyInForce(ctx context.Context, kind string) (version int, err error)
	Policy(ctx context.Context, kind string, version int) (models.PolicyVersion, error)
	PolicyVersions(ctx context.Context, kind string, p models.Page) ([]models.PolicyVersion, string, error)
	PublishPolicy(ctx context.Context, v models.PolicyVersion) (models.PolicyVersion, error)
	LatestCalendar(ctx context.Context, id string) (models.CalendarVersion, error)
	CalendarInForce(ctx context.Context, id string) (version int, err error)
	// BothInForce is PolicyInForce and CalendarInForce at once; a version of 0 means that there is none.
	BothInForce(ctx context.Context, kind, calendarID string) (policyVersion, calendarVersion int, err error)
	Calendar(ctx context.Context, id string, version int) (models.CalendarVersion, error)
	CalendarIDs(ctx context.Context) ([]string, error)
	CalendarVersions(ctx context.Context, id string, p models.Page) ([]models.CalendarVersion, string, error)
	PublishCalendar(ctx context.Context, v models.CalendarVersion) (models.CalendarVersion, error)
}

// Notifications is the in-app list of a user.
type Notifications interface {
	Notifications(ctx context.Context, userID string, unread *bool, p models.Page) ([]models.Notification, string, error)
	// MarkRead marks one as read; not_found when it is not the user's.
	MarkRead(ctx context.Context, userID, id string, at time.Time) (models.Notification, error)
}

// Webhooks are the endpoints to which notices are posted, signed. CreateWebhook takes and answers the secret in clear and
// stores it sealed; it answers the stored endpoint when the id exists already. The list leaves secrets out.
type Webhooks interface {
	Webhooks(ctx context.Context, p models.Page) ([]models.Webhook, string, error)
	CreateWebhook(ctx context.Context, w models.Webhook) (models.Webhook, error)
	DeleteWebhook(ctx context.Context, id string) error
}

// Channels are the endpoints by which messages leave to people, one of each kind, with addresses and secrets in clear;
// they are stored sealed. PutChannel checks Version, 0 for an endpoint that was not set, and answers precondition_failed
// when it is stale; it returns the new version.
type Channels interface {
	Channels(ctx context.Context) ([]models.Channel, error)
	Channel(ctx context.Context, kind models.ChannelKind) (models.Channel, error)
	PutChannel(ctx context.Context, c models.Channel) (models.Channel, error)
	DeleteChannel(ctx context.Context, kind models.ChannelKind) error
}

// Messenger sends one message to a person, once. Every error is a *channel.Error.
type Messenger interface {
	Send(ctx context.Context, kind models.ChannelKind, m channel.Message) error
}

// Resources is the library of what receptions book, with the same rules as People. Bookings are made by processes only.
type Resources interface {
	Resource(ctx context.Context, id string) (models.Resource, error)
	Resources(ctx context.Context, f models.ResourceFilter, p models.Page) ([]models.Resource, string, error)
	CreateResource(ctx context.Context, r models.Resource) (models.Resource, error)
	// UpdateResource answers conflict when more pieces are booked than there would be.
	UpdateResource(ctx context.Context, r models.Resource) (models.Resource, error)
	// Bookings lists the live bookings that overlap the slot, in the order in which they begin.
	Bookings(ctx context.Context, resourceID string, slot models.Slot, p models.Page) ([]models.Booking, string, error)
	// FreeSlots lists the times in which the quantity is free for at least the length.
	FreeSlots(ctx context.Context, resourceID string, within models.Slot, quantity int, length time.Duration) ([]models.FreeSlot, error)
}

// Budgets is the money of departments, with the ledger of each. Holds and commits are made by processes only.
type Budgets interface {
	Budget(ctx context.Context, id string) (models.Budget, error)
	Budgets(ctx context.Context, f models.BudgetFilter, p models.Page) ([]models.Budget, string, error)
	CreateBudget(ctx context.Context, b models.Budget) (models.Budget, error)
	BudgetEntries(ctx context.Context, budgetID string, p models.Page) ([]models.BudgetEntry, string, error)
	// AdjustBudget changes the amount once per request id; budget_exceeded when strong control would be overspent.
	AdjustBudget(ctx context.Context, id string, by int64, a models.Adjustment) (models.Budget, error)
}

// Idempotency keeps answers of POSTs for 24 hours.
type Idempotency interface {
	// Claim durably notes the key for the user with a fresh command id, or answers what is noted already.
	Claim(ctx context.Context, userID, key string, fresh IdempotencyRecord) (rec IdempotencyRecord, first bool, err error)
	// Answer keeps the answer for repetitions, unless one is kept.
	Answer(ctx context.Context, userID, key string, rec IdempotencyRecord) error
}

// Health reports whether the database can be reached.
type Health interface {
	Check(ctx context.Context) error
}
