package campaign

import "slices"

// Channel is a way to reach a recipient.
type Channel string

// The channels. ByPhone is a task for a person, who asks the questions.
const (
	ByEmail    Channel = "email"
	BySMS      Channel = "sms"
	ByWebhook  Channel = "webhook"
	ByPhone    Channel = "phone"
	ByDingTalk Channel = "dingtalk"
	ByFeishu   Channel = "feishu"
	ByWeCom    Channel = "wecom"
)

var channels = []Channel{ByEmail, BySMS, ByWebhook, ByPhone, ByDingTalk, ByFeishu, ByWeCom}

// Channels lists all channels.
func Channels() []Channel { return slices.Clone(channels) }

// Valid reports whether c is one of the channels.
func (c Channel) Valid() bool { return slices.Contains(channels, c) }

// Verdict is what a decision says: ask now, ask later, or do not ask.
type Verdict string

// The verdicts.
const (
	Send  Verdict = "send"
	Later Verdict = "later"
	Skip  Verdict = "skip"
)

// Reason is why somebody is not asked now.
type Reason string

// The reasons, in the order in which Decide looks for them: the first that holds is the one that is recorded. Those up to
// Expired are final; the others are cured by time.
const (
	OptedOut       Reason = "opt_out"         // they do not want to be asked
	NoAddress      Reason = "no_address"      // no channel of the campaign reaches them
	ChannelsFailed Reason = "channels_failed" // all channels that reach them have been tried and have failed
	OpenComplaint  Reason = "open_complaint"  // they wait for us
	Expired        Reason = "expired"         // the run is over
	Capped         Reason = "cap"             // they were asked often enough
	Holiday        Reason = "holiday"         // no working day
	QuietHours     Reason = "quiet_hours"     // their night, or whatever the policy keeps quiet
	OutsideWindow  Reason = "window"          // not the hours, or not the weekday, of the campaign
)

var reasons = []Reason{OptedOut, NoAddress, ChannelsFailed, OpenComplaint, Expired, Capped, Holiday, QuietHours, OutsideWindow}

// Reasons lists all reasons, in the order in which Decide looks for them.
func Reasons() []Reason { return slices.Clone(reasons) }

// Timely reports whether time cures the reason.
func (r Reason) Timely() bool { return slices.Index(reasons, r) > slices.Index(reasons, Expired) }

// What a campaign does about a recipient who waits for the answer to a complaint.
const (
	OpenAtClient  = "client"  // nobody at the client is asked
	OpenAtContact = "contact" // only who complained is not asked
	OpenAllowed   = "allow"   // it does not matter
)

var openComplaintChoices = []string{OpenAtClient, OpenAtContact, OpenAllowed}
