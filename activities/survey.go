package activities

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mcrflow/mcrflow/internal/channel"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
)

// Channels opens the ways by which questions leave.
type Channels interface {
	Open(ctx context.Context, kind models.ChannelKind) (channel.Batch, error)
}

// Links makes the tokens of personal links.
type Links interface {
	// Token is that of a new invitation, with the hash under which it is stored.
	Token(invitationID string) (token string, hash [32]byte)
	// Again is that of an invitation whose stored hash is known; false when the key that it was made under is gone.
	Again(invitationID string, hash []byte) (token string, ok bool)
}

// Questions writes and sends what asks somebody to answer a questionnaire.
type Questions struct {
	Channels  Channels
	Links     Links
	Texts     Texts
	PublicURL string
}

// message asks, or in a later wave reminds, the recipient of the invitation. Its key is the same however often it is tried.
func (q *Questions) message(template *survey.Template, i *models.SurveyInvitation, wave int) (channel.Message, error) {
	lang := template.Language(i.Recipient.Locale)
	token, ok := q.Links.Again(i.ID, i.TokenHash)
	if !ok {
		return channel.Message{}, errs.Wrap(fmt.Errorf("the key of the link of %s is gone", i.ID), errs.Internal, "internal")
	}
	link := strings.TrimSuffix(q.PublicURL, "/") + "/s/" + token
	m := channel.Message{
		Key: i.ID + "/" + strconv.Itoa(wave), To: channel.Recipient{Name: i.Recipient.Name, Email: i.Recipient.Email, Phone: i.Recipient.Phone, Locale: lang},
		Subject: template.Title(lang), Link: link, LinkText: q.Texts.Text(lang, "survey.message.open", nil), OptOut: link + "/opt-out",
	}
	if wave > 0 {
		m.Subject = q.Texts.Text(lang, "survey.message.reminder", errs.Args("title", m.Subject))
	}
	m.Text = strings.Join([]string{
		template.Why(lang), q.Texts.Text(lang, "survey.message.link", errs.Args("link", link)),
		q.Texts.Text(lang, "survey.message.opt_out", errs.Args("link", link+"/opt-out")), template.Sender(lang),
	}, "\n\n")
	return m, nil
}
