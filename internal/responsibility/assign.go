package responsibility

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// Policy is a responsibility policy that is ready to assign. It never changes and is safe for concurrent use.
type Policy struct {
	version int
	posts   map[string]Post
	items   map[string]Item
}

// Compile takes over d, which was published as the version. It asks only for what assigning needs, so that a version
// published under the checks of an older release goes on to work: every post that is named must be there, none may be its own
// manager, and no monitor a doer. The error is an errs.Invalid that carries every fault of this kind. Publishing asks Document.Check for
// everything. The document must not change afterwards.
func Compile(d Document, version int) (*Policy, error) {
	c := checker{doc: d, posts: slices.Sorted(maps.Keys(d.Posts))}
	for _, name := range c.posts {
		if of := d.Posts[name].managerOf(); of != "" {
			c.known("posts."+shown(name)+".holder.manager_of", of)
		}
	}
	c.circles()
	for _, name := range slices.Sorted(maps.Keys(d.Items)) {
		path := "items." + shown(name)
		for _, p := range d.Items[name].parts() {
			c.known(path+"."+p.place, p.post)
		}
		c.apart(path, d.Items[name])
	}
	if len(c.faults) > 0 {
		return nil, errs.NewInvalid(c.faults...)
	}
	return &Policy{version: version, posts: maps.Clone(d.Posts), items: maps.Clone(d.Items)}, nil
}

// parts lists every place of the item that names a post.
func (i Item) parts() []part {
	parts := append(i.doers(), i.watchers()...)
	for k, r := range i.Reports {
		parts = append(parts, part{fmt.Sprintf("reports[%d].from", k), r.From})
		parts = append(parts, places(fmt.Sprintf("reports[%d].to", k), r.To)...)
	}
	return parts
}

// Version returns the version as which the policy was published.
func (p *Policy) Version() int { return p.version }

// Posts lists the posts, sorted.
func (p *Policy) Posts() []string { return slices.Sorted(maps.Keys(p.posts)) }

// Items lists the business items, sorted.
func (p *Policy) Items() []string { return slices.Sorted(maps.Keys(p.items)) }

// Item returns the row of the matrix, which is not for changing: errs.NotFound when the policy has no such item.
func (p *Policy) Item(item string) (Item, error) {
	i, ok := p.items[item]
	if !ok {
		return Item{}, errs.New(errs.NotFound, "responsibility.no_item", "name", item)
	}
	return i, nil
}

// Title returns what the post is called in the language, in English if it has no other; empty when there is no such post.
func (p *Policy) Title(post, lang string) string { return p.posts[post].Title.In(lang) }

// ItemTitle returns what the item is called in the language, in English if it has no other; empty when there is no such item.
func (p *Policy) ItemTitle(item, lang string) string { return p.items[item].Title.In(lang) }

// Output returns what the work on the item leaves behind, as ItemTitle; empty when nothing is said of it.
func (p *Policy) Output(item, lang string) string { return p.items[item].Output.In(lang) }

// People is the organisation as the care of one client looks at it. Users are ids; an empty one is nobody. Answers are taken
// to be the same during one Assign.
type People interface {
	// AccountManager is the client's, active or not.
	AccountManager() string
	// WithRole lists who has the role.
	WithRole(role string) []string
	// TeamSupervisor supervises the team of the name.
	TeamSupervisor(team string) string
	// Manager is the nearest active person above the user, who need not be active.
	Manager(user string) string
	// Active reports whether the user works here.
	Active(user string) bool
}

// Assignment is who has which part in an item for one client. Nobody is listed twice, and no monitor is a doer.
type Assignment struct {
	Item         string            `json:"item"`
	Primary      string            `json:"primary,omitempty"`
	Assistants   []string          `json:"assistants,omitempty"`
	FirstMonitor string            `json:"first_monitor,omitempty"`
	Monitors     []string          `json:"monitors,omitempty"`
	Reports      []Line            `json:"reports,omitempty"`
	Unfilled     []string          `json:"unfilled,omitempty"` // posts that nobody holds, in the order of the item
	Posts        map[string]string `json:"posts,omitempty"`    // who stands for each post of the item
}

