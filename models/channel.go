package models

import (
	"time"

	"github.com/mcrflow/mcrflow/internal/campaign"
)

// ChannelKind is a way by which a message leaves to a person. By phone is a task for somebody, with the questionnaire as
// its form: nothing sends it.
type ChannelKind = campaign.Channel

// The kinds of channels.
const (
	ChannelEmail    = campaign.ByEmail
	ChannelSMS      = campaign.BySMS
	ChannelWebhook  = campaign.ByWebhook
	ChannelPhone    = campaign.ByPhone
	ChannelDingTalk = campaign.ByDingTalk
	ChannelFeishu   = campaign.ByFeishu
	ChannelWeCom    = campaign.ByWeCom
)

// EndpointKinds lists the kinds whose messages go to an address that an administrator sets. E-mail has its settings in
// the environment.
func EndpointKinds() []ChannelKind {
	return []ChannelKind{ChannelSMS, ChannelWebhook, ChannelDingTalk, ChannelFeishu, ChannelWeCom}
}

// Channel is the endpoint of one kind. The address of a chat robot holds the key to its group, so that it is as secret as
// the secret itself.
type Channel struct {
	Kind      ChannelKind
	URL       string
	Secret    []byte // of the signature; empty: not signed
	UpdatedBy string
	UpdatedAt time.Time
	Version   int64 // 0: not stored yet
}
