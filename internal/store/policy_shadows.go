package store

import (
	"context"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// CreatePolicyShadow stores a candidate for the next version of a policy, based on the version in force now, or returns the
// stored one when the id exists already.
func (s *Store) CreatePolicyShadow(ctx context.Context, p models.PolicyShadow) (models.PolicyShadow, error) {
	err := s.tx(ctx, func(tx *gorm.DB) error {
		next, err := nextVersion(tx, "policy_versions", "kind", p.Kind, 0)
		if err != nil {
			return err
		}
		p.BasedOn = next - 1
		p, err = create(ctx, tx, p, p.ID)
		return err
	})
	return p, err
}

// PolicyShadow returns one candidate of a kind of policy; not_found when there is none.
func (s *Store) PolicyShadow(ctx context.Context, kind, id string) (models.PolicyShadow, error) {
	row, err := gorm.G[models.PolicyShadow](s.db).Where("kind = ? AND id = ?", kind, id).Take(ctx)
	return row, mapped(err)
}

// PolicyShadows lists the candidates of a kind of policy, the newest first, and the cursor of the next page, empty on the last.
func (s *Store) PolicyShadows(ctx context.Context, kind string, p models.Page) ([]models.PolicyShadow, string, error) {
	q := all[models.PolicyShadow](s.db).Where("kind = ?", kind)
	return list(ctx, q, p, descending, func(r models.PolicyShadow) string { return r.ID })
}

// PublishPolicyShadow puts a candidate in force as the next version of its policy: v says who publishes it, when and why; the
// kind and the body are the candidate's. The command that has published it gets what it published. Errors: not_found; conflict
// shadow.published when another command has, and shadow.outdated, unless forced, when the version in force is not the one that
// the candidate is based on.
func (s *Store) PublishPolicyShadow(ctx context.Context, id string, force bool, v models.PolicyVersion) (models.PolicyVersion, error) {
	err := s.tx(ctx, func(tx *gorm.DB) error {
		shadow, err := gorm.G[models.PolicyShadow](tx, clause.Locking{Strength: "UPDATE"}).Where("kind = ? AND id = ?", v.Kind, id).Take(ctx)
		if err != nil {
			return err
		}
		if shadow.PublishedAs != nil {
			before, err := gorm.G[models.PolicyVersion](tx).Where("kind = ? AND version = ?", v.Kind, *shadow.PublishedAs).Take(ctx)
			if err == nil && (v.CommandID == nil || before.CommandID == nil || *before.CommandID != *v.CommandID) {
				err = errs.New(errs.Conflict, "shadow.published", "version", strconv.Itoa(before.Version))
			}
			v = before
			return err
		}
		next, err := nextVersion(tx, "policy_versions", "kind", v.Kind, 0)
		if err != nil {
			return err
		}
		if inForce := next - 1; inForce != shadow.BasedOn && !force {
			return errs.New(errs.Conflict, "shadow.outdated", "based_on", strconv.Itoa(shadow.BasedOn), "in_force", strconv.Itoa(inForce))
		}
		v.Version, v.Body = next, shadow.Body
		if err := tx.Create(&v).Error; err != nil {
			return err
		}
		return tx.Model(&shadow).Where("id = ?", id).Updates(map[string]any{"published_as": v.Version, "published_at": v.PublishedAt}).Error
	})
	if err != nil {
		return models.PolicyVersion{}, err
	}
	return v, nil
}

// ClientNames returns the names of clients by their ids; those that do not exist are missing.
func (s *Store) ClientNames(ctx context.Context, ids []string) (map[string]string, error) {
	rows, err := read[struct{ ID, Name string }](ctx, s, `SELECT id, name FROM clients WHERE id = ANY($1)`, ids)
	names := make(map[string]string, len(rows))
	for _, r := range rows {
		names[r.ID] = r.Name
	}
	return names, err
}

const clientSales = `SELECT id AS client_id, name, currency, sales_12m AS amount FROM clients
	WHERE sales_12m IS NOT NULL AND status NOT IN ('lost', 'merged') AND ($1 = '' OR industry = $1) AND ($2 = '' OR currency = $2) ORDER BY id`

// ClientSales lists what the clients whose sales are known bought in the last 12 months, without those who are lost or were
// merged, in the order of their ids. An ABC analysis needs them all.
func (s *Store) ClientSales(ctx context.Context, f models.SalesFilter) ([]models.ClientSales, error) {
	return read[models.ClientSales](ctx, s, clientSales, f.Industry, f.Currency)
}
