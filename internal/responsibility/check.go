package responsibility

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// The bounds of a document.
const (
	maxPosts  = 100
	maxItems  = 100
	maxListed = 20 // posts of one list
	maxTitle  = 200
	maxTeam   = 120
	maxShown  = 80 // characters that a message repeats of the input
)

var word = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Refs names what exists beside the policy and may be referred to in it.
type Refs struct {
	Roles []string
}

// Check returns everything that forbids the publication of d; none means that it may be published.
func (d Document) Check(refs Refs) []errs.Field {
	c := checker{doc: d, posts: slices.Sorted(maps.Keys(d.Posts))}
	switch {
	case d.Kind == "":
		c.fault("kind", "required")
	case d.Kind != Kind:
		c.fault("kind", "oneof", "values", Kind)
	}
	if d.Version != 0 {
		c.fault("version", "version_given")
	}
	if len(d.Posts) > maxPosts {
		c.fault("posts", "too_many", "max", strconv.Itoa(maxPosts))
	}
	if len(d.Items) > maxItems {
		c.fault("items", "too_many", "max", strconv.Itoa(maxItems))
	}
	if len(d.Posts) > maxPosts || len(d.Items) > maxItems {
		return c.faults
	}
	if len(d.Posts) == 0 {
		c.fault("posts", "required")
	}
	for _, name := range c.posts {
		c.post("posts."+shown(name), name, refs)
	}
	c.circles()
	for _, name := range needed {
		if _, ok := d.Items[name]; !ok {
			c.fault("items."+name, "required")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Items)) {
		path := "items." + shown(name)
		c.name(path, name)
		c.item(path, d.Items[name])
	}
	return c.faults
}

// checker collects the faults of a document.
type checker struct {
	doc    Document
	posts  []string // sorted
	faults []errs.Field
}

func (c *checker) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// name requires what a post or an item may be called: names are part of URLs.
func (c *checker) name(path, name string) {
	if !word.MatchString(name) {
		c.fault(path, "bad_name", "value", shown(name))
	}
}

// texts requires one text in each language and in no other.
func (c *checker) texts(path string, t Texts) {
	for _, lang := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(languages, lang) {
			c.fault(path+"."+shown(lang), "unknown_field", "name", shown(lang), "known", joined(languages))
		}
	}
	for _, lang := range languages {
		switch text := t[lang]; {
		case strings.TrimSpace(text) == "":
			c.fault(path+"."+lang, "required")
		case utf8.RuneCountInString(text) > maxTitle:
			c.fault(path+"."+lang, "max", "max", strconv.Itoa(maxTitle))
		}
	}
}

func (c *checker) oneOf(path, value string, known []string) {
	if !slices.Contains(known, value) {
		c.fault(path, "oneof", "values", joined(known))
	}
}

func (c *checker) post(path, name string, refs Refs) {
	c.name(path, name)
	p := c.doc.Posts[name]
	c.texts(path+".title", p.Title)
	if p.Holder == nil {
		return
	}
	path += ".holder"
	h := *p.Holder
	given := 0
	for _, value := range []string{h.Client, h.Role, h.TeamSupervisor, h.ManagerOf} {
		if value != "" {
			given++
		}
	}
	if given != 1 {
		c.fault(path, "one_of", "fields", "client, role, team_supervisor, manager_of")
		return
	}
	switch {
	case h.Client != "":
		c.oneOf(path+".client", h.Client, []string{AccountManager})
	case h.Role != "":
		c.oneOf(path+".role", h.Role, refs.Roles)
	case h.ManagerOf != "":
		c.known(path+".manager_of", h.ManagerOf)
	case strings.TrimSpace(h.TeamSupervisor) == "":
		c.fault(path+".team_supervisor", "required")
	case utf8.RuneCountInString(h.TeamSupervisor) > maxTeam:
		c.fault(path+".team_supervisor", "max", "max", strconv.Itoa(maxTeam))
	}
}

// known requires a post of the document.
func (c *checker) known(path, post string) {
	switch _, ok := c.doc.Posts[post]; {
	case post == "":
		c.fault(path, "required")
	case !ok:
		c.fault(path, "unknown_post", "name", shown(post), "known", joined(c.posts))
	}
}

