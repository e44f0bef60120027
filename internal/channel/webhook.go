package channel

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/mcrflow/mcrflow/internal/webhook"
	"github.com/mcrflow/mcrflow/models"
)

// envelope is what a signed endpoint gets, as notices do.
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// smsData is the message for a gateway that sends SMS.
type smsData struct {
	To     string `json:"to"` // digits, with a leading + if there was one
	Locale string `json:"locale"`
	Text   string `json:"text"`
}

func writeSMS(e models.Channel, m Message, at time.Time) (post, error) {
	number, ok := phoneNumber(m.To.Phone)
	if !ok {
		return post{}, &Error{Class: Rejected, Reason: "number"}
	}
	text := m.Text
	if !names(text, m.Link) {
		text += "\n" + m.Link
	}
	return signed(e, m.Key, at, envelope{"sms", at.UTC(), smsData{To: number, Locale: m.To.Locale, Text: text}})
}

// messageData is the message for an endpoint that knows itself how to reach the person.
type messageData struct {
	To      recipientData `json:"to"`
	Subject string        `json:"subject"`
	Text    string        `json:"text"`
	HTML    string        `json:"html,omitempty"`
	Link    string        `json:"link,omitempty"`
	OptOut  string        `json:"opt_out,omitempty"`
}

type recipientData struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Phone  string `json:"phone"`
	Locale string `json:"locale"`
}

func writeWebhook(e models.Channel, m Message, at time.Time) (post, error) {
	return signed(e, m.Key, at, envelope{"message", at.UTC(), messageData{
		To: recipientData(m.To), Subject: m.Subject, Text: m.Text, HTML: m.HTML, Link: m.Link, OptOut: m.OptOut,
	}})
}

// signed makes a post by the Standard Webhooks specification. The id is the message's key, by which the receiver drops a
// repetition.
func signed(e models.Channel, key string, at time.Time, v envelope) (post, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return post{}, err
	}
	return post{url: e.URL, body: body, header: map[string]string{
		"webhook-id":        key,
		"webhook-timestamp": strconv.FormatInt(at.Unix(), 10),
		"webhook-signature": webhook.Sign(e.Secret, key, at.Unix(), body),
	}}, nil
}

// phoneNumber takes the usual separators out of a number; false when it is none: ITU-T E.164 has at most 15 digits.
func phoneNumber(raw string) (string, bool) {
	number := strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "\u00a0", "").Replace(raw)
	digits := strings.TrimPrefix(number, "+")
	if len(digits) < 5 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	return number, true
}

// names reports whether the text holds the link already, or there is none.
func names(text, link string) bool { return link == "" || strings.Contains(text, link) }
