// Package models holds the entities, the state machines and the wire contract of each process. It decides and
// describes; it does no I/O and reads no clock.
package models

import (
	"time"
)

// User is a person of the company, or a machine, that may log in.
type User struct {
	ID           string     `gorm:"column:id;primaryKey"`
	Username     string     `gorm:"column:username"`
	DisplayName  string     `gorm:"column:display_name"`
	Email        string     `gorm:"column:email"`
	Locale       string     `gorm:"column:locale"`    // BCP 47: en or zh-CN
	TimeZone     string     `gorm:"column:time_zone"` // IANA
	Roles        []Role     `gorm:"column:roles;serializer:json"`
	TeamID       *string    `gorm:"column:team_id"`
	ManagerID    *string    `gorm:"column:manager_id"`
	Active       bool       `gorm:"column:active"`
	PasswordHash string     `gorm:"column:password_hash"` // argon2id in PHC form; empty for machines
	Version      int64      `gorm:"column:version"`
	CreatedAt    time.Time  `gorm:"column:created_at"`
	UpdatedAt    time.Time  `gorm:"column:updated_at"`
	LockedUntil  *time.Time `gorm:"column:locked_until"` // after repeated failed log-ins
	FailedLogins int        `gorm:"column:failed_logins"`
}

// TableName is the table of User.
func (User) TableName() string { return "users" }

// Team is a group of users with a supervisor; a team offer may be accepted by any member.
type Team struct {
	ID           string    `gorm:"column:id;primaryKey"`
	Name         string    `gorm:"column:name"`
	SupervisorID *string   `gorm:"column:supervisor_id"`
	CalendarID   *string   `gorm:"column:calendar_id"` // nil: the organisation's
	Version      int64     `gorm:"column:version"`
	CreatedAt    time.Time `gorm:"column:created_at"`
	UpdatedAt    time.Time `gorm:"column:updated_at"`
}

// TableName is the table of Team.
func (Team) TableName() string { return "teams" }

// Deputy is a user's rule: within the window, DeputyID may do what UserID may, in the named processes (all when empty) and,
// where a request has an amount, up to MaxAmount in the currency of the request.
type Deputy struct {
	ID        string    `gorm:"column:id;primaryKey"`
	UserID    string    `gorm:"column:user_id"`
	DeputyID  string    `gorm:"column:deputy_id"`
	From      time.Time `gorm:"column:valid_from"`
	Until     time.Time `gorm:"column:valid_until"`
	Processes []string  `gorm:"column:processes;serializer:json"`
	MaxAmount *int64    `gorm:"column:max_amount"` // of what may be decided on, in minor units; nil: any
	CreatedBy string    `gorm:"column:created_by"`
	CreatedAt time.Time `gorm:"column:created_at"`
}

// TableName is the table of Deputy.
func (Deputy) TableName() string { return "deputies" }

// Token is a session or a personal or service token. The secret itself is never stored, only its SHA-256.
type Token struct {
	ID        string     `gorm:"column:id;primaryKey"`
	UserID    string     `gorm:"column:user_id"`
	Hash      []byte     `gorm:"column:hash"`
	Kind      string     `gorm:"column:kind"` // session | service
	Name      string     `gorm:"column:name"`
	ExpiresAt *time.Time `gorm:"column:expires_at"` // nil: until revoked
	RevokedAt *time.Time `gorm:"column:revoked_at"`
	CreatedAt time.Time  `gorm:"column:created_at"`
}

// TableName is the table of Token.
func (Token) TableName() string { return "tokens" }

// Client is a company that we keep promises to.
type Client struct {
	ID               string    `gorm:"column:id;primaryKey"`
	Name             string    `gorm:"column:name"`
	Industry         string    `gorm:"column:industry"`
	Region           string    `gorm:"column:region"`
	Class            string    `gorm:"column:class"` // S | A | B | C
	AccountManagerID *string   `gorm:"column:account_manager_id"`
	Status           string    `gorm:"column:status"` // prospect | active | dormant | lost | merged
	ExternalRef      string    `gorm:"column:external_ref"`
	Sales12m         *int64    `gorm:"column:sales_12m"`      // of the last twelve months, in minor units of Currency; nil: not known
	Currency         string    `gorm:"column:currency"`       // ISO 4217
	MergedIntoID     *string   `gorm:"column:merged_into_id"` // the client that this one was a duplicate of
	NameKey          string    `gorm:"column:name_key"`       // of Name, written by the store
	Version          int64     `gorm:"column:version"`
	CreatedAt        time.Time `gorm:"column:created_at"`
	UpdatedAt        time.Time `gorm:"column:updated_at"`
}

// TableName is the table of Client.
func (Client) TableName() string { return "clients" }

// Contact is a person at a client, with their part in its decisions (M-44, M-46).
type Contact struct {
	ID               string      `gorm:"column:id;primaryKey"`
	ClientID         string      `gorm:"column:client_id"`
	Name             string      `gorm:"column:name"`
	Title            string      `gorm:"column:title"`
	Phone            string      `gorm:"column:phone"`
	Email            string      `gorm:"column:email"`
	Locale           string      `gorm:"column:locale"`
	TimeZone         string      `gorm:"column:time_zone"` // IANA; empty: that of the organisation's calendar
	Role             ContactRole `gorm:"column:role"`      // empty: not known
	Influence        *int        `gorm:"column:influence"` // 0 to 10; nil: not known
	Attitude         Attitude    `gorm:"column:attitude"`  // towards us; empty: not known
	RelationStrength *int        `gorm:"column:relation_strength"`
	KnownByIDs       []string    `gorm:"column:known_by_ids;serializer:json"` // users of ours who know them
	Preferences      string      `gorm:"column:preferences"`
	Worries          string      `gorm:"column:worries"`
	Left             bool        `gorm:"column:has_left"`       // no longer there: no campaign asks them
	MergedIntoID     *string     `gorm:"column:merged_into_id"` // the same person at the client that theirs was merged into
	Version          int64       `gorm:"column:version"`
	CreatedAt        time.Time   `gorm:"column:created_at"`
	UpdatedAt        time.Time   `gorm:"column:updated_at"`
}

// TableName is the table of Contact.
func (Contact) TableName() string { return "contacts" }

// PolicyVersion is one published version of a policy document; it never changes.
type PolicyVersion struct {
	Kind        string    `gorm:"column:kind;primaryKey"`
	Version     int       `gorm:"column:version;primaryKey"`
	Body        []byte    `gorm:"column:body"` // canonical JSON
	Note        string    `gorm:"column:note"`
	PublishedBy string    `gorm:"column:published_by"`
	PublishedAt time.Time `gorm:"column:published_at"`
	CommandID   *string   `gorm:"column:command_id"` // the request that published it; nil: shipped
}

// TableName is the table of PolicyVersion.
func (PolicyVersion) TableName() string { return "policy_versions" }

// CalendarVersion is one published version of a working calendar; it never changes.
type CalendarVersion struct {
	ID          string    `gorm:"column:id;primaryKey"`
	Version     int       `gorm:"column:version;primaryKey"`
	Body        []byte    `gorm:"column:body"` // canonical JSON of calendar.Document
	PublishedBy string    `gorm:"column:published_by"`
	PublishedAt time.Time `gorm:"column:published_at"`
}

// TableName is the table of CalendarVersion.
func (CalendarVersion) TableName() string { return "calendar_versions" }

// Page asks for at most Limit rows after the cursor; an empty cursor is the first page.
type Page struct {
	Limit    int
	Cursor   string
	Estimate *int64 // where a list puts about how many rows it has on all pages; nil: nobody asks
}
