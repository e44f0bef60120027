package models

import "time"

// PolicyShadow is a version of a policy that runs beside the one in force to show what it would change. It is put in force at
// most once, and never changes otherwise.
type PolicyShadow struct {
	ID          string     `gorm:"column:id;primaryKey"`
	Kind        string     `gorm:"column:kind"`
	BasedOn     int        `gorm:"column:based_on"` // the version in force when it was made; 0: there was none
	Body        []byte     `gorm:"column:body"`     // canonical JSON
	Note        string     `gorm:"column:note"`
	CreatedBy   string     `gorm:"column:created_by"`
	CreatedAt   time.Time  `gorm:"column:created_at"`
	PublishedAs *int       `gorm:"column:published_as"` // the version as which it was put in force; nil: it was not
	PublishedAt *time.Time `gorm:"column:published_at"`
}

// TableName is the table of PolicyShadow.
func (PolicyShadow) TableName() string { return "policy_shadows" }

// ClientSales is what a client bought in the last 12 months. Amount is in minor units of its currency.
type ClientSales struct {
	ClientID string
	Name     string
	Currency string
	Amount   int64
}

// SalesFilter limits of which clients sales are read. Empty fields do not limit.
type SalesFilter struct {
	Industry string
	Currency string
}
