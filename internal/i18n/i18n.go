// Package i18n turns message keys into text in the reader's language. Every text that a person reads comes from the
// catalogues in locales/, which hold the same keys with the same placeholders in each language.
//
// The keys: an error's text is its own key (errs.Error.Key); a fault of an input field is field.<code>; a problem's title
// is title.<code>; a notification is notification.<kind>.title and notification.<kind>.body.
package i18n

import (
	"embed"
	"fmt"

	"github.com/goccy/go-yaml"
	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

// The locales of the product, as BCP 47 names them.
const (
	English = "en"
	Chinese = "zh-CN"
)

// maxHeader bounds the Accept-Language that is looked at: longer ones come from no browser.
const maxHeader = 500

//go:embed locales/*.yaml
var locales embed.FS

// supported is in the order of preference for readers whose language is none of them.
var supported = []language.Tag{language.English, language.MustParse(Chinese)}

// Locales lists the locales of the product, the default first.
func Locales() []string { return []string{English, Chinese} }

// Catalogue holds the texts of every locale. It is safe for concurrent use.
type Catalogue struct {
	bundle     *goi18n.Bundle
	localizers map[string]*goi18n.Localizer
	parser     template.Parser
}

// New reads the embedded catalogues.
func New() (*Catalogue, error) {
	bundle := goi18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	c := &Catalogue{
		bundle:     bundle,
		localizers: map[string]*goi18n.Localizer{},
		parser:     &template.TextParser{Option: "missingkey=zero"}, // a missing argument leaves a gap, never "<no value>"
	}
	for _, locale := range Locales() {
		if _, err := bundle.LoadMessageFileFS(locales, "locales/"+locale+".yaml"); err != nil {
			return nil, fmt.Errorf("load message catalogue %s: %w", locale, err)
		}
		c.localizers[locale] = goi18n.NewLocalizer(bundle, locale)
	}
	return c, nil
}

// Text returns the text of key in the locale with its placeholders filled: in English when the locale is not one of the
// product's or lacks the key, and the key itself when no catalogue has it.
func (c *Catalogue) Text(locale, key string, args map[string]string) string {
	text, _ := c.Lookup(locale, key, args)
	if text == "" {
		return key
	}
	return text
}

// Lookup is Text that reports whether a catalogue has the key; the text is empty when none has.
func (c *Catalogue) Lookup(locale, key string, args map[string]string) (string, bool) {
	l, ok := c.localizers[locale]
	if !ok {
		l = c.localizers[English]
	}
	// The error is also set when English stands in for a missing translation: the text decides.
	text, _ := l.Localize(&goi18n.LocalizeConfig{MessageID: key, TemplateData: args, TemplateParser: c.parser})
	return text, text != ""
}

var matcher = language.NewMatcher(supported)

// Match chooses the locale for a reader: the best of an Accept-Language header, else the user's own locale, else
// English.
func Match(acceptLanguage, userLocale string) string {
	for _, wanted := range []string{acceptLanguage, userLocale} {
		if wanted == "" || len(wanted) > maxHeader {
			continue
		}
		if Valid(wanted) { // what most ask for, and every user has
			return wanted
		}
		tags, _, err := language.ParseAcceptLanguage(wanted)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := matcher.Match(tags...); confidence != language.No {
			return Locales()[i]
		}
	}
	return English
}

// Valid reports whether locale is one of the product's.
func Valid(locale string) bool { return locale == English || locale == Chinese }