// Line says who reports to whom.
type Line struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Doers lists the primary and the assistants.
func (a Assignment) Doers() []string {
	return listed(append([]string{a.Primary}, a.Assistants...))
}

// AllMonitors lists the first monitor and the others.
func (a Assignment) AllMonitors() []string {
	return listed(append([]string{a.FirstMonitor}, a.Monitors...))
}

// listed returns the list without nobody, and nobody twice.
func listed(users []string) []string {
	var out []string
	for _, u := range users {
		if u != "" && !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

// Assign says who has which part in the item for a client whose own people, by post, are assigned. The one assigned comes
// first, then who holds the post, then the nearest active manager of whoever was found inactive, in this order.
// Somebody who does the item does not monitor it: their nearest manager who does no part of it does, and if there is none the
// post stays unfilled. Nobody reports to themselves. The error is errs.NotFound when there is no such item.
func (p *Policy) Assign(item string, assigned map[string]string, people People) (Assignment, error) {
	row, err := p.Item(item)
	if err != nil {
		return Assignment{}, err
	}
	s := search{posts: p.posts, assigned: assigned, people: people}
	a := Assignment{Item: item, Posts: map[string]string{}}
	fill := func(post, user string) {
		if user != "" {
			a.Posts[post] = user
		} else if !slices.Contains(a.Unfilled, post) {
			a.Unfilled = append(a.Unfilled, post)
		}
	}
	for _, d := range row.doers() {
		fill(d.post, s.holder(d.post))
	}
	a.Primary = a.Posts[row.Primary]
	a.Assistants = others(row.Assistants, a.Posts, a.Primary)
	doers := a.Doers()
	for _, w := range row.watchers() {
		fill(w.post, s.apart(s.holder(w.post), doers))
	}
	a.FirstMonitor = a.Posts[row.FirstMonitor]
	a.Monitors = others(row.Monitors, a.Posts, a.FirstMonitor)
	for _, r := range row.Reports {
		for _, to := range r.To {
			if _, known := a.Posts[to]; !known && !slices.Contains(a.Unfilled, to) {
				fill(to, s.holder(to))
			}
			line := Line{a.Posts[r.From], a.Posts[to]}
			if line.From != "" && line.To != "" && line.From != line.To && !slices.Contains(a.Reports, line) {
				a.Reports = append(a.Reports, line)
			}
		}
	}
	return a, nil
}

// others returns who stands for the posts, but not the first and nobody twice.
func others(posts []string, holders map[string]string, first string) []string {
	var users []string
	for _, post := range posts {
		if u := holders[post]; u != first {
			users = append(users, u)
		}
	}
	return listed(users)
}

// search finds who stands for a post.
type search struct {
	posts    map[string]Post
	assigned map[string]string
	people   People
}

// holder returns who stands for the post, empty for nobody. Posts are in no circle.
func (s *search) holder(post string) string {
	candidates := append([]string{s.assigned[post]}, s.candidates(s.posts[post].Holder)...)
	for _, u := range candidates {
		if u != "" && s.people.Active(u) {
			return u
		}
	}
	for _, u := range candidates {
		if u == "" {
			continue
		}
		if m := s.people.Manager(u); m != "" && s.people.Active(m) {
			return m
		}
	}
	return ""
}

// candidates lists who holds a post in the organisation, the first of them first.
func (s *search) candidates(h *Holder) []string {
	switch {
	case h == nil:
		return nil
	case h.Client == AccountManager:
		return []string{s.people.AccountManager()}
	case h.Role != "":
		return slices.Sorted(slices.Values(s.people.WithRole(h.Role)))
	case h.TeamSupervisor != "":
		return []string{s.people.TeamSupervisor(h.TeamSupervisor)}
	case h.ManagerOf != "":
		if below := s.holder(h.ManagerOf); below != "" {
			return []string{s.people.Manager(below)}
		}
	}
	return nil
}

// apart returns the user, or their nearest manager who is not one of the doers; empty if there is none.
func (s *search) apart(user string, doers []string) string {
	seen := map[string]bool{}
	for user != "" && !seen[user] {
		if s.people.Active(user) && !slices.Contains(doers, user) {
			return user
		}
		seen[user] = true
		user = s.people.Manager(user)
	}
	return ""
}
