package rulebook

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/mcrflow/mcrflow/models"
)

// kept is how many compiled versions of each kind stay in memory.
const kept = 256

// shelf keeps the versions of one kind of policy, each compiled once.
type shelf[P any] struct {
	kind   string
	source Source
	read   func(models.PolicyVersion) (P, error)
	kept   *lru.Cache[int, P]
	newest atomic.Int64 // the version that was in force when it was asked for last; 0: not asked yet
}

// newShelf returns a shelf of the kind whose documents D are compiled to P.
func newShelf[D, P any](source Source, kind string, compile func(D, int) (P, error)) *shelf[P] {
	read := func(row models.PolicyVersion) (P, error) {
		var doc D
		var none P
		if err := json.Unmarshal(row.Body, &doc); err != nil {
			return none, fmt.Errorf("policy %s version %d: %w", row.Kind, row.Version, err)
		}
		p, err := compile(doc, row.Version)
		if err != nil { // not errs.Invalid: no caller can put a stored policy right
			return none, fmt.Errorf("policy %s version %d: %v", row.Kind, row.Version, err)
		}
		return p, nil
	}
	return &shelf[P]{kind: kind, source: source, read: read, kept: cache[int, P]()}
}

// asIs is how a document is compiled that is used as it stands. It is shared: nobody may change it.
func asIs[D any](doc D, _ int) (*D, error) { return &doc, nil }

// cache returns an empty one.
func cache[K comparable, V any]() *lru.Cache[K, V] {
	c, err := lru.New[K, V](kept)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return c
}

// version returns one version.
func (s *shelf[P]) version(ctx context.Context, version int) (P, error) {
	if p, ok := s.kept.Get(version); ok {
		return p, nil
	}
	var p P
	row, err := s.source.Policy(ctx, s.kind, version)
	if err == nil {
		p, err = s.read(row)
	}
	if err == nil {
		s.kept.Add(version, p)
	}
	return p, err
}

// latest returns the version in force, and its number.
func (s *shelf[P]) latest(ctx context.Context) (P, int, error) {
	version, err := s.source.PolicyInForce(ctx, s.kind)
	if err != nil {
		var none P
		return none, 0, err
	}
	p, err := s.version(ctx, version)
	if err == nil {
		s.newest.Store(int64(version))
	}
	return p, version, err
}