// circles tells of posts that are each other's manager, once a circle, at the first of them.
func (c *checker) circles() {
	told := map[string]bool{}
	for _, start := range c.posts {
		line := []string{start}
		for {
			next := c.doc.Posts[line[len(line)-1]].managerOf()
			if next == "" || told[next] {
				break
			}
			if next == start {
				c.fault("posts."+shown(start)+".holder.manager_of", "post_circle", "posts", shown(joined(append(line, start))))
				for _, post := range line {
					told[post] = true
				}
				break
			}
			if slices.Contains(line, next) { // a circle that start is no part of
				break
			}
			line = append(line, next)
		}
	}
}

func (p Post) managerOf() string {
	if p.Holder == nil {
		return ""
	}
	return p.Holder.ManagerOf
}

// part is a post at its place in an item.
type part struct{ place, post string }

// doers lists who does the item, the primary first.
func (i Item) doers() []part {
	return append([]part{{"primary", i.Primary}}, places("assistants", i.Assistants)...)
}

// watchers lists who monitors the item, the first monitor first.
func (i Item) watchers() []part {
	return append([]part{{"first_monitor", i.FirstMonitor}}, places("monitors", i.Monitors)...)
}

func places(list string, posts []string) []part {
	parts := make([]part, len(posts))
	for i, post := range posts {
		parts[i] = part{fmt.Sprintf("%s[%d]", list, i), post}
	}
	return parts
}

// item checks one row of the matrix.
func (c *checker) item(path string, i Item) {
	c.texts(path+".title", i.Title)
	if len(i.Output) > 0 {
		c.texts(path+".output", i.Output)
	}
	for _, list := range []struct {
		name string
		size int
	}{{"assistants", len(i.Assistants)}, {"monitors", len(i.Monitors)}, {"reports", len(i.Reports)}} {
		if list.size > maxListed {
			c.fault(path+"."+list.name, "too_many", "max", strconv.Itoa(maxListed))
			return
		}
	}
	doers, watchers := i.doers(), i.watchers()
	c.once(path, doers)
	c.apart(path, i)
	c.once(path, watchers)
	parts := append(doers, watchers...)
	var from []part
	for k, r := range i.Reports {
		at := fmt.Sprintf("reports[%d]", k)
		from = append(from, part{at + ".from", r.From})
		if _, ok := c.doc.Posts[r.From]; ok && !slices.ContainsFunc(parts, func(p part) bool { return p.post == r.From }) {
			c.fault(path+"."+at+".from", "no_part", "name", shown(r.From))
		}
		c.report(path+"."+at, r)
	}
	c.once(path, from)
}

// apart requires that no monitor is a doer.
func (c *checker) apart(path string, i Item) {
	doers := i.doers()
	for _, w := range i.watchers() {
		if k := slices.IndexFunc(doers, func(d part) bool { return d.post == w.post }); k >= 0 && w.post != "" {
			c.fault(path+"."+w.place, "monitor_is_doer", "name", shown(w.post), "place", doers[k].place)
		}
	}
}

// once requires posts of the document, none of them twice.
func (c *checker) once(path string, parts []part) {
	for k, p := range parts {
		c.known(path+"."+p.place, p.post)
		if p.post != "" && slices.ContainsFunc(parts[:k], func(other part) bool { return other.post == p.post }) {
			c.fault(path+"."+p.place, "duplicate", "value", shown(p.post))
		}
	}
}

// report checks to whom a post reports; not to itself.
func (c *checker) report(path string, r Report) {
	switch {
	case len(r.To) == 0:
		c.fault(path+".to", "required")
		return
	case len(r.To) > maxListed:
		c.fault(path+".to", "too_many", "max", strconv.Itoa(maxListed))
		return
	}
	to := places("to", r.To)
	c.once(path, to)
	for _, p := range to {
		if p.post == r.From && r.From != "" {
			c.fault(path+"."+p.place, "reports_to_itself", "name", shown(r.From))
		}
	}
}

func joined(list []string) string { return strings.Join(list, ", ") }

// shown shortens a text of the input for a message.
func shown(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown]) + "…"
}
