package i18n

import (
	"maps"
	"time"
)

// instants are the arguments of a notification that hold an instant in RFC 3339.
var instants = []string{"due_at", "expires_at", "starts_at", "ends_at"}

// words are the arguments that hold a name of the process, and the family of keys with the words for them.
var words = map[string]string{
	"type": "word.type.", "milestone": "word.milestone.", "item": "word.item.",
	"chain": "word.chain.", "step": "word.step.", "outcome": "word.outcome.",
}

// reasons are the kinds of notifications whose reason is a code, not somebody's words, and the family of keys for it.
var reasons = map[string]string{"campaign_skipped": "word.skipped."}

// Notice renders a notification of the kind for a reader: names of the process in the reader's language, instants on the
// clock of the zone. A milestone or step that a policy made up keeps its name.
func (c *Catalogue) Notice(locale string, zone *time.Location, kind string, data map[string]string) (title, body string) {
	args := maps.Clone(data)
	for name, family := range words {
		if v := args[name]; v != "" {
			if word, ok := c.Lookup(locale, family+v, nil); ok {
				args[name] = word
			}
		}
	}
	if family, coded := reasons[kind]; coded {
		if word, ok := c.Lookup(locale, family+args["reason"], nil); ok {
			args["reason"] = word
		}
	}
	for _, name := range instants {
		if t, err := time.Parse(time.RFC3339, args[name]); err == nil {
			args[name] = t.In(zone).Format("2006-01-02 15:04")
		}
	}
	return c.Text(locale, "notification."+kind+".title", args), c.Text(locale, "notification."+kind+".body", args)
}
