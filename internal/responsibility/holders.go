package responsibility

// Holders says who stands for each post for a client whose own people, by post, are assigned, as Assign finds them before it
// keeps monitors apart from doers. A post that nobody holds has no entry.
func (p *Policy) Holders(assigned map[string]string, people People) map[string]string {
	s := search{posts: p.posts, assigned: assigned, people: people}
	held := map[string]string{}
	for post := range p.posts {
		if u := s.holder(post); u != "" {
			held[post] = u
		}
	}
	return held
}
