package models

import "time"

// Notification is one message to a person in the product. Kind and Data are rendered in the reader's language from
// the catalogue key notification.<kind>.
type Notification struct {
	ID        string            `gorm:"column:id;primaryKey"`
	UserID    string            `gorm:"column:user_id"`
	Kind      string            `gorm:"column:kind"`
	Process   string            `gorm:"column:process"`    // complaint, …
	SubjectID string            `gorm:"column:subject_id"` // the case, …
	Data      map[string]string `gorm:"column:data;serializer:json"`
	Key       string            `gorm:"column:key"` // unique: the same fact is told to the same person once
	CreatedAt time.Time         `gorm:"column:created_at"`
	ReadAt    *time.Time        `gorm:"column:read_at"`
}

// TableName is the table of Notification.
func (Notification) TableName() string { return "notifications" }

// Webhook is an endpoint that gets every notice of the named kinds (all when empty), signed by the Standard Webhooks
// specification.
type Webhook struct {
	ID        string    `gorm:"column:id;primaryKey"`
	URL       string    `gorm:"column:url"`
	Secret    []byte    `gorm:"column:secret"` // sealed with the data key
	Kinds     []string  `gorm:"column:kinds;serializer:json"`
	CreatedBy string    `gorm:"column:created_by"`
	CreatedAt time.Time `gorm:"column:created_at"`
}

// TableName is the table of Webhook.
func (Webhook) TableName() string { return "webhooks" }

// Delivery is one message that must leave the product: by e-mail to a user or a contact, or to a webhook.
type Delivery struct {
	ID           string            `gorm:"column:id;primaryKey"` // the idempotency key towards the receiver
	SubjectID    string            `gorm:"column:subject_id"`    // the case
	StepSeq      int64             `gorm:"column:step_seq"`      // the step that caused it
	Channel      string            `gorm:"column:channel"`       // email | webhook
	UserID       *string           `gorm:"column:user_id"`       // e-mail to a user
	ContactEmail string            `gorm:"column:contact_email"` // e-mail to a person at the client
	WebhookID    *string           `gorm:"column:webhook_id"`
	Kind         string            `gorm:"column:kind"`
	Data         map[string]string `gorm:"column:data;serializer:json"`
	NotBefore    time.Time         `gorm:"column:not_before"` // warnings are bundled until then
	LeasedUntil  *time.Time        `gorm:"column:leased_until"`
	Attempts     int               `gorm:"column:attempts"`
	LastError    string            `gorm:"column:last_error"`
	SentAt       *time.Time        `gorm:"column:sent_at"`
	CreatedAt    time.Time         `gorm:"column:created_at"`
}

// TableName is the table of Delivery.
func (Delivery) TableName() string { return "deliveries" }

// NoticeWarned is the kind of notice whose messages to one person are bundled.
const NoticeWarned = "milestone_warned"

// The kinds of messages that bring an entry into somebody's diary, or take it out.
const (
	NoticeInvitation = "reception_invitation"
	NoticeUninvited  = "reception_uninvited"
)

// NotificationTaskQueue is where messages leave the product: its rate is limited, and a slow mail server stalls nothing else.
const NotificationTaskQueue = "mcrflow-notifications"

// DeliverMessages asks to send the messages of one step of one object.
type DeliverMessages struct {
	SubjectID string `json:"subject_id"`
	Seq       int64  `json:"seq"`
}

// LeasedDeliveries are messages that one sender, and nobody else, may send until the lease ends.
type LeasedDeliveries struct {
	Deliveries []Delivery // in the order of their ids
	Next       *time.Time // when to ask again for the rest of the step; nil: nothing is left
}
